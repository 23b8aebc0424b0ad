//! What this process has used of the processors, and may have of open files.

use std::time::Duration;

/// Processor time of all threads of this process since it began; none where the system does not say.
pub(super) fn cpu() -> Option<Duration> {
    #[cfg(unix)]
    {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(Duration::new(u64::try_from(used.tv_sec).ok()?, u32::try_from(used.tv_nsec).ok()?))
    }
    #[cfg(not(unix))]
    None
}

/// Raises the number of files that may be open to what this user may have at most; tells how many that is, none for any number.
pub(super) fn open_files() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        if raised.is_ok() { limit.maximum } else { limit.current }
    }
    #[cfg(not(unix))]
    None
}

/// How many processors there are for it.
pub(super) fn processors() -> f64 {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(all(test, unix))]
mod tests {
    use super::{cpu, open_files, processors};

    #[test]
    fn processor_time_goes_on_while_something_is_computed() {
        let before = cpu();
        let sum: u64 = (0..3_000_000_u64).map(std::hint::black_box).sum();
        assert!(cpu() > before && sum > 0);
        assert!(processors() >= 1.0);
    }

    #[test]
    fn open_files_are_raised_to_what_is_allowed() {
        let allowed = open_files();
        assert_eq!(open_files(), allowed);
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!((limit.current, limit.maximum), (allowed, allowed));
    }
}
