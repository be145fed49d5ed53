//! A TLS client's certificate as a user.
//!
//! Whoever calls has verified it: the chain up to a configured authority, the time, and that the
//! client holds the key. Here it is only read, once a connection; what is checked again on every
//! request is the time, because a connection may outlive its certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::nom::Parser;
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::prelude::FromDer;

use crate::{PrincipalKey, User, counter::Counter, token::claims::NAME_BYTES_MAX};

/// The issuer of every user who is known by a certificate. The policy refuses it to tokens, so
/// that no token can name such a user.
pub const CERTIFICATE_ISSUER: &str = "urn:tollgate:client-certificate";

/// Where in a certificate its subject stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// The URI among its alternative names (SPIFFE X509-SVID, section 2).
    SanUri,
    /// The DNS name among its alternative names.
    SanDns,
    /// The mail address among its alternative names.
    SanEmail,
    /// The common name of its subject.
    CommonName,
}

/// Why a certificate gives no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// It cannot be read, although the handshake accepted it.
    Unreadable,
    /// It has no name of the configured kind.
    NoSubject,
    /// It has several: which of them calls would be a guess.
    SeveralSubjects,
    /// The name is empty, longer than 255 bytes, no UTF-8, or has control characters.
    SubjectValue,
    /// Its time ran out while the connection was open.
    Expired,
}

/// A client's certificate, as far as it can be an identity.
///
/// It holds the user of each kind of subject, so that a reload that asks for another kind finds it
/// on the connections that are open.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    users: [Result<Arc<User>, CertificateError>; SubjectKind::ALL.len()],
    expires_unix_s: Option<u64>,
}

/// What is known of the caller with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateVerdict {
    /// It names this user.
    Valid(Arc<User>),
    /// It names nobody, or no longer.
    Invalid(CertificateError),
}

/// Identifies callers by their certificates, under one policy.
#[derive(Debug)]
pub struct CertificateRules {
    subject: SubjectKind,
    valid: Counter,
    refused: [AtomicU64; CertificateError::ALL.len()],
}

// === impl SubjectKind ===

impl SubjectKind {
    const ALL: [SubjectKind; 4] = [
        SubjectKind::SanUri,
        SubjectKind::SanDns,
        SubjectKind::SanEmail,
        SubjectKind::CommonName,
    ];
}

// === impl CertificateError ===

impl CertificateError {
    /// All of them, in the order of their declaration.
    pub const ALL: [CertificateError; 5] = [
        CertificateError::Unreadable,
        CertificateError::NoSubject,
        CertificateError::SeveralSubjects,
        CertificateError::SubjectValue,
        CertificateError::Expired,
    ];

    /// The word of it in metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NoSubject => "no_subject",
            Self::SeveralSubjects => "several_subjects",
            Self::SubjectValue => "subject_value",
            Self::Expired => "expired",
        }
    }
}

// === impl ClientCertificate ===

impl ClientCertificate {
    /// Reads a leaf certificate in DER that the handshake verified; `hash_key` is the
    /// process-random key of every [`PrincipalKey`].
    #[must_use]
    pub fn read(der: &[u8], hash_key: &[u8; 16]) -> Self {
        // Extensions are left unread but for the one that is asked for: the less is parsed the
        // better, and whether the others are in order was the handshake's to say.
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        match parser.parse(der) {
            Ok(([], leaf)) => Self {
                users: SubjectKind::ALL.map(|kind| user(&leaf, kind, hash_key)),
                expires_unix_s: Some(last_second(&leaf)),
            },
            _ => Self {
                users: SubjectKind::ALL.map(|_| Err(CertificateError::Unreadable)),
                expires_unix_s: None,
            },
        }
    }

    /// Its last second, whether it names anybody or not; `None` where it cannot be read.
    #[must_use]
    pub fn expires_unix_s(&self) -> Option<u64> {
        self.expires_unix_s
    }
}

// === impl CertificateRules ===

impl CertificateRules {
    /// Rules under which the name of this kind is the subject.
    #[must_use]
    pub fn new(subject: SubjectKind) -> Self {
        Self {
            subject,
            valid: Counter::default(),
            refused: Default::default(),
        }
    }

