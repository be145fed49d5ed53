//! The loop of a process: delivers by itself, ends when it is told to, and outlives a store that is away.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tollgate_notices::spawn;
use tollgate_store::Channel;
use tollgate_testkit::peers::Postgres;

use crate::receiver::{Answer, Receiver};
use crate::support::{Outbox, notice, run};

#[test]
fn what_is_posted_arrives_and_the_loop_ends_when_told() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        let config = outbox.webhook(&receiver.url());
        let (store, clock, counts) = (
            outbox.store.clone(),
            outbox.clock.clone(),
            outbox.counts.clone(),
        );
        let stop = CancellationToken::new();
        let running = spawn(&config, store, clock, counts, stop.clone()).unwrap();
        outbox.post(&notice("alice")).await;
        receiver.arrived().await;
        outbox.post(&notice("bob")).await;
        receiver.arrived().await;
        stop.cancel();
        running.await.unwrap();
        // What was under way at the end was settled.
        assert_eq!(outbox.store.notice_totals().await.unwrap().delivered, 2);
        assert_eq!(outbox.counts.of(Channel::Webhook).delivered, 2);
    });
}

#[test]
fn a_channel_that_hangs_holds_up_no_other() {
    run(async {
        let outbox = Outbox::open().await;
        let release = Arc::new(Notify::new());
        let receiver = Receiver::start(Answer::Hang(release.clone())).await;
        let mut config = outbox.webhook(&receiver.url());
        config.stdout = true;
        let mut deliverer = outbox.deliverer(&config);
        outbox.post(&notice("alice")).await;
        let counts = outbox.counts.clone();
        let delivering = tokio::spawn(async move { deliverer.deliver_due().await.unwrap() });
        receiver.arrived().await;
        while counts.of(Channel::Stdout).delivered == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(counts.of(Channel::Webhook).delivered, 0);
        release.notify_one();
        assert_eq!(delivering.await.unwrap(), 2);
        assert_eq!(counts.of(Channel::Webhook).delivered, 1);
    });
}

#[test]
fn a_store_that_was_away_loses_nothing_and_doubles_under_one_id_only() {
    run(async {
        let mut server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
        let location = server.make_database("notices").unwrap().parse().unwrap();
        let outbox = Outbox::at(&location, tempfile::tempdir().unwrap()).await;
        let release = Arc::new(Notify::new());
        let receiver = Receiver::start(Answer::Hang(release.clone())).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        outbox.post(&notice("alice")).await;
        let delivering = tokio::spawn(async move {
            let attempts = deliverer.deliver_due().await;
            (deliverer, attempts)
        });
        receiver.arrived().await;
        // Received, and nobody can be told so.
        server.go_down();
        release.notify_one();
        let (mut deliverer, attempts) = delivering.await.unwrap();
        assert!(attempts.is_err() && outbox.counts.store_failures() > 0);
        assert!(deliverer.deliver_due().await.is_err());

        server.come_up().unwrap();
        receiver.answer(Answer::Status(200));
        assert_eq!(
            deliverer.deliver_due().await.unwrap(),
            0,
            "its lease is not over"
        );
        outbox.later(60);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        let got = receiver.got();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
        assert_eq!(outbox.store.notice_totals().await.unwrap().delivered, 1);
    });
}
