//! The edge header both ways, and the edge pass: what limiters outside the process are given.
//!
//! *After*: the origin's side gets the bucket id of the verified user ([`crate::Decision::forward_headers`]).
//! *Before*: the client presents its own, for a limiter that saw the request first; here it is
//! held against the verified user. A wrong one is 403 and touches no bucket: presented ids never
//! name what is counted.

use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_identity::{LimitClass, PresentedId, PresentedRoot, User, cookie};
use tollgate_limiter::Table;
use tollgate_policy::{EdgeBefore, EdgeConfig, EdgePass, PlanId};

use crate::budget::Budget;
use crate::decision::{Decision, Forbidden, Principal};
use crate::error::EngineError;
use crate::forward::header_name;
use crate::head::RequestHead;
use crate::keys::HashKey;
use crate::snapshot::Snapshot;

/// The `edge` section made ready.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) id_header: HeaderName,
    pub(crate) after: bool,
    pub(crate) before: Option<Before>,
    pub(crate) pass: Option<PassRules>,
}

/// How users present their ids.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) path: String,
    pub(crate) cookie: Option<String>,
    without_id: Option<PlanId>,
    /// What a network may ask for.
    pub(crate) per_network: Option<Budget>,
}

/// How the pass travels, and how long it lives.
#[derive(Debug)]
pub(crate) struct PassRules {
    pub(crate) header: Option<HeaderName>,
    pub(crate) cookie: Option<String>,
    lifetime_s: u64,
}

/// A pass is renewed when this part of its lifetime is left.
const RENEW_FROM: u64 = 4;

// === impl Edge ===

impl Edge {
    pub(crate) fn compile(
        config: &EdgeConfig,
        hash: &HashKey,
        table: &Table,
    ) -> Result<Self, EngineError> {
        let before = config.before.as_ref();
        let pass = config.pass.as_ref();
        Ok(Self {
            id_header: header_name(&config.id_header)?,
            after: config.after,
            before: before
                .map(|before| Before::compile(before, hash, table))
                .transpose()?,
            pass: pass.map(PassRules::compile).transpose()?,
        })
    }
}

impl Before {
    fn compile(config: &EdgeBefore, hash: &HashKey, table: &Table) -> Result<Self, EngineError> {
        let budget = config.per_network.as_ref();
        Ok(Self {
            path: config.path.clone(),
            cookie: config.cookie.clone(),
            without_id: config.without_id,
            per_network: budget
                .map(|limit| Budget::compile(limit, hash, table))
                .transpose()?,
        })
    }
}

impl PassRules {
    fn compile(config: &EdgePass) -> Result<Self, EngineError> {
        Ok(Self {
            header: config.header.as_deref().map(header_name).transpose()?,
            cookie: config.cookie.clone(),
            lifetime_s: config.lifetime.as_secs(),
        })
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Holds the id that a user presents against the user. Says the plan for one who presents
    /// none, where there is such a plan.
    pub(crate) fn check_id(
        &self,
        decision: &Decision,
        head: &RequestHead<'_>,
    ) -> Result<Option<PlanId>, Forbidden> {
        let Some((edge, before)) = self.edge.as_ref().and_then(|edge| {
            let before = edge.before.as_ref()?;
            Some((edge, before))
        }) else {
            return Ok(None);
        };
        let presented = Presented::of(head.headers, &edge.id_header, before.cookie.as_deref());
        let (Principal::User(user), Some(plan)) = (&decision.principal, decision.plan) else {
            // Who is nobody has no id: one that is shown is somebody else's, or made up so that a
            // limiter in front counts under a new name each time.
            return match presented {
                Presented { any: false, .. } => Ok(None),
                _ => Err(Forbidden::BucketIdMismatch),
            };
        };
        // What a blocked customer needs in order to pay is never refused for an id.
        let route = self.policy().routes().get(decision.route);
        let now_s = decision.now.unix_s();
        if !presented.any {
            return match before.without_id {
                None if !route.never_block => Err(Forbidden::BucketIdMissing),
                plan => Ok(plan),
            };
        }
        // Everything that is shown must hold: a limiter in front may count by the field or by the
        // cookie, and a good one must not lend its name to a bad one.
        let class = self.class_on(plan, decision.route);
        let of_route = (&class, route.method.as_str(), &*route.template);
        let is_id = |text: &str| {
            let id = text.parse::<PresentedId>();
            id.is_ok_and(|id| id.is_of(user, of_route, &self.ring, now_s))
        };
        let is_root = |text: &str| {
            let root = text.parse::<PresentedRoot>();
            root.is_ok_and(|root| root.is_of(user, self.class_of(plan), &self.ring, now_s))
        };
        let all_hold = !presented.ambiguous
            && presented.field.is_none_or(is_id)
            && presented.cookie.is_none_or(is_root);
        if route.never_block || all_hold {
            Ok(None)
        } else {
            Err(Forbidden::BucketIdMismatch)
        }
    }

    /// The plan for whose class a user is to be given a new pass with the answer, if one is due.
    pub(crate) fn due_pass(&self, decision: &Decision, headers: &HeaderMap) -> Option<PlanId> {
        let rules = self.edge.as_ref()?.pass.as_ref()?;
        let (Principal::User(user), Some(plan)) = (&decision.principal, decision.plan) else {
            return None;
        };
        let now_s = decision.now.unix_s();
        let next = self.ring.pass_expiry(user, now_s, rules.lifetime_s)?;
        let class = self.class_of(plan);
        let still_good = |pass: &str| {
            let held = self.ring.held_pass(pass, user, class, now_s);
            held.is_some_and(|held| {
                let left_s = held.expires_unix_s.saturating_sub(now_s);
                left_s > rules.lifetime_s / RENEW_FROM || held.expires_unix_s >= next
            })
        };
        let presented = match &rules.header {
            Some(name) => Presented::of(headers, name, rules.cookie.as_deref()),
            None => Presented::in_cookie(headers, rules.cookie.as_deref()),
        };
        let mut shown = presented.field.into_iter().chain(presented.cookie);
        (!shown.any(still_good)).then_some(plan)
    }

    /// A pass for the user of a decision, if the policy has passes.
    pub(crate) fn new_pass(
        &self,
        user: &User,
        class: &LimitClass,
        now_s: u64,
    ) -> Option<(&PassRules, tollgate_identity::Pass)> {
        let rules = self.edge.as_ref()?.pass.as_ref()?;
        let pass = self.ring.mint_pass(user, class, now_s, rules.lifetime_s)?;
        Some((rules, pass))
    }
}

// === impl Decision ===

impl Decision {
    /// Takes back a cookie that did not hold, so that a browser that kept one past its key is not
    /// refused for good.
    pub(crate) fn forget_id(&self, headers: &mut HeaderMap) {
        let before = self
            .snapshot
            .edge
            .as_ref()
            .and_then(|edge| edge.before.as_ref());
        if let Some(name) = before.and_then(|before| before.cookie.as_deref()) {
            set_cookie(headers, name, "", Some(0));
        }
    }

