//! A descriptor's entries, or a bucket's, to the request that they describe.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tollgate_engine::policy::{AskedIdentity, Template};
use tollgate_engine::{Asked, Counting, Engine, Forwarding, Hits, NamedCaller, RequestHead};
use tonic::Status;

use crate::messages::rate_limit::RateLimitDescriptor;
use crate::rate_limit::hits;

/// The longest subject, account and issuer, in bytes; that of tokens.
const NAME_BYTES_MAX: usize = 255;

/// What stands for each parameter of a template whose path is not said.
const ANY_VALUE: &str = "-";

/// A request as it is asked about.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    method: Method,
    path: Cow<'a, str>,
    query: Option<&'a str>,
    template: Option<Template>,
    headers: HeaderMap,
    address: Option<IpAddr>,
    caller: Option<NamedCaller<'a>>,
    has_credential: bool,
    hits: u64,
}

/// Why a request cannot be decided by the policy.
#[derive(Debug)]
pub(crate) enum Misread {
    /// Whoever asks is configured so: no question of its can be understood.
    Configuration(Status),
    /// The request is like that. Its caller may have wanted it to be: so it is refused, and no error,
    /// for which Envoy would let it through.
    Request,
}

/// What a descriptor says, by its well-known keys.
#[derive(Debug, Default)]
struct Entries<'a> {
    method: Option<&'a str>,
    path: Option<&'a str>,
    template: Option<&'a str>,
    remote_address: Option<&'a str>,
    authorization: Option<&'a str>,
    token: Option<&'a str>,
    api_key: Option<&'a str>,
    bucket_id: Option<&'a str>,
    issuer: Option<&'a str>,
    subject: Option<&'a str>,
    account: Option<&'a str>,
    plan: Option<&'a str>,
}

// === impl Misread ===

impl Misread {
    fn configuration(message: impl Into<String>) -> Self {
        Self::Configuration(Status::invalid_argument(message))
    }
}

// === impl Question ===

impl<'a> Question<'a> {
    /// Reads a descriptor of a domain that the policy decides.
    pub(crate) fn read(
        descriptor: &'a RateLimitDescriptor,
        hits_of_question: u32,
        identity: AskedIdentity,
        engine: &Engine,
    ) -> Result<Self, Misread> {
        let entries = descriptor.entries.iter();
        let entries = Entries::read(entries.map(|entry| (&*entry.key, &*entry.value)))?;
        if descriptor.limit.is_some() {
            return Err(Misread::configuration(
                "a domain of the policy takes its limits from the policy: `limit` is not taken",
            ));
        }
        let Hits::Take(hits) = hits(descriptor, hits_of_question) else {
            return Err(Misread::configuration(
                "a domain of the policy takes no negative hits",
            ));
        };
        Self::of(&entries, hits, identity, engine)
    }

    fn of(
        entries: &Entries<'a>,
        hits: u64,
        identity: AskedIdentity,
        engine: &Engine,
    ) -> Result<Self, Misread> {
        let method = entries.method.ok_or_else(|| missing("method"))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Misread::Request)?;
        let template = entries.template.map(Template::parse).transpose();
        let template = template.map_err(|_| {
            Misread::configuration("`template` is no path template, as `/orders/{order_id}` is")
        })?;
        let (path, query) = match (entries.path, &template) {
            (Some(path), _) => match path.split_once('?') {
                Some((path, query)) => (Cow::Borrowed(path), Some(query)),
                None => (Cow::Borrowed(path), None),
            },
            (None, Some(template)) => (Cow::Owned(template.path(|_| ANY_VALUE.to_owned())), None),
            (None, None) => return Err(missing("path")),
        };
        Ok(Self {
            method,
            path,
            query,
            template,
            headers: entries.headers(identity, engine)?,
            address: entries.remote_address.map(address).transpose()?,
            caller: match identity {
                AskedIdentity::Token => None,
                AskedIdentity::Verified => Some(entries.caller()?),
            },
            has_credential: entries.has_credential(),
            hits,
        })
    }

    /// The head; `peer` is whoever asks, and stands for callers whose address is not said.
    pub(crate) fn head(&self, peer: IpAddr) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            path: &self.path,
            query: self.query,
            headers: &self.headers,
            peer: self.address.unwrap_or(peer),
            certificate: None,
        }
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            template: self.template.as_ref(),
            counting: Counting::Hits(self.hits),
            cost: None,
            // Envoy forwards the path that it asked about, and has `OK` and `OVER_LIMIT` for answers.
            forwarding: Forwarding::WithoutAnswers,
            caller: self.caller,
        }
    }

    pub(crate) fn has_credential(&self) -> bool {
        self.has_credential
    }
}

