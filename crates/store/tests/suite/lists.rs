//! Lists page by page: whole though others write meanwhile, and bounded.

use std::collections::BTreeSet;
use std::time::Duration;

use tollgate_store::{
    Attempted, Channel, Counter, Delivery, DueNotice, Edit, Holder, LimitName, NewOperation, Note,
    Notice, NoticeState, OperationId, OperationName, OperationState, PAGE_ENTRIES_MAX, PlanName,
    Retried, Span, Start, Store, StoreError, Write,
};

use crate::on_both;
use crate::support::{
    Place, START_MS, account, assign, assign_from, fill, limit, name, subject, write,
};

async fn all_holders(store: &Store, plan: Option<&str>, per_page: u32) -> Vec<Holder> {
    let plan = plan.map(|plan| PlanName::parse(plan).unwrap());
    let mut all: Vec<Holder> = Vec::new();
    loop {
        let page = store.holders_after(all.last(), plan.as_ref(), per_page);
        let page = page.await.unwrap();
        assert!(page.entries.len() <= per_page as usize);
        all.extend(page.entries.into_iter().map(|(holder, _)| holder));
        if !page.has_more {
            return all;
        }
    }
}

const LEASE: Duration = Duration::from_secs(30);

async fn take(store: &Store) -> Vec<DueNotice> {
    let taken = store.take_notices(Channel::Webhook, 100, LEASE).await;
    taken.unwrap().notices
}

fn notice(name: &str) -> Notice {
    let limit = LimitName::parse("monthly").unwrap();
    let period = Span::new(START_MS, Some(START_MS + 1_000)).unwrap();
    let counter = Counter::new(subject(name), limit, None, period).unwrap();
    Notice::new(counter, 75, 20, "{}".to_owned()).unwrap()
}

