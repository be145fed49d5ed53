//! Notices as mails, in text and HTML, handed to one mail server.

mod template;

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Tls, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tollgate_policy::{EmailConfig, MailServer, MailTls};

use self::template::{Form, TEMPLATE_BYTES_MAX, Template, Values};
use crate::channels::Sent;
use crate::error::{NoticesError, chain};
use crate::event::Event;
use crate::{authorities, secret_file};

/// For each command of SMTP; all of them together have the attempt's time.
const COMMAND_WAIT_MAX: Duration = Duration::from_secs(10);
/// What mail programs do not answer with an absence note (RFC 3834, 5).
const AUTOMATIC: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// One mail server, and who gets what.
pub(crate) struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    to: Vec<Address>,
    subject: Template,
    text: Template,
    html: Template,
}

impl Email {
    pub(crate) fn load(config: &EmailConfig) -> Result<Self, NoticesError> {
        let address = |text: &String| -> Result<Address, NoticesError> {
            text.parse()
                .map_err(|error| NoticesError::client("mail", &error))
        };
        let from = address(&config.from)?;
        let template = |name: &str, own: &str| template(config.templates.as_deref(), name, own);
        Ok(Self {
            transport: transport(config, &from)?,
            to: config.to.iter().map(address).collect::<Result<_, _>>()?,
            from,
            subject: template("subject.txt", include_str!("email/templates/subject.txt"))?,
            text: template("body.txt", include_str!("email/templates/body.txt"))?,
            html: template("body.html", include_str!("email/templates/body.html"))?,
        })
    }

    pub(crate) async fn send(&self, event: &Event) -> Sent {
        let message = match self.message(event) {
            Ok(message) => message,
            Err(error) => return Sent::failed(error.to_string()),
        };
        match self.transport.send(message).await {
            Ok(_) => Sent::Delivered,
            // Also what the server says is for ever: a password or a recipient may be put right meanwhile.
            Err(error) => Sent::failed(chain(&error)),
        }
    }

    /// Dated and named as the notice is, so that a mail that comes twice is seen to be one.
    fn message(&self, event: &Event) -> Result<Message, NoticesError> {
        let failed = |error: &dyn std::error::Error| NoticesError::client("a mail", error);
        let values = Values::of(event)?;
        let subject = self.subject.render(&values, Form::Plain);
        let date = SystemTime::UNIX_EPOCH + Duration::from_millis(event.made_ms);
        let mut builder = Message::builder()
            .from(Mailbox::new(None, self.from.clone()))
            .subject(one_line(&subject))
            .date(date)
            .message_id(Some(format!("<{}@{}>", event.id(), self.from.domain())))
            .raw_header(HeaderValue::new(AUTOMATIC, "auto-generated".to_owned()));
        for to in &self.to {
            builder = builder.to(Mailbox::new(None, to.clone()));
        }
        let parts = MultiPart::alternative_plain_html(
            self.text.render(&values, Form::Plain),
            self.html.render(&values, Form::Html),
        );
        builder.multipart(parts).map_err(|error| failed(&error))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").finish_non_exhaustive()
    }
}

fn transport(
    config: &EmailConfig,
    from: &Address,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, NoticesError> {
    let MailServer { host, port, tls } = &config.server;
    let tls = match tls {
        MailTls::Wrapped => Tls::Wrapper(tls_parameters(config)?),
        MailTls::StartTls => Tls::Required(tls_parameters(config)?),
        MailTls::Off => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str())
        .port(*port)
        .tls(tls)
        // Servers may refuse who has no name; the sender's domain is one that is ours.
        .hello_name(ClientId::Domain(from.domain().to_owned()))
        .timeout(Some(COMMAND_WAIT_MAX));
    if let Some(login) = &config.login {
        let password = secret_file::read(&login.password_file)?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        if password.is_empty() {
            return Err(NoticesError::file(&login.password_file, "has no password"));
        }
        builder = builder.credentials(Credentials::new(login.user.clone(), password));
    }
    Ok(builder.build())
}

fn tls_parameters(config: &EmailConfig) -> Result<TlsParameters, NoticesError> {
    let mut builder = TlsParametersBuilder::new(config.server.host.clone());
    if let Some(file) = &config.ca {
        let pem = authorities::read(file)?;
        let authorities = Certificate::from_pem(&pem);
        let authorities = authorities.map_err(|error| NoticesError::file(file, chain(&error)))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(authorities);
    }
    builder
        .build()
        .map_err(|error| NoticesError::client("mail", &error))
}

/// The folder's template, or the one that is built in.
fn template(folder: Option<&Path>, name: &str, own: &str) -> Result<Template, NoticesError> {
    let file = folder.map(|folder| folder.join(name));
    let Some(file) = file.filter(|file| file.exists()) else {
        return Template::parse(own).map_err(|reason| NoticesError::Client {
            what: "mail",
            reason,
        });
    };
    let failed = |error: std::io::Error| NoticesError::file(&file, error.to_string());
    let mut text = String::new();
    File::open(&file)
        .map_err(failed)?
        .take(TEMPLATE_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Template::parse(&text).map_err(|reason| NoticesError::file(&file, reason))
}

/// A subject has one line, whatever the template has.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use tollgate_store::{Holder, RouteName};

    use super::*;
    use crate::event::tests::event;

    fn email() -> Email {
        let config = EmailConfig {
            server: MailServer {
                host: "127.0.0.1".to_owned(),
                port: 25,
                tls: MailTls::Off,
            },
            login: None,
            from: "tollgate@example.com".to_owned(),
            to: vec!["ops@example.com".to_owned()],
            templates: None,
            ca: None,
        };
        Email::load(&config).unwrap()
    }

    fn head(event: &Event) -> String {
        let message = email().message(event).unwrap().formatted();
        let text = String::from_utf8(message).unwrap();
        text.split_once("\r\n\r\n").unwrap().0.to_owned()
    }

    #[test]
    fn a_mail_is_named_and_dated_as_its_notice() {
        let event = event();
        let head = head(&event);
        assert!(
            head.contains("Date: Sat, 07 Nov 2026 00:00:00 +0000"),
            "{head}"
        );
        let id = format!("Message-ID: <{}@example.com>", event.id());
        assert!(head.contains(&id), "{head}");
        assert!(
            head.contains("Subject: 90 % of monthly reached by alice"),
            "{head}"
        );
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        assert!(head.contains("To: ops@example.com"), "{head}");
    }

    /// A name of a caller has no control characters; this one has all else that could end a header field.
    #[test]
    fn a_name_cannot_add_a_header_field() {
        let mut event = event();
        let name = format!(
            "{}\u{2028}Bcc: x@y.z, <a@b> =?utf-8?q?=0D=0ABcc:?=",
            "é".repeat(80)
        );
        event.notice.counter.holder = Holder::subject("i", &name).unwrap();
        let head = head(&event);
        let names: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split_once(": ").unwrap().0)
            .collect();
        let expected = [
            "From",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "To",
            "MIME-Version",
            "Content-Type",
        ];
        assert_eq!(names, expected, "{head}");
        assert_eq!(one_line(" a\r\nBcc: b "), "a  Bcc: b");
    }

    #[test]
    fn built_in_templates_can_be_read_and_name_the_route() {
        let mut event = event();
        event.notice.counter.route = Some(RouteName::parse("GET /orders/{id}").unwrap());
        let values = Values::of(&event).unwrap();
        let html = email().html.render(&values, Form::Html);
        assert!(html.contains("<td>GET /orders/{id}</td>"), "{html}");
        assert!(
            html.contains("href=\"https://example.com/upgrade\""),
            "{html}"
        );
    }
}
