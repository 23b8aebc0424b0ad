//! What every command has: help with an example, and `--json` where it prints a result.

use crate::support::Cli;

/// Commands that print no result, or none that a program would read.
const WITHOUT_JSON: [(&str, &str); 7] = [
    ("demo", "a tour for people"),
    ("fake-gitlab", "runs until it is ended"),
    ("serve", "runs until it is ended"),
    ("secret key", "writes a file"),
    ("secret seal", "its result is the sealed token, as it is"),
    ("source remove", "asks, and leaves nothing"),
    ("tenant remove", "asks, and leaves nothing"),
];

/// The names of the commands below, as the help lists them.
fn below(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // A description that goes on is indented further.
    let names = lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_has_an_example_and_json() {
    let mut left = below(&Cli::new(["--help"]).run().stdout);
    let (mut seen, mut missing) = (0, Vec::new());
    while let Some(command) = left.pop() {
        let ran = Cli::new(command.split(' ')).arg("--help").run();
        ran.assert_code(0);
        seen += 1;
        let inner = below(&ran.stdout);
        left.extend(inner.iter().map(|name| format!("{command} {name}")));
        let example = ran.stdout.split_once("Example").is_some_and(|(_, rest)| {
            // One of this very command, or of one below it.
            rest.lines().any(|line| line.contains(&format!("cargo sim {command}")))
        });
        if !example {
            missing.push(format!("{command}: an example"));
        }
        let excused = WITHOUT_JSON.iter().any(|(name, _)| *name == command);
        if inner.is_empty() && !excused && !ran.stdout.contains("--json") {
            missing.push(format!("{command}: --json"));
        }
    }
    assert!(seen > 40, "the help lists only {seen}");
    assert!(missing.is_empty(), "{missing:#?}");
}
