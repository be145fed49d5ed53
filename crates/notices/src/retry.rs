//! When a notice that was not received is tried again, and when it is given up.
//!
//! | attempt | comes after the one before | in all, about |
//! |---|---|---|
//! | 1 | at once | |
//! | 2 | 5 s | 5 s |
//! | 3 | 5 min | 5 min |
//! | 4 | 30 min | 35 min |
//! | 5 | 2 h | 2 h 35 min |
//! | 6 | 5 h | 7 h 35 min |
//! | 7 | 10 h | 17 h 35 min |
//! | 8 | 14 h | 1 d 8 h |
//! | 9 | 20 h | 2 d 4 h |
//! | 10 | 24 h | 3 d 4 h |
//!
//! It is the schedule that Standard Webhooks proposes
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>). To each wait
//! up to a fifth of it is added, another one for each notice, so that what failed together does not come back
//! together. A receiver that says `Retry-After` is asked no sooner, up to 24 h.
//!
//! An attempt counts when it begins: a process that is killed again and again in the middle uses up its numbers. So
//! after the tenth a notice is given up only when it is three days old, and tried every 24 h until then.

use std::time::Duration;

use tollgate_store::{Attempted, Channel, DueNotice};

/// What is waited after each attempt, in seconds; the last one repeats.
const WAITS_S: [u64; 9] = [
    5,
    5 * 60,
    30 * 60,
    2 * 3_600,
    5 * 3_600,
    10 * 3_600,
    14 * 3_600,
    20 * 3_600,
    24 * 3_600,
];
/// The last attempt.
pub const ATTEMPTS: u32 = 10;
/// A younger notice is not given up, however many attempts there were.
pub const AGE_MIN: Duration = Duration::from_secs(3 * 86_400);
/// The longest that a receiver may put off the next attempt.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(86_400);
/// By how much a wait may be longer: its fifth.
const JITTER: u64 = 5;

/// What becomes of a notice after an attempt that failed; the receiver may have said when to come back.
#[must_use]
pub fn after_failure(due: &DueNotice, now_ms: u64, retry_after: Option<Duration>) -> Attempted {
    let age_ms = now_ms.saturating_sub(due.made_ms);
    if due.attempt >= ATTEMPTS && u128::from(age_ms) >= AGE_MIN.as_millis() {
        return Attempted::GivenUp;
    }
    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let asked_ms = u64::try_from(asked.as_millis()).unwrap_or_default();
    let wait_ms = wait_ms(due.id, due.channel, due.attempt).max(asked_ms);
    Attempted::AgainAtMs(now_ms.saturating_add(wait_ms))
}

fn wait_ms(id: u64, channel: Channel, attempt: u32) -> u64 {
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait_ms = WAITS_S[index.min(WAITS_S.len() - 1)] * 1_000;
    wait_ms + mixed(id ^ (u64::from(attempt) << 40) ^ ((channel as u64) << 56)) % (wait_ms / JITTER)
}

/// SplitMix64's finish: neighbouring numbers become far apart. Nothing secret hangs on it.
fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::tests::notice;

    fn due(attempt: u32) -> DueNotice {
        DueNotice {
            id: 1,
            channel: Channel::Webhook,
            notice: notice().to_notice().unwrap(),
            made_ms: 0,
            attempt,
        }
    }

    #[test]
    fn ten_attempts_take_a_little_over_three_days() {
        let mut now_ms = 0;
        for attempt in 1.. {
            match after_failure(&due(attempt), now_ms, None) {
                Attempted::AgainAtMs(at_ms) => now_ms = at_ms,
                Attempted::GivenUp => {
                    assert_eq!(attempt, ATTEMPTS);
                    break;
                }
                Attempted::Delivered => panic!("it failed"),
            }
        }
        let hours = now_ms / 3_600_000;
        assert!((75..=91).contains(&hours), "{hours} h");
    }

    #[test]
    fn every_wait_is_its_own_and_at_most_a_fifth_longer() {
        for (index, seconds) in (1..).zip(WAITS_S) {
            for id in 0..1_000 {
                let wait_ms = wait_ms(id, Channel::Email, index);
                assert!((seconds * 1_000..seconds * 1_200).contains(&wait_ms));
            }
        }
        let of = |id, channel, attempt| wait_ms(id, channel, attempt);
        assert_ne!(of(1, Channel::Email, 3), of(2, Channel::Email, 3));
        assert_ne!(of(1, Channel::Email, 3), of(1, Channel::Webhook, 3));
        assert_ne!(of(1, Channel::Email, 10), of(1, Channel::Email, 11));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever_nor_for_less() {
        let at = |after| after_failure(&due(1), 0, Some(after));
        let hour = Duration::from_secs(3_600);
        assert_eq!(at(hour), Attempted::AgainAtMs(3_600_000));
        assert_eq!(at(100 * hour), Attempted::AgainAtMs(86_400_000));
        assert_eq!(at(Duration::ZERO), after_failure(&due(1), 0, None));
        let late = after_failure(&due(4), 0, Some(Duration::from_secs(1)));
        assert_eq!(late, after_failure(&due(4), 0, None));
    }

    #[test]
    fn attempts_that_were_killed_do_not_give_a_young_notice_up() {
        let young = after_failure(&due(500), 3_600_000, None);
        assert!(matches!(young, Attempted::AgainAtMs(_)));
        let old = after_failure(&due(500), 3 * 86_400_000, None);
        assert_eq!(old, Attempted::GivenUp);
    }
}
