//! The edge pass: a short-lived token of our own for an edge that can verify HMAC only.
//!
//! A JWT (RFC 7519) signed with HS256 under the current key of the ring, whose text's ASCII bytes
//! are the HMAC key. The header names the key and pins the type (RFC 8725 section 3.11), so that no
//! pass is taken for a token of an issuer:
//! ```json
//! {"alg":"HS256","kid":"k1","typ":"tollgate-pass+jwt"}
//! {"iss":"https://login.example.com","sub":"alice","account":"acme","class":"gold","iat":1,"exp":301}
//! ```
//! The claims are what a bucket id is made of. A pass proves nothing to the gateway, which
//! verifies the real token on every request; it ends with that token, with its lifetime, and with
//! its key, whichever is first.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use crate::{
    KeyId, KeyRing, LimitClass, User,
    token::{
        claims,
        compact::{self, Compact},
        header::Header,
        json::{Json, Object},
    },
};

/// The `typ` of a pass.
pub const PASS_TYPE: &str = "tollgate-pass+jwt";

/// A minted pass.
#[derive(Clone, PartialEq, Eq)]
pub struct Pass {
    /// The compact token.
    pub token: String,
    /// The second at which it is no longer valid, since 1970.
    pub expires_unix_s: u64,
}

/// What a pass says that is one of ours and is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPass {
    /// The issuer of the token that proved the user.
    pub issuer: String,
    /// The user.
    pub subject: String,
    /// The user's account, if it has one.
    pub account: Option<String>,
    /// The class of the user's plan.
    pub class: LimitClass,
    /// The second at which it is no longer valid, since 1970.
    pub expires_unix_s: u64,
}

impl KeyRing {
    /// When a pass minted now would end; `None` if nothing of it would be left.
    pub fn pass_expiry(&self, user: &User, now_unix_s: u64, lifetime_s: u64) -> Option<u64> {
        let wanted = now_unix_s.saturating_add(lifetime_s);
        let expires = wanted.min(user.expires_unix_s).min(self.current_expiry());
        (expires > now_unix_s).then_some(expires)
    }

    /// A pass for a verified user, under the current key.
    pub fn mint_pass(
        &self,
        user: &User,
        class: &LimitClass,
        now_unix_s: u64,
        lifetime_s: u64,
    ) -> Option<Pass> {
        let expires_unix_s = self.pass_expiry(user, now_unix_s, lifetime_s)?;
        let header = json!({"alg": "HS256", "kid": self.current_kid().as_str(), "typ": PASS_TYPE});
        let mut claims = json!({
            "iss": &*user.issuer,
            "sub": &*user.subject,
            "class": class.as_str(),
            "iat": now_unix_s,
            "exp": expires_unix_s,
        });
        if let Some(account) = user.account.as_deref() {
            claims["account"] = account.into();
        }
        let [header, claims] =
            [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let tag = BASE64URL_NOPAD.encode(&self.tag(signed.as_bytes()));
        Some(Pass {
            token: format!("{signed}.{tag}"),
            expires_unix_s,
        })
    }

    /// What a pass says, if it is one of ours and is valid now: what an edge that knows the ring
    /// sees in it.
    pub fn read_pass(&self, pass: &str, now_unix_s: u64) -> Option<HeldPass> {
        let parts = Compact::split(pass).ok()?;
        let header = compact::decode(parts.header).ok()?;
        let header = Header::parse(&header).ok()?;
        let kid = KeyId::new(header.kid.as_deref()?)?;
        let tag = compact::decode(parts.signature).ok()?;
        let is_ours = header.algorithm.is_symmetric()
            && header.is_of_type(PASS_TYPE)
            && self.accepts(kid, now_unix_s)
            && self.holds(kid, parts.signed.as_bytes(), &tag);
        if !is_ours {
            return None;
        }
        let text = compact::decode(parts.claims).ok()?;
        let claims = claims::parse(&text).ok()?;
        let says = |name| claims.get(name).and_then(Json::as_str);
        let expires_unix_s = expiry(&claims)?;
        let held = HeldPass {
            issuer: says("iss")?.to_owned(),
            subject: says("sub")?.to_owned(),
            account: says("account").map(str::to_owned),
            class: LimitClass::new(says("class")?).ok()?,
            expires_unix_s,
        };
        (now_unix_s < expires_unix_s).then_some(held)
    }

    /// The same, if it is this user's and of this class.
    pub fn held_pass(
        &self,
        pass: &str,
        user: &User,
        class: &LimitClass,
        now_unix_s: u64,
    ) -> Option<HeldPass> {
        let held = self.read_pass(pass, now_unix_s)?;
        let is_the_users = *held.issuer == *user.issuer
            && *held.subject == *user.subject
            && held.account.as_deref() == user.account.as_deref()
            && held.class == *class;
        is_the_users.then_some(held)
    }
}

fn expiry(claims: &Object<'_>) -> Option<u64> {
    match claims.get("exp") {
        Some(Json::Unsigned(seconds)) => Some(*seconds),
        _ => None,
    }
}

/// Never shows the token.
impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass")
            .field("expires_unix_s", &self.expires_unix_s)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
