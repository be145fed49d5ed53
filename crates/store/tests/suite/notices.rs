//! The outbox: once for each threshold, through every channel, at least once to who takes it, nothing lost.

use std::collections::BTreeSet;
use std::time::Duration;

use tollgate_limiter::Clock;
use tollgate_store::{
    Attempted, Channel, Counter, DueNotice, LimitName, Notice, NoticeTotals, Span, Store,
    StoreError,
};

use crate::on_both;
use crate::support::{Place, START_MS, subject};

const LEASE: Duration = Duration::from_secs(30);
const MONTH_MS: u64 = 30 * 86_400_000;
const QUOTA: u64 = 20;
const BOTH: [Channel; 2] = [Channel::Webhook, Channel::Email];

fn notice(name: &str, threshold_percent: u32) -> Notice {
    let limit = LimitName::parse("monthly").unwrap();
    let period = Span::new(START_MS, Some(START_MS + MONTH_MS)).unwrap();
    let counter = Counter::new(subject(name), limit, None, period).unwrap();
    let body = format!("{{\"who\": \"{name}\", \"é\": \"\\u0000\"}}\r\n");
    Notice::new(counter, threshold_percent, QUOTA, body).unwrap()
}

async fn take(store: &Store, channel: Channel) -> Vec<DueNotice> {
    let taken = store.take_notices(channel, 100, LEASE).await.unwrap();
    assert_eq!(taken.unreadable, 0);
    taken.notices
}

