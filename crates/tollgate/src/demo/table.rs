//! The demo's table: one row a request, written the moment its answer is there.

use super::client::Answer;
use super::scenes::Request;

/// Writes rows to standard output; colours vanish where nobody can see them.
#[derive(Debug, Default)]
pub(super) struct Table {
    started: bool,
    notices: usize,
}

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

// === impl Table ===

impl Table {
    pub(super) fn title(&mut self, number: usize, title: &str, about: &str) {
        anstream::println!("\n{BOLD}{number}. {title}{RESET} {DIM}({about}){RESET}");
        if !self.started {
            self.started = true;
            anstream::println!(
                "   {DIM}{:<11} {:<14} {:<7} headers{RESET}",
                "who",
                "request",
                "status"
            );
        }
    }

    /// How many notices were shown.
    pub(super) fn notices(&self) -> usize {
        self.notices
    }

    /// What somebody was told.
    pub(super) fn notice(&mut self, what: &str) {
        self.notices += 1;
        anstream::println!(
            "   {:<11} {:<14} {GREEN}{:<7}{RESET} {what}",
            "(webhook)",
            "notice",
            "signed"
        );
    }

    pub(super) fn row(&mut self, request: &Request, answer: &Answer) {
        let colour = match answer.status {
            200..=299 => GREEN,
            429 => YELLOW,
            _ => RED,
        };
        let line = match request.shown {
            "" => format!("{} {}", request.method, request.path),
            shown => shown.to_owned(),
        };
        anstream::println!(
            "   {:<11} {line:<14} {colour}{:<7}{RESET} {}",
            request.who,
            answer.status,
            headers(answer)
        );
        if request.until {
            anstream::println!("   {DIM}^ {:?} after the change{RESET}", answer.took);
        }
        if answer.status != request.expect {
            anstream::println!("   {RED}^ expected {}{RESET}", request.expect);
        }
    }
}

/// The headers that tell the story, as they came.
fn headers(answer: &Answer) -> String {
    let shown = [
        ("retry-after", "Retry-After"),
        ("ratelimit", "RateLimit"),
        ("ratelimit-policy", "RateLimit-Policy"),
        ("www-authenticate", "WWW-Authenticate"),
    ];
    let present = shown.iter().filter_map(|(name, title)| {
        let value = answer.header(name);
        (!value.is_empty()).then(|| format!("{title}: {value}"))
    });
    present.collect::<Vec<_>>().join("  ")
}
