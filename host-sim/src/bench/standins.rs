//! Stand-ins in a process of their own, so that memory and processor time of this one are the host's alone.
//!
//! The other process is this same program (`bench stand-ins`). They talk in lines of JSON over its standard input and output:
//!
//! | to it | from it |
//! | --- | --- |
//! | what to play, once: a list of [`Spec`] | when all of them listen: a list of [`Facts`], in the same order |
//! | an empty line | [`Told`]: what they have seen so far |
//! | the end | nothing; it ends |
//!
//! Guarantees: it ends when its handle is dropped, and when this process is gone. The truth about what it plays comes from the
//! stand-ins themselves, and not from what is read of them.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use fake_gitlab::{FakeGitlab, Options, Scenario};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;

use super::isolation::BenchError;
use super::process;

/// Which list is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The accounts of a self-managed instance.
    Users,
    /// The billable members of one paid group on GitLab.com.
    Group,
}

impl Kind {
    fn scenario(self) -> Scenario {
        match self {
            Self::Users => Scenario::SelfManagedPremium,
            Self::Group => Scenario::GitlabComOpensource,
        }
    }
}

/// What one stand-in plays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Which list.
    pub kind: Kind,
    /// Rows of the list. Of a group there are about as many, within a few in a hundred.
    pub rows: u32,
    /// Which people.
    pub seed: u64,
    /// Before every answer, milliseconds.
    pub latency_ms: u64,
    /// Requests a minute before 429.
    pub rate_limit: Option<u32>,
}

/// Where a stand-in is, and what is true on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its address.
    pub url: String,
    /// A token that reads all of it.
    pub token: String,
    /// `self-managed` or `gitlab-com`.
    pub deployment: String,
    /// Rows of the list.
    pub rows: u64,
    /// People that a collection must deliver.
    pub users: u64,
    /// How many of them hold a seat.
    pub seats: u64,
}

/// What one stand-in has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Requests.
    pub requests: u64,
    /// Those of the latest 65,536 that were answered with 429.
    pub limited: u64,
    /// Connections that were accepted.
    pub connections: u64,
}

/// What all of them have seen, and taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// In the order of the specs.
    pub seen: Vec<Seen>,
    /// Processor time of the other process since it began, microseconds; none where the system does not say.
    pub cpu_us: Option<u64>,
}

/// Handle of the other process.
#[derive(Debug)]
pub struct StandIns {
    /// In the order of the specs.
    pub facts: Vec<Facts>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Killed when it is dropped.
    _child: Child,
}

impl StandIns {
    /// Starts them; returns when all of them listen.
    ///
    /// # Errors
    /// [`BenchError::Setup`], with what the other process said of it on standard error.
    pub async fn start(specs: &[Spec]) -> Result<Self, BenchError> {
        let mut child = of_this_program(["bench", "stand-ins"])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| setup(&error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(BenchError::Setup("the stand-ins cannot be talked to".to_owned()));
        };
        let mut these = Self { facts: Vec::new(), input, output: BufReader::new(output), _child: child };
        these.facts = these.ask(&serde_json::to_string(specs).map_err(|error| setup(&error))?).await?;
        Ok(these)
    }

    /// What they have seen so far.
    ///
    /// # Errors
    /// [`BenchError::Setup`], when the other process is gone.
    pub async fn told(&mut self) -> Result<Told, BenchError> {
        self.ask("").await
    }

    async fn ask<T: DeserializeOwned>(&mut self, line: &str) -> Result<T, BenchError> {
        self.input.write_all(format!("{line}\n").as_bytes()).await.map_err(|error| setup(&error))?;
        let mut answer = String::new();
        self.output.read_line(&mut answer).await.map_err(|error| setup(&error))?;
        serde_json::from_str(&answer).map_err(|_| BenchError::Setup("the stand-ins do not start".to_owned()))
    }
}

fn setup(error: &dyn std::fmt::Display) -> BenchError {
    BenchError::Setup(error.to_string())
}

/// This same program with other arguments, to end with its handle.
pub(super) fn of_this_program<const N: usize>(args: [&str; N]) -> Result<Command, BenchError> {
    let program = std::env::current_exe().map_err(|error| setup(&error))?;
    let mut command = Command::new(program);
    command.args(args).kill_on_drop(true);
    Ok(command)
}

/// The other side: plays what is asked for until standard input ends.
///
/// # Errors
/// [`BenchError::Setup`], when a stand-in does not start or the input is none of what is described here.
pub async fn serve(
    input: impl tokio::io::AsyncRead + Unpin,
    mut output: impl tokio::io::AsyncWrite + Unpin,
) -> Result<(), BenchError> {
    process::open_files();
    let mut lines = BufReader::new(input).lines();
    let Some(first) = lines.next_line().await.map_err(|error| setup(&error))? else { return Ok(()) };
    let specs: Vec<Spec> = serde_json::from_str(&first).map_err(|error| setup(&error))?;
    let mut starting = JoinSet::new();
    for (number, spec) in specs.into_iter().enumerate() {
        starting.spawn(async move { (number, played(&spec).await) });
    }
    let mut playing = Vec::new();
    while let Some(started) = starting.join_next().await {
        let (number, started) = started.map_err(|error| setup(&error))?;
        playing.push((number, started?));
    }
    playing.sort_by_key(|(number, _)| *number);
    let facts: Vec<&Facts> = playing.iter().map(|(_, (_, facts))| facts).collect();
    write(&mut output, &facts).await?;
    while let Some(_asked) = lines.next_line().await.map_err(|error| setup(&error))? {
        let seen = |gitlab: &FakeGitlab| Seen {
            requests: gitlab.request_count(),
            limited: gitlab.answered_with(429),
            connections: gitlab.connections(),
        };
        let seen = playing.iter().map(|(_, (gitlab, _))| seen(gitlab)).collect();
        let cpu_us = process::cpu().and_then(|cpu| u64::try_from(cpu.as_micros()).ok());
        write(&mut output, &Told { seen, cpu_us }).await?;
    }
    Ok(())
}

