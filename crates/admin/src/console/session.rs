//! Who has signed in: sessions in memory, bounded in number and age, without the keys that opened them.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::keys::KeyDigest;
use crate::problem::{Answer, Kind, Problem};

/// Of those, of one key.
const SESSIONS_OF_KEY_MAX: usize = 50;
/// Sessions at once; the oldest gives way.
pub const SESSIONS_MAX: usize = 1_000;
/// How long one lasts, whatever is done in it.
pub const SESSION_AGE_MAX: Duration = Duration::from_secs(12 * 60 * 60);
/// Random bytes of a cookie and of a token.
const RANDOM_BYTES: usize = 32;

/// All sessions of this process.
pub(crate) struct Sessions {
    /// Makes the tokens of forms that are sent before there is a session.
    secret: [u8; RANDOM_BYTES],
    /// By the hash of the cookie: what is in memory opens nothing.
    open: Mutex<HashMap<[u8; 32], Session>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Of the key that opened it. Whether it is good still, and what its role is, is asked at each request.
    pub(super) key: KeyDigest,
    /// In every form, so that no other site's form is taken for one of ours.
    pub(super) token: String,
    opened_ms: u64,
}

impl Sessions {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut secret = [0; RANDOM_BYTES];
        getrandom::fill(&mut secret)?;
        Ok(Self {
            secret,
            open: Mutex::default(),
        })
    }

    /// Opens one, and gives its cookie.
    pub(super) fn open(&self, key: KeyDigest, now_ms: u64) -> Answer<String> {
        let cookie = random()?;
        let session_key = key.clone();
        let session = Session {
            key,
            token: random()?,
            opened_ms: now_ms,
        };
        let mut open = self.open.lock();
        open.retain(|_, session| session.is_young(now_ms));
        // Whoever has too many gives way to nobody but itself.
        let of_key = |session: &Session| session.key == session_key;
        let is_many =
            open.values().filter(|session| of_key(session)).count() >= SESSIONS_OF_KEY_MAX;
        if is_many || open.len() >= SESSIONS_MAX {
            let old = open
                .iter()
                .filter(|(_, session)| !is_many || of_key(session));
            let oldest = old.min_by_key(|(_, session)| session.opened_ms);
            if let Some(oldest) = oldest.map(|(cookie, _)| *cookie) {
                open.remove(&oldest);
            }
        }
        open.insert(hash(&cookie), session);
        Ok(cookie)
    }

    /// The session of a cookie.
    pub(super) fn find(&self, cookie: &str, now_ms: u64) -> Option<Session> {
        let open = self.open.lock();
        let session = open.get(&hash(cookie))?;
        session.is_young(now_ms).then(|| session.clone())
    }

    /// Ends the session of a cookie.
    pub(super) fn close(&self, cookie: &str) {
        self.open.lock().remove(&hash(cookie));
    }

    /// The token of a form for somebody who has only the cookie of a visit.
    pub(super) fn token_of_visit(&self, cookie: &str) -> String {
        let mut digest = Sha256::new();
        digest.update(self.secret);
        digest.update(cookie);
        BASE64URL_NOPAD.encode(&digest.finalize())
    }
}

impl Session {
    fn is_young(&self, now_ms: u64) -> bool {
        u128::from(now_ms.saturating_sub(self.opened_ms)) < SESSION_AGE_MAX.as_millis()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.open.lock().len();
        f.debug_struct("Sessions")
            .field("open", &open)
            .finish_non_exhaustive()
    }
}

/// Whether two tokens are one, in a time that does not say where they differ.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    hash(one) == hash(other)
}

/// 32 random bytes, as text.
pub(super) fn random() -> Answer<String> {
    let mut bytes = [0; RANDOM_BYTES];
    let failed = |_| Problem::new(Kind::Failed, "no random bytes from the operating system");
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(sessions: &Sessions, now_ms: u64) -> String {
        sessions.open(KeyDigest::of("tga_"), now_ms).unwrap()
    }

    #[test]
    fn a_session_is_found_by_its_cookie_until_it_is_old_or_closed() {
        let sessions = Sessions::new().unwrap();
        let age_ms = u64::try_from(SESSION_AGE_MAX.as_millis()).unwrap();
        let (one, other) = (open(&sessions, 5), open(&sessions, 5));
        assert_ne!(one, other);
        assert!(sessions.find(&one, 4 + age_ms).is_some());
        assert!(sessions.find(&one, 5 + age_ms).is_none());
        assert!(sessions.find("", 5).is_none());
        sessions.close(&one);
        assert!(sessions.find(&one, 5).is_none() && sessions.find(&other, 5).is_some());
        assert!(!format!("{sessions:?}").contains(&other));
    }

    #[test]
    fn the_oldest_session_gives_way() {
        let sessions = Sessions::new().unwrap();
        let of = |key: &str, at_ms| sessions.open(KeyDigest::of(key), at_ms).unwrap();
        let all: Vec<String> = (0..=SESSIONS_MAX as u64)
            .map(|at_ms| of(&format!("key {at_ms}"), at_ms))
            .collect();
        assert_eq!(sessions.open.lock().len(), SESSIONS_MAX);
        assert!(sessions.find(&all[0], 2_000).is_none());
        assert!(sessions.find(&all[1], 2_000).is_some());
        // Of one key its own oldest, whoever else is there.
        let own: Vec<String> = (0..=SESSIONS_OF_KEY_MAX as u64)
            .map(|at_ms| of("one", 1_001 + at_ms))
            .collect();
        assert!(sessions.find(&own[0], 2_000).is_none());
        assert!(
            own[1..]
                .iter()
                .all(|own| sessions.find(own, 2_000).is_some())
        );
    }

    #[test]
    fn a_visits_token_is_of_its_cookie_and_of_this_process() {
        let (one, other) = (Sessions::new().unwrap(), Sessions::new().unwrap());
        let token = one.token_of_visit("a");
        assert!(is_same(&token, &one.token_of_visit("a")));
        assert!(!is_same(&token, &one.token_of_visit("b")));
        assert!(!is_same(&token, &other.token_of_visit("a")));
    }
}
