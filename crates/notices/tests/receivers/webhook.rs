//! Webhooks: signed, retried, given up, and sent nowhere else.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tollgate_limiter::Clock;
use tollgate_notices::{Channels, NoticesError};
use tollgate_store::{Channel, NoticeTotals};

use crate::receiver::{Answer, Receiver};
use crate::support::{Outbox, SECRET, START_MS, certificate, notice, run};

#[test]
fn a_notice_arrives_once_with_all_it_says() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Status(204)).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        outbox.post(&notice("alice")).await;
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        outbox.later(1_000_000);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 0);

        let [got] = &receiver.got()[..] else {
            panic!("one request")
        };
        let json: Value = serde_json::from_str(&got.body).unwrap();
        assert_eq!(json["id"], got.header("webhook-id"));
        assert_eq!(json["data"]["holder"]["name"], "alice");
        assert_eq!(json["data"]["used"], 45_120);
        assert_eq!(
            got.header("webhook-timestamp"),
            (START_MS / 1_000).to_string()
        );
        let content = "application/cloudevents+json; charset=utf-8";
        assert_eq!(got.header("content-type"), content);
        assert_eq!(outbox.counts.of(Channel::Webhook).delivered, 1);
    });
}

#[test]
fn a_receiver_that_fails_is_asked_again_with_the_same_id_and_body() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Status(500)).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        outbox.post(&notice("alice")).await;
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        outbox.later(4);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 0, "too soon");
        outbox.later(2);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        outbox.later(6);
        assert_eq!(
            deliverer.deliver_due().await.unwrap(),
            0,
            "five minutes now"
        );
        outbox.later(360);
        receiver.answer(Answer::Status(200));
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);

        let got = receiver.got();
        assert_eq!(got.len(), 3);
        for later in &got[1..] {
            assert_eq!(later.body, got[0].body);
            assert_eq!(later.header("webhook-id"), got[0].header("webhook-id"));
            let signature = "webhook-signature";
            assert_ne!(
                later.header(signature),
                got[0].header(signature),
                "it is dated"
            );
        }
        let counts = outbox.counts.of(Channel::Webhook);
        assert_eq!(
            (counts.delivered, counts.retried, counts.given_up),
            (1, 2, 0)
        );
    });
}

#[test]
fn nobody_is_asked_for_ever() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Status(404)).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        outbox.post(&notice("alice")).await;
        for _ in 0..20 {
            deliverer.deliver_due().await.unwrap();
            outbox.later(29 * 3_600);
        }
        assert_eq!(receiver.got().len(), 10);
        let totals = outbox.store.notice_totals().await.unwrap();
        assert_eq!((totals.waiting, totals.given_up), (0, 1));
        assert_eq!(outbox.counts.of(Channel::Webhook).given_up, 1);
    });
}

#[test]
fn gone_is_gone_and_a_redirect_is_no_receipt() {
    run(async {
        let outbox = Outbox::open().await;
        let elsewhere = Receiver::start(Answer::Status(200)).await;
        for status in [301, 302, 303, 307, 308] {
            let answer = Answer::With(status, "location", elsewhere.url());
            let receiver = Receiver::start(answer).await;
            let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
            outbox.post(&notice(&format!("user-{status}"))).await;
            assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
            assert_eq!(receiver.got().len(), 1);
        }
        assert!(elsewhere.got().is_empty());
        assert_eq!(outbox.store.notice_totals().await.unwrap().waiting, 5);

        let gone = Receiver::start(Answer::Status(410)).await;
        outbox.later(10);
        let mut deliverer = outbox.deliverer(&outbox.webhook(&gone.url()));
        assert_eq!(deliverer.deliver_due().await.unwrap(), 5);
        outbox.later(1_000_000);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 0);
        let totals = NoticeTotals {
            waiting: 0,
            delivered: 0,
            given_up: 5,
        };
        assert_eq!(outbox.store.notice_totals().await.unwrap(), totals);
    });
}

#[test]
fn a_receiver_says_when_to_come_back() {
    run(async {
        let outbox = Outbox::open().await;
        let answer = Answer::With(503, "retry-after", "3600".to_owned());
        let receiver = Receiver::start(answer).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        outbox.post(&notice("alice")).await;
        deliverer.deliver_due().await.unwrap();
        outbox.later(3_599);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 0);
        outbox.later(1);
        // At the second attempt, a date; only 429 and 503 may say so.
        let date = "Mon, 30 Nov 2026 00:00:00 GMT";
        receiver.answer(Answer::With(429, "retry-after", date.to_owned()));
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        outbox.later(86_399);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 0, "24 h at most");
        receiver.answer(Answer::With(500, "retry-after", "86400".to_owned()));
        outbox.later(1);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        outbox.later(36 * 60);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    });
}

