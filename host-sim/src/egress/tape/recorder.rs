//! Writing a recording.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use http::header::SET_COOKIE;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::super::cause::Cause;
use super::super::ledger::milliseconds;
use super::Asked;
use super::format::{Ended, Exchange, FORMAT, Line, Text};
use crate::policy::network::NetworkPolicy;
use crate::whole_file::WholeFile;

/// A recording on its way to its file. Each line is written when it is known; the file appears when it is finished.
#[derive(Debug)]
pub struct Recorder {
    started: OffsetDateTime,
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    /// None once it is finished.
    file: Option<WholeFile>,
    calls: u64,
    exchanges: u64,
    /// Exchanges that have begun and not ended, by number. Here and not with whoever sends them, since a request that is given
    /// up with its call is let go of a moment later, and may still be there when the recording is finished.
    open: BTreeMap<u64, Open>,
    /// Exchanges that have begun.
    begun: u64,
    /// The first error: what follows it would not be whole.
    failed: Option<io::Error>,
}

/// An exchange as far as it has come.
#[derive(Debug)]
struct Open {
    exchange: Exchange,
    body: Vec<u8>,
}

impl Recorder {
    /// Starts a recording that will be `path`, readable by its owner alone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path, policy: NetworkPolicy) -> io::Result<Self> {
        let file = WholeFile::create_private(path)?;
        // To the second: nobody may depend on anything finer.
        let started = OffsetDateTime::now_utc().replace_nanosecond(0).map_err(io::Error::other)?;
        let out = Out { file: Some(file), calls: 0, exchanges: 0, open: BTreeMap::new(), begun: 0, failed: None };
        let recorder = Self { started, out: Mutex::new(out) };
        let head = Line::Recording {
            format: FORMAT,
            started: started.format(&Rfc3339).map_err(io::Error::other)?,
            allow_loopback: policy.loopback,
            allow_private_network: policy.private,
        };
        recorder.with(|out| out.line(&head));
        recorder.with(|out| out.failed.take()).map_or(Ok(recorder), Err)
    }

    /// When it was begun.
    #[must_use]
    pub fn started(&self) -> OffsetDateTime {
        self.started
    }

    fn with<T>(&self, act: impl FnOnce(&mut Out) -> T) -> T {
        act(&mut self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Notes a call, and gives the time on the guest's wall clock for all of it.
    pub(super) fn call(&self) -> Duration {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.with(|out| {
            out.calls += 1;
            out.line(&Line::Call { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() });
        });
        now
    }

    /// Notes a request that is about to be sent.
    pub(in crate::egress) fn begin(self: &Arc<Self>, asked: Asked) -> Taping {
        let Asked { method, url, body_sha256 } = asked;
        let (headers, body, ended) = (Vec::new(), Text::of(&[]), Ended::Unanswered);
        let number = self.with(|out| {
            out.begun += 1;
            let number = out.begun;
            let exchange = Exchange { number, method, url, body_sha256, ms: 0, status: None, headers, body, ended };
            out.open.insert(out.begun, Open { exchange, body: Vec::new() });
            out.begun
        });
        Taping { recorder: Arc::clone(self), started: Instant::now(), number }
    }

    /// Writes what has not ended as far as it has come, and the last line, and gives the file its name.
    ///
    /// # Errors
    /// When it, or anything before it, cannot be written. There is no file then.
    pub fn finish(&self) -> io::Result<()> {
        self.with(|out| {
            for open in std::mem::take(&mut out.open).into_values() {
                out.exchange(open, None);
            }
            out.line(&Line::End { calls: out.calls, exchanges: out.exchanges });
            if let Some(error) = out.failed.take() {
                return Err(error);
            }
            out.file.take().map_or(Ok(()), WholeFile::finish)
        })
    }
}

impl Out {
    fn line(&mut self, line: &Line) {
        if self.failed.is_some() {
            return;
        }
        let Some(file) = &mut self.file else { return };
        let written = serde_json::to_vec(line).map_err(io::Error::other).and_then(|mut text| {
            text.push(b'\n');
            file.as_file_mut().write_all(&text)
        });
        self.failed = written.err();
    }

    /// Writes an exchange that ended so, or was let go of.
    fn exchange(&mut self, open: Open, ended: Option<Ended>) {
        let Open { mut exchange, body } = open;
        exchange.body = Text::of(&body);
        exchange.ended = ended.unwrap_or(exchange.ended);
        self.exchanges += 1;
        self.line(&Line::Exchange(Box::new(exchange)));
    }
}

/// An exchange that is being recorded. Its line is written once, when it ends or when it is dropped.
pub(in crate::egress) struct Taping {
    recorder: Arc<Recorder>,
    started: Instant,
    number: u64,
}

impl Taping {
    /// The head of the answer, masked.
    pub(in crate::egress) fn head(&mut self, status: u16, headers: &HeaderMap) {
        let ms = self.elapsed();
        self.with(|Open { exchange, .. }| {
            exchange.ms = ms;
            exchange.status = Some(status);
            exchange.headers = headers
                .iter()
                .filter(|(name, _)| *name != SET_COOKIE)
                .map(|(name, value)| (name.as_str().to_owned(), Text::of(value.as_bytes())))
                .collect();
            exchange.ended = Ended::GivenUp;
        });
    }

    /// A piece of the body, masked.
    pub(in crate::egress) fn data(&mut self, piece: &[u8]) {
        self.with(|open| open.body.extend_from_slice(piece));
    }

    /// The end of the body.
    pub(in crate::egress) fn whole(&mut self) {
        self.write(Some(Ended::Whole));
    }

    /// A failure, before or after the head.
    pub(in crate::egress) fn failed(&mut self, cause: &Cause) {
        let ms = self.elapsed();
        self.with(|Open { exchange, .. }| {
            if exchange.status.is_none() {
                exchange.ms = ms;
            }
        });
        self.write(Some(Ended::Failed(cause.into())));
    }

    fn elapsed(&self) -> u64 {
        milliseconds(self.started.elapsed())
    }

    /// Changes the exchange, unless it has ended.
    fn with(&self, act: impl FnOnce(&mut Open)) {
        self.recorder.with(|out| out.open.get_mut(&self.number).map(act));
    }

    fn write(&mut self, ended: Option<Ended>) {
        self.recorder.with(|out| {
            if let Some(open) = out.open.remove(&self.number) {
                out.exchange(open, ended);
            }
        });
    }
}

impl Drop for Taping {
    fn drop(&mut self) {
        self.write(None);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use http::HeaderMap;

    use super::Recorder;
    use crate::egress::tape::{Asked, Replay};
    use crate::policy::network::NetworkPolicy;

    /// A request that was given up with its call was missing in the recording, if it was let go of too late.
    #[test]
    fn what_has_not_ended_when_the_recording_does_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        let recorder = Arc::new(Recorder::create(&path, NetworkPolicy::default()).unwrap());
        let begin =
            |url: &str| recorder.begin(Asked { method: "GET".to_owned(), url: url.to_owned(), body_sha256: None });
        let (mut ended, mut begun, silent) = (begin("ended"), begin("begun"), begin("silent"));
        ended.head(200, &HeaderMap::new());
        ended.whole();
        begun.head(200, &HeaderMap::new());
        begun.data(b"half");
        recorder.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        begun.data(b"and more");
        drop((ended, begun, silent));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        let of = |url: &str| text.lines().find(|line| line.contains(&format!("\"{url}\""))).unwrap().to_owned();
        assert!(of("ended").contains("\"ended\":\"whole\""), "{text}");
        assert!(of("begun").contains("\"ended\":\"given-up\"") && of("begun").contains("\"half\""), "{text}");
        assert!(of("silent").contains("\"ended\":\"unanswered\""), "{text}");
        Replay::open(&path).unwrap();
    }

    /// Of two equal requests at once the second may be answered first; a replay gave its answer to the first.
    #[tokio::test(start_paused = true)]
    async fn equal_requests_are_answered_in_the_order_in_which_they_were_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        let recorder = Arc::new(Recorder::create(&path, NetworkPolicy::default()).unwrap());
        let asked = || Asked { method: "GET".to_owned(), url: "https://a.example/".to_owned(), body_sha256: None };
        let (mut first, mut second) = (recorder.begin(asked()), recorder.begin(asked()));
        for (taping, status) in [(&mut second, 202), (&mut first, 201)] {
            taping.head(status, &HeaderMap::new());
            taping.whole();
        }
        recorder.finish().unwrap();
        let replay = Replay::open(&path).unwrap();
        for status in [201, 202] {
            let answer = replay.answer(&asked()).await.map_err(|cause| cause.words).unwrap();
            assert_eq!(answer.status(), status);
        }
    }
}
