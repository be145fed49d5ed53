//! Rules on the text of one Rust file: length, first line, words, where the clock and the environment are read.

use super::Breach;

/// Longest file, in lines; a longer one holds a second room.
const LINES_MAX: usize = 600;
/// Longer all the same, because each is one table.
const LONG_TABLES: &[&str] = &[];

/// This file names the words; they are not meant here.
const OWN_PATH: &str = "xtask/src/tidy/text.rs";

/// A word that no file may have, and why.
const BANNED_WORDS: [(&str, &str); 8] = [
    ("todo!(", "unfinished; finish it or leave it out"),
    ("unimplemented!(", "unfinished; finish it or leave it out"),
    ("dbg!(", "left over from a search"),
    ("FIXME", "mend it, or say in prose what holds and why"),
    ("XXX", "mend it, or say in prose what holds and why"),
    ("#[ignore", "a test that does not run guards nothing"),
    (
        "serde(flatten",
        "loses unknown-field errors and positions; write a visitor",
    ),
    (
        "serde(untagged",
        "loses the reason of an error; write a visitor",
    ),
];

/// Folders whose code may read the environment: the binaries and what serves development.
const ENVIRONMENT_READERS: [&str; 12] = [
    "crates/tollgate/",
    "crates/lambda/",
    // Where the corpus is, and whether to write the reference pages anew.
    "crates/policy/tests/",
    "crates/engine/tests/attacks/page.rs",
    "crates/admin/tests/console/browser.rs",
    "crates/admin/tests/openapi.rs",
    // Tests that start themselves again, to be killed.
    "crates/store/tests/crash/",
    "crates/notices/tests/crash/",
    // A benchmark that measures each contender in a process of its own.
    "crates/limiter/benches/",
    "testkit/",
    "xtask/",
    "bench/",
];
/// Reading the environment, as text.
const ENVIRONMENT: [&str; 4] = ["std::env", "env::var", "env::args", "env::current_dir"];

/// Where a real clock is read: the limiter's clock is everybody's; the others say why.
const CLOCK_READERS: [&str; 16] = [
    "crates/limiter/src/clock.rs",
    // When a key set was last fetched, for people; never for a decision.
    "crates/identity/src/jwks/holder.rs",
    // How long an exchange took, for log and metrics.
    "crates/proxy/src/observe.rs",
    // When an endpoint failed and how long it may take: transport, never a limit's time.
    "crates/proxy/src/upstream/",
    // Measures, and waits for real processes with a bound.
    "crates/limiter/benches/",
    "crates/identity/benches/",
    "crates/engine/benches/",
    "crates/tower/benches/",
    "crates/envoy/benches/",
    "crates/tollgate/tests/",
    "crates/lambda/tests/",
    "crates/store/tests/",
    "crates/store/benches/",
    // Development tools wait for real processes and measure them.
    "testkit/",
    "xtask/",
    "bench/",
];
/// Reading the system's clock.
const WALL_CLOCK: &str = "SystemTime::now";
/// Reading the monotonic clock, std's or tokio's.
const MONOTONIC_CLOCK: &str = "Instant::now";
/// Tokio's clock is paused and moved by tests: a file that uses it may read it.
const TOKIO_CLOCK: &str = "tokio::time";

