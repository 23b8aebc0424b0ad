//! Which interfaces a component may import.
//!
//! The import list of a component is its permission list. It is read from the raw bytes, before anything is compiled.
//!
//! | package | interfaces | why |
//! | --- | --- | --- |
//! | `wasi:http` | `types`, `outgoing-handler` | requests to granted origins |
//! | `wasi:clocks` | `monotonic-clock`, `wall-clock` | deadlines, today's date |
//! | `wasi:io` | `error`, `poll`, `streams` | what the two above are made of |
//!
//! Any 0.2 version is accepted, since 0.2 versions are compatible with one another; everything else is refused by name.

/// The interfaces, without version, that a plugin may import.
pub const ALLOWED: [&str; 7] = [
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

/// Whether a component may import `name`, such as `wasi:io/poll@0.2.12`.
#[must_use]
pub fn is_allowed(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else {
        return false;
    };
    ALLOWED.contains(&interface) && version.starts_with("0.2.")
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn only_listed_interfaces_of_wasi_0_2_pass() {
        for (name, allowed) in [
            ("wasi:http/outgoing-handler@0.2.12", true),
            ("wasi:io/poll@0.2.0", true),
            ("wasi:io/poll", false),
            ("wasi:io/poll@0.3.0", false),
            ("wasi:io/poll@0.20.0", false),
            ("wasi:http/incoming-handler@0.2.12", false),
            ("wasi:cli/environment@0.2.12", false),
            ("wasi:filesystem/types@0.2.12", false),
            ("wasi:sockets/tcp@0.2.12", false),
            ("wasi:random/random@0.2.12", false),
            ("wasi:io/poll-more@0.2.12", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(name), allowed, "{name}");
        }
    }
}
