//! What becomes of a request, in words that the function and the engine have in common.

use serde_json::Value;
use tollgate_aws::function::CLIENT_HEADER;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on, with this id. Class and route are in the id: one in clear, one in its tag.
    Passed { id: Option<String> },
    /// It asked for ids, and gets them.
    Minted(Box<Minted>),
    /// It ends here.
    Refused {
        status: u16,
        kind: String,
        /// What the answer sets the id's cookie to.
        cookie: Option<String>,
    },
    /// The function failed; never expected.
    Failed(String),
}

/// The document with a user's ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Minted {
    pub(crate) root: String,
    pub(crate) kid: String,
    pub(crate) class: String,
    pub(crate) expires: Option<u64>,
    pub(crate) id: Option<String>,
    pub(crate) route: Option<String>,
    /// What the answer sets the id's cookie to.
    pub(crate) cookie: Option<String>,
}

/// The kinds of refusals that have kinds.
pub(crate) const INVALID: &str = "invalid_token";
pub(crate) const MISSING: &str = "bucket-id-missing";
pub(crate) const MISMATCH: &str = "bucket-id-mismatch";

impl Outcome {
    pub(crate) fn refused(status: u16, kind: &str) -> Self {
        let kind = kind.to_owned();
        let cookie = None;
        Self::Refused {
            status,
            kind,
            cookie,
        }
    }

    /// What a function returned; `ip` is set where it has to pass the viewer's address on.
    pub(crate) fn of_returned(returned: &Value, id_header: &str, ip: Option<&str>) -> Self {
        let headers = &returned["headers"];
        let Some(status) = returned["statusCode"].as_u64() else {
            let text = |name: &str| headers[name]["value"].as_str().map(str::to_owned);
            if ip.is_some() && text(CLIENT_HEADER).as_deref() != ip {
                return Self::Failed(format!("{CLIENT_HEADER} is {:?}", headers[CLIENT_HEADER]));
            }
            // In front of the function nothing is set, and what the client shows stays.
            let id = ip.and_then(|_| text(id_header));
            return Self::Passed { id };
        };
        let body: Value =
            serde_json::from_str(returned["body"].as_str().unwrap_or_default()).unwrap_or_default();
        if headers["cache-control"]["value"] != "no-store" {
            return Self::Failed(format!("an answer that may be stored: {returned}"));
        }
        let cookies = returned["cookies"].as_object().into_iter().flatten();
        let cookie = cookies.map(|(name, cookie)| {
            let text = |part: &str| cookie[part].as_str().unwrap_or_default().to_owned();
            format!("{name}={}; {}", text("value"), text("attributes"))
        });
        let cookie = cookie.reduce(|all, one| all + ", " + &one);
        if status == 200 {
            return Self::Minted(Box::new(Minted::of(&body, cookie)));
        }
        if body["status"] != status {
            return Self::Failed(format!("status {status} with {body}"));
        }
        let kind = body["type"].as_str().unwrap_or_default();
        let challenge = headers["www-authenticate"]["value"].as_str();
        let kind = match (status, challenge) {
            (401, Some(challenge)) if challenge.contains("error=\"invalid_token\"") => INVALID,
            (401, Some(challenge)) if challenge.starts_with("Bearer realm=\"") => "",
            (401, _) => return Self::Failed(format!("no challenge: {returned}")),
            (403, _) => kind
                .strip_prefix("urn:problem-type:tollgate:")
                .unwrap_or(kind),
            _ => "",
        };
        Self::Refused {
            status: u16::try_from(status).unwrap(),
            kind: kind.to_owned(),
            cookie,
        }
    }
}

impl Minted {
    /// From the body, which the engine's answer has as well.
    pub(crate) fn of(body: &Value, cookie: Option<String>) -> Self {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Self {
            root: text("root").unwrap_or_default(),
            kid: text("kid").unwrap_or_default(),
            class: text("class").unwrap_or_default(),
            expires: body["expires"].as_u64(),
            id: text("id"),
            route: text("route"),
            cookie,
        }
    }
}
