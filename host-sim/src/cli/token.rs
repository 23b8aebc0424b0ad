//! Where the credential comes from, and the key for one that is sealed.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::CommandError;
use crate::egress::{KeyError, Owner, SealError, Sealed, SealingKey, Secret, SecretError};
use crate::policy::origin::Origin;

/// Longest credential that is read.
const SECRET_BYTES: u64 = 64 * 1024;

/// Where the credential comes from. Never from the command line itself, which other users of the machine can read.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct TokenArgs {
    /// Take the token from this environment variable
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// Take the token from this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Take the token from standard input
    #[arg(long)]
    token_stdin: bool,
    /// Take the token from this file, which `secret seal` made for this address; needs the key
    #[arg(long, value_name = "FILE")]
    token_sealed: Option<PathBuf>,
    /// Take the answers from a recording instead of the network; no token is needed. The guest's clock is that of the recording,
    /// and waits pass at once
    #[arg(long, value_name = "FILE")]
    pub(super) replay: Option<PathBuf>,
}

/// The same for a token that is to be sealed.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct PlainTokenArgs {
    /// Take the token from this environment variable
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// Take the token from this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Take the token from standard input
    #[arg(long)]
    token_stdin: bool,
}

/// The key of sealed tokens, and whose they are.
#[derive(Debug, clap::Args)]
pub(super) struct KeyArgs {
    /// The key of sealed tokens, in a file that is its owner's alone
    #[arg(long, value_name = "FILE", conflicts_with = "key_env")]
    key_file: Option<PathBuf>,
    /// The key of sealed tokens, in this environment variable
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// Whose token it is: a token that was sealed for another tenant does not open
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: String,
}

impl TokenArgs {
    /// The environment variable that holds the token.
    pub(super) fn variable(&self) -> Option<&str> {
        self.token_env.as_deref()
    }

    /// None for a replay, which sends nothing.
    pub(super) fn read(&self, url: &str, key: &KeyArgs) -> Result<Option<Secret>, CommandError> {
        if self.replay.is_some() {
            return Ok(None);
        }
        if let Some(path) = &self.token_sealed {
            return key.open(path, url).map(Some);
        }
        read(self.token_env.as_deref(), self.token_file.as_deref()).map(Some)
    }
}

impl PlainTokenArgs {
    /// From options of which none may be given.
    pub(super) fn of(token_env: Option<String>, token_file: Option<PathBuf>, token_stdin: bool) -> Option<Self> {
        let given = token_env.is_some() || token_file.is_some() || token_stdin;
        given.then_some(Self { token_env, token_file, token_stdin })
    }

    /// The environment variable that holds the token.
    pub(super) fn variable(&self) -> Option<&str> {
        self.token_env.as_deref()
    }

    pub(super) fn read(&self) -> Result<Secret, CommandError> {
        read(self.token_env.as_deref(), self.token_file.as_deref())
    }
}

impl KeyArgs {
    /// The environment variable that holds the key.
    pub(super) fn variable(&self) -> Option<&str> {
        self.key_env.as_deref()
    }

    fn key(&self) -> Result<SealingKey, CommandError> {
        match (&self.key_file, &self.key_env) {
            (Some(path), _) => Ok(SealingKey::read(path)?),
            (None, Some(name)) => Ok(SealingKey::from_environment(name)?),
            (None, None) => Err(CommandError::usage(
                "a sealed token needs its key",
                "name it with --key-file or --key-env; `cargo sim secret key` makes one",
            )),
        }
    }

    /// Seals a token for this tenant and the server of an address.
    pub(super) fn seal(&self, secret: &Secret, url: &str) -> Result<Sealed, CommandError> {
        let source = source(url)?;
        Ok(self.key()?.seal(secret, Owner { tenant: &self.tenant, source: &source })?)
    }

    fn open(&self, path: &Path, url: &str) -> Result<Secret, CommandError> {
        let key = self.key()?;
        let source = source(url)?;
        let text = Sealed::read(path).map_err(|error| unreadable(&path.display().to_string(), &error))?;
        Ok(key.open(&Sealed::new(&text)?, Owner { tenant: &self.tenant, source: &source })?)
    }
}

/// A sealed token is bound to the server, not to a path on it: the header goes to the whole of the server.
fn source(url: &str) -> Result<String, CommandError> {
    let origin = Origin::of_typed(url).map_err(|error| {
        CommandError::usage(format!("--url: {error}"), "enter the address as you open it in a browser")
    })?;
    Ok(origin.to_string())
}

/// From a variable, else from a file, else from standard input.
fn read(variable: Option<&str>, file: Option<&Path>) -> Result<Secret, CommandError> {
    let (text, place) = if let Some(name) = variable {
        let text = std::env::var(name).map_err(|_| {
            CommandError::usage(
                format!("the environment variable {name} is not set, or is not text"),
                format!("set it first, for example with `read -rs {name} && export {name}`"),
            )
        })?;
        (text, format!("the environment variable {name}"))
    } else if let Some(path) = file {
        let place = path.display().to_string();
        let file = std::fs::File::open(path).map_err(|error| unreadable(&place, &error))?;
        (read_bounded(file, &place)?, place)
    } else {
        (read_bounded(std::io::stdin().lock(), "standard input")?, "standard input".to_owned())
    };
    Secret::new(text).map_err(|error| {
        let hint = match error {
            SecretError::Short => {
                "the whole token belongs there, as it was shown when it was created; so short a one could not be masked in answers"
            }
            SecretError::Empty | SecretError::Blank | SecretError::NotAHeader => {
                "the token alone belongs there, as it was shown when it was created"
            }
        };
        CommandError::usage(format!("no token can be taken from {place}: {error}"), hint)
    })
}

fn unreadable(place: &str, error: &std::io::Error) -> CommandError {
    CommandError::usage(format!("no token can be read from {place}: {error}"), "check the path and its permissions")
}

fn read_bounded(reader: impl std::io::Read, place: &str) -> Result<String, CommandError> {
    let mut text = String::new();
    reader.take(SECRET_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(place, &error))?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= SECRET_BYTES) {
        return Ok(text);
    }
    Err(CommandError::usage(
        format!("no token can be taken from {place}: it has more than {SECRET_BYTES} bytes"),
        "the token alone belongs there, as it was shown when it was created",
    ))
}

impl From<KeyError> for CommandError {
    fn from(error: KeyError) -> Self {
        let hint = match &error {
            KeyError::Exposed { path, .. } => format!("chmod 600 {}", path.display()),
            KeyError::Foreign(_) => "copy it into a file of your own, with mode 600".to_owned(),
            KeyError::Form(_) => {
                "`cargo sim secret key --out FILE` makes a key; the same text may be in a variable".to_owned()
            }
            KeyError::File { why, .. } if why.kind() == std::io::ErrorKind::AlreadyExists => {
                "what was sealed with it would be lost; name another file".to_owned()
            }
            KeyError::File { .. } => "check the path and its permissions".to_owned(),
            KeyError::Random(_) => "try again".to_owned(),
        };
        Self::usage(error.to_string(), hint)
    }
}

impl From<SealError> for CommandError {
    fn from(error: SealError) -> Self {
        let hint = match &error {
            SealError::Form => "--token-sealed takes a file that `secret seal` made",
            SealError::Version(_) | SealError::Secret(_) => "seal the token anew",
            SealError::Closed => "check --key-file, --tenant and --url, or seal the token anew",
            SealError::Random(_) => "try again",
        };
        Self::usage(error.to_string(), hint)
    }
}
