//! Requests whose end will be told: their places and charges, until then or until it is too late.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use parking_lot::Mutex;
use tollgate_engine::Charge;
use tollgate_engine::limiter::{Nanos, Now};

/// Requests that are held at once. One takes about a kilobyte.
pub(super) const HOLDS_MAX: usize = 65_536;
/// How long the end of a request is waited for. What is not settled by then has ended, at its charge.
pub(super) const HOLD_MAX: Duration = Duration::from_secs(600);

/// Requests that one call ends at most because their time is over; the next ends more.
pub(super) const EXPIRED_MAX: usize = 1_024;

/// Names a held request; nobody guesses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token([u8; 16]);

/// State: written by decisions that are held and by settlements, under one lock that is held across no await.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    charges: HashMap<Token, Hold>,
    /// By the time at which they end; the second number tells those of one moment apart.
    ends: BTreeMap<(Nanos, u64), Token>,
    count: u64,
}

#[derive(Debug)]
struct Hold {
    ends: (Nanos, u64),
    /// Nothing, while the request is being decided.
    charge: Option<Charge>,
}

/// There are [`HOLDS_MAX`] already, or no randomness to name another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests are held: settle them, or wait")]
pub(super) struct NoRoom;

// === impl Token ===

impl Token {
    fn new() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn text(self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

// === impl Holds ===

impl Holds {
    /// Takes a place before the decision, so that what was charged can always be held.
    pub(super) fn reserve(&self, now: Now) -> Result<Token, NoRoom> {
        let token = Token::new().ok_or(NoRoom)?;
        let mut held = self.0.lock();
        if held.charges.len() >= HOLDS_MAX {
            return Err(NoRoom);
        }
        held.count += 1;
        let end = now.mono.0.saturating_add(Nanos::from(HOLD_MAX).0);
        let ends = (Nanos(end), held.count);
        held.ends.insert(ends, token);
        held.charges.insert(token, Hold { ends, charge: None });
        Ok(token)
    }

    /// Fills a place; gives it up where there is nothing to hold.
    pub(super) fn fill(&self, token: Token, charge: Option<Charge>) {
        // What is over ends outside the lock: it gives its places back.
        let _ended = {
            let mut held = self.0.lock();
            match held.charges.get_mut(&token) {
                Some(hold) if charge.is_some() => std::mem::replace(&mut hold.charge, charge),
                _ => held.remove(token).or(charge),
            }
        };
    }

    /// Takes out what is settled; `None` where there is no such request, or it has ended.
    pub(super) fn take(&self, token: Token, now: Now) -> Option<Charge> {
        let mut held = self.0.lock();
        let hold = held.charges.get(&token)?;
        if hold.ends.0 <= now.mono {
            return None;
        }
        held.remove(token)
    }

    /// Ends what is over its time, at most [`EXPIRED_MAX`]; how many had been let through and not settled.
    pub(super) fn expire(&self, now: Now) -> u64 {
        let mut expired: Vec<Charge> = Vec::new();
        let mut held = self.0.lock();
        for _ in 0..EXPIRED_MAX {
            let Some((ends, token)) = held.ends.first_key_value() else {
                break;
            };
            if ends.0 > now.mono {
                break;
            }
            let token = *token;
            expired.extend(held.remove(token));
        }
        // They give their places back outside the lock.
        drop(held);
        expired.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().charges.len()
    }
}

// === impl Held ===

impl Held {
    fn remove(&mut self, token: Token) -> Option<Charge> {
        let hold = self.charges.remove(&token)?;
        self.ends.remove(&hold.ends);
        hold.charge
    }
}
