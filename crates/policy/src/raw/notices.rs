//! `notices`: where they go.

use super::section::section;
use super::values::{FilePath, MailAddress, ShortText, SmtpUrl, WebUrl};
use crate::node::{At, OneOrMany};

section! {
    /// Where notices go. At least one channel is needed; each gets every notice.
    RawNotices("the section of notices") {
        /// Signed requests to a server of yours. Default: none.
        webhook: Option<RawWebhook>,
        /// Mails to people of yours. Default: none.
        email: Option<RawEmail>,
        /// Whether each notice is a JSON line on the gateway's standard output. Default: false.
        stdout: Option<bool>,
    }
}

section! {
    /// A receiver of webhooks.
    RawWebhook("a webhook") {
        /// Where notices are posted: `https`, or `http` to this machine.
        url: At<WebUrl>,
        /// File with the secrets that requests are signed with, mode 0600: a line `whsec_…` for each, 1 to 4. All of
        /// them sign, so that a new one can be added before the old one goes.
        secrets_file: FilePath,
        /// PEM file of the authorities that sign the receiver's certificate. Default: the platform's.
        ca: Option<FilePath>,
    }
}

section! {
    /// Notices by mail.
    RawEmail("mail") {
        /// The mail server: `smtps://host:465` (TLS), or `smtp://host:587`, which has to offer STARTTLS unless it is
        /// on this machine and there is no `ca`.
        smtp: SmtpUrl,
        /// The user at the mail server; with `password_file`. Default: the server asks for none.
        user: Option<ShortText>,
        /// File with that user's password, mode 0600.
        password_file: Option<FilePath>,
        /// The sender's address.
        from: MailAddress,
        /// The recipient's address, or a list of up to 50. They see each other.
        to: OneOrMany<At<MailAddress>>,
        /// Folder with templates in the place of the built-in ones: `subject.txt`, `body.txt`, `body.html`, any of
        /// them. Default: none.
        templates: Option<FilePath>,
        /// PEM file of the authorities that sign the server's certificate. Default: the platform's.
        ca: Option<FilePath>,
    }
}