    /// Adds a new pass to an answer, where one is due and no shared cache may keep it.
    ///
    /// An answer to an authenticated request is private unless it says otherwise (RFC 9111,
    /// section 3.5); caches in front of origins do not all know, so that it is said.
    pub(crate) fn pass_fields(&self, headers: &mut HeaderMap) {
        let (Some(plan), Principal::User(user)) = (self.pass_due, &self.principal) else {
            return;
        };
        match cacheability(headers) {
            Cacheability::Private => {}
            Cacheability::Unsaid => {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
            }
            Cacheability::Shared => return,
        }
        let now_s = self.now.unix_s();
        let class = self.snapshot.class_of(plan);
        if let Some((rules, pass)) = self.snapshot.new_pass(user, class, now_s) {
            rules.write(&pass, now_s, headers);
        }
    }
}

impl PassRules {
    pub(crate) fn write(
        &self,
        pass: &tollgate_identity::Pass,
        now_s: u64,
        headers: &mut HeaderMap,
    ) {
        if let (Some(name), Ok(mut value)) = (&self.header, HeaderValue::from_str(&pass.token)) {
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        if let Some(name) = &self.cookie {
            set_cookie(
                headers,
                name,
                &pass.token,
                Some(pass.expires_unix_s - now_s),
            );
        }
    }
}

/// A cookie that scripts cannot read and that only TLS carries, for the whole site.
pub(crate) fn set_cookie(headers: &mut HeaderMap, name: &str, value: &str, seconds: Option<u64>) {
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let text = format!("{name}={value}; Path=/{age}; Secure; HttpOnly; SameSite=Lax");
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        headers.append(SET_COOKIE, value);
    }
}

/// Who may keep an answer.
enum Cacheability {
    /// Its own client, or nobody.
    Private,
    /// Nothing is said of it.
    Unsaid,
    /// Perhaps a cache that others are served from.
    Shared,
}

/// `private` with names of fields keeps only those from a shared cache (RFC 9111, section 5.2.2.7),
/// and a field meant for one cache alone overrides what is said to all (RFC 9213, section 2.2).
fn cacheability(headers: &HeaderMap) -> Cacheability {
    let is_targeted = |name: &HeaderName| {
        let name = name.as_str();
        name == "surrogate-control" || name.ends_with("-cache-control")
    };
    if headers.keys().any(is_targeted) {
        return Cacheability::Shared;
    }
    let mut lines = headers.get_all(CACHE_CONTROL).iter().peekable();
    if lines.peek().is_none() {
        return Cacheability::Unsaid;
    }
    let mut directives = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let keeps_out = |directive: &[u8]| {
        let directive = directive.trim_ascii();
        directive.eq_ignore_ascii_case(b"private") || directive.eq_ignore_ascii_case(b"no-store")
    };
    if directives.any(keeps_out) {
        Cacheability::Private
    } else {
        Cacheability::Shared
    }
}

/// What a request carries in a field and in a cookie.
struct Presented<'h> {
    field: Option<&'h str>,
    cookie: Option<&'h str>,
    /// There is something in either.
    any: bool,
    /// Something stands twice, or is no text: nothing tells what another reader takes.
    ambiguous: bool,
}

impl<'h> Presented<'h> {
    fn of(headers: &'h HeaderMap, name: &HeaderName, cookie: Option<&str>) -> Self {
        let mut presented = Self::in_cookie(headers, cookie);
        let mut fields = headers.get_all(name).iter();
        if let Some(field) = fields.next() {
            presented.any = true;
            presented.field = field.to_str().ok();
            presented.ambiguous |= presented.field.is_none() || fields.next().is_some();
        }
        presented
    }

    fn in_cookie(headers: &'h HeaderMap, name: Option<&str>) -> Self {
        let found = name.map_or(Ok(None), |name| cookie(headers, name));
        let value = found.map(|value| value.map(str::from_utf8));
        Self {
            field: None,
            cookie: value.ok().flatten().and_then(Result::ok),
            any: !matches!(value, Ok(None)),
            ambiguous: !matches!(value, Ok(None | Some(Ok(_)))),
        }
    }
}
