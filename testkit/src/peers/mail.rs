//! A real mail server, aiosmtpd, which says what it took.

use std::net::SocketAddr;

use serde_json::Value;

use super::{Launch, Peer, Tool, free_address};
use crate::error::TestkitError;

/// How it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailMode {
    /// Without TLS, and without a login.
    Plain,
    /// With STARTTLS; wants the user `tollgate` with the password `s3cret`.
    StartTls,
    /// With TLS from the first byte; wants the same user.
    Smtps,
}

/// A running mail server. Dropping it ends it.
pub struct MailServer {
    peer: Peer,
}

impl MailServer {
    /// Starts one that puts off so many mails before it takes any. With TLS it has this certificate and key, in
    /// PEM.
    ///
    /// # Errors
    /// [`TestkitError`] when Python or aiosmtpd is missing, or it does not start in time.
    pub fn start(
        mode: MailMode,
        put_off: u32,
        (certificate, key): (&str, &str),
    ) -> Result<MailServer, TestkitError> {
        let python = Tool::find("python3")?;
        let address = free_address()?;
        let (port, put_off) = (address.port().to_string(), put_off.to_string());
        let mode = match mode {
            MailMode::Plain => "plain",
            MailMode::StartTls => "starttls",
            MailMode::Smtps => "smtps",
        };
        let files = [
            ("smtp_server.py", include_str!("smtp_server.py")),
            ("cert.pem", certificate),
            ("key.pem", key),
        ];
        let peer = Peer::launch(&Launch {
            name: "aiosmtpd",
            program: python.path(),
            arguments: &["smtp_server.py", "127.0.0.1", &port, mode, &put_off],
            files: &files,
            address,
        })?;
        Ok(MailServer { peer })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.peer.address()
    }

    /// What it wrote.
    #[must_use]
    pub fn output(&self) -> String {
        self.peer.output()
    }

    /// What it said of events of a kind, `mail` or `auth`, in their order.
    #[must_use]
    pub fn said(&self, event: &str) -> Vec<Value> {
        let output = self.peer.output();
        let lines = output.lines().filter(|line| line.starts_with('{'));
        let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|line| line["event"] == event).collect()
    }
}
