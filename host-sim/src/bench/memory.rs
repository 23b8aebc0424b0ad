//! The memory of this process, as the system counts it.

/// Forgets the largest size so far. Without effect where the system has no such thing.
pub(super) fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The largest resident size since it was last forgotten, bytes; none where the system does not say.
pub(super) fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{forget_peak, peak};

    #[test]
    fn a_peak_is_seen_until_it_is_forgotten() {
        let size = 64 << 20;
        let before = peak().unwrap();
        drop(std::hint::black_box(vec![1_u8; size]));
        let with = peak().unwrap();
        assert!(with >= before && with > u64::try_from(size).unwrap(), "{before} {with}");
        forget_peak();
        assert!(peak().unwrap() < with);
    }
}
