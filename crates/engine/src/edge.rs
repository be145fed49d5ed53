//! The edge header both ways, and the edge pass: what limiters outside the process are given.
//!
//! *After*: the origin's side gets the bucket id of the verified user ([`crate::Decision::forward_headers`]).
//! *Before*: the client presents its own, for a limiter that saw the request first; here it is
//! held against the verified user. A wrong one is 403 and touches no bucket: presented ids never
//! name what is counted.

use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_identity::{LimitClass, PresentedId, User, cookie};
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
        let (Principal::User(user), Some(plan)) = (&decision.principal, decision.plan) else {
            return Ok(None);
        };
        let presented = match presented(head.headers, &edge.id_header, before.cookie.as_deref()) {
            Presented::One(text) => text.parse::<PresentedId>().ok(),
            Presented::None => {
                // What a blocked customer needs in order to pay is never refused for lack of one.
                let never_block = self.policy().routes().get(decision.route).never_block;
                return match before.without_id {
                    None if !never_block => Err(Forbidden::BucketIdMissing),
                    plan => Ok(plan),
                };
            }
            Presented::Ambiguous => None,
        };
        let route = self.policy().routes().get(decision.route);
        let of_route = (self.class_of(plan), route.method.as_str(), &*route.template);
        let now_s = decision.now.unix_s();
        match presented {
            Some(id) if id.is_of(user, of_route, &self.ring, now_s) => Ok(None),
            _ => Err(Forbidden::BucketIdMismatch),
        }
    }

    /// Whether a user is to be given a new pass with the answer.
    pub(crate) fn pass_is_due(&self, decision: &Decision, headers: &HeaderMap) -> bool {
        let Some(rules) = self.edge.as_ref().and_then(|edge| edge.pass.as_ref()) else {
            return false;
        };
        let (Principal::User(user), Some(plan)) = (&decision.principal, decision.plan) else {
            return false;
        };
        let now_s = decision.now.unix_s();
        let Some(next) = self.ring.pass_expiry(user, now_s, rules.lifetime_s) else {
            return false;
        };
        let held = match &rules.header {
            Some(name) => presented(headers, name, rules.cookie.as_deref()),
            None => in_cookie(headers, rules.cookie.as_deref()),
        };
        let held = match held {
            Presented::One(pass) => self.ring.held_pass(pass, user, self.class_of(plan), now_s),
            Presented::None | Presented::Ambiguous => None,
        };
        held.is_none_or(|held| {
            let left_s = held.expires_unix_s.saturating_sub(now_s);
            left_s <= rules.lifetime_s / RENEW_FROM && held.expires_unix_s < next
        })
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
    /// Adds a new pass to an answer, where one is due and no shared cache may keep it.
    ///
    /// An answer to an authenticated request is private unless it says otherwise (RFC 9111,
    /// section 3.5); caches in front of origins do not all know, so that it is said.
    pub(crate) fn pass_fields(&self, headers: &mut HeaderMap) {
        let (true, Principal::User(user), Some(plan)) = (self.pass_due, &self.principal, self.plan)
        else {
            return;
        };
        let is_private = |value: &HeaderValue| {
            let value = value.as_bytes().to_ascii_lowercase();
            let says = |word: &[u8]| value.windows(word.len()).any(|part| part == word);
            says(b"private") || says(b"no-store")
        };
        match headers.get(CACHE_CONTROL).map(is_private) {
            Some(false) => return,
            Some(true) => {}
            None => {
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
            }
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

/// What a request carries in a field, or else in a cookie.
enum Presented<'h> {
    None,
    One(&'h str),
    /// Twice, or no text: nothing tells what another reader takes.
    Ambiguous,
}

fn presented<'h>(headers: &'h HeaderMap, name: &HeaderName, cookie: Option<&str>) -> Presented<'h> {
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (None, _) => in_cookie(headers, cookie),
        (Some(field), None) => field.to_str().map_or(Presented::Ambiguous, Presented::One),
        (Some(_), Some(_)) => Presented::Ambiguous,
    }
}

fn in_cookie<'h>(headers: &'h HeaderMap, name: Option<&str>) -> Presented<'h> {
    let Some(name) = name else {
        return Presented::None;
    };
    match cookie(headers, name) {
        Ok(None) => Presented::None,
        Ok(Some(value)) => str::from_utf8(value).map_or(Presented::Ambiguous, Presented::One),
        Err(_) => Presented::Ambiguous,
    }
}
