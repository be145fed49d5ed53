//! Bucket ids and passes for limiters outside the process.

use std::num::NonZeroU64;
use std::time::Duration;

use super::Check;
use super::header_names::Families;
use super::identity::budget;
use crate::answers::{ForwardingConfig, ResponseConfig};
use crate::codes;
use crate::diagnostics::Span;
use crate::edge::{CountBy, EdgeBefore, EdgeConfig, EdgePass};
use crate::findings::Finding;
use crate::identity::IdentityConfig;
use crate::limit::{Amount, Rate};
use crate::node::At;
use crate::raw::{CookieName, HeaderName, OffOr, RawBefore, RawBudget, RawEdge, RawPass};

const ID_HEADER: &str = "x-ratelimit-user-id";
const ID_PATH: &str = "/ratelimit-user-id";
const PASS_HEADER: &str = "x-tollgate-pass";
const LIFETIME_DEFAULT: Duration = Duration::from_secs(300);
const LIFETIME_MIN: Duration = Duration::from_secs(30);
const LIFETIME_MAX: Duration = Duration::from_secs(86_400);

/// The name under which callers are told that their network asks for ids too often.
const IDS: &str = "ids-per-network";
/// A user needs one when it begins and one when keys rotate.
const IDS_DEFAULT: Amount = Amount::Rate {
    rate: Rate {
        count: NonZeroU64::new(5).unwrap(),
        period: Duration::from_secs(1),
    },
    burst: NonZeroU64::new(50).unwrap(),
};

/// What the section must not get into the way of.
pub(super) struct Neighbours<'a> {
    pub(super) identity: &'a IdentityConfig,
    pub(super) forwarding: &'a ForwardingConfig,
    pub(super) responses: &'a ResponseConfig,
}

impl Check<'_, '_> {
    pub(super) fn edge(
        &mut self,
        raw: Option<RawEdge>,
        beside: &Neighbours<'_>,
    ) -> Option<EdgeConfig> {
        let raw = raw?;
        if raw.after != Some(true) && raw.before.is_none() && raw.pass.is_none() {
            self.error(
                Finding::error(codes::MISSING_KEY, raw.span, "the edge is given nothing")
                    .label("without `after: true`, `before` or `pass`")
                    .help("add `after: true` for a limiter behind the gateway, `before: {}` for one before it"),
            );
        }
        if beside.identity.bucket_keys.is_none() {
            self.error(
                Finding::error(codes::MISSING_KEY, raw.span, "the edge has no keys")
                    .label("keys that last as long as the process are known to nobody else")
                    .help("run `tollgate keys new bucket.keys`, and add `bucket_keys: bucket.keys` to `identity`"),
            );
        }
        let (id_span, id_header) = named(raw.id_header, raw.span, ID_HEADER);
        let pass = raw.pass.map(|pass| self.pass(pass));
        let before = raw.before.map(|before| self.before(before, beside));
        let mut taken: Vec<&str> = [
            &beside.forwarding.subject,
            &beside.forwarding.account,
            &beside.forwarding.plan,
        ]
        .into_iter()
        .filter_map(Option::as_deref)
        .collect();
        let api_keys = beside.identity.api_keys.as_ref();
        taken.extend(api_keys.map(|keys| keys.header.as_str()));
        self.free_header(&id_header, id_span, Families::Own, ID_HEADER);
        self.unique_header(&id_header, id_span, &taken);
        taken.push(&id_header);
        if let Some((span, header)) = pass.as_ref().and_then(|(span, pass)| {
            let header = pass.header.as_deref()?;
            Some((*span, header))
        }) {
            self.free_header(header, span, Families::Own, PASS_HEADER);
            self.unique_header(header, span, &taken);
        }
        let cookies = [
            beside.identity.token_cookie.as_deref(),
            before.as_ref().and_then(|before| before.cookie.as_deref()),
            pass.as_ref().and_then(|(_, pass)| pass.cookie.as_deref()),
        ];
        let cookies: Vec<&str> = cookies.into_iter().flatten().collect();
        if let Some(twice) = (1..cookies.len()).find(|at| cookies[..*at].contains(&cookies[*at])) {
            let message = format!("cookie `{}` is used twice", cookies[twice]);
            self.error(
                Finding::error(codes::DUPLICATE_NAME, raw.span, message)
                    .help("give token, id and pass a cookie each"),
            );
        }
        Some(EdgeConfig {
            after: raw.after.unwrap_or(false),
            before,
            pass: pass.map(|(_, pass)| pass),
            id_header,
        })
    }

    fn before(&mut self, raw: RawBefore, beside: &Neighbours<'_>) -> EdgeBefore {
        let span = raw.path.as_ref().map_or(raw.span, |path| path.span);
        let path = raw
            .path
            .map_or_else(|| ID_PATH.to_owned(), |path| path.value.0);
        if beside.responses.rate_limit_path.as_deref() == Some(&path) {
            self.error(
                Finding::error(codes::CONFLICT, span, "two answers have one path")
                    .label("`responses.rate_limit_path` is the same")
                    .help(format!("write another one, for example `{ID_PATH}`")),
            );
        }
        let per_network = match raw.per_network {
            None => Some(budget(IDS, IDS_DEFAULT)),
            Some(OffOr::Off) => None,
            Some(OffOr::Value(RawBudget(raw))) => self
                .rate(&raw.rate, raw.burst.as_ref())
                .map(|amount| budget(IDS, amount)),
        };
        EdgeBefore {
            path,
            per_network,
            cookie: raw.cookie.map(cookie_name),
            without_id: raw.without_id.and_then(|name| {
                self.plan(&At {
                    span: name.span,
                    value: name.value.0,
                })
            }),
            count_by: raw.count_by.map_or(CountBy::Id, |word| word.0),
        }
    }

    fn pass(&mut self, raw: RawPass) -> (Span, EdgePass) {
        let (span, header) = match raw.header {
            Some(OffOr::Off) => (raw.span, None),
            Some(OffOr::Value(name)) => (name.span, Some(name.value.0)),
            None => (raw.span, Some(PASS_HEADER.to_owned())),
        };
        if header.is_none() && raw.cookie.is_none() {
            self.error(
                Finding::error(codes::MISSING_KEY, raw.span, "nothing carries the pass")
                    .label("`header: off`, and no `cookie`")
                    .help("remove `header: off`, or add `cookie: tollgate_pass`"),
            );
        }
        let lifetime = raw
            .lifetime
            .map(|lifetime| (lifetime.span, lifetime.value.0));
        let lifetime = self.within(lifetime, "5min", LIFETIME_MIN, LIFETIME_MAX);
        let pass = EdgePass {
            header,
            cookie: raw.cookie.map(cookie_name),
            lifetime: lifetime.unwrap_or(LIFETIME_DEFAULT),
        };
        (span, pass)
    }
}

fn named(written: Option<At<HeaderName>>, section: Span, default: &str) -> (Span, String) {
    match written {
        Some(name) => (name.span, name.value.0),
        None => (section, default.to_owned()),
    }
}

fn cookie_name(name: At<CookieName>) -> String {
    name.value.0
}