on_both! {
    async fn every_holder_is_listed_once_whatever_is_said_of_it(place: Place) {
        let store = place.open().await;
        let burst = || limit("{name: burst, rate: 1/s}", None);
        let mut expected = BTreeSet::new();
        for number in 0..7 {
            let (one, other) = (subject(&format!("möbel-{number}")), account(&format!("a{number}")));
            store.write(&write(&one, assign("gold"))).await.unwrap();
            store.write(&write(&other, burst())).await.unwrap();
            expected.extend([one, other]);
        }
        // Of one that has both, once; of one of whom nothing is said any more, not at all.
        store.write(&write(&subject("möbel-0"), burst())).await.unwrap();
        store.write(&write(&subject("gone"), assign("gold"))).await.unwrap();
        store.write(&write(&subject("gone"), Edit::Undo)).await.unwrap();
        for per_page in [1, 3, 14, PAGE_ENTRIES_MAX] {
            let all = all_holders(&store, None, per_page).await;
            assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), expected, "{per_page}");
            assert_eq!(all.len(), expected.len(), "none twice");
        }
        let page = store.holders_after(None, None, 100).await.unwrap();
        let (holder, record) = &page.entries[0];
        assert_eq!(*record, store.record(holder).await.unwrap().record);
    }

    async fn holders_of_a_plan_are_those_who_have_it_or_will(place: Place) {
        let store = place.open().await;
        let ends = assign_from("gold", Start::Now, Some(START_MS + 10));
        store.write(&write(&subject("until soon"), ends)).await.unwrap();
        let later = assign_from("gold", Start::AtMs(START_MS + 1_000), None);
        store.write(&write(&subject("later"), later)).await.unwrap();
        store.write(&write(&subject("now"), assign("gold"))).await.unwrap();
        store.write(&write(&subject("other"), assign("silver"))).await.unwrap();
        let names = |all: Vec<Holder>| all.iter().map(|holder| holder.name.to_string()).collect::<Vec<_>>();
        let before = all_holders(&store, Some("gold"), 2).await;
        assert_eq!(names(before), ["later", "now", "until soon"]);
        place.clock.advance(Duration::from_millis(10));
        let after = all_holders(&store, Some("gold"), 2).await;
        assert_eq!(names(after), ["later", "now"]);
        assert!(all_holders(&store, Some("none"), 2).await.is_empty());
    }

    async fn who_was_there_all_the_while_is_listed_though_others_come_and_go(place: Place) {
        let (store, writer) = (place.open().await, place.open().await);
        fill(&place, 500).await;
        let mut seen = BTreeSet::new();
        let mut last = None;
        for round in 0.. {
            let page = store.holders_after(last.as_ref(), None, 40).await.unwrap();
            for (holder, _) in page.entries {
                assert!(seen.insert(holder.name.to_string()), "twice");
                last = Some(holder);
            }
            // Before and behind the place where the reader stands.
            for name in [format!("a-{round}"), format!("user-{round}"), format!("z-{round}")] {
                writer.write(&write(&subject(&name), assign("gold"))).await.unwrap();
            }
            if !page.has_more {
                break;
            }
        }
        let missed: Vec<_> = (0..500).filter(|n| !seen.contains(&format!("user-{n}"))).collect();
        assert!(missed.is_empty(), "{missed:?}");
    }

    async fn changes_come_in_pages_that_end_by_their_bytes_too(place: Place) {
        let store = place.open().await;
        let acme = account("acme");
        for number in 0..5 {
            let edit = assign(&format!("plan-{number}"));
            store.write(&write(&acme, edit)).await.unwrap();
        }
        let page = store.changes_after(1, 2).await.unwrap();
        let numbers = |page: &tollgate_store::Page<tollgate_store::Change>| {
            page.entries.iter().map(|change| change.seq).collect::<Vec<_>>()
        };
        assert_eq!((numbers(&page), page.has_more), (vec![2, 3], true));
        let page = store.changes_before(4, 2).await.unwrap();
        assert_eq!((numbers(&page), page.has_more), (vec![3, 2], true));
        let page = store.changes_before(u64::MAX, 10).await.unwrap();
        assert_eq!((numbers(&page), page.has_more), (vec![5, 4, 3, 2, 1], false));
        let page = store.history_before(&acme, u64::MAX, 4).await.unwrap();
        assert_eq!((numbers(&page), page.has_more), (vec![5, 4, 3, 2], true));
        let page = store.history_before(&acme, 2, 4).await.unwrap();
        assert_eq!((numbers(&page), page.has_more), (vec![1], false));

        // Records as large as they can be: a page has fewer of them.
        let big = subject("big");
        let note = Note::parse(&"n".repeat(1_024)).unwrap();
        for number in 0..64 {
            let text = format!("{{name: limit-{number}, rate: 1/s}} # {}", "x".repeat(980));
            let edit = limit(&text, None);
            store.write(&Write { note: note.clone(), ..write(&big, edit) }).await.unwrap();
        }
        let page = store.history_before(&big, u64::MAX, PAGE_ENTRIES_MAX).await.unwrap();
        assert!(page.has_more && (2..30).contains(&page.entries.len()), "{}", page.entries.len());
    }

    async fn notices_are_listed_by_state_and_tried_again(place: Place) {
        let store = place.open().await;
        for name in ["a", "b", "c"] {
            store.post_notice(&notice(name)).await.unwrap();
        }
        let waiting = store.notices_after(0, Some(NoticeState::Waiting), 10).await.unwrap();
        assert_eq!(waiting.entries.len(), 3, "what no channel has yet waits");
        assert!(waiting.entries.iter().all(|one| one.deliveries.is_empty()));
        assert_eq!(store.retry_notice(waiting.entries[0].id).await.unwrap(), Retried::Due);

        store.hand_out_notices(&[Channel::Webhook, Channel::Email]).await.unwrap();
        let taken = take(&store).await;
        store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap();
        store.settle_notice(&taken[1], Attempted::GivenUp).await.unwrap();
        let later = Attempted::AgainAtMs(START_MS + 60_000);
        store.settle_notice(&taken[2], later).await.unwrap();

        let page = store.notices_after(0, None, 2).await.unwrap();
        assert_eq!((page.entries.len(), page.has_more), (2, true));
        let rest = store.notices_after(page.entries[1].id, None, 2).await.unwrap();
        assert_eq!((rest.entries.len(), rest.has_more), (1, false));
        let mail = Delivery {
            channel: Channel::Email,
            state: NoticeState::Waiting,
            attempts: 0,
            due_ms: START_MS,
        };
        let states = [
            (NoticeState::Delivered, 1, START_MS),
            (NoticeState::GivenUp, 1, START_MS),
            (NoticeState::Waiting, 1, START_MS + 60_000),
        ];
        for (at, (state, attempts, due_ms)) in states.into_iter().enumerate() {
            let hook = Delivery { channel: Channel::Webhook, state, attempts, due_ms };
            let found = store.notices_after(taken[at].id - 1, None, 1).await.unwrap();
            let found = &found.entries[0];
            assert_eq!((found.id, &found.notice), (taken[at].id, &taken[at].notice));
            assert_eq!(found.deliveries, [hook, mail]);
            let listed = store.notices_after(0, Some(state), 10).await.unwrap();
            let listed: Vec<u64> = listed.entries.iter().map(|found| found.id).collect();
            assert!(listed.contains(&found.id), "{state:?}");
            assert_eq!(listed.len(), if state == NoticeState::Waiting { 3 } else { 1 });
        }

        let mut retried = Vec::new();
        for id in [taken[1].id, taken[2].id, 99] {
            retried.push(store.retry_notice(id).await.unwrap());
        }
        assert_eq!(retried, [Retried::Due, Retried::Due, Retried::NotThere]);
        let again = take(&store).await;
        assert_eq!(again.iter().map(|due| due.id).collect::<Vec<_>>(), [taken[1].id, taken[2].id]);
        assert_eq!(again[0].attempt, 2);
        let mails = store.take_notices(Channel::Email, 100, LEASE).await.unwrap().notices;
        store.settle_notice(&mails[0], Attempted::Delivered).await.unwrap();
        assert_eq!(mails[0].id, taken[0].id);
        assert_eq!(store.retry_notice(taken[0].id).await.unwrap(), Retried::Delivered);
    }

    async fn an_operation_is_written_before_it_is_done_and_closed_once(place: Place) {
        let store = place.open().await;
        let new = |detail: &str| {
            let what = OperationName::parse("buckets.grant").unwrap();
            NewOperation::new(name("ops"), what, detail.to_owned(), Note::default())
        };
        let first = store.begin_operation(&new("{\"é\": 1}\n").unwrap()).await.unwrap();
        let second = store.begin_operation(&new("").unwrap()).await.unwrap();
        assert!(second > first);
        place.clock.advance(Duration::from_millis(5));
        assert!(store.end_operation(first, OperationState::Done).await.unwrap());
        assert!(!store.end_operation(first, OperationState::Failed).await.unwrap());
        let page = store.operations_after(OperationId(0), 1).await.unwrap();
        assert!(page.has_more);
        let found = &page.entries[0];
        assert_eq!((found.id, found.state), (first, OperationState::Done));
        assert_eq!((found.at_ms, found.ended_ms), (START_MS, Some(START_MS + 5)));
        assert_eq!(found.operation, new("{\"é\": 1}\n").unwrap());
        let page = store.operations_after(first, 10).await.unwrap();
        assert_eq!((page.entries.len(), page.entries[0].state), (1, OperationState::Begun));
        let page = store.operations_before(OperationId(u64::MAX), 1).await.unwrap();
        assert_eq!((page.entries[0].id, page.has_more), (second, true));
        let page = store.operations_before(second, 10).await.unwrap();
        assert_eq!((page.entries[0].id, page.has_more), (first, false));
        for detail in ["\0".to_owned(), "x".repeat(8 * 1_024 + 1)] {
            assert!(matches!(new(&detail), Err(StoreError::Text { .. })));
        }
    }
}
