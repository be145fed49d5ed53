//! The schema: made once, by whoever comes first, and not touched by a program that does not know it.

use std::os::unix::fs::PermissionsExt;

use tollgate_store::{Attempted, Channel, Notice, StoreError};

use crate::on_both;
use crate::support::{Place, assign, subject, write};

on_both! {
    async fn instances_that_start_at_once_make_one_schema(place: Place) {
        let opening: Vec<_> = (0..8).map(|_| place.try_open()).collect();
        let mut stores = Vec::new();
        for opened in futures_util::future::join_all(opening).await {
            stores.push(opened.unwrap());
        }
        for (number, store) in stores.iter().enumerate() {
            let holder = subject(&format!("user-{number}"));
            store.write(&write(&holder, assign("p"))).await.unwrap();
        }
        assert_eq!(stores[0].changes_since(0).await.unwrap().len(), 8);
    }

    async fn a_schema_of_a_newer_version_is_refused_and_left_alone(place: Place) {
        place.open().await.close().await;
        place.meddle("UPDATE tollgate_schema SET version = 99").await;
        let error = place.try_open().await.unwrap_err();
        assert_eq!(error, StoreError::NewerSchema { found: 99, known: 7 });
        assert!(error.to_string().contains("start the newer version"), "{error}");
        place.meddle("UPDATE tollgate_schema SET version = 7").await;
        place.open().await;
    }

    async fn a_store_of_an_older_version_is_brought_up_with_what_is_in_it(place: Place) {
        let store = place.open().await;
        store.write(&write(&subject("alice"), assign("p"))).await.unwrap();
        store.close().await;
        place.meddle("DROP TABLE quota_counts; DROP TABLE quota_writers; DROP TABLE notice_deliveries; \
             DROP TABLE notices; DROP TABLE meter_series; DROP TABLE meters; DROP TABLE counted_logs; \
             DROP TABLE operations; DROP INDEX assignments_by_plan; \
             UPDATE tollgate_schema SET version = 1").await;
        let store = place.open().await;
        assert_eq!(store.changes_since(0).await.unwrap().len(), 1);
        assert!(store.counts_after(None, 0).await.unwrap().is_empty());
    }

    async fn notices_of_an_older_version_keep_their_numbers_and_their_deliveries(place: Place) {
        place.open().await.close().await;
        place.meddle("DROP TABLE notice_deliveries; DROP TABLE notices; UPDATE tollgate_schema SET version = 6").await;
        match place.file() {
            Some(_) => place.meddle(concat!(
                include_str!("../../migrations/sqlite/3.sql"),
                include_str!("../../migrations/sqlite/5.sql"),
            )).await,
            None => place.meddle(concat!(
                include_str!("../../migrations/postgres/3.sql"),
                include_str!("../../migrations/postgres/5.sql"),
            )).await,
        }
        // The last number is no notice's any more, and never another one's.
        place.meddle("INSERT INTO notices (kind, issuer, name, account, limit_name, route, from_ms, until_ms, \
                threshold_percent, body, made_ms, state, attempts, due_ms) \
             VALUES (1, 'i', 'alice', '', 'monthly', '', 0, 10, 75, 'told', 5, 4, 0, 5), \
                (1, 'i', 'bob', '', 'monthly', '', 0, 10, 75, 'gone', 5, 4, 0, 5); \
             INSERT INTO notice_deliveries (notice, channel, state, attempts, due_ms) VALUES (1, 1, 1, 2, 5); \
             DELETE FROM notices WHERE name = 'bob'").await;
        let store = place.open().await;
        let lease = std::time::Duration::from_secs(30);
        let taken = store.take_notices(Channel::Webhook, 10, lease).await.unwrap().notices;
        assert_eq!((taken.len(), taken[0].id, taken[0].attempt), (1, 1, 3));
        assert_eq!((taken[0].notice.quota, taken[0].notice.body()), (0, "told"));
        let again = |quota| Notice::new(taken[0].notice.counter.clone(), 75, quota, String::new()).unwrap();
        assert!(store.post_notice(&again(200)).await.unwrap(), "a quota that nobody was told of");
        assert!(!store.post_notice(&again(200)).await.unwrap());
        let listed = store.notices_after(0, None, 10).await.unwrap().entries;
        assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [1, 3]);
        assert!(store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap());
        store.hand_out_notices(&[Channel::Webhook]).await.unwrap();
        let next = store.take_notices(Channel::Webhook, 10, lease).await.unwrap().notices;
        assert!(store.settle_notice(&next[0], Attempted::Delivered).await.unwrap());
        assert_eq!(store.forget_notices(u64::MAX).await.unwrap(), 2);
        assert!(store.channel_totals().await.unwrap().is_empty(), "deliveries go with their notices");
    }

    async fn what_was_changed_by_hand_is_told_and_does_not_hide_the_rest(place: Place) {
        let store = place.open().await;
        for name in ["alice", "bob"] {
            store.write(&write(&subject(name), assign("p"))).await.unwrap();
        }
        place.meddle("UPDATE assignments SET plan = 'no plan' WHERE name = 'alice'").await;
        let error = store.record(&subject("alice")).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
        let directory = tollgate_store::Directory::new(10).unwrap();
        let loaded = directory.load(&store).await.unwrap();
        assert_eq!((loaded.holders, loaded.unreadable), (1, 1));
        let bob = directory.subject_key("https://login.example", "bob");
        assert!(directory.plan_at(bob, None, crate::support::START_MS).is_some());
    }
}

#[test]
fn a_file_of_sqlite_is_its_owners_only() {
    crate::support::run(async {
        let place = Place::sqlite();
        let store = place.open().await;
        store
            .write(&write(&subject("alice"), assign("p")))
            .await
            .unwrap();
        for suffix in ["", "-wal", "-shm"] {
            let file = format!("{}{suffix}", place.file().unwrap().display());
            let mode = std::fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    });
}
