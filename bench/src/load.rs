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

/// Keys and tokens of one run.
pub(crate) struct Tokens {
    /// The key set for those that read JWKS.
    pub(crate) jwks: String,
    /// The public key for those that read PEM.
    pub(crate) pem: String,
    /// One token a line.
    pub(crate) lines: String,
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
        Tokens {
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

/// wrk's script for forgeries: a real token's header and claims under a signature that is different every time.
///
/// So no cache of refused tokens helps anybody: every one has to be looked at.
pub(crate) fn forgeries_script() -> String {
    format!(
        r#"
local before, after
init = function(args)
  math.randomseed(os.time())
  local token = io.open("{TOKENS_FILE}"):read("*l")
  local request = wrk.format("GET", "{}", {{["Authorization"] = "Bearer " .. token}})
  -- Sixteen characters in the midst of the signature, which has 342.
  local at = request:find(token, 1, true) + #token - 200
  before, after = request:sub(1, at), request:sub(at + 17)
end
request = function()
  return string.format("%s%08x%08x%s", before, math.random(0, 2147483647), math.random(0, 2147483647), after)
end
"#,
        PATHS[0]
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
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), USERS);
    }
}
