//! The policy as a CloudFront Function.
//!
//! A template (`function/edge.js`) is filled in with what the policy says, shortened, and held
//! against the language of the runtime. Routes that do not fit in ten kilobytes go to the
//! key-value store.

mod routes;
mod shorten;
mod subset;
mod template;
mod token;

use serde_json::{Value, json};
use tollgate_policy::{
    FailMode, InvalidToken, IssuerConfig, Policy, Route, RouteId, TrailingSlash,
};

use crate::classes::Classes;
use crate::target::{Target, Trust, Variant};
pub use routes::STORE_VALUE_BYTES_MAX;
pub use subset::{FUNCTION_BYTES_MAX, SubsetError, check as check_language};
use template::{Filling, SOURCE, quoted};

/// The field in which the function tells a WAF behind it the viewer's address.
pub const CLIENT_HEADER: &str = "x-tollgate-client";
/// The longest path that has more than plain segments, in bytes; the gateway takes 8 KB of it. Here
/// whatever a path costs is taken out of a budget that nobody knows, before there is a credential.
pub const NOT_PLAIN_BYTES_MAX: usize = 512;
/// The most routes of an edge; a million tokens of a template would fit in no store.
pub const EDGE_ROUTES_MAX: usize = 5_000;

/// The emitted function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its text, at most [`FUNCTION_BYTES_MAX`] bytes.
    pub source: String,
    /// Parts of the route tree for the key-value store, by key.
    pub stored_routes: Vec<(String, String)>,
    /// Most reads of the key-value store that one request can make.
    pub store_reads_max: usize,
}

/// Why a policy does not become a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// More than [`EDGE_ROUTES_MAX`] routes.
    #[error("the policy has {routes} routes; at most {EDGE_ROUTES_MAX} fit at the edge")]
    TooManyRoutes {
        /// How many.
        routes: usize,
    },
    /// One segment with too many different ones behind it.
    #[error(
        "{children} different segments behind `{path}` do not fit in one value of the key-value \
         store ({STORE_VALUE_BYTES_MAX} bytes, about {fit} of them); put a parameter in their place"
    )]
    TooWide {
        /// The path.
        path: String,
        /// How many segments.
        children: usize,
        /// How many would fit.
        fit: usize,
    },
    /// What is left beside plans and issuers is too little for the first segments of the routes.
    #[error(
        "plans, issuers and options leave {left} of the function's {FUNCTION_BYTES_MAX} bytes, and the \
         {children} first segments of the routes need more; compile fewer plans or issuers, or without \
         `--log-requests`"
    )]
    NoRoom {
        /// Bytes left.
        left: usize,
        /// How many first segments.
        children: usize,
    },
    /// Everything but the routes is too large already.
    #[error(
        "plans, issuers and classes take {bytes} bytes of the function's {FUNCTION_BYTES_MAX}, \
         without any route; compile fewer of them"
    )]
    TooLarge {
        /// Bytes without routes.
        bytes: usize,
    },
    /// Not the runtime's language: a fault of ours.
    #[error(transparent)]
    Language(#[from] SubsetError),
}

/// Compiles the function of a policy for a target that [`Target::check`] accepted.
///
/// # Errors
/// When it does not fit.
pub fn compile(policy: &Policy, target: &Target) -> Result<Function, FunctionError> {
    let routes = policy.routes().len();
    if routes > EDGE_ROUTES_MAX {
        return Err(FunctionError::TooManyRoutes { routes });
    }
    let classes = Classes::of(policy);
    // Once without any route, to see how much is left for them.
    let frame = |root: &str, patterns: bool, size: Size| {
        let mut filling = filling(policy, target, &classes);
        filling.values.insert("ROUTES", root.to_owned());
        filling.when("patterns", patterns);
        let is_fast = size == Size::Fast;
        let issuers = issuers(policy, is_fast).to_string();
        filling.values.insert("ISSUERS", issuers);
        filling.when("fast", is_fast);
        filling.when(
            "flat",
            is_fast && policy.identity().issuers.iter().all(is_flat),
        );
        filling.when("spill", size == Size::Spilt);
        shorten::shorten(&filling.fill(SOURCE))
    };
    let group = |id: RouteId| classes.group(id);
    let written = |bytes_max: usize| {
        routes::write(policy.routes(), &group, bytes_max).map_err(|wide| {
            let children = wide.children;
            if wide.path == "/" {
                let left = bytes_max;
                return FunctionError::NoRoom { left, children };
            }
            FunctionError::TooWide {
                fit: STORE_VALUE_BYTES_MAX / BYTES_A_CHILD,
                path: wide.path,
                children,
            }
        })
    };
    let mut tree = written(usize::MAX)?;
    let mut source = frame(&tree.root, tree.any_pattern, Size::Fast);
    if source.len() > FUNCTION_BYTES_MAX {
        source = frame(&tree.root, tree.any_pattern, Size::Small);
    }
    if source.len() > FUNCTION_BYTES_MAX {
        let without = frame("{}", tree.any_pattern, Size::Spilt).len();
        let left = FUNCTION_BYTES_MAX.checked_sub(without);
        let left = left.ok_or(FunctionError::TooLarge { bytes: without })?;
        let any_pattern = tree.any_pattern;
        tree = written(left + "{}".len())?;
        source = frame(&tree.root, any_pattern, Size::Spilt);
    }
    subset::check(&source)?;
    let issuer_reads = usize::from(target.trust == Trust::Hs256);
    let stored = tree.chunks.into_iter().enumerate();
    Ok(Function {
        source,
        stored_routes: stored.map(|(n, text)| (format!("r{n}"), text)).collect(),
        store_reads_max: 1 + issuer_reads + tree.reads_max,
    })
}

