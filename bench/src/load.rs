//! What the clients send: 1,000 users' RS256 tokens over four paths, or tokens that nobody signed.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate_testkit::peers::bearer_script;
use tollgate_testkit::{Algorithm, SigningKey};

/// The issuer that the tokens name and the contenders trust.
pub(crate) const ISSUER: &str = "https://login.example.com";
/// The audience that the tokens name.
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// Different users.
pub(crate) const USERS: usize = 1_000;
/// Accounts that the users belong to.
const ACCOUNTS: usize = 50;
/// What they ask for; three route templates.
pub(crate) const PATHS: [&str; 4] = ["/orders/1", "/orders/2", "/invoices/1", "/items"];
/// How long the tokens are valid, in seconds.
const LIFETIME_S: u64 = 12 * 3_600;
/// The file of tokens that the scripts read.
pub(crate) const TOKENS_FILE: &str = "tokens.txt";
/// Random characters that [`always_new_script`] writes, and how far before the token's end.
const NEW_CHARACTERS: usize = 16;
const NEW_BEFORE_END: usize = 200;

/// Keys and tokens of one run.
pub(crate) struct Tokens {
    /// The key set for those that read JWKS.
    pub(crate) jwks: String,
    /// The public key for those that read PEM.
    pub(crate) pem: String,
    /// One token a line.
    pub(crate) lines: String,
    /// The header of a token before what is no JSON and no signature.
    pub(crate) garbage: String,
}

impl Tokens {
    /// A fresh key, and a token of it for every user.
    pub(crate) fn mint() -> Tokens {
        let key = SigningKey::generate("rs1", Algorithm::Rs256);
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_s = since.map_or(0, |since| since.as_secs());
        let header = json!({ "alg": "RS256", "kid": key.kid(), "typ": "JWT" });
        let mut lines = String::new();
        for user in 0..USERS {
            let claims = json!({
                "iss": ISSUER,
                "aud": AUDIENCE,
                "sub": format!("user_{user:04}"),
                "accountId": format!("acc_{}", user % ACCOUNTS),
                "plan": "standard",
                "iat": now_s,
                "exp": now_s + LIFETIME_S,
            });
            lines.push_str(&key.sign_compact(&header, &claims));
            lines.push('\n');
        }
        let first = lines.lines().next().unwrap_or_default();
        Tokens {
            garbage: with_garbage_payload(first),
            jwks: json!({ "keys": [key.jwk()] }).to_string(),
            pem: key.public_pem(),
            lines,
        }
    }
}

/// wrk's script for verified users.
pub(crate) fn users_script() -> String {
    bearer_script(&PATHS)
}

/// The same number of characters, but a payload that decodes to no JSON.
fn with_garbage_payload(token: &str) -> String {
    let mut dots = 0;
    let garbage = |character| {
        dots += usize::from(character == '.');
        match (dots, character) {
            (1, '.') | (0 | 2.., _) => character,
            _ => 'A',
        }
    };
    token.chars().map(garbage).collect()
}

/// wrk's script for bad tokens: the first of the file, with a signature that is different every time.
///
/// So no cache of refused tokens helps anybody: every one has to be looked at.
pub(crate) fn always_new_script() -> String {
    let path = PATHS[0];
    format!(
        r#"
local before, after
init = function(args)
  math.randomseed(os.time())
  local token = io.open("{TOKENS_FILE}"):read("*l")
  local request = wrk.format("GET", "{path}", {{["Authorization"] = "Bearer " .. token}})
  local at = request:find(token, 1, true) + #token - {NEW_BEFORE_END}
  before, after = request:sub(1, at), request:sub(at + {NEW_CHARACTERS} + 1)
end
request = function()
  return string.format("%s%08x%08x%s", before, math.random(0, 2147483647), math.random(0, 2147483647), after)
end
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_has_a_token_of_its_own() {
        let tokens = Tokens::mint();
        let mut lines: Vec<&str> = tokens.lines.lines().collect();
        assert!(lines.iter().all(|line| line.split('.').count() == 3));
        assert_eq!(tokens.garbage.len(), lines[0].len());
        assert!(
            tokens
                .garbage
                .split('.')
                .nth(1)
                .unwrap()
                .chars()
                .all(|c| c == 'A')
        );
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), USERS);
    }
}
