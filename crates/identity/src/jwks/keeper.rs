//! The one task that keeps an issuer's keys fresh.
//!
//! Single flight by construction: nobody else fetches. Time is tokio's, so that tests pause it.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};

use super::{
    discovery,
    fetch::{FETCH_DEADLINE, Fetch, FetchError, Fetched, KeyLocation},
    holder::KeyHolder,
    pace::RefreshPace,
    set::KeySet,
};

/// Replaced sets that are remembered, to tell a roll-back from news.
const REPLACED_SETS_MAX: usize = 8;
/// A discovered URL is asked for again after this time, and after each failure.
const DISCOVERY_MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// Keeps `holder` fresh until the future is dropped: fetches at once, then at the pace, then
/// earlier if an unknown key id asks for it.
///
/// The first fetch has no jitter, since readiness waits for it: a fleet that restarts as one
/// costs the issuer one request an instance; the refreshes after it spread out.
///
/// The last good set stays through failures, empty sets and garbage, up to `pace.max_stale`
/// after it was last confirmed; then it is withdrawn and verification is unavailable. Stale
/// keys are never replaced by any built-in key.
pub async fn keep_keys(
    holder: Arc<KeyHolder>,
    location: KeyLocation,
    fetch: Arc<dyn Fetch>,
    pace: RefreshPace,
) -> Infallible {
    let mut keeper = Keeper {
        number: holder.keeper_begins(),
        holder,
        location,
        fetch,
        pace: pace.bounded(),
        discovered: None,
        tag: None,
        confirmed_at: None,
        failures: 0,
        replaced: VecDeque::with_capacity(REPLACED_SETS_MAX),
        rollback_since: None,
    };
    loop {
        let wait = keeper.refresh().await;
        keeper.rest(wait).await;
    }
}

struct Keeper {
    number: u64,
    holder: Arc<KeyHolder>,
    location: KeyLocation,
    fetch: Arc<dyn Fetch>,
    pace: RefreshPace,
    /// The `jwks_uri` and when it was learnt.
    discovered: Option<(String, Instant)>,
    /// The URL and the entity tag of the set in use.
    tag: Option<(String, String)>,
    confirmed_at: Option<Instant>,
    failures: u32,
    /// Fingerprints of sets that were in use before, oldest first.
    replaced: VecDeque<[u8; 32]>,
    rollback_since: Option<Instant>,
}

/// What a fetch brought.
struct Answer {
    url: String,
    fetched: Fetched,
}

impl Keeper {
    /// Fetches once; how long to wait until the next time.
    async fn refresh(&mut self) -> Duration {
        self.holder.fetch_begins();
        let outcome = match timeout(FETCH_DEADLINE, self.ask()).await {
            Ok(Ok(answer)) => self.take(answer),
            Ok(Err(error)) => Err(error.message),
            Err(_) => Err(format!("no answer within {} s", FETCH_DEADLINE.as_secs())),
        };
        match outcome {
            Ok(max_age_s) => {
                self.failures = 0;
                self.holder.fetch_ends(None);
                self.pace.after_success(max_age_s, random())
            }
            Err(message) => {
                self.failures = self.failures.saturating_add(1);
                self.discovered = None;
                self.tag = None;
                self.holder.fetch_ends(Some(message));
                let has_keys = self.holder.load().keys.is_some();
                self.pace.after_failure(self.failures, has_keys, random())
            }
        }
    }

    async fn ask(&mut self) -> Result<Answer, FetchError> {
        let url = match self.location.clone() {
            KeyLocation::Url(url) => url,
            KeyLocation::Discovery { issuer } => self.discover(&issuer).await?,
        };
        let tag = self.tag.as_ref().filter(|(tagged, _)| *tagged == url);
        let fetched = self
            .fetch
            .get(&url, tag.map(|(_, tag)| tag.as_str()))
            .await?;
        Ok(Answer { url, fetched })
    }

