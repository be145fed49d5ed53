//! Where notices go: a webhook, a mail server, standard output.

use std::path::PathBuf;

/// The `notices` section: at least one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticesConfig {
    /// Requests to somebody's server.
    pub webhook: Option<WebhookConfig>,
    /// Mails.
    pub email: Option<EmailConfig>,
    /// Lines on the gateway's standard output.
    pub stdout: bool,
}

/// The `notices.webhook` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// `https`, or `http` to this machine.
    pub url: String,
    /// The secrets that requests are signed with, one a line.
    pub secrets_file: PathBuf,
    /// PEM file of the authorities that sign the receiver's certificate; the platform's unless configured.
    pub ca: Option<PathBuf>,
}

/// The `notices.email` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailConfig {
    /// The server that takes the mails.
    pub server: MailServer,
    /// Who we are to the server, if it asks.
    pub login: Option<MailLogin>,
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses; at least one.
    pub to: Vec<String>,
    /// Folder with templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
    /// PEM file of the authorities that sign the server's certificate; the platform's unless configured.
    pub ca: Option<PathBuf>,
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address, without brackets.
    pub host: String,
    /// Its port; 465 for `smtps` and 587 for `smtp` unless configured.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// By TLS from its first byte.
    Wrapped,
    /// By STARTTLS, and not used without it.
    StartTls,
    /// Not at all: only to this machine.
    Off,
}

/// A user of a mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailLogin {
    /// The user's name.
    pub user: String,
    /// The file that holds the password.
    pub password_file: PathBuf,
}