/// Takes as long as a request may, 15 s.
#[test]
fn a_receiver_that_hangs_holds_up_nobody_for_long() {
    run(async {
        let outbox = Outbox::open().await;
        let never = Arc::new(Notify::new());
        let receiver = Receiver::start(Answer::Hang(never)).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        outbox.post(&notice("alice")).await;
        let limit = Duration::from_secs(60);
        let delivered = tokio::time::timeout(limit, deliverer.deliver_due()).await;
        assert_eq!(delivered.unwrap().unwrap(), 1);
        assert_eq!(outbox.counts.of(Channel::Webhook).retried, 1);
    });
}

#[test]
fn an_answer_without_an_end_is_not_read_to_its_end() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Endless).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        outbox.post(&notice("alice")).await;
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        assert_eq!(outbox.counts.of(Channel::Webhook).delivered, 1);
    });
}

#[test]
fn only_the_certificate_of_a_known_authority_is_believed() {
    run(async {
        let outbox = Outbox::open().await;
        let (ours, other) = (certificate(), certificate());
        let receiver = Receiver::start_with_tls(Answer::Status(200), &ours).await;
        outbox.post(&notice("alice")).await;
        let mut config = outbox.webhook(&receiver.https_url());
        for ca in [None, Some(outbox.file("other.pem", &other.0))] {
            config.webhook.as_mut().unwrap().ca = ca;
            assert_eq!(outbox.deliverer(&config).deliver_due().await.unwrap(), 1);
            outbox.later(600);
        }
        assert!(receiver.got().is_empty());
        config.webhook.as_mut().unwrap().ca = Some(outbox.file("ours.pem", &ours.0));
        assert_eq!(outbox.deliverer(&config).deliver_due().await.unwrap(), 1);
        assert_eq!(receiver.got().len(), 1);
    });
}

#[test]
fn what_another_version_wrote_waits_and_holds_up_no_other() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        let ours = notice("alice").to_notice().unwrap();
        let body = ours.body().replace("\"version\":1", "\"version\":2");
        let newer = tollgate_store::Notice::new(ours.counter, 100, ours.quota, body).unwrap();
        outbox.store.post_notice(&newer).await.unwrap();
        outbox.post(&notice("bob")).await;
        assert_eq!(deliverer.deliver_due().await.unwrap(), 2);
        assert_eq!(receiver.got().len(), 1);
        assert_eq!(outbox.store.notice_totals().await.unwrap().waiting, 1);
    });
}

#[test]
fn more_notices_than_places_all_arrive() {
    run(async {
        let outbox = Outbox::open().await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        let mut deliverer = outbox.deliverer(&outbox.webhook(&receiver.url()));
        for number in 0..50 {
            outbox.post(&notice(&format!("user-{number}"))).await;
        }
        assert_eq!(deliverer.deliver_due().await.unwrap(), 50);
        assert_eq!(receiver.got().len(), 50);
    });
}

#[test]
fn a_failure_says_neither_secret_nor_url_nor_caller() {
    run(async {
        let outbox = Outbox::open().await;
        // Nobody listens.
        let config = outbox.webhook("http://127.0.0.1:9/hook?token=of-the-url");
        let channels = Channels::load(&config).unwrap();
        let now = outbox.clock.now();
        let event = tollgate_notices::Event::sample(now.unix_ms).unwrap();
        let sent = channels.send(Channel::Webhook, &event, now.unix_s()).await;
        let text = format!("{sent:?} {channels:?}");
        assert!(text.contains("efused"), "{text}");
        for hidden in ["of-the-url", "sample", "MfKQ"] {
            assert!(!text.contains(hidden), "{text}");
        }
    });
}

#[test]
fn secrets_that_others_may_read_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    run(async {
        let outbox = Outbox::open().await;
        let config = outbox.webhook("http://127.0.0.1:9/");
        let file = &config.webhook.as_ref().unwrap().secrets_file;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Channels::load(&config).unwrap_err();
        assert!(matches!(error, NoticesError::File { .. }));
        let text = error.to_string();
        assert!(
            text.contains("chmod 600") && !text.contains(SECRET),
            "{text}"
        );
    });
}
