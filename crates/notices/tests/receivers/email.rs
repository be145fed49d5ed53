//! Mails, taken by a real mail server and read by its own parser.

use std::path::PathBuf;

use serde_json::Value;
use tollgate_notices::{Channels, Effect};
use tollgate_policy::{EmailConfig, MailLogin, MailServer, MailTls, NoticesConfig};
use tollgate_store::Channel;
use tollgate_testkit::peers::{Launch, Peer, Tool, free_address};

use crate::support::{Outbox, certificate, notice, run};

/// aiosmtpd, ended when it is dropped.
struct MailServerPeer {
    peer: Peer,
    certificate: String,
}

impl MailServerPeer {
    fn start(mode: &str, put_off: &str) -> MailServerPeer {
        let python = Tool::find("python3").unwrap_or_else(|error| panic!("{error}"));
        let address = free_address().unwrap();
        let port = address.port().to_string();
        let (certificate, key) = certificate();
        let files = [
            ("smtp_server.py", include_str!("smtp_server.py")),
            ("cert.pem", &certificate),
            ("key.pem", &key),
        ];
        let peer = Peer::launch(&Launch {
            name: "aiosmtpd",
            program: python.path(),
            arguments: &["smtp_server.py", "127.0.0.1", &port, mode, put_off],
            files: &files,
            address,
        });
        MailServerPeer {
            peer: peer.unwrap_or_else(|error| panic!("{error}; run `cargo xtask setup`")),
            certificate,
        }
    }

    fn said(&self, event: &str) -> Vec<Value> {
        let output = self.peer.output();
        let lines = output.lines().filter(|line| line.starts_with('{'));
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }

    fn config(&self, outbox: &Outbox, tls: MailTls) -> NoticesConfig {
        let has_tls = tls != MailTls::Off;
        let email = EmailConfig {
            server: MailServer {
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
        let server = MailServerPeer::start("plain", "0");
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
        let server = MailServerPeer::start("plain", "1");
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
        for (mode, tls) in [("starttls", MailTls::StartTls), ("smtps", MailTls::Wrapped)] {
            let outbox = Outbox::open().await;
            let server = MailServerPeer::start(mode, "0");
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
                panic!("{mode}: {}", server.peer.output())
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
        let server = MailServerPeer::start("plain", "0");
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
        let server = MailServerPeer::start("plain", "0");
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