// === impl Entries ===

impl<'a> Entries<'a> {
    /// Each key once, and no other: a misspelt one would be a limit that does not hold.
    fn read(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Misread> {
        let mut read = Self::default();
        for (key, value) in entries {
            let slot = match key {
                "method" => &mut read.method,
                "path" => &mut read.path,
                "template" => &mut read.template,
                "remote_address" | "masked_remote_address" => &mut read.remote_address,
                "authorization" => &mut read.authorization,
                "token" => &mut read.token,
                "api_key" => &mut read.api_key,
                "bucket_id" => &mut read.bucket_id,
                "issuer" => &mut read.issuer,
                "subject" => &mut read.subject,
                "account" => &mut read.account,
                "plan" => &mut read.plan,
                _ => {
                    return Err(Misread::configuration(
                        "the descriptor has a key that a domain of the policy does not know; see \
                         docs/integrations/envoy-rls.md",
                    ));
                }
            };
            if slot.is_some() {
                return Err(Misread::configuration(format!(
                    "the descriptor has `{key}` twice"
                )));
            }
            *slot = Some(value);
        }
        Ok(read)
    }

    fn has_credential(&self) -> bool {
        let shown = [self.authorization, self.token, self.api_key];
        shown.iter().any(Option::is_some)
    }

    /// The fields that the engine reads: credentials, and a bucket id.
    fn headers(&self, identity: AskedIdentity, engine: &Engine) -> Result<HeaderMap, Misread> {
        let named = [self.issuer, self.subject, self.account, self.plan];
        match identity {
            AskedIdentity::Token if named.iter().any(Option::is_some) => {
                return Err(Misread::configuration(
                    "this domain believes credentials only; `issuer`, `subject`, `account` and \
                     `plan` are for domains with `identity: verified`",
                ));
            }
            AskedIdentity::Verified if self.has_credential() => {
                return Err(Misread::configuration(
                    "this domain is told who calls; credentials are for domains with `identity: \
                     token`",
                ));
            }
            _ => {}
        }
        let mut headers = HeaderMap::new();
        let snapshot = engine.snapshot();
        let policy = snapshot.policy();
        match (self.authorization, self.token) {
            (Some(_), Some(_)) => {
                return Err(Misread::configuration(
                    "the descriptor has both `authorization` and `token`",
                ));
            }
            (Some(value), None) if value.contains(' ') => {
                headers.insert(AUTHORIZATION, field(value)?);
            }
            (Some(token), None) | (None, Some(token)) => {
                let value = format!("Bearer {token}");
                headers.insert(AUTHORIZATION, field(&value)?);
            }
            (None, None) => {}
        }
        let keys = policy.identity().api_keys.as_ref();
        if let (Some(value), Some(keys)) = (self.api_key, keys) {
            headers.insert(name(&keys.header)?, field(value)?);
        }
        if let (Some(value), Some(edge)) = (self.bucket_id, policy.edge()) {
            headers.insert(name(&edge.id_header)?, field(value)?);
        }
        Ok(headers)
    }

    fn caller(&self) -> Result<NamedCaller<'a>, Misread> {
        let subject = self.subject.filter(|subject| !subject.is_empty());
        let Some(subject) = subject else {
            return Ok(NamedCaller::Nobody);
        };
        let issuer = self.issuer.filter(|issuer| !issuer.is_empty());
        let issuer = issuer.ok_or_else(|| missing("issuer"))?;
        let given = |value: Option<&'a str>| value.filter(|value| !value.is_empty());
        let caller = NamedCaller::User {
            issuer,
            subject,
            account: given(self.account),
            plan: given(self.plan),
        };
        let names = [Some(issuer), Some(subject), self.account, self.plan];
        let is_name =
            |name: &str| name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
        match names.into_iter().flatten().all(is_name) {
            true => Ok(caller),
            false => Err(Misread::Request),
        }
    }
}

fn missing(key: &str) -> Misread {
    Misread::configuration(format!("the descriptor has no `{key}`"))
}

/// A name that the policy has checked.
fn name(text: &str) -> Result<HeaderName, Misread> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| Misread::Request)
}

fn field(value: &str) -> Result<HeaderValue, Misread> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Misread::Request)
}

/// An address, or a network of which the first address stands for all.
fn address(text: &str) -> Result<IpAddr, Misread> {
    let address = text.split('/').next().unwrap_or(text);
    address
        .parse()
        .map_err(|_| Misread::configuration("`remote_address` is no IP address"))
}
