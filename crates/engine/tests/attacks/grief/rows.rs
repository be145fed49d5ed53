//! The rows: what is sent, its status, and whose count moves.

use serde_json::{Value, json};
use tollgate_identity::Algorithm;

use super::{Charged, Known, Nobody, Row, Sender, SendersNetwork};
use crate::gateway::Request;
use crate::support::*;

/// `name => request, status, who is charged;`
macro_rules! rows {
    ($group:literal: $($what:literal => $request:expr, $status:literal, $charged:expr;)+) => {
        vec![$(row($group, $what, $request, $status, $charged)),+]
    };
}

fn row(
    group: &'static str,
    what: &'static str,
    request: Request,
    status: u16,
    charged: Charged,
) -> Row {
    Row {
        group,
        what,
        request,
        status,
        charged,
    }
}

pub(crate) fn all(known: &Known) -> Vec<Row> {
    let mut rows = tokens(known);
    rows.extend(bucket_ids(known));
    rows.extend(fields(known));
    rows.extend(places(known));
    rows.extend(equal_names());
    rows.extend(look_alikes());
    rows
}

/// Tokens that name the victim and are not the issuer's.
fn tokens(known: &Known) -> Vec<Row> {
    let swapped = {
        let (_, signature) = known.mallory.rsplit_once('.').unwrap();
        with_signature(&known.token, signature)
    };
    let unsigned = format!(
        "{}.{}.",
        b64(r#"{"alg":"none"}"#),
        b64(claims().to_string())
    );
    let confused = hs256(&all_keys(), r#"{"alg":"HS256","kid":"ed"}"#, &claims());
    let own_key = {
        let header = json!({"alg": "EdDSA", "jwk": KEYS.other_ed.jwk()}).to_string();
        let claims = claims().to_string();
        sign_raw(&KEYS.other_ed, Algorithm::EdDSA, &header, claims.as_bytes())
    };
    let expired = with_claims(json!({"exp": NOW_S - 3600}));
    rows! { "a token that names the victim":
        "forged `sub` under the attacker's own signature" => Request::bearer(&swapped), 401, Nobody;
        "unsigned token" => Request::bearer(&unsigned), 401, Nobody;
        "HS256 under the public key set" => Request::bearer(&confused), 401, Nobody;
        "signed by a key that the token brings" => Request::bearer(&own_key), 401, Nobody;
        "the victim's token, expired" => Request::bearer(&expired), 401, Nobody;
        "the victim's token with padding" => Request::bearer(&format!("{}=", known.token)), 401, Nobody;
        "`sub` twice, the victim's last" => Request::bearer(&raw_claims(r#""sub":"mallory""#)), 401, Nobody;
        "the victim's token beside the attacker's" => Request::bearer(&known.mallory).field("authorization", &format!("Bearer {}", known.token)), 400, Nobody;
        "the victim's token joined to the attacker's" => Request::bearer(&format!("{},Bearer {}", known.mallory, known.token)), 400, Nobody;
    }
}

/// The name of the victim's bucket.
fn bucket_ids(known: &Known) -> Vec<Row> {
    let id = known.bucket_id.as_str();
    let mallory = || Request::bearer(&known.mallory);
    rows! { "the victim's bucket id, copied":
        "in `x-ratelimit-user-id` with another token" => mallory().field("x-ratelimit-user-id", id), 200, Sender;
        "in `X_RateLimit_User_Id` with another token" => mallory().field("X_RateLimit_User_Id", id), 200, Sender;
        "in `x-ratelimit-user-id` without a token" => Request::new().field("x-ratelimit-user-id", id), 200, SendersNetwork;
        "in `x-tollgate-bucket` with another token" => mallory().field("x-tollgate-bucket", id), 200, Sender;
        "in `ratelimit` with another token" => mallory().field("ratelimit", &format!("\"burst\";r=0;pk=:{id}:")), 200, Sender;
        "in a cookie with another token" => mallory().field("cookie", &format!("x-ratelimit-user-id={id}")), 200, Sender;
        "in the query with another token" => mallory().query(&format!("x-ratelimit-user-id={id}")), 200, Sender;
        "as a bearer token" => Request::bearer(id), 401, Nobody;
        "as the `sub` of the attacker's token" => Request::bearer(&with_claims(json!({ "sub": id }))), 200, Sender;
    }
}

/// Fields by which somebody else might tell who calls.
fn fields(known: &Known) -> Vec<Row> {
    let with = |name: &str| Request::bearer(&known.mallory).field(name, "alice");
    let home = "203.0.113.9";
    rows! { "the victim's name or address in a field":
        "`x-tollgate-subject`" => with("x-tollgate-subject"), 200, Sender;
        "`X-Tollgate-Subject` twice" => with("X-Tollgate-Subject").field("X-Tollgate-Subject", "alice"), 200, Sender;
        "`X_Tollgate_Subject`" => with("X_Tollgate_Subject"), 200, Sender;
        "`x_tollgate-subject`" => with("x_tollgate-subject"), 200, Sender;
        "`x-tollgate-user`" => with("x-tollgate-user"), 200, Sender;
        "`x-tollgate-account`" => with("x-tollgate-account"), 200, Sender;
        "`x-tollgate-subject` without a token" => Request::new().field("x-tollgate-subject", "alice"), 200, SendersNetwork;
        "`x-forwarded-user`" => with("x-forwarded-user"), 200, Sender;
        "`remote-user`" => with("remote-user"), 200, Sender;
        "`x-amzn-oidc-identity`" => with("x-amzn-oidc-identity"), 200, Sender;
        "`x-forwarded-client-cert`" => Request::new().field("x-forwarded-client-cert", "Subject=\"CN=alice\""), 200, SendersNetwork;
        "`x-forwarded-for` with the victim's address" => Request::new().field("x-forwarded-for", home), 200, SendersNetwork;
        "`X_Forwarded_For` with the victim's address" => Request::new().field("X_Forwarded_For", home), 200, SendersNetwork;
        "`forwarded` with the victim's address" => Request::new().field("forwarded", &format!("for={home}")), 200, SendersNetwork;
        "`x-real-ip` with the victim's address" => Request::new().field("x-real-ip", home), 200, SendersNetwork;
        "`true-client-ip` with the victim's address" => Request::new().field("true-client-ip", home), 200, SendersNetwork;
    }
}

/// Places other than `Authorization`, where a token is not looked for.
fn places(known: &Known) -> Vec<Row> {
    let token = known.token.as_str();
    let bearer = format!("Bearer {token}");
    rows! { "the victim's own token in another place":
        "in the query, `access_token`" => Request::new().query(&format!("access_token={token}")), 200, SendersNetwork;
        "in a cookie" => Request::new().field("cookie", &format!("token={token}")), 200, SendersNetwork;
        "in `proxy-authorization`" => Request::new().field("proxy-authorization", &bearer), 200, SendersNetwork;
        "in `x-forwarded-access-token`" => Request::new().field("x-forwarded-access-token", token), 200, SendersNetwork;
        "in `x-authorization`" => Request::new().field("x-authorization", &bearer), 200, SendersNetwork;
        "as the password of Basic" => Request::new().field("authorization", &format!("Basic {}", b64(format!("alice:{token}")))), 200, SendersNetwork;
        "in `x-authorization` beside the attacker's token" => Request::bearer(&known.mallory).field("x-authorization", &bearer), 200, Sender;
    }
}

fn bearer_of(members: Value) -> Request {
    Request::bearer(&with_claims(members))
}

/// Users who are named alike in part.
fn equal_names() -> Vec<Row> {
    let of_other_issuer = {
        let claims = claims_with(json!({"iss": OTHER_ISSUER})).to_string();
        let header = r#"{"alg":"EdDSA","kid":"ed"}"#;
        sign_raw(&KEYS.other_ed, Algorithm::EdDSA, header, claims.as_bytes())
    };
    let mallory_with_header = {
        let claims = claims_with(json!({"sub": "mallory"})).to_string();
        ed_raw(r#"{"alg":"EdDSA","kid":"ed","sub":"alice"}"#, &claims)
    };
    let lengths = format!("{ISSUER}5:alice");
    rows! { "a user named alike in part":
        "the same `sub` of another issuer" => Request::bearer(&of_other_issuer), 200, Sender;
        "the same `sub` with an account" => bearer_of(json!({"account": "a"})), 200, Sender;
        "the victim's name as account" => bearer_of(json!({"sub": "mallory", "account": "alice"})), 200, Sender;
        "the victim's name as plan" => bearer_of(json!({"sub": "mallory", "plan": "alice"})), 200, Sender;
        "issuer and name run together" => bearer_of(json!({"sub": lengths})), 200, Sender;
        "the name with its length in front" => bearer_of(json!({"sub": "5:alice"})), 200, Sender;
        "the victim's name in the token's header" => Request::bearer(&mallory_with_header), 200, Sender;
    }
}

/// Names that look like the victim's, or that somebody might fold into it.
fn look_alikes() -> Vec<Row> {
    let sub = |sub: &str| bearer_of(json!({ "sub": sub }));
    rows! { "a name that looks like `alice`":
        "`Alice`" => sub("Alice"), 200, Sender;
        "`ALICE`" => sub("ALICE"), 200, Sender;
        "a blank behind" => sub("alice "), 200, Sender;
        "a blank in front" => sub(" alice"), 200, Sender;
        "a no-break space behind" => sub("alice\u{a0}"), 200, Sender;
        "an ideographic space behind" => sub("alice\u{3000}"), 200, Sender;
        "a tab behind" => sub("alice\t"), 401, Nobody;
        "a line feed behind" => sub("alice\n"), 401, Nobody;
        "a NUL behind" => sub("alice\0"), 401, Nobody;
        "a Cyrillic `\u{430}`" => sub("\u{430}lice"), 200, Sender;
        "a dotless `\u{131}`" => sub("al\u{131}ce"), 200, Sender;
        "full-width letters" => sub("\u{ff41}\u{ff4c}\u{ff49}\u{ff43}\u{ff45}"), 200, Sender;
        "mathematical letters" => sub("\u{1d41a}\u{1d425}\u{1d422}\u{1d41c}\u{1d41e}"), 200, Sender;
        "a zero-width space inside" => sub("ali\u{200b}ce"), 200, Sender;
        "a zero-width joiner behind" => sub("alice\u{200d}"), 200, Sender;
        "a byte order mark in front" => sub("\u{feff}alice"), 200, Sender;
        "an accent to combine" => sub("alice\u{301}"), 200, Sender;
        "right-to-left override" => sub("\u{202e}ecila"), 200, Sender;
        "a soft hyphen inside" => sub("al\u{ad}ice"), 200, Sender;
        "percent encoding" => sub("%61lice"), 200, Sender;
        "an HTML entity" => sub("&#97;lice"), 200, Sender;
        "an address of it" => sub("alice@login.example.com"), 200, Sender;
    }
}
