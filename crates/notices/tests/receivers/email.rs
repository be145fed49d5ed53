//! Mails, taken by a real mail server and read by its own parser.

use std::path::PathBuf;

use serde_json::Value;
use tollgate_notices::{Channels, Effect};
use tollgate_policy::{EmailConfig, MailLogin, MailServer as ServerConfig, MailTls, NoticesConfig};
use tollgate_store::Channel;
use tollgate_testkit::peers::{MailMode, MailServer};

use crate::support::{Outbox, certificate, notice, run};

/// A mail server, and the certificate that it has.
struct MailServerPeer {
    peer: MailServer,
    certificate: String,
}

impl MailServerPeer {
    fn start(mode: MailMode, put_off: u32) -> MailServerPeer {
        let (certificate, key) = certificate();
        let peer = MailServer::start(mode, put_off, (&certificate, &key));
        MailServerPeer {
            peer: peer.unwrap_or_else(|error| panic!("{error}; run `cargo xtask setup`")),
            certificate,
        }
    }

    fn said(&self, event: &str) -> Vec<Value> {
        self.peer.said(event)
    }

    fn config(&self, outbox: &Outbox, tls: MailTls) -> NoticesConfig {
        let has_tls = tls != MailTls::Off;
        let email = EmailConfig {
            server: ServerConfig {
                host: "127.0.0.1".to_owned(),
                port: self.peer.address().port(),
                tls,
            },
            login: has_tls.then(|| MailLogin {
                user: "tollgate".to_owned(),
                password_file: outbox.file("smtp.password", "s3cret\n"),
            }),
            from: "tollgate@example.com".to_owned(),
            to: vec![
                "ops@example.com".to_owned(),
                "billing@example.com".to_owned(),
            ],
            templates: None,
            ca: has_tls.then(|| outbox.file("ca.pem", &self.certificate)),
        };
        NoticesConfig {
            webhook: None,
            email: Some(email),
            stdout: false,
        }
    }
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().unwrap();
    let found: Vec<_> = headers.iter().filter(|header| header[0] == name).collect();
    assert_eq!(found.len(), 1, "{name}: {headers:?}");
    found[0][1].as_str().unwrap()
}

#[test]
fn a_mail_says_in_text_and_html_what_happened() {
    run(async {
        let outbox = Outbox::open().await;
        let server = MailServerPeer::start(MailMode::Plain, 0);
        let mut deliverer = outbox.deliverer(&server.config(&outbox, MailTls::Off));
        let mut said = notice("<script>Zoë</script>");
        said.effect = Effect::Blocked;
        outbox.post(&said).await;
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);

        let [mail] = &server.said("mail")[..] else {
            panic!("{}", server.peer.output())
        };
        assert_eq!(mail["sender"], "tollgate@example.com");
        let recipients = serde_json::json!(["ops@example.com", "billing@example.com"]);
        assert_eq!(mail["recipients"], recipients);
        let subject = "90 % of monthly reached by <script>Zoë</script>";
        assert_eq!(header(mail, "Subject"), subject);
        assert_eq!(header(mail, "To"), "ops@example.com, billing@example.com");
        assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
        let text = mail["text"].as_str().unwrap();
        assert!(
            text.contains("<script>Zoë</script> has used 45120 of 50000"),
            "{text}"
        );
        assert!(text.contains("are refused until the period ends"), "{text}");
        let html = mail["html"].as_str().unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;Zoë"), "{html}");
        assert!(
            html.contains("https://example.com/upgrade?a=1&amp;b=2"),
            "{html}"
        );
        assert_eq!(outbox.counts.of(Channel::Email).delivered, 1);
    });
}

#[test]
fn a_mail_that_was_put_off_comes_again_under_its_name() {
    run(async {
        let outbox = Outbox::open().await;
        let server = MailServerPeer::start(MailMode::Plain, 1);
        let mut deliverer = outbox.deliverer(&server.config(&outbox, MailTls::Off));
        outbox.post(&notice("alice")).await;
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        outbox.later(6);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
        let mails = server.said("mail");
        let taken: Vec<_> = mails.iter().map(|mail| mail["taken"].clone()).collect();
        assert_eq!(taken, [false, true]);
        let id = header(&mails[0], "Message-ID");
        assert!(
            id.starts_with("<ntc_") && id.ends_with("@example.com>"),
            "{id}"
        );
        assert_eq!(header(&mails[1], "Message-ID"), id);
        let counts = outbox.counts.of(Channel::Email);
        assert_eq!((counts.delivered, counts.retried), (1, 1));
    });
}

#[test]
fn with_tls_the_password_is_said_to_nobody_else() {
    run(async {
        for (mode, tls) in [
            (MailMode::StartTls, MailTls::StartTls),
            (MailMode::Smtps, MailTls::Wrapped),
        ] {
            let outbox = Outbox::open().await;
            let server = MailServerPeer::start(mode, 0);
            outbox.post(&notice("alice")).await;
            let mut config = server.config(&outbox, tls);
            // First of an authority that did not sign its certificate, then of none but the platform's.
            let other = outbox.file("other.pem", &certificate().0);
            for ca in [Some(other), None::<PathBuf>] {
                config.email.as_mut().unwrap().ca = ca;
                assert_eq!(outbox.deliverer(&config).deliver_due().await.unwrap(), 1);
                outbox.later(600);
            }
            assert!(server.said("auth").is_empty() && server.said("mail").is_empty());

            let config = server.config(&outbox, tls);
            assert_eq!(outbox.deliverer(&config).deliver_due().await.unwrap(), 1);
            let [mail] = &server.said("mail")[..] else {
                panic!("{mode:?}: {}", server.peer.output())
            };
            assert_eq!(
                (&mail["encrypted"], &mail["user"]),
                (&true.into(), &"tollgate".into())
            );
            assert!(
                server
                    .said("auth")
                    .iter()
                    .all(|auth| auth["encrypted"] == true)
            );
        }
    });
}

#[test]
fn a_server_that_offers_no_tls_gets_no_mail() {
    run(async {
        let outbox = Outbox::open().await;
        let server = MailServerPeer::start(MailMode::Plain, 0);
        outbox.post(&notice("alice")).await;
        let config = server.config(&outbox, MailTls::StartTls);
        assert_eq!(outbox.deliverer(&config).deliver_due().await.unwrap(), 1);
        assert!(server.said("auth").is_empty() && server.said("mail").is_empty());
        assert_eq!(outbox.counts.of(Channel::Email).retried, 1);
    });
}

#[test]
fn a_folder_of_templates_takes_the_place_of_what_is_in_it() {
    run(async {
        let outbox = Outbox::open().await;
        let server = MailServerPeer::start(MailMode::Plain, 0);
        let subject = outbox.file("subject.txt", "{{plan}}:\n{{percent}} %\n");
        let mut config = server.config(&outbox, MailTls::Off);
        let folder = subject.parent().unwrap().to_owned();
        config.email.as_mut().unwrap().templates = Some(folder);
        outbox.post(&notice("alice")).await;
        outbox.deliverer(&config).deliver_due().await.unwrap();
        let mails = server.said("mail");
        assert_eq!(header(&mails[0], "Subject"), "pro: 90 %");
        let text = mails[0]["text"].as_str().unwrap();
        assert!(text.contains("Notice ntc_"), "the built-in one: {text}");

        outbox.file("body.html", "<p>{{nme}}</p>");
        let error = Channels::load(&config).unwrap_err().to_string();
        assert!(
            error.contains("body.html: line 1: there is no value `nme`"),
            "{error}"
        );
    });
}
