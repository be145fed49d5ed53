//! How much of something is left, as a bar beside the numbers that say the same.

use maud::{Markup, html};

use super::number::grouped;

const WIDTH: u64 = 96;
const HEIGHT: u64 = 8;
/// Below this share of the whole a bar is marked, in percent.
const LOW_PERCENT: u64 = 25;

/// What is left of a limit.
pub(in super::super) fn left(left: u64, of: u64) -> Markup {
    let is_low = share(left, of, 100) < LOW_PERCENT;
    with_words(left, of, is_low, "left")
}

/// What is used of a quota.
pub(in super::super) fn used(used: u64, of: u64) -> Markup {
    let is_low = share(used, of, 100) > 100 - LOW_PERCENT;
    with_words(used, of, is_low, "used")
}

fn with_words(part: u64, of: u64, is_low: bool, what: &str) -> Markup {
    let percent = share(part, of, 100);
    let filled = share(part, of, WIDTH).min(WIDTH);
    html! {
        span.bar {
            // What it shows is said beside it.
            svg.bar-low[is_low] aria-hidden="true" width=(WIDTH) height=(HEIGHT) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
                rect.bar-whole width=(WIDTH) height=(HEIGHT) {}
                rect.bar-part width=(filled) height=(HEIGHT) {}
            }
            span { (grouped(part)) " of " (grouped(of)) " " (what) ", " (percent) " %" }
        }
    }
}

/// Rounded down, so that only nothing missing is the whole.
fn share(part: u64, of: u64, whole: u64) -> u64 {
    let share = u128::from(part) * u128::from(whole) / u128::from(of.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_in_words_what_it_shows() {
        let bar = left(1, 5).into_string();
        assert!(
            bar.contains("1 of 5 left, 20 %") && bar.contains("bar-low"),
            "{bar}"
        );
        assert!(bar.contains("width=\"19\""), "{bar}");
        let bar = used(7, 5).into_string();
        assert!(
            bar.contains("7 of 5 used, 140 %") && bar.contains("width=\"96\""),
            "{bar}"
        );
        assert!(left(u64::MAX, u64::MAX).into_string().contains("100 %"));
        assert!(left(0, 0).into_string().contains("0 %"));
    }
}