async fn write(output: &mut (impl tokio::io::AsyncWrite + Unpin), what: &impl Serialize) -> Result<(), BenchError> {
    let mut line = serde_json::to_vec(what).map_err(|error| setup(&error))?;
    line.push(b'\n');
    output.write_all(&line).await.map_err(|error| setup(&error))?;
    output.flush().await.map_err(|error| setup(&error))
}

async fn played(spec: &Spec) -> Result<(FakeGitlab, Facts), BenchError> {
    let scenario = spec.kind.scenario();
    let options = Options {
        scenario,
        users: spec.rows.max(scenario.fewest_users()),
        seed: spec.seed,
        latency: Duration::from_millis(spec.latency_ms),
        rate_limit: spec.rate_limit,
        ..Options::default()
    };
    let mut gitlab = fake_gitlab::start(options.clone()).await.map_err(|error| setup(&error))?;
    if spec.kind == Kind::Group {
        // Not everybody is in the group, nor takes a seat there: so many more people, as are needed for that.
        let members = rows_of_group(&gitlab).max(1);
        let wanted = u64::from(spec.rows).saturating_mul(u64::from(options.users)).div_ceil(members);
        let users = u32::try_from(wanted).unwrap_or(u32::MAX).max(options.users);
        gitlab.play(Options { users, ..options }).await.map_err(|error| setup(&error))?;
    }
    gitlab.warm_up().await;
    let (rows, users, seats) = match spec.kind {
        Kind::Users => {
            let seats = gitlab.seats_in_use();
            let users = gitlab.walked_accounts();
            (users, users, seats)
        }
        Kind::Group => (rows_of_group(&gitlab), people_of_group(&gitlab), rows_of_group(&gitlab)),
    };
    let (token, deployment) = (scenario.caller().to_owned(), scenario.deployment().to_owned());
    let facts = Facts { url: gitlab.base_url(), token, deployment, rows, users, seats };
    Ok((gitlab, facts))
}

fn rows_of_group(gitlab: &FakeGitlab) -> u64 {
    gitlab.truth().groups.first().map_or(0, |group| group.billable_members_count)
}

/// Whoever takes a seat, and whoever is a member without one.
fn people_of_group(gitlab: &FakeGitlab) -> u64 {
    let Some(group) = gitlab.truth().groups.first() else { return 0 };
    let billable = group.billable.iter().map(|one| one.user_id);
    let all: BTreeSet<u64> = billable.chain(group.members.iter().map(|one| one.user_id)).collect();
    u64::try_from(all.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::{Facts, Kind, Seen, Spec, Told, serve};

    /// What is told of a stand-in is what its truth says, and a group has about as many rows as were asked for.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_other_side_tells_what_it_plays_and_has_seen() {
        let spec = |kind, rows, seed| Spec { kind, rows, seed, latency_ms: 0, rate_limit: None };
        let specs = [spec(Kind::Group, 300, 5), spec(Kind::Users, 200, 7)];
        let input = format!("{}\n\n", serde_json::to_string(&specs).unwrap());
        let mut output = Vec::new();
        serve(input.as_bytes(), &mut output).await.unwrap();
        let lines: Vec<&str> = std::str::from_utf8(&output).unwrap().lines().collect();
        let facts: Vec<Facts> = serde_json::from_str(lines[0]).unwrap();
        let told: Told = serde_json::from_str(lines[1]).unwrap();
        assert_eq!((lines.len(), facts.len(), told.seen.len()), (2, 2, 2));
        assert!((290..=330).contains(&facts[0].rows) && facts[0].users >= facts[0].rows, "{facts:?}");
        let truth =
            fake_gitlab::start(fake_gitlab::Options { users: 200, seed: 7, ..Default::default() }).await.unwrap();
        let counts = truth.truth().counts;
        assert_eq!((facts[1].rows, Some(facts[1].seats)), (counts.users, counts.using_license_seat));
        assert!(serve(&b"nonsense\n"[..], Vec::new()).await.is_err());
    }

    /// A client that is refused is counted, and so are its requests and connections.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_refused_is_counted() {
        use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let serving = tokio::spawn(async move { serve(input, output).await.is_ok() });
        let (reader, mut writer) = tokio::io::split(ours);
        let mut lines = BufReader::new(reader).lines();
        let spec = Spec { kind: Kind::Users, rows: 10, seed: 1, latency_ms: 0, rate_limit: Some(1) };
        writer.write_all(format!("{}\n", serde_json::to_string(&[spec]).unwrap()).as_bytes()).await.unwrap();
        let facts: Vec<Facts> = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        let address = facts[0].url.strip_prefix("http://").unwrap();
        for _ in 0..3 {
            let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
            let request = "GET /api/v4/metadata HTTP/1.1\r\nhost: a\r\nprivate-token: x\r\nconnection: close\r\n\r\n";
            client.write_all(request.as_bytes()).await.unwrap();
            client.read_to_end(&mut Vec::new()).await.unwrap();
        }
        writer.write_all(b"\n").await.unwrap();
        let told: Told = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(told.seen, [Seen { requests: 3, limited: 2, connections: 3 }]);
        assert!(told.cpu_us.is_some_and(|cpu| cpu > 0));
        // Its input ends, and so does it.
        drop((writer, lines));
        assert!(serving.await.unwrap());
    }
}
