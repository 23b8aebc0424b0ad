//! Writing a recording.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
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
use crate::policy::limits::TooLarge;
use crate::policy::network::NetworkPolicy;
use crate::whole_file::WholeFile;

/// Most bytes of answers under way, which are kept until they end, all of them together. Without it, a recording would take
/// as much memory as `response_bytes` allows for each, which is any where that limit only warns.
const UNDER_WAY: usize = 64 << 20;

/// A recording on its way to its file. Each line is written when it is known; the file appears when it is finished.
#[derive(Debug)]
pub struct Recorder {
    started: OffsetDateTime,
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    /// None once it is finished, or has failed.
    file: Option<WholeFile>,
    /// The limit `recording_bytes`, and how much of it is left.
    limit: u64,
    left: u64,
    /// Bytes of the answers under way.
    under_way: usize,
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
    /// Starts a recording that will be `path`, readable by its owner alone, with `limit` bytes at most.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path, policy: NetworkPolicy, limit: u64) -> io::Result<Self> {
        let file = WholeFile::create_private(path)?;
        // To the second: nobody may depend on anything finer.
        let started = OffsetDateTime::now_utc().replace_nanosecond(0).map_err(io::Error::other)?;
        let out = Out {
            file: Some(file),
            limit,
            left: limit,
            under_way: 0,
            calls: 0,
            exchanges: 0,
            open: BTreeMap::new(),
            begun: 0,
            failed: None,
        };
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

    /// Why it will not be whole, if it will not.
    pub(in crate::egress) fn failure(&self) -> Option<String> {
        self.with(|out| out.failed.as_ref().map(ToString::to_string))
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
        // Piece by piece: as a whole the text of an answer can have six times its bytes.
        let mut out = BufWriter::new(Within { out: file.as_file_mut(), limit: self.limit, left: &mut self.left });
        let written = serde_json::to_writer(&mut out, line).map_err(io::Error::from);
        let written = written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        // What is left in the buffer after a failure is not tried again.
        drop(out.into_parts());
        if let Err(error) = written {
            self.fail(error);
        }
    }

    /// Lets go of all that was kept: it will not be whole.
    fn fail(&mut self, error: io::Error) {
        self.failed.get_or_insert(error);
        self.open.clear();
        self.under_way = 0;
        self.file = None;
    }

    /// A piece of an answer under way.
    fn data(&mut self, number: u64, piece: &[u8]) {
        let Some(open) = self.open.get_mut(&number) else { return };
        self.under_way = self.under_way.saturating_add(piece.len());
        let least = u64::try_from(self.under_way).unwrap_or(u64::MAX);
        if least > self.left {
            self.fail(TooLarge::error("recording_bytes", self.limit));
        } else if self.under_way > UNDER_WAY {
            self.fail(io::Error::other(format!("answers under way have more than {UNDER_WAY} bytes together")));
        } else {
            open.body.extend_from_slice(piece);
        }
    }

    /// Writes an exchange that ended so, or was let go of.
    fn exchange(&mut self, open: Open, ended: Option<Ended>) {
        let Open { mut exchange, body } = open;
        self.under_way = self.under_way.saturating_sub(body.len());
        exchange.body = Text::taking(body);
        exchange.ended = ended.unwrap_or(exchange.ended);
        self.exchanges += 1;
        self.line(&Line::Exchange(Box::new(exchange)));
    }
}

/// A file that takes so many bytes more.
struct Within<'a> {
    out: &'a mut std::fs::File,
    limit: u64,
    left: &'a mut u64,
}

impl Write for Within<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > *self.left {
            return Err(TooLarge::error("recording_bytes", self.limit));
        }
        let written = self.out.write(bytes)?;
        *self.left = self.left.saturating_sub(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
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
        self.recorder.with(|out| out.data(self.number, piece));
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
        let recorder = Arc::new(Recorder::create(&path, NetworkPolicy::default(), 1 << 20).unwrap());
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
        let recorder = Arc::new(Recorder::create(&path, NetworkPolicy::default(), 1 << 20).unwrap());
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

    /// Records one answer with that body, and gives what it came to.
    fn outcome(body: &[u8], limit: u64) -> Result<u64, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        let recorder = Arc::new(Recorder::create(&path, NetworkPolicy::default(), limit).map_err(|e| e.to_string())?);
        let mut taping = recorder.begin(Asked { method: "GET".to_owned(), url: "a".to_owned(), body_sha256: None });
        taping.head(200, &HeaderMap::new());
        body.chunks(1 << 20).for_each(|piece| taping.data(piece));
        let at_once = recorder.with(|out| out.open.values().map(|open| open.body.capacity()).sum::<usize>());
        assert!(at_once <= 2 * super::UNDER_WAY, "{at_once}");
        taping.whole();
        let failure = recorder.failure();
        let finished = recorder.finish().map_err(|error| error.to_string());
        assert!(failure.is_none() || finished.as_ref().err() == failure.as_ref(), "{failure:?} {finished:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), usize::from(finished.is_ok()));
        finished.map(|()| std::fs::metadata(&path).unwrap().len())
    }

    #[test]
    fn a_recording_has_its_limit_in_bytes_and_no_more() {
        // Text that is longer in the file than it was, text that is not, and what is no text.
        for body in [vec![b'x'; 100_000], vec![1; 100_000], vec![255; 100_000], vec![]] {
            let bytes = outcome(&body, 1 << 30).unwrap();
            assert_eq!(outcome(&body, bytes), Ok(bytes));
            let words = |limit: u64| Err(format!("it would be larger than the limit recording_bytes = {limit}"));
            for limit in [bytes - 1, bytes / 2, 10] {
                assert_eq!(outcome(&body, limit), words(limit), "{bytes}");
            }
        }
    }

    /// Where `response_bytes` only warns, an answer was kept in memory as a whole, whatever its length.
    #[test]
    fn an_answer_under_way_takes_no_more_memory_than_a_recording_may() {
        assert!(outcome(&vec![b'x'; super::UNDER_WAY], u64::MAX).is_ok());
        let words = outcome(&vec![b'x'; super::UNDER_WAY + 1], u64::MAX).unwrap_err();
        assert_eq!(words, "answers under way have more than 67108864 bytes together");
    }
}
