//! A notice as a CloudEvents document, under a name that is the same at every attempt.
//!
//! CloudEvents 1.0 in JSON, structured mode (<https://github.com/cloudevents/spec>): what an event bus takes as it
//! is. What the notice says is its `data`.

use data_encoding::BASE32_NOPAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tollgate_store::{Counter, DueNotice, Holder, HolderKind, LimitName, Notice, PlanName, Span};

use crate::body::{Document, Effect, QuotaNotice, rfc_3339};
use crate::error::NoticesError;

/// The `type` of the event; the version is that of `data`.
const TYPE: &str = "tollgate.quota.threshold.v1";
/// The `source` of the event: a relative reference, since a gateway has no name of its own.
const SOURCE: &str = "/tollgate/notices";
/// How many bytes of the digest make a name: as many as a UUID has.
const ID_BYTES: usize = 16;
/// A day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// A notice that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) id: String,
    pub(crate) made_ms: u64,
    pub(crate) notice: QuotaNotice,
    json: String,
}

/// Context attributes of CloudEvents 1.0.2, and the data.
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    time: String,
    subject: &'a str,
    datacontenttype: &'static str,
    data: Document,
}

impl Event {
    /// The event of a notice that is due. Its id is made of what makes the notice the only one of its kind:
    /// so a store that was put back to an older backup gives a notice no second id.
    ///
    /// # Errors
    /// [`NoticesError::Body`] when its body cannot be read.
    pub fn of(due: &DueNotice) -> Result<Self, NoticesError> {
        let notice = QuotaNotice::of(&due.notice)?;
        let id = id(&due.notice);
        Self::new(id, due.made_ms, notice)
    }

    /// A notice of nobody, to see whether a channel works; no two have one id.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn sample(now_ms: u64) -> Result<Self, NoticesError> {
        let mut random = [0; ID_BYTES];
        getrandom::fill(&mut random).map_err(|error| NoticesError::client("a sample", &error))?;
        let today_ms = now_ms - now_ms % DAY_MS;
        let period = Span::new(today_ms, Some(today_ms + DAY_MS))?;
        let holder = Holder::subject("https://tollgate.invalid", "sample")?;
        let notice = QuotaNotice {
            counter: Counter::new(holder, LimitName::parse("sample")?, None, period)?,
            plan: PlanName::parse("sample")?,
            threshold_percent: 75,
            used: 750,
            quota: 1_000,
            effect: Effect::KeepsServing,
            upgrade_url: None,
        };
        let id = format!("ntc_test_{}", text_of(&random));
        Self::new(id, now_ms, notice)
    }

    /// The name by which a receiver knows it again.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The document: the same bytes at every attempt.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    fn new(id: String, made_ms: u64, notice: QuotaNotice) -> Result<Self, NoticesError> {
        let envelope = Envelope {
            specversion: "1.0",
            id: &id,
            source: SOURCE,
            kind: TYPE,
            time: rfc_3339(made_ms)?,
            subject: notice.counter.limit.as_str(),
            datacontenttype: "application/json",
            data: notice.document()?,
        };
        Ok(Self {
            json: serde_json::to_string(&envelope).map_err(NoticesError::body)?,
            id,
            made_ms,
            notice,
        })
    }
}

/// `ntc_` and 26 letters and digits.
fn id(notice: &Notice) -> String {
    let counter = &notice.counter;
    let mut digest = Sha256::new();
    // No text that is stored has control characters: none can begin in one and end in the next.
    let kind = match counter.holder.kind {
        HolderKind::Subject => "subject",
        HolderKind::Account => "account",
    };
    let texts = [
        kind,
        counter.holder.issuer.as_str(),
        counter.holder.name.as_str(),
        counter
            .account
            .as_ref()
            .map_or("", |account| account.as_str()),
        counter.limit.as_str(),
        counter.route.as_ref().map_or("", |route| route.as_str()),
    ];
    for text in texts {
        digest.update(text);
        digest.update([0]);
    }
    digest.update(counter.from_ms().to_be_bytes());
    digest.update(notice.threshold_percent.to_be_bytes());
    // One that an older version made keeps the id under which it may have been sent.
    if notice.quota > 0 {
        digest.update(notice.quota.to_be_bytes());
    }
    let digest = digest.finalize();
    format!("ntc_{}", text_of(&digest[..ID_BYTES]))
}

fn text_of(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::body::tests::notice;

    pub(crate) fn event() -> Event {
        let due = DueNotice {
            id: 7,
            channel: tollgate_store::Channel::Webhook,
            notice: notice().to_notice().unwrap(),
            made_ms: 1_794_009_600_123,
            attempt: 1,
        };
        Event::of(&due).unwrap()
    }

    #[test]
    fn an_event_has_all_that_cloudevents_asks_for() {
        let json: serde_json::Value = serde_json::from_str(event().json()).unwrap();
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["id"], event().id());
        assert_eq!(json["time"], "2026-11-07T00:00:00.123Z");
        assert_eq!(json["data"]["threshold_percent"], 90);
        assert_eq!(json["data"]["holder"]["name"], "alice");
    }

    #[test]
    fn an_id_is_that_of_its_counter_threshold_and_quota() {
        let of = |notice: &QuotaNotice| id(&notice.to_notice().unwrap());
        let first = of(&notice());
        assert_eq!((first.len(), &first[..4]), (30, "ntc_"));
        let mut later = notice();
        (later.used, later.effect) = (50_000, Effect::Blocked);
        assert_eq!(of(&later), first);
        let mut other = notice();
        other.threshold_percent = 100;
        assert_ne!(of(&other), first);
        other = notice();
        other.quota = 500_000;
        assert_ne!(of(&other), first);
        other = notice();
        other.counter.holder = Holder::account("https://login.example.com", "alice").unwrap();
        assert_ne!(of(&other), first);
    }

    #[test]
    fn no_two_samples_have_one_id() {
        let (one, other) = (Event::sample(86_400_001), Event::sample(86_400_001));
        assert_ne!(one.unwrap().id(), other.unwrap().id());
    }
}
