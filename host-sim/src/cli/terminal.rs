//! What goes to standard output and standard error. Colours and progress only where a person reads them.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::error::CommandError;
use crate::collection::Observer;
use crate::contract::{CheckStatus, Progress};

/// Prints the result of a command as it is.
///
/// # Errors
/// When it cannot be written: a result that nobody got is no success.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| CommandError::output(&error))
}

/// Prints a note for the person who waits.
pub(super) fn note(text: &str) {
    line(&printable(text));
}

/// Prints a cause and a hint, one line each.
pub(super) fn error(cause: &str, hint: &str) {
    let colour = io::stderr().is_terminal() && no_colour_unset();
    line(&format!("{} {}", paint(colour, "31;1", "error:"), printable(cause)));
    line(&format!("{} {}", paint(colour, "36;1", "hint:"), printable(hint)));
}

/// Prints a warning on standard error.
pub(super) fn warning(text: &str) {
    let colour = io::stderr().is_terminal() && no_colour_unset();
    line(&format!("{} {}", paint(colour, "33;1", "warning:"), printable(text)));
}

/// A line on standard error. If that is closed or full, there is nobody left to tell, and no reason to fail.
fn line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A mark for a check, in colour if standard output is a terminal.
pub(super) fn mark(status: CheckStatus) -> String {
    let colour = io::stdout().is_terminal() && no_colour_unset();
    match status {
        CheckStatus::Pass => paint(colour, "32", "pass"),
        CheckStatus::Warn => paint(colour, "33;1", "warn"),
        CheckStatus::Fail => paint(colour, "31;1", "FAIL"),
        CheckStatus::Skipped => paint(colour, "2", "skip"),
    }
}

fn no_colour_unset() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Whether a character steers the terminal, ends a line, or turns the direction of writing.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Words from outside, on one line: without control characters, and without the marks that turn the direction of
/// writing. Neither must steer the terminal or look like something else.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|character| if steers(character) { '\u{fffd}' } else { character }).collect()
}

/// JSON for programs that may end up before a person: the same values, with what steers a terminal escaped. JSON itself
/// asks that of no more than the first 32 characters.
pub(super) fn json(value: &serde_json::Value) -> String {
    escaped(&format!("{value:#}\n"))
}

/// JSON text with what steers a terminal escaped: see [`json`].
pub(super) fn escaped(json: &str) -> String {
    // Outside of texts there are none but the line ends of the layout.
    json.chars().fold(String::new(), |mut text, character| {
        if character != '\n' && steers(character) {
            // Writing to a String does not fail. None of them has more than four digits.
            let _ = std::fmt::Write::write_fmt(&mut text, format_args!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
        text
    })
}

/// Progress of a collection: a moving line at a terminal; elsewhere only waits are told.
pub(super) struct ProgressLine(ProgressBar);

impl ProgressLine {
    /// Starts the line.
    pub(super) fn start() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for ProgressLine {
    fn progress(&mut self, progress: &Progress) {
        let stage = printable(&progress.stage);
        self.0.set_message(match progress.expected {
            Some(expected) => format!("{stage}: {} of {expected}", progress.done),
            None => format!("{stage}: {}", progress.done),
        });
    }

    fn waiting(&mut self, wait: Duration, message: &str) {
        self.0.suspend(|| note(&format!("waiting {} s: {message}", wait.as_secs())));
    }
}

/// Writes the trace of every request, and the bill of every call, to standard error.
pub(super) fn trace() {
    let colour = io::stderr().is_terminal() && no_colour_unset();
    let filter = tracing_subscriber::EnvFilter::new("egress=debug,bill=debug");
    // A second call finds a subscriber in place, which is the same one.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Trace).with_ansi(colour).try_init();
}

/// Standard error for the trace: what cannot be written is dropped, as with [`line`].
struct Trace;

impl io::Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::printable;

    #[test]
    fn words_from_outside_stay_on_their_line() {
        assert_eq!(printable("a\nb\u{1b}[31mc\u{202e}\u{9b}d"), "a\u{fffd}b\u{fffd}[31mc\u{fffd}\u{fffd}d");
        for steering in STEERING.chars() {
            assert_eq!(printable(&format!("a{steering}b")), "a\u{fffd}b", "{steering:?}");
        }
        for plain in ['\u{a0}', 'é', '\u{2027}', '\u{202f}', '\u{200d}', '\u{2065}', '\u{206a}', '\u{fffd}', '😀'] {
            assert_eq!(printable(&plain.to_string()), plain.to_string(), "{plain:?}");
        }
    }

    /// C0, delete, C1; separators of lines and paragraphs; marks of direction.
    const STEERING: &str = "\0\u{7}\u{8}\t\n\r\u{1b}\u{7f}\u{80}\u{85}\u{9b}\u{9f}\u{2028}\u{2029}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";

    #[test]
    fn json_says_the_same_and_steers_nothing() {
        let value = json!({ STEERING: [STEERING, "\\\"é😀", 1, null], "b": { "c": true } });
        let text = super::json(&value);
        assert!(!text.contains(|character: char| STEERING.contains(character) && character != '\n'), "{text:?}");
        assert!(text.contains("\\u009b") && text.contains("\\u2028") && text.contains("é😀"), "{text}");
        assert_eq!(text.lines().count(), format!("{value:#}").lines().count(), "a text has no line of its own");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
