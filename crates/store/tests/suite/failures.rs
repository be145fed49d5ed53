//! The store is away, slow, locked, full of something else, or says no: a typed error in bounded time.

use std::time::{Duration, Instant};

use tollgate_store::{CALL_WAIT_MAX, Location, Store, StoreError, Write, WriteKey};
use tollgate_testkit::peers::{Postgres, free_address};

use crate::support::{Place, assign, clock, database, run, started, subject, write};

/// A call's bound, and what a busy machine adds to it.
const BOUND: Duration = CALL_WAIT_MAX.saturating_add(Duration::from_secs(25));

async fn refused(location: &str) -> StoreError {
    let location: Location = location.parse().unwrap();
    Store::open(&location, clock()).await.unwrap_err()
}

#[test]
fn a_server_that_is_not_there_is_told_in_bounded_time() {
    run(async {
        let start = Instant::now();
        let error = refused(&format!("postgres://u@{}/d", free_address().unwrap())).await;
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("refused"), "{error}");
        assert!(start.elapsed() < BOUND);
    });
}

#[test]
fn a_certificate_is_checked_where_the_location_says_so() {
    run(async {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let own = rcgen::generate_simple_self_signed(names.clone()).unwrap();
        let other = rcgen::generate_simple_self_signed(names).unwrap();
        let server = Postgres::start_with_tls(&own.cert.pem(), &own.signing_key.serialize_pem());
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let url = server.make_database("tls").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let trusting = |name: &str, pem: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem).unwrap();
            format!("{url}?sslmode=verify-full&sslrootcert={}", path.display())
        };
        let location = trusting("own.pem", own.cert.pem()).parse().unwrap();
        let store = Store::open(&location, clock()).await.unwrap();
        store
            .write(&write(&subject("alice"), assign("pro")))
            .await
            .unwrap();
        let error = refused(&trusting("other.pem", other.cert.pem())).await;
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert!(error.to_string().contains("certificate"), "{error}");
    });
}

#[test]
fn a_server_without_tls_is_refused_where_the_location_asks_for_it() {
    run(async {
        let server = started();
        let url = server.make_database("plain").unwrap();
        let error = refused(&format!("{url}?sslmode=require")).await;
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
    });
}

#[test]
fn a_file_that_cannot_be_is_told_by_its_name() {
    run(async {
        let error = refused("sqlite:/no/such/folder/store.db").await;
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
        let place = Place::sqlite();
        std::fs::write(
            place.file().unwrap(),
            "not a database, but long enough to be one?",
        )
        .unwrap();
        let error = place.try_open().await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    });
}

#[test]
fn a_database_that_is_not_there_is_not_worth_another_try() {
    run(async {
        let server = started();
        let url = server.make_database("one").unwrap();
        let error = refused(&url.replace("/one", "/other")).await;
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert!(!error.is_passing());
    });
}

#[test]
fn a_server_that_went_down_is_told_and_found_again() {
    run(async {
        let mut server = started();
        let store = Store::open(&database(&server, "down"), clock())
            .await
            .unwrap();
        let alice = subject("alice");
        store.write(&write(&alice, assign("free"))).await.unwrap();
        server.go_down();
        let start = Instant::now();
        let read = store.record(&alice).await.unwrap_err();
        let written = store
            .write(&write(&alice, assign("pro")))
            .await
            .unwrap_err();
        assert!(
            read.is_passing() && written.is_passing(),
            "{read} {written}"
        );
        assert!(start.elapsed() < 2 * BOUND);
        server.come_up().unwrap();
        let found = loop {
            match store.record(&alice).await {
                Ok(found) => break found,
                Err(error) => assert!(error.is_passing() && start.elapsed() < 4 * BOUND, "{error}"),
            }
        };
        assert_eq!(found.version, 1);
    });
}

#[test]
fn a_server_that_hangs_is_told_and_a_repeated_write_happens_once() {
    run(async {
        let server = started();
        let store = Store::open(&database(&server, "frozen"), clock())
            .await
            .unwrap();
        let keyed = Write {
            key: Some(WriteKey::parse("k").unwrap()),
            ..write(&subject("alice"), assign("pro"))
        };
        store.last_seq().await.unwrap();
        server.freeze(true).unwrap();
        let start = Instant::now();
        let error = store.write(&keyed).await.unwrap_err();
        assert!(error.is_passing() && start.elapsed() < BOUND, "{error:?}");
        server.freeze(false).unwrap();
        // The first one may or may not have been done: the key makes it one.
        let written = loop {
            match store.write(&keyed).await {
                Ok(written) => break written,
                Err(error) => assert!(error.is_passing() && start.elapsed() < 6 * BOUND, "{error}"),
            }
        };
        assert_eq!(written.change.seq, 1);
        assert_eq!(store.last_seq().await.unwrap(), 1);
    });
}

#[test]
fn a_caller_that_goes_away_in_the_middle_leaves_nothing_behind() {
    for place in [Place::sqlite(), Place::postgres()] {
        run(async {
            let store = place.open().await;
            let alice = subject("alice");
            for delay_us in (0..60).map(|turn| turn * 100) {
                let write = write(&alice, assign("pro"));
                let limit = Duration::from_micros(delay_us);
                let _left = tokio::time::timeout(limit, store.write(&write)).await;
            }
            let last = store.write(&write(&alice, assign("last"))).await.unwrap();
            let history = store.history(&alice, u64::MAX).await.unwrap();
            assert_eq!(
                history.len() as u64,
                last.change.seq,
                "a number without a change"
            );
            assert_eq!(
                store.record(&alice).await.unwrap().record,
                last.change.after
            );
        });
    }
}