/// What there is room for: shortcuts for what nearly all requests are, the routes, or neither.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Fast,
    Small,
    Spilt,
}

/// What a child takes that is a number in the store: name, quotes, colon, number, comma.
const BYTES_A_CHILD: usize = 20;

fn filling(policy: &Policy, target: &Target, classes: &Classes) -> Filling {
    let mut filling = Filling::default();
    conditions(policy, target, &mut filling);
    values(policy, target, classes, &mut filling);
    filling
}

fn conditions(policy: &Policy, target: &Target, filling: &mut Filling) {
    let identity = policy.identity();
    let edge = policy.edge();
    let pass = edge.and_then(|edge| edge.pass.as_ref());
    let before = edge.and_then(|edge| edge.before.as_ref());
    let is_before = target.variant == Variant::Before;
    let is_pass = target.trust == Trust::Pass;
    let anonymous = identity.anonymous.is_some();
    let id_cookie = is_before && before.is_some_and(|before| before.cookie.is_some());
    let pass_header = is_pass && pass.is_some_and(|pass| pass.header.is_some());
    let pass_cookie = is_pass && pass.is_some_and(|pass| pass.cookie.is_some());
    filling.when("before", is_before);
    filling.when("behind", !is_before);
    filling.when("pass", is_pass);
    filling.when("token", !is_pass);
    filling.when("hs256", target.trust == Trust::Hs256);
    filling.when("open", target.on_failure == FailMode::Open);
    filling.when("log", target.log);
    filling.when("anonymous", anonymous);
    filling.when("networks", !is_before);
    filling.when("lenient", identity.invalid_token == InvalidToken::Anonymous);
    filling.when("ring", is_before || is_pass);
    filling.when("one", !is_pass || is_before || pass_header || pass_cookie);
    filling.when(
        "without",
        before.is_some_and(|before| before.without_id.is_some()),
    );
    filling.when("idcookie", id_cookie);
    filling.when("passheader", pass_header);
    filling.when("passcookie", pass_cookie);
    filling.when("tokencookie", identity.token_cookie.is_some());
    let typ = identity.issuers.iter().any(|issuer| issuer.typ.is_some());
    filling.when("typ", typ);
    filling.when("usual", target.trust == Trust::Hs256 && !typ);
    filling.when("same", target.trust == Trust::Hs256 || is_pass || is_before);
    let required = |issuer: &IssuerConfig| !issuer.required_claims.is_empty();
    filling.when("required", identity.issuers.iter().any(required));
    let client = |issuer: &IssuerConfig| issuer.claims.client.is_some();
    filling.when("client", identity.issuers.iter().any(client));
    let is_ascii = |(_, route): (RouteId, &Route)| route.template.is_ascii();
    filling.when("ascii", policy.routes().iter().all(is_ascii));
    let rules = policy.paths();
    filling.when("slash", rules.trailing_slash == TrailingSlash::Ignore);
    filling.when("fold", !rules.case_sensitive);
}