    async fn discover(&mut self, issuer: &str) -> Result<String, FetchError> {
        if let Some((url, learnt_at)) = &self.discovered
            && learnt_at.elapsed() < DISCOVERY_MAX_AGE
        {
            return Ok(url.clone());
        }
        match self.fetch.get(&discovery::url(issuer), None).await? {
            Fetched::Document { body, .. } => {
                let url = discovery::jwks_url(&body, issuer)?;
                self.discovered = Some((url.clone(), Instant::now()));
                Ok(url)
            }
            Fetched::NotModified { .. } => Err(unasked()),
        }
    }

    /// Puts an answer in use; its `max-age`.
    fn take(&mut self, answer: Answer) -> Result<Option<u64>, String> {
        let (body, max_age_s, etag) = match answer.fetched {
            Fetched::NotModified { .. } if self.tag.is_none() => return Err(unasked().message),
            Fetched::NotModified { max_age_s } => {
                self.rollback_since = None;
                self.confirmed_at = Some(Instant::now());
                self.holder.confirmed();
                return Ok(max_age_s);
            }
            Fetched::Document {
                body,
                max_age_s,
                etag,
            } => (body, max_age_s, etag),
        };
        let set = KeySet::parse(&body).map_err(|error| error.to_string())?;
        if self.is_held_back(&set) {
            self.holder.rollback_held();
            self.tag = None;
            return Ok(max_age_s);
        }
        self.tag = etag.map(|etag| (answer.url, etag));
        self.confirmed_at = Some(Instant::now());
        self.holder.put(Arc::new(set));
        Ok(max_age_s)
    }

    /// Whether a set is an earlier one again that is not believed yet, as one edge of a CDN
    /// may serve it for a while: the new keys must not come and go with the edge.
    fn is_held_back(&mut self, set: &KeySet) -> bool {
        let state = self.holder.load();
        let news = set.fingerprint();
        let Some(current) = state.keys.as_ref().map(|keys| *keys.fingerprint()) else {
            self.rollback_since = None;
            return false;
        };
        if current == *news {
            self.rollback_since = None;
            return false;
        }
        if self.replaced.contains(news) {
            let since = *self.rollback_since.get_or_insert_with(Instant::now);
            if since.elapsed() < self.pace.rollback_hold {
                return true;
            }
        }
        self.rollback_since = None;
        self.replaced.retain(|old| old != news);
        if self.replaced.len() == REPLACED_SETS_MAX {
            self.replaced.pop_front();
        }
        self.replaced.push_back(current);
        false
    }

    /// Waits until the next fetch is due. After the cooldown an unknown key id ends the wait, and
    /// so does the moment when the set becomes too old.
    async fn rest(&self, wait: Duration) {
        let now = Instant::now();
        let (due, opens) = (now + wait, now + self.pace.unknown_kid_cooldown);
        if self.withdraws_before(due.min(opens)).await || due <= opens {
            return;
        }
        self.holder.open_gate();
        tokio::select! {
            () = self.holder.wanted() => {}
            _ = self.withdraws_before(due) => {}
        }
    }

    /// Sleeps; wakes early, and says so, if the set was not confirmed for too long by then and is
    /// withdrawn.
    async fn withdraws_before(&self, end: Instant) -> bool {
        if let Some(confirmed_at) = self.confirmed_at {
            let stale_at = confirmed_at + self.pace.max_stale;
            if stale_at <= end {
                sleep_until(stale_at).await;
                if self.holder.withdraw() {
                    return true;
                }
            }
        }
        sleep_until(end).await;
        false
    }
}

/// Nobody fetches any more: let nobody wait for it.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.holder.keeper_gone(self.number);
    }
}

fn unasked() -> FetchError {
    FetchError {
        message: "an answer of 304 to an unconditional request".to_owned(),
    }
}

/// Spreads a fleet; without randomness it merely stays together.
fn random() -> u32 {
    getrandom::u32().unwrap_or_default()
}

#[cfg(test)]
mod tests;
