//! Mail servers and mail addresses.

use crate::codes;
use crate::findings::Problem;
use crate::notices::{MailServer, MailTls};
use crate::raw::section::text_value;

/// The longest mail address, in bytes (RFC 5321, 4.5.3.1.3, without the brackets).
const ADDRESS_BYTES_MAX: usize = 254;
/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_PART_BYTES_MAX: usize = 64;

const SMTPS_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;

text_value! {
    /// A mail server.
    SmtpUrl(MailServer), "a mail server", ["smtps://mail.example.com", "smtp://mail.example.com:587"], smtp
}

text_value! {
    /// A mail address, without a name.
    MailAddress(String), "a mail address", ["ops@example.com"], address
}

fn smtp(text: &str) -> Result<MailServer, Problem> {
    let wrong = |message: String| {
        let help = "write `smtps://mail.example.com:465`, or `smtp://mail.example.com:587`";
        Err(Problem::new(codes::URL, message, help))
    };
    let (tls, port, rest) = if let Some(rest) = text.strip_prefix("smtps://") {
        (MailTls::Wrapped, SMTPS_PORT, rest)
    } else if let Some(rest) = text.strip_prefix("smtp://") {
        (MailTls::StartTls, SUBMISSION_PORT, rest)
    } else {
        return wrong(format!(
            "`{text}` does not begin with `smtps://` or `smtp://`"
        ));
    };
    if rest.contains('@') {
        // Its words may hold a password.
        return Err(Problem::new(
            codes::URL,
            "URL has a user or password in it",
            "remove everything up to the `@`, and write `user` and `password_file`",
        ));
    }
    let as_web = format!("https://{}", rest.strip_suffix('/').unwrap_or(rest));
    let Ok(endpoint) = super::url::origin(&as_web) else {
        return wrong(format!("`{text}` is not a host with perhaps a port"));
    };
    // Of HTTPS, where none is written.
    let has_port = as_web.ends_with(&format!(":{}", endpoint.port));
    Ok(MailServer {
        host: endpoint.host,
        port: if has_port { endpoint.port } else { port },
        tls,
    })
}

fn address(text: &str) -> Result<String, Problem> {
    let is_address = text.len() <= ADDRESS_BYTES_MAX
        && text
            .rsplit_once('@')
            .is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain));
    if is_address {
        return Ok(text.to_owned());
    }
    Err(Problem::new(
        codes::NAME,
        format!("`{text}` cannot be a mail address"),
        "write it without a name, for example `ops@example.com`",
    ))
}

/// `Dot-string` of RFC 5321, 4.1.2: the other form, in quotes, is used by nobody.
fn is_local_part(text: &str) -> bool {
    let atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    text.len() <= LOCAL_PART_BYTES_MAX && text.split('.').all(atom)
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_has_the_port_of_its_scheme() {
        for (text, host, port, tls) in [
            (
                "smtps://mail.example.com",
                "mail.example.com",
                465,
                MailTls::Wrapped,
            ),
            (
                "smtp://mail.example.com/",
                "mail.example.com",
                587,
                MailTls::StartTls,
            ),
            ("smtp://[::1]", "::1", 587, MailTls::StartTls),
            (
                "smtp://mail.example.com:443",
                "mail.example.com",
                443,
                MailTls::StartTls,
            ),
            ("smtps://[::1]:2465", "::1", 2465, MailTls::Wrapped),
        ] {
            let server = smtp(text).unwrap();
            assert_eq!(
                (server.host.as_str(), server.port, server.tls),
                (host, port, tls),
                "{text}"
            );
        }
        for text in [
            "mail.example.com",
            "http://a",
            "smtp://",
            "smtp://a/b",
            "smtp://a:0",
            "smtp://u:secret@a",
        ] {
            let problem = smtp(text).unwrap_err();
            assert_eq!(problem.code, codes::URL, "{text}");
            assert!(!problem.message.contains("secret"), "{text}");
        }
    }

    #[test]
    fn nothing_but_one_address_is_an_address() {
        for text in ["ops@example.com", "first.last+x@a-b.example", "root@host"] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in [
            "ops",
            "@example.com",
            "ops@",
            "a b@example.com",
            "Ops <ops@example.com>",
            "a@b@c",
            "ops@example.com\r\nBcc: x@y.z",
            ".a@example.com",
            "a..b@example.com",
            "ops@-a.com",
            "ops@[127.0.0.1]",
            "ä@example.com",
        ] {
            assert_eq!(address(text).unwrap_err().code, codes::NAME, "{text}");
        }
        assert!(address(&format!("{}@example.com", "a".repeat(65))).is_err());
    }
}
