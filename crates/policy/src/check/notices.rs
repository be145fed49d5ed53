//! Where notices go: somewhere, and never unprotected to another machine.

use std::net::IpAddr;

use super::Check;
use crate::codes;
use crate::findings::Finding;
use crate::network::Scheme;
use crate::node::OneOrMany;
use crate::notices::{EmailConfig, MailLogin, MailServer, MailTls, NoticesConfig, WebhookConfig};
use crate::raw::{FilePath, RawEmail, RawNotices, RawWebhook};

/// Recipients of a mail.
const RECIPIENTS_MAX: usize = 50;

impl Check<'_, '_> {
    pub(super) fn notices(
        &mut self,
        raw: Option<RawNotices>,
        has_store: bool,
    ) -> Option<NoticesConfig> {
        let raw = raw?;
        if self.whole && !has_store {
            self.error(
                Finding::error(codes::CONFLICT, raw.span, "notices have nowhere to wait")
                    .label("they are kept in a store until somebody has received them")
                    .help("add `store: sqlite:tollgate.db`, or remove `notices`"),
            );
        }
        let stdout = raw.stdout.unwrap_or(false);
        // A channel that could not be read is told already.
        if self.whole && raw.webhook.is_none() && raw.email.is_none() && !stdout {
            self.error(
                Finding::error(codes::MISSING_KEY, raw.span, "notices go nowhere")
                    .label("without `webhook`, `email` or `stdout: true`")
                    .help("add a channel, or remove `notices`"),
            );
        }
        Some(NoticesConfig {
            webhook: raw.webhook.map(|webhook| self.webhook(webhook)),
            email: raw.email.map(|email| self.email(email)),
            stdout,
        })
    }

    fn webhook(&mut self, raw: RawWebhook) -> WebhookConfig {
        let url = raw.url.value.0;
        if url.scheme == Scheme::Http && !url.is_loopback() {
            self.error(
                Finding::error(
                    codes::URL,
                    raw.url.span,
                    "notices would be sent in the clear to another machine",
                )
                .label("they say who your customers are")
                .help("write `https://`"),
            );
        }
        WebhookConfig {
            url: url.text,
            secrets_file: self.file(&raw.secrets_file.0),
            ca: raw.ca.map(|FilePath(name)| self.file(&name)),
        }
    }

    fn email(&mut self, raw: RawEmail) -> EmailConfig {
        let login = match (raw.user, raw.password_file) {
            (Some(user), Some(FilePath(name))) => Some(MailLogin {
                user: user.0,
                password_file: self.file(&name),
            }),
            (None, None) => None,
            (user, _) => {
                let (label, help) = match user {
                    Some(_) => ("there is no `password_file`", "add `password_file: …`"),
                    None => ("there is no `user`", "add `user: …`"),
                };
                self.error(
                    Finding::error(
                        codes::CONFLICT,
                        raw.span,
                        "a mail server asks for a user and a password, or for neither",
                    )
                    .label(label)
                    .help(help),
                );
                None
            }
        };
        let OneOrMany(to) = raw.to;
        if to.is_empty() || to.len() > RECIPIENTS_MAX {
            let span = to.get(RECIPIENTS_MAX).map_or(raw.span, |first| first.span);
            self.error(
                Finding::error(codes::TOO_MANY, span, "a mail has 1 to 50 recipients")
                    .help("write one address, or that of a mailing list"),
            );
        }
        let ca = raw.ca.map(|FilePath(name)| self.file(&name));
        EmailConfig {
            server: protected(raw.smtp.0, ca.is_some()),
            login,
            from: raw.from.0,
            to: to.into_iter().map(|address| address.value.0).collect(),
            templates: raw.templates.map(|FilePath(name)| self.file(&name)),
            ca,
        }
    }
}

/// Without TLS only to this machine, unless authorities are named: then there is something to verify.
fn protected(server: MailServer, has_ca: bool) -> MailServer {
    let is_loopback = match server.host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => server.host == "localhost",
    };
    match server.tls {
        MailTls::StartTls if is_loopback && !has_ca => MailServer {
            tls: MailTls::Off,
            ..server
        },
        _ => server,
    }
}