#[test]
fn a_body_has_bounds() {
    let counter = notice("alice", 75).counter;
    for body in ["\0".to_owned(), "x".repeat(16 * 1_024 + 1)] {
        let error = Notice::new(counter.clone(), 75, QUOTA, body).unwrap_err();
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
        assert_eq!(store.hand_out_notices(&[Channel::Webhook]).await.unwrap(), 2);
        assert_eq!(store.hand_out_notices(&[Channel::Webhook]).await.unwrap(), 0);
        let taken = take(&store, Channel::Webhook).await;
        assert_eq!(taken.len(), 2);
        assert_eq!((&taken[0].notice, taken[0].attempt), (&alice, 1));
        assert!(take(&store, Channel::Webhook).await.is_empty(), "they are somebody's");
        assert!(store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap());
        assert!(!store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap());

        // The other one's taker was killed.
        place.clock.advance(LEASE);
        let again = take(&store, Channel::Webhook).await;
        assert_eq!((again.len(), again[0].id, again[0].attempt), (1, taken[1].id, 2));
        let late = store.settle_notice(&taken[1], Attempted::GivenUp).await.unwrap();
        assert!(!late, "it is another one's since");
        let retry = Attempted::AgainAtMs(place.clock.now().unix_ms + 5_000);
        assert!(store.settle_notice(&again[0], retry).await.unwrap());
        place.clock.advance(Duration::from_millis(4_999));
        assert!(take(&store, Channel::Webhook).await.is_empty());
        place.clock.advance(Duration::from_millis(1));
        let third = take(&store, Channel::Webhook).await;
        assert_eq!(third[0].attempt, 3);
        assert!(store.settle_notice(&third[0], Attempted::GivenUp).await.unwrap());
        let totals = NoticeTotals { waiting: 0, delivered: 1, given_up: 1 };
        assert_eq!(store.notice_totals().await.unwrap(), totals);
        assert!(!store.post_notice(&alice).await.unwrap(), "told is told");

        assert_eq!(store.forget_notices(START_MS).await.unwrap(), 0);
        assert_eq!(store.forget_notices(START_MS + MONTH_MS).await.unwrap(), 2);
        assert_eq!(store.notice_totals().await.unwrap(), NoticeTotals::default());
    }

    async fn each_channel_has_its_own_attempts(place: Place) {
        let store = place.open().await;
        store.post_notice(&notice("alice", 75)).await.unwrap();
        assert_eq!(store.hand_out_notices(&[]).await.unwrap(), 0, "to nobody is not handed out");
        assert_eq!(store.hand_out_notices(&BOTH).await.unwrap(), 2);
        let by_hook = take(&store, Channel::Webhook).await;
        let retry = Attempted::AgainAtMs(place.clock.now().unix_ms + 5_000);
        assert!(store.settle_notice(&by_hook[0], retry).await.unwrap());
        let by_mail = take(&store, Channel::Email).await;
        assert_eq!((by_mail[0].id, by_mail[0].attempt), (by_hook[0].id, 1));
        assert!(store.settle_notice(&by_mail[0], Attempted::Delivered).await.unwrap());

        let totals = store.channel_totals().await.unwrap();
        let waiting = store.notices_waiting().await.unwrap();
        assert_eq!(waiting.into_iter().collect::<Vec<_>>(), [(Channel::Webhook, 1)]);
        assert_eq!((totals[&Channel::Webhook].waiting, totals[&Channel::Email].delivered), (1, 1));
        assert_eq!(store.forget_notices(START_MS + MONTH_MS).await.unwrap(), 0, "one waits");
        place.clock.advance(Duration::from_secs(5));
        assert_eq!(take(&store, Channel::Webhook).await[0].attempt, 2);
        assert!(take(&store, Channel::Email).await.is_empty());
        assert!(take(&store, Channel::Stdout).await.is_empty(), "it was not one of the channels");
    }

    async fn what_waits_on_a_channel_that_is_gone_is_given_up(place: Place) {
        let store = place.open().await;
        store.post_notice(&notice("alice", 75)).await.unwrap();
        store.hand_out_notices(&BOTH).await.unwrap();
        let taken = take(&store, Channel::Email).await;
        assert_eq!(store.give_up_notices(Channel::Webhook, START_MS - 1).await.unwrap(), 0);
        assert_eq!(store.give_up_notices(Channel::Webhook, START_MS).await.unwrap(), 1);
        assert_eq!(store.give_up_notices(Channel::Webhook, START_MS).await.unwrap(), 0);
        assert_eq!(store.give_up_notices(Channel::Email, START_MS).await.unwrap(), 0, "it is taken");
        assert!(store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap());
        let totals = NoticeTotals { waiting: 0, delivered: 1, given_up: 1 };
        assert_eq!(store.notice_totals().await.unwrap(), totals);
    }

    async fn what_waits_is_not_forgotten_and_survives_a_restart(place: Place) {
        let store = place.open().await;
        store.post_notice(&notice("alice", 100)).await.unwrap();
        assert_eq!(store.forget_notices(START_MS + MONTH_MS).await.unwrap(), 0);
        store.hand_out_notices(&BOTH).await.unwrap();
        take(&store, Channel::Webhook).await;
        store.close().await;
        place.clock.advance(LEASE);
        let store = place.open().await;
        assert_eq!(store.forget_notices(START_MS + MONTH_MS).await.unwrap(), 0);
        let taken = take(&store, Channel::Webhook).await;
        assert_eq!((taken.len(), taken[0].attempt), (1, 2));
    }

    async fn a_row_that_was_changed_by_hand_holds_up_no_other(place: Place) {
        let store = place.open().await;
        for name in ["alice", "bob"] {
            store.post_notice(&notice(name, 75)).await.unwrap();
        }
        store.hand_out_notices(&BOTH).await.unwrap();
        place.meddle("UPDATE notices SET limit_name = 'no limit' WHERE name = 'alice'").await;
        let taken = store.take_notices(Channel::Webhook, 100, LEASE).await.unwrap();
        assert_eq!((taken.unreadable, taken.notices.len()), (1, 1));
        assert_eq!(taken.notices[0].notice, notice("bob", 75));
    }

    async fn who_hands_out_and_takes_at_once_takes_each_notice_once(place: Place) {
        const NOTICES: usize = 250;
        let store = place.open().await;
        let posting = tokio::spawn(async move {
            for number in 0..NOTICES {
                store.post_notice(&notice(&format!("user-{number}"), 75)).await.unwrap();
            }
            store
        });
        let mut takers = Vec::new();
        for _ in 0..6 {
            let store = place.open().await;
            takers.push(tokio::spawn(async move { take_all(&store, NOTICES).await }));
        }
        posting.await.unwrap();
        let mut all = Vec::new();
        for taker in takers {
            all.extend(taker.await.unwrap());
        }
        assert_eq!(all.len(), 2 * NOTICES, "once for each channel");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "one was taken twice");
    }
}

/// Until all have been posted and none waits: what this one took.
async fn take_all(store: &Store, notices: usize) -> Vec<(u64, Channel)> {
    let mut mine = Vec::new();
    loop {
        store.hand_out_notices(&BOTH).await.unwrap();
        for channel in BOTH {
            for due in take(store, channel).await {
                assert!(
                    store
                        .settle_notice(&due, Attempted::Delivered)
                        .await
                        .unwrap()
                );
                mine.push((due.id, due.channel));
            }
        }
        let delivered = store.notice_totals().await.unwrap().delivered;
        if delivered == 2 * notices as u64 {
            return mine;
        }
    }
}
