//! The directory: what was loaded and followed is what the store says.

use std::time::{Duration, Instant};

use tollgate_store::{Directory, Edit, Feed, Level, Standing, Start, Store, StoreError};

use crate::on_both;
use crate::support::{Place, START_MS, account, assign, assign_from, limit, route, subject, write};

const ISSUER: &str = "https://login.example";

fn plan(directory: &Directory, name: &str, of: Option<&str>, at_ms: u64) -> Option<String> {
    let subject = directory.subject_key(ISSUER, name);
    let account = of.map(|account| directory.account_key(ISSUER, account));
    let (_, plan) = directory.plan_at(subject, account, at_ms)?;
    directory.plan_name(plan).map(|name| name.to_string())
}

/// Handlers of an HTTP server must be able to move between threads.
#[test]
fn what_the_store_promises_can_be_sent_to_another_thread() {
    fn sent<T: Send>(_: impl FnOnce(&'static Store, &'static Directory, &'static mut Feed) -> T) {}
    sent(|store, directory, _| directory.load(store));
    sent(|_, _, feed| feed.next());
    sent(|store, _, _| store.last_seq());
}

on_both! {
    async fn what_is_loaded_is_what_is_stored(place: Place) {
        let store = place.open().await;
        let orders = route("GET /orders/{id}");
        store.write(&write(&subject("alice"), assign("free"))).await.unwrap();
        let trial = assign_from("trial", Start::AtMs(START_MS + 10), Some(START_MS + 20));
        store.write(&write(&subject("alice"), trial)).await.unwrap();
        store.write(&write(&account("acme"), assign("gold"))).await.unwrap();
        let own = limit("{name: burst, rate: 5/s}", Some(orders.clone()));
        store.write(&write(&subject("alice"), own)).await.unwrap();
        let shared = limit("{name: burst, rate: 9/s}", None);
        store.write(&write(&account("acme"), shared)).await.unwrap();
        let gone = store.write(&write(&subject("gone"), assign("free"))).await.unwrap();
        let withdraw = Edit::Withdraw { made: gone.change.seq };
        store.write(&write(&subject("gone"), withdraw)).await.unwrap();

        let loaded = Directory::new(10).unwrap();
        let result = loaded.load(&store).await.unwrap();
        assert_eq!((result.seq, result.holders, result.unreadable), (7, 2, 0));
        let followed = Directory::new(10).unwrap();
        for change in store.changes_since(0).await.unwrap() {
            followed.apply(&change).unwrap();
        }
        assert_eq!(followed.holders(), 2);
        for directory in [loaded, followed] {
            let plan = |name, of, at| plan(&directory, name, of, at);
            let plans = [9, 10, 19, 20].map(|after| plan("alice", None, START_MS + after));
            let named = |name: &str| Some(name.to_owned());
            assert_eq!(plans, [named("free"), named("trial"), named("trial"), named("free")]);
            assert_eq!(plan("bob", Some("acme"), START_MS), named("gold"));
            assert_eq!(plan("alice", Some("acme"), START_MS), named("free"));
            assert_eq!(plan("gone", None, START_MS), None);
            assert_eq!(plan("acme", None, START_MS), None, "an account is no subject");

            let alice = directory.subject_key(ISSUER, "alice");
            let acme = Some(directory.account_key(ISSUER, "acme"));
            let burst = |route: &str| {
                let found = directory.overrides_at(alice, acme, route, START_MS);
                let found = found.into_iter().map(|(level, entry)| (level, entry.limit.limit().amount.to_string()));
                found.collect::<Vec<_>>()
            };
            assert_eq!(burst("GET /orders/{id}"), [(Level::Subject, "5/s burst 5".to_owned())]);
            assert_eq!(burst("GET /items"), [(Level::Account, "9/s burst 9".to_owned())]);
        }
    }

    async fn odd_names_are_loaded_byte_for_byte(place: Place) {
        let store = place.open().await;
        let odd = [
            "DOMAIN\\user", "\\.", "\\N", "\"quoted\"", "a,b", "'", " ", "NULL", "😀", "e\u{301}", "é", "\u{2028}",
        ];
        for name in odd {
            store.write(&write(&subject(name), assign("p\\\"'"))).await.unwrap();
        }
        let directory = Directory::new(100).unwrap();
        let loaded = directory.load(&store).await.unwrap();
        assert_eq!((loaded.holders, loaded.unreadable), (odd.len(), 0));
        for name in odd {
            let found = plan(&directory, name, None, START_MS);
            assert_eq!(found.as_deref(), Some("p\\\"'"), "{name:?}");
        }
    }

    async fn a_directory_that_follows_agrees_with_the_store_while_it_changes(place: Place) {
        let store = place.open().await;
        let directory = Directory::new(100).unwrap();
        let loaded = directory.load(&store).await.unwrap();
        let mut feed = store.feed(loaded.seq);
        let orders = route("GET /orders");
        for turn in 0..120_u64 {
            let name = format!("user-{}", turn % 7);
            let edit = match turn % 5 {
                0 => limit(&format!("{{name: burst, rate: {}/s}}", turn + 1), None),
                1 => assign_from("later", Start::AtMs(START_MS + turn * 10), Some(START_MS + turn * 10 + 50)),
                2 if turn > 20 => Edit::Undo,
                _ => assign(&format!("plan-{turn}")),
            };
            place.clock.advance(Duration::from_millis(3));
            store.write(&write(&subject(&name), edit)).await.unwrap();
            for change in feed.next().await.unwrap() {
                directory.apply(&change).unwrap();
                directory.apply(&change).unwrap();
            }
            let record = store.record(&subject(&name)).await.unwrap().record;
            let standing = Standing { subject: &record, account: None };
            let key = directory.subject_key(ISSUER, &name);
            for at in (START_MS..START_MS + 1_500).step_by(50) {
                let expected = standing.plan_at(at).map(|(_, entry)| entry.plan.to_string());
                assert_eq!(plan(&directory, &name, None, at), expected);
                let expected = standing.overrides_at(orders.as_str(), at);
                let found = directory.overrides_at(key, None, orders.as_str(), at);
                assert_eq!(found.len(), expected.len());
                for ((_, found), (_, expected)) in found.iter().zip(&expected) {
                    assert_eq!(found, *expected);
                }
            }
        }
    }

    async fn more_holders_than_there_is_room_for_are_an_error_and_the_rest_stays(place: Place) {
        let store = place.open().await;
        for number in 0..4 {
            let holder = subject(&format!("user-{number}"));
            store.write(&write(&holder, assign("p"))).await.unwrap();
        }
        let directory = Directory::new(3).unwrap();
        let full = StoreError::TooMany { what: "holders in the directory", max: 3 };
        assert_eq!(directory.load(&store).await.unwrap_err(), full);
        let mut outcomes = Vec::new();
        for change in store.changes_since(0).await.unwrap() {
            outcomes.push(directory.apply(&change));
        }
        assert_eq!(outcomes, [Ok(()), Ok(()), Ok(()), Err(full)]);
        assert!(plan(&directory, "user-0", None, START_MS).is_some());
        // One that is known changes all the same.
        store.write(&write(&subject("user-0"), assign("q"))).await.unwrap();
        for change in store.changes_since(4).await.unwrap() {
            directory.apply(&change).unwrap();
        }
        assert_eq!(plan(&directory, "user-0", None, START_MS).as_deref(), Some("q"));
    }

    async fn a_hundred_thousand_holders_are_loaded_within_seconds(place: Place) {
        let store = place.open().await;
        crate::support::fill(&place, 100_000).await;
        let directory = Directory::new(200_000).unwrap();
        let start = Instant::now();
        let loaded = directory.load(&store).await.unwrap();
        let took = start.elapsed();
        println!("100,000 holders: {} ms, {} bytes each", took.as_millis(), directory.bytes() / 100_000);
        assert_eq!(loaded.holders, 100_000);
        // Without optimisation and beside other tests; benches/load.rs measures.
        assert!(took < Duration::from_secs(60), "{took:?}");
        assert!(directory.bytes() < 100_000 * 48);
        assert_eq!(plan(&directory, "user-77777", None, START_MS).as_deref(), Some("plan-7"));
    }
}
