//! Memory of this process, as the kernel counts it.

/// Resident memory now, and at most since [`reset_peak`], in bytes. Nothing where the kernel does not tell.
pub fn resident() -> Option<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// Lets the peak begin at what is resident now.
pub fn reset_peak() {
    // Best effort: where it does nothing, the peak is that of the whole process, and the assertion only stricter.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