    /// Whom a certificate names at a moment of the wall clock; allocates nothing.
    pub fn identify(&self, certificate: &ClientCertificate, now_unix_s: u64) -> CertificateVerdict {
        let verdict = match &certificate.users[self.subject as usize] {
            // The last second counts as well (RFC 5280, 4.1.2.5).
            Ok(user) if now_unix_s > user.expires_unix_s => Err(CertificateError::Expired),
            Ok(user) => Ok(Arc::clone(user)),
            Err(error) => Err(*error),
        };
        match verdict {
            Ok(user) => {
                self.valid.increment();
                CertificateVerdict::Valid(user)
            }
            Err(error) => {
                self.refused[error as usize].fetch_add(1, Relaxed);
                CertificateVerdict::Invalid(error)
            }
        }
    }

    /// How many requests came with a certificate that named their caller.
    #[must_use]
    pub fn valid(&self) -> u64 {
        self.valid.get()
    }

    /// How many came with one that did not, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (CertificateError, u64)> {
        let counts = self.refused.iter().map(|count| count.load(Relaxed));
        CertificateError::ALL.into_iter().zip(counts)
    }
}

/// The user that the one name of this kind makes.
fn user(
    leaf: &X509Certificate<'_>,
    kind: SubjectKind,
    hash_key: &[u8; 16],
) -> Result<Arc<User>, CertificateError> {
    let subject = match kind {
        SubjectKind::CommonName => common_name(leaf)?,
        _ => alternative_name(leaf, kind)?,
    };
    let key = PrincipalKey::of_user(hash_key, CERTIFICATE_ISSUER, &subject, None);
    Ok(Arc::new(User {
        issuer: CERTIFICATE_ISSUER.into(),
        subject,
        account: None,
        plan: None,
        expires_unix_s: last_second(leaf),
        key,
        account_key: key,
    }))
}

/// Before 1970 is as much over as 1970.
fn last_second(leaf: &X509Certificate<'_>) -> u64 {
    u64::try_from(leaf.validity().not_after.timestamp()).unwrap_or(0)
}

fn common_name(leaf: &X509Certificate<'_>) -> Result<Box<str>, CertificateError> {
    let names = leaf.subject().iter_common_name();
    only_one(names.map(|name| name.as_str().ok()))
}

fn alternative_name(
    leaf: &X509Certificate<'_>,
    kind: SubjectKind,
) -> Result<Box<str>, CertificateError> {
    // Twice the extension is malformed (RFC 5280, 4.2), and which one counts would be a guess.
    let extension = leaf
        .get_extension_unique(&OID_X509_EXT_SUBJECT_ALT_NAME)
        .map_err(|_| CertificateError::Unreadable)?
        .ok_or(CertificateError::NoSubject)?;
    let names = match SubjectAlternativeName::from_der(extension.value) {
        Ok(([], names)) => names.general_names,
        _ => return Err(CertificateError::Unreadable),
    };
    only_one(names.iter().filter_map(|name| match (kind, name) {
        (SubjectKind::SanUri, GeneralName::URI(text))
        | (SubjectKind::SanDns, GeneralName::DNSName(text))
        | (SubjectKind::SanEmail, GeneralName::RFC822Name(text)) => Some(Some(*text)),
        // One of this kind that is no text still counts as one.
        (_, GeneralName::Invalid(tag, _)) if Some(tag.0) == general_name_tag(kind) => Some(None),
        _ => None,
    }))
}

/// The choice of a GeneralName (RFC 5280, 4.2.1.6) that a kind is.
fn general_name_tag(kind: SubjectKind) -> Option<u32> {
    match kind {
        SubjectKind::SanEmail => Some(1),
        SubjectKind::SanDns => Some(2),
        SubjectKind::SanUri => Some(6),
        SubjectKind::CommonName => None,
    }
}

/// Exactly one name, within the bounds of a token's subject; `None` is a name that is no text.
fn only_one<'n>(
    mut names: impl Iterator<Item = Option<&'n str>>,
) -> Result<Box<str>, CertificateError> {
    let first = names.next().ok_or(CertificateError::NoSubject)?;
    if names.next().is_some() {
        return Err(CertificateError::SeveralSubjects);
    }
    let fits = |name: &&str| {
        (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control)
    };
    first
        .filter(fits)
        .map(Into::into)
        .ok_or(CertificateError::SubjectValue)
}

#[cfg(test)]
mod tests;