fn values(policy: &Policy, target: &Target, classes: &Classes, filling: &mut Filling) {
    let identity = policy.identity();
    let edge = policy.edge();
    let before = edge.and_then(|edge| edge.before.as_ref());
    let pass = edge.and_then(|edge| edge.pass.as_ref());
    let anonymous = identity.anonymous.as_ref();
    let id_header = id_header(policy);
    let plans = || policy.plans().iter().enumerate();
    let names = plans().map(|(index, plan)| (plan.name.to_string(), json!(index)));
    let of_class = plans().map(|(index, plan)| (plan.class.to_string(), json!(index)));
    let plan_classes: Vec<&str> = policy.plans().iter().map(|plan| &*plan.class).collect();
    let never: Vec<u8> = classes
        .never_block
        .iter()
        .map(|never| u8::from(*never))
        .collect();
    let names = if target.trust == Trust::Pass {
        json!({})
    } else {
        Value::Object(names.collect())
    };
    let text = |text: Option<&str>| quoted(text.unwrap_or_default());
    let values: [(&'static str, String); 20] = [
        ("NOTPLAIN", NOT_PLAIN_BYTES_MAX.to_string()),
        ("UNMATCHED", classes.group(RouteId::UNMATCHED).to_string()),
        ("CLASSES", json!(classes.by_plan).to_string()),
        ("NAMES", names.to_string()),
        ("ID", quoted(&id_header)),
        ("CLIENT", quoted(CLIENT_HEADER)),
        ("NOBODY", quoted(&classes.nobody)),
        (
            "ANONYMOUS",
            anonymous
                .map_or(0, |anonymous| anonymous.plan.0)
                .to_string(),
        ),
        (
            "IPV4",
            anonymous
                .map_or(32, |anonymous| anonymous.ipv4_prefix)
                .to_string(),
        ),
        (
            "IPV6",
            anonymous
                .map_or(64, |anonymous| anonymous.ipv6_prefix)
                .to_string(),
        ),
        ("DEFAULT", policy.default_plan().0.to_string()),
        ("REALM", quoted(&policy.responses().realm)),
        ("MINT", text(before.map(|before| before.path.as_str()))),
        ("FREE", json!(never).to_string()),
        (
            "IDCOOKIE",
            text(before.and_then(|before| before.cookie.as_deref())),
        ),
        (
            "PASSHEADER",
            text(pass.and_then(|pass| pass.header.as_deref())),
        ),
        (
            "PASSCOOKIE",
            text(pass.and_then(|pass| pass.cookie.as_deref())),
        ),
        ("TOKENCOOKIE", text(identity.token_cookie.as_deref())),
        ("PLANCLASSES", json!(plan_classes).to_string()),
        ("PLANOFCLASS", Value::Object(of_class.collect()).to_string()),
    ];
    filling.values.extend(values);
    let keys = identity.api_keys.as_ref();
    filling
        .values
        .insert("KEYHEADER", text(keys.map(|keys| keys.header.as_str())));
}

/// The field with the id.
pub(crate) fn id_header(policy: &Policy) -> String {
    let edge = policy.edge();
    edge.map_or("x-ratelimit-user-id", |edge| edge.id_header.as_str())
        .to_owned()
}

/// With the beginning of what a user's root is made from, if `is_fast`.
fn issuers(policy: &Policy, is_fast: bool) -> Value {
    let one = |issuer: &IssuerConfig| {
        let claims = &issuer.claims;
        let path = |path: &Option<String>| path.as_deref().map(claim_path);
        let algorithms: Vec<&str> = issuer.algorithms.iter().map(|one| one.as_str()).collect();
        let required: Vec<Value> = issuer
            .required_claims
            .iter()
            .map(|one| claim_path(one))
            .collect();
        let mut one = json!({
            "iss": issuer.issuer,
            "aud": issuer.audiences,
            "alg": algorithms,
            "typ": issuer.typ,
            "leeway": issuer.leeway.as_secs(),
            "max": issuer.max_lifetime.as_secs(),
            "required": required,
            "sub": claim_path(&claims.subject),
            "client": path(&claims.client),
            "account": path(&claims.account),
            "plan": path(&claims.plan),
        });
        if is_fast {
            let name = &issuer.issuer;
            one["user"] = format!("tollgate/user/1{}:{name}", name.len()).into();
        }
        one
    };
    policy.identity().issuers.iter().map(one).collect()
}

/// Whether everybody is named by three claims at the top.
fn is_flat(issuer: &IssuerConfig) -> bool {
    let claims = &issuer.claims;
    let at_top = |path: Option<&str>| path.is_some_and(|path| claim_path(path).is_string());
    at_top(Some(&claims.subject))
        && at_top(claims.account.as_deref())
        && at_top(claims.plan.as_deref())
        && claims.client.is_none()
}

/// A claim's place, the names of a list one in the other: dots descend, unless the name is a URI (as
/// `crates/identity` reads it).
fn claim_path(path: &str) -> Value {
    if path.contains([':', '/']) || !path.contains('.') {
        return json!(path);
    }
    path.split('.').collect()
}
