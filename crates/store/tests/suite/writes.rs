//! Writes: what is said then, the audit, undo, versions, keys.

use std::time::Duration;

use tollgate_limiter::Clock;
use tollgate_store::{
    Act, Edit, Note, Start, StoreError, Versioned, WRITE_KEY_KEPT_MS, Write, WriteKey,
};

use crate::on_both;
use crate::support::{
    Place, START_MS, account, assign, assign_from, limit, name, route, subject, write,
};

fn plan(found: &Versioned, at_ms: u64) -> Option<&str> {
    let assignment = found.record.plan_at(at_ms);
    assignment.map(|assignment| assignment.plan.as_str())
}

on_both! {
    async fn who_was_never_heard_of_has_an_empty_record(place: Place) {
        let store = place.open().await;
        let found = store.record(&subject("alice")).await.unwrap();
        assert!(found.record.is_empty());
        assert_eq!(found.version, 0);
        assert_eq!(store.last_seq().await.unwrap(), 0);
        assert!(store.history(&subject("alice"), u64::MAX).await.unwrap().is_empty());
    }

    async fn a_change_is_in_the_record_and_in_the_audit(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        let note = Note::parse("bought in the shop,\n\"order\" 7; drop table plans --").unwrap();
        let first = Write { note: note.clone(), ..write(&alice, assign("free")) };
        let first = store.write(&first).await.unwrap().change;
        place.clock.advance(Duration::from_secs(60));
        let second = Write::new(alice.clone(), assign("pro"), name("möbel"));
        let second = store.write(&second).await.unwrap().change;

        let found = store.record(&alice).await.unwrap();
        assert_eq!(plan(&found, START_MS + 60_000), Some("pro"));
        assert_eq!((found.version, second.seq), (second.seq, first.seq + 1));
        assert_eq!(found.record, second.after);
        assert_eq!(second.before, first.after);
        assert!(first.before.is_empty());
        assert_eq!(first.after.assignments()[0].note, note);

        let history = store.history(&alice, u64::MAX).await.unwrap();
        assert_eq!(history, [second.clone(), first.clone()]);
        let earlier = store.history(&alice, second.seq).await.unwrap();
        assert_eq!(earlier, std::slice::from_ref(&first));
        assert_eq!((first.by.as_str(), first.at_ms, first.act), ("ops", START_MS, Act::Assign));
        assert_eq!((second.by.as_str(), second.at_ms), ("möbel", START_MS + 60_000));
    }

    async fn a_subject_and_an_account_of_one_name_are_two(place: Place) {
        let store = place.open().await;
        let (one, other) = (subject("acme"), account("acme"));
        store.write(&write(&one, assign("free"))).await.unwrap();
        store.write(&write(&other, assign("pro"))).await.unwrap();
        let of_subject = store.record(&one).await.unwrap();
        let of_account = store.record(&other).await.unwrap();
        assert_eq!(plan(&of_subject, START_MS), Some("free"));
        assert_eq!(plan(&of_account, START_MS), Some("pro"));
    }

    async fn a_scheduled_plan_waits_for_its_time_and_can_be_withdrawn(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        let later = START_MS + 1_000;
        store.write(&write(&alice, assign("free"))).await.unwrap();
        let scheduled = assign_from("pro", Start::AtMs(later), Some(later + 1_000));
        let made = store.write(&write(&alice, scheduled)).await.unwrap().change.seq;
        let found = store.record(&alice).await.unwrap();
        let plans = [later - 1, later, later + 999, later + 1_000].map(|at| plan(&found, at));
        assert_eq!(plans, [Some("free"), Some("pro"), Some("pro"), Some("free")]);

        let withdraw = Edit::Withdraw { made };
        store.write(&write(&alice, withdraw.clone())).await.unwrap();
        let found = store.record(&alice).await.unwrap();
        assert_eq!(plan(&found, later), Some("free"));
        let again = store.write(&write(&alice, withdraw)).await;
        assert_eq!(again.unwrap_err(), StoreError::NotThere { what: "assignment" });
        assert_eq!(store.last_seq().await.unwrap(), 3, "what failed has no number");
    }

    async fn a_change_at_once_counts_though_its_writers_clock_is_late(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        store.write(&write(&alice, assign("free"))).await.unwrap();
        for (late_ms, at_ms) in [(59_000, START_MS), (61_000, START_MS - 61_000)] {
            place.clock.step_wall(START_MS - late_ms);
            let change = store.write(&write(&alice, assign("pro"))).await.unwrap().change;
            assert_eq!(change.at_ms, at_ms);
        }
        // The other one's clock was a minute wrong, or ours is: the last one begins as its own says.
        let found = store.record(&alice).await.unwrap();
        assert_eq!(plan(&found, START_MS), Some("pro"));
    }

    async fn overrides_are_stored_in_the_words_of_the_policy(place: Place) {
        let store = place.open().await;
        let acme = account("acme");
        let text = "{name: burst, rate: 1000/s, burst: 2000, per: account}";
        store.write(&write(&acme, limit(text, None))).await.unwrap();
        let orders = route("GET /orders/{order_id}");
        let on_route = limit("{name: daily, quota: 7/day, time_zone: Europe/Berlin}", Some(orders.clone()));
        store.write(&write(&acme, on_route)).await.unwrap();
        let found = store.record(&acme).await.unwrap();
        assert_eq!(found.record.overrides().len(), 2);
        let burst = found.record.override_at(None, "burst", START_MS).unwrap();
        assert_eq!(burst.limit.as_str(), text);
        let daily = found.record.override_at(Some(orders.as_str()), "daily", START_MS).unwrap();
        assert_eq!(daily.limit.limit().amount.to_string(), "7/day in Europe/Berlin");

        let lift = Edit::Lift { limit: "daily".to_owned(), route: Some(orders), made: None };
        let lifted = store.write(&write(&acme, lift)).await.unwrap().change;
        assert_eq!((lifted.act, lifted.after.overrides().len()), (Act::Lift, 1));
        let changes = store.changes_since(2).await.unwrap();
        assert_eq!(changes, [lifted]);
    }

    async fn the_last_change_is_undone_and_the_undoing_too(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        let nothing = store.write(&write(&alice, Edit::Undo)).await;
        assert_eq!(nothing.unwrap_err(), StoreError::NothingToUndo);
        let first = store.write(&write(&alice, assign("free"))).await.unwrap().change;
        store.write(&write(&subject("bob"), assign("free"))).await.unwrap();
        place.clock.advance(Duration::from_secs(1));
        let second = store.write(&write(&alice, assign("pro"))).await.unwrap().change;

        let undone = store.write(&write(&alice, Edit::Undo)).await.unwrap().change;
        assert_eq!((undone.act, &undone.after), (Act::Undo, &first.after));
        let now = place.clock.now().unix_ms;
        assert_eq!(plan(&store.record(&alice).await.unwrap(), now), Some("free"));
        let again = store.write(&write(&alice, Edit::Undo)).await.unwrap().change;
        assert_eq!(again.after, second.after);
        assert_eq!(plan(&store.record(&alice).await.unwrap(), now), Some("pro"));
        assert_eq!(store.history(&alice, u64::MAX).await.unwrap().len(), 4);
        assert_eq!(plan(&store.record(&subject("bob")).await.unwrap(), now), Some("free"));
    }

    async fn a_writer_that_has_not_seen_the_last_change_is_refused(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        let expecting = |expected, plan| Write {
            expected: Some(expected),
            ..write(&alice, assign(plan))
        };
        let first = store.write(&expecting(0, "free")).await.unwrap().change;
        // Somebody else's change does not matter.
        store.write(&write(&subject("bob"), assign("free"))).await.unwrap();
        let late = store.write(&expecting(0, "pro")).await.unwrap_err();
        assert_eq!(late, StoreError::Conflict { expected: 0, found: first.seq });
        assert!(late.is_callers() && !late.is_passing());
        let second = store.write(&expecting(first.seq, "pro")).await.unwrap().change;
        assert_eq!(store.record(&alice).await.unwrap().version, second.seq);
    }

    async fn a_repeated_write_happens_once(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        let keyed = |key: &str, plan| Write {
            key: Some(WriteKey::parse(key).unwrap()),
            ..write(&alice, assign(plan))
        };
        let first = store.write(&keyed("k1", "free")).await.unwrap();
        place.clock.advance(Duration::from_secs(1));
        let repeated = store.write(&keyed("k1", "free")).await.unwrap();
        assert!(!first.repeated && repeated.repeated);
        assert_eq!(first.change, repeated.change);
        assert_eq!(store.last_seq().await.unwrap(), 1);
        let other = store.write(&keyed("k1", "pro")).await;
        assert_eq!(other.unwrap_err(), StoreError::KeyReused);

        // A write that failed has not used its key.
        let refused = Write { expected: Some(7), ..keyed("k2", "pro") };
        assert!(store.write(&refused).await.is_err());
        assert!(!store.write(&keyed("k2", "pro")).await.unwrap().repeated);

        place.clock.advance(Duration::from_millis(WRITE_KEY_KEPT_MS));
        assert!(!store.write(&keyed("k1", "pro")).await.unwrap().repeated);
    }

    async fn writers_at_once_lose_nothing_and_one_of_two_that_expect_the_same_wins(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        let mut writers = Vec::new();
        for number in 0..16_u64 {
            let store = place.open().await;
            let write = Write {
                expected: Some(0),
                ..write(&alice, assign(&format!("plan-{number}")))
            };
            writers.push(tokio::spawn(async move { store.write(&write).await }));
        }
        let mut won = 0;
        for writer in writers {
            match writer.await.unwrap() {
                Ok(_) => won += 1,
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, 1);
        assert_eq!(store.last_seq().await.unwrap(), 1);
    }

    async fn what_was_written_is_there_after_a_restart(place: Place) {
        let store = place.open().await;
        store.write(&write(&subject("alice"), assign("pro"))).await.unwrap();
        store.close().await;
        let closed = store.record(&subject("alice")).await.unwrap_err();
        assert!(closed.is_passing(), "{closed}");
        let store = place.open().await;
        let found = store.record(&subject("alice")).await.unwrap();
        assert_eq!(plan(&found, START_MS), Some("pro"));
    }
}