/// Breaches in the file at `path`, relative to the root.
pub(crate) fn check(path: &str, content: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut breach = |line: Option<usize>, rule: String| {
        breaches.push(Breach {
            place: path.to_owned(),
            line,
            rule,
        });
    };
    let count = content.lines().count();
    if count > LINES_MAX && !LONG_TABLES.contains(&path) {
        breach(
            None,
            format!("{count} lines, over {LINES_MAX}: it holds a second room"),
        );
    }
    if says_what_it_is_for(path) && !content.starts_with("//!") {
        breach(
            Some(1),
            "the first line must say, after `//!`, what the file is for".to_owned(),
        );
    }
    if path == OWN_PATH {
        return breaches;
    }
    let own_clock = content.contains(TOKIO_CLOCK);
    for (index, line) in content.lines().enumerate() {
        let number = Some(index + 1);
        for (word, why) in BANNED_WORDS {
            if line.contains(word) {
                breach(number, format!("`{word}`: {why}"));
            }
        }
        if line.trim_start().starts_with("//") {
            continue;
        }
        let reads_environment = ENVIRONMENT.iter().any(|word| line.contains(word));
        if reads_environment && !listed(&ENVIRONMENT_READERS, path) {
            breach(
                number,
                "only the binary reads the environment: take it as an argument".to_owned(),
            );
        }
        let reads_clock =
            line.contains(WALL_CLOCK) || (line.contains(MONOTONIC_CLOCK) && !own_clock);
        if reads_clock && !listed(&CLOCK_READERS, path) {
            breach(
                number,
                "time comes from `Clock` (crates/limiter/src/clock.rs), so that tests can set it"
                    .to_owned(),
            );
        }
    }
    breaches
}

/// Whether the path is in the list, or in a folder of the list.
fn listed(list: &[&str], path: &str) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('/') {
        Some(_) => path.starts_with(entry),
        None => path == *entry,
    })
}

/// All source files; a `tests.rs` beside its file, and a file that a test includes, speak for themselves.
fn says_what_it_is_for(path: &str) -> bool {
    path.contains("/src/") && !path.ends_with("tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITER: &str = "crates/limiter/src/table.rs";

    fn rules(path: &str, content: &str) -> Vec<String> {
        let breaches = check(path, content).into_iter();
        breaches.map(|breach| breach.to_string()).collect()
    }

    #[test]
    fn a_tidy_file_has_no_breach() {
        assert!(rules(LIMITER, "//! The table.\n\nfn f() {}\n").is_empty());
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_for_is_told_so() {
        assert_eq!(rules(LIMITER, "fn f() {}\n").len(), 1);
        assert!(rules("crates/limiter/src/table/tests.rs", "fn f() {}\n").is_empty());
    }

    #[test]
    fn a_file_of_601_lines_is_too_long() {
        let lines = |count: usize| format!("//! Long.\n{}", "\n".repeat(count - 1));
        assert!(rules(LIMITER, &lines(600)).is_empty());
        assert!(rules(LIMITER, &lines(601))[0].contains("601 lines"));
    }

    #[test]
    fn every_banned_word_is_found_with_its_line() {
        for (word, _) in BANNED_WORDS {
            let found = rules(LIMITER, &format!("//! A file.\n// {word}\n"));
            assert_eq!(found.len(), 1, "{word}");
            assert!(
                found[0].starts_with("crates/limiter/src/table.rs:2: `"),
                "{}",
                found[0]
            );
        }
    }

    #[test]
    fn only_the_binary_and_the_tools_read_the_environment() {
        let content = "//! A file.\nlet home = std::env::var(\"HOME\");\n";
        assert_eq!(rules(LIMITER, content).len(), 1);
        assert!(rules("crates/tollgate/src/main.rs", content).is_empty());
        let comment = "//! A file.\n// std::env is the binary's\n";
        assert!(rules(LIMITER, comment).is_empty());
    }

    #[test]
    fn only_the_clock_reads_std_time() {
        let monotonic = "//! A file.\nuse std::time::Instant;\nlet now = Instant::now();\n";
        assert_eq!(rules(LIMITER, monotonic).len(), 1);
        assert!(rules("crates/limiter/src/clock.rs", monotonic).is_empty());
        let tokio = "//! A file.\nuse tokio::time::Instant;\nlet now = Instant::now();\n";
        assert!(rules(LIMITER, tokio).is_empty());
        let wall = "//! A file.\nuse tokio::time::sleep;\nlet now = SystemTime::now();\n";
        assert_eq!(rules(LIMITER, wall).len(), 1);
    }
}
