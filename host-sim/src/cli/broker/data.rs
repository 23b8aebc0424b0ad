//! Where the broker keeps what it knows, and for whom.

use std::path::PathBuf;

use broker::store::Store;
use broker::store::audit::Act;
use time::OffsetDateTime;

use super::super::component;
use super::super::error::CommandError;
use crate::egress::SealingKey;
use crate::journey::folder::DataFolder;
use crate::journey::host::Host;

/// The data folder and its key.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct DataArgs {
    /// The broker's folder [default: host-sim in the user's data folder]
    #[arg(long, value_name = "DIR", env = "HOST_SIM_DATA")]
    data: Option<PathBuf>,
    /// The key of the stored credentials, in a file that is its owner's alone [default: host.key in the data folder]
    #[arg(long, value_name = "FILE", conflicts_with = "key_env")]
    key_file: Option<PathBuf>,
    /// The key of the stored credentials, in this environment variable
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
}

/// Whose.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct TenantArg {
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = DEFAULT_TENANT)]
    pub(in crate::cli) tenant: String,
}

/// The tenant of who has only one.
pub(in crate::cli) const DEFAULT_TENANT: &str = "default";

impl DataArgs {
    /// The environment variable that holds the key.
    pub(in crate::cli) fn variable(&self) -> Option<&str> {
        self.key_env.as_deref()
    }

    fn path(&self) -> Result<PathBuf, CommandError> {
        let usual = || {
            let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
            let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local").join("share")));
            base.map(|base| base.join("host-sim"))
        };
        self.data.clone().or_else(usual).ok_or_else(|| {
            CommandError::usage("there is no data folder for this user", "name one with --data DIR or HOST_SIM_DATA")
        })
    }

    /// The store alone, for what needs no plugin.
    pub(in crate::cli) fn store(&self) -> Result<Store, CommandError> {
        Ok(DataFolder::open(&self.path()?)?.store()?)
    }

    /// Everything.
    pub(in crate::cli) fn host(&self) -> Result<Host, CommandError> {
        let key = match (&self.key_file, &self.key_env) {
            (Some(path), _) => Some(SealingKey::read(path)?),
            (None, Some(name)) => Some(SealingKey::from_environment(name)?),
            (None, None) => None,
        };
        Ok(Host::open(&self.path()?, key, component::cache())?)
    }
}

/// Who acts, and when: the user at the command line, now.
pub(in crate::cli) fn act(user: &str) -> Act<'_> {
    Act { actor: user, now: OffsetDateTime::now_utc() }
}

/// The name of the user at the command line.
pub(in crate::cli) fn user() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|name| !name.is_empty() && name.len() <= 64);
    set("USER").or_else(|| set("LOGNAME")).unwrap_or_else(|| "command line".to_owned())
}
