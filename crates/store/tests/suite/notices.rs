//! The outbox: once for each threshold, at least once to who takes it, nothing lost.

use std::collections::BTreeSet;
use std::time::Duration;

use tollgate_limiter::Clock;
use tollgate_store::{Attempted, Counter, LimitName, Notice, NoticeTotals, Span, StoreError};

use crate::on_both;
use crate::support::{Place, START_MS, subject};

const LEASE: Duration = Duration::from_secs(30);
const MONTH_MS: u64 = 30 * 86_400_000;

fn notice(name: &str, threshold_percent: u32) -> Notice {
    let limit = LimitName::parse("monthly").unwrap();
    let period = Span::new(START_MS, Some(START_MS + MONTH_MS)).unwrap();
    let counter = Counter::new(subject(name), limit, None, period).unwrap();
    let body = format!("{{\"who\": \"{name}\", \"é\": \"\\u0000\"}}\r\n");
    Notice::new(counter, threshold_percent, body).unwrap()
}

#[test]
fn a_body_has_bounds() {
    let counter = notice("alice", 75).counter;
    for body in ["\0".to_owned(), "x".repeat(16 * 1_024 + 1)] {
        let error = Notice::new(counter.clone(), 75, body).unwrap_err();
        assert!(matches!(error, StoreError::Text { .. }), "{error:?}");
    }
}

on_both! {
    async fn a_threshold_is_told_once_and_until_it_is_settled(place: Place) {
        let store = place.open().await;
        let alice = notice("alice", 75);
        assert!(store.post_notice(&alice).await.unwrap());
        assert!(!store.post_notice(&alice).await.unwrap());
        assert!(store.post_notice(&notice("alice", 90)).await.unwrap());
        let taken = store.take_notices(LEASE).await.unwrap();
        assert_eq!(taken.len(), 2);
        assert_eq!((&taken[0].notice, taken[0].attempt), (&alice, 1));
        assert!(store.take_notices(LEASE).await.unwrap().is_empty(), "they are somebody's");
        assert!(store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap());
        assert!(!store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap());

        // The other one's taker was killed.
        place.clock.advance(LEASE);
        let again = store.take_notices(LEASE).await.unwrap();
        assert_eq!((again.len(), again[0].id, again[0].attempt), (1, taken[1].id, 2));
        let late = store.settle_notice(&taken[1], Attempted::GivenUp).await.unwrap();
        assert!(!late, "it is another one's since");
        let retry = Attempted::AgainAtMs(place.clock.now().unix_ms + 5_000);
        assert!(store.settle_notice(&again[0], retry).await.unwrap());
        place.clock.advance(Duration::from_millis(4_999));
        assert!(store.take_notices(LEASE).await.unwrap().is_empty());
        place.clock.advance(Duration::from_millis(1));
        let third = store.take_notices(LEASE).await.unwrap();
        assert_eq!(third[0].attempt, 3);
        assert!(store.settle_notice(&third[0], Attempted::GivenUp).await.unwrap());
        let totals = NoticeTotals { waiting: 0, delivered: 1, given_up: 1 };
        assert_eq!(store.notice_totals().await.unwrap(), totals);
        assert!(!store.post_notice(&alice).await.unwrap(), "told is told");

        assert_eq!(store.forget_notices(START_MS).await.unwrap(), 0);
        assert_eq!(store.forget_notices(START_MS + MONTH_MS).await.unwrap(), 2);
    }

    async fn what_waits_is_not_forgotten_and_survives_a_restart(place: Place) {
        let store = place.open().await;
        store.post_notice(&notice("alice", 100)).await.unwrap();
        assert_eq!(store.forget_notices(START_MS + MONTH_MS).await.unwrap(), 0);
        store.take_notices(LEASE).await.unwrap();
        store.close().await;
        place.clock.advance(LEASE);
        let taken = place.open().await.take_notices(LEASE).await.unwrap();
        assert_eq!((taken.len(), taken[0].attempt), (1, 2));
    }

    async fn takers_at_once_take_each_notice_once(place: Place) {
        const NOTICES: usize = 250;
        let store = place.open().await;
        for number in 0..NOTICES {
            store.post_notice(&notice(&format!("user-{number}"), 75)).await.unwrap();
        }
        let mut takers = Vec::new();
        for _ in 0..6 {
            let store = place.open().await;
            takers.push(tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let taken = store.take_notices(LEASE).await.unwrap();
                    if taken.is_empty() {
                        return mine;
                    }
                    for due in taken {
                        assert!(store.settle_notice(&due, Attempted::Delivered).await.unwrap());
                        mine.push(due.id);
                    }
                }
            }));
        }
        let mut all = Vec::new();
        for taker in takers {
            all.extend(taker.await.unwrap());
        }
        // Who comes while all are being taken may find none: the rest is for the next.
        assert_eq!(all.len(), NOTICES);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), NOTICES, "one was taken twice");
    }
}
