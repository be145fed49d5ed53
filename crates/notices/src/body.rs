//! What a notice says, and its form in the store and on the wire: a JSON document with a version.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tollgate_store::{Counter, Holder, LimitName, Name, Notice, PlanName, RouteName, Span};

use crate::error::NoticesError;

/// The version of the document. A reader refuses another one; a key more is another version.
const VERSION: u32 = 1;

/// A threshold of a quota was reached. Made by whoever counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaNotice {
    /// Whose quota, which limit, which route, which period.
    pub counter: Counter,
    /// The plan in force for the holder.
    pub plan: PlanName,
    /// Which share of the quota was reached, in percent; 100 is all of it.
    pub threshold_percent: u32,
    /// Units counted when it was seen; may be more than the threshold.
    pub used: u64,
    /// Units of the quota.
    pub quota: u64,
    /// What happens to the holder's requests from now on.
    pub effect: Effect,
    /// Where the holder would get more, if the plan says so.
    pub upgrade_url: Option<String>,
}

/// What happens to requests once a threshold is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    KeepsServing,
    /// They are let through at a lower rate.
    Slower,
    /// They are refused until the period ends.
    Blocked,
}

/// What the notice is about: so far one thing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    QuotaThreshold,
}

/// The keys, in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    version: u32,
    what: What,
    holder: Holder,
    /// The account that a subject acted in; `null`: none, or the holder is one.
    account: Option<Name>,
    plan: PlanName,
    limit: LimitName,
    /// `null`: all routes together.
    route: Option<RouteName>,
    threshold_percent: u32,
    used: u64,
    quota: u64,
    period: Period,
    effect: Effect,
    upgrade_url: Option<String>,
}

/// RFC 3339, UTC, to the millisecond.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Period {
    from: String,
    until: String,
}

/// The version alone: a document of another one need not have our keys.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

// === impl QuotaNotice ===

impl QuotaNotice {
    /// What the store keeps until it is delivered; post it as often as the threshold is seen.
    ///
    /// # Errors
    /// When the store cannot hold it, for its length.
    pub fn to_notice(&self) -> Result<Notice, NoticesError> {
        let body = self.to_body()?;
        Ok(Notice::new(
            self.counter.clone(),
            self.threshold_percent,
            self.quota,
            body,
        )?)
    }

    /// From what the store kept.
    ///
    /// # Errors
    /// [`NoticesError::Body`] for what another version has written, or nobody of us.
    pub fn of(notice: &Notice) -> Result<Self, NoticesError> {
        Self::from_body(notice.body())
    }

    /// As JSON.
    ///
    /// # Errors
    /// [`NoticesError::Body`] for a period that ends on the last days of the year 9999.
    pub fn to_body(&self) -> Result<String, NoticesError> {
        serde_json::to_string(&self.document()?).map_err(NoticesError::body)
    }

    /// From JSON.
    ///
    /// # Errors
    /// As [`QuotaNotice::of`].
    pub fn from_body(body: &str) -> Result<Self, NoticesError> {
        let Versioned { version } = serde_json::from_str(body).map_err(NoticesError::body)?;
        if version != VERSION {
            let reason = format!("version {version}, this program reads {VERSION}");
            return Err(NoticesError::Body { reason });
        }
        let said: Document = serde_json::from_str(body).map_err(NoticesError::body)?;
        let What::QuotaThreshold = said.what;
        let period = Span::new(
            unix_ms(&said.period.from)?,
            Some(unix_ms(&said.period.until)?),
        )?;
        Ok(Self {
            counter: Counter::new(said.holder, said.limit, said.route, period)?
                .in_account(said.account),
            plan: said.plan,
            threshold_percent: said.threshold_percent,
            used: said.used,
            quota: said.quota,
            effect: said.effect,
            upgrade_url: said.upgrade_url,
        })
    }

    /// As it is written, by itself or within another document.
    pub(crate) fn document(&self) -> Result<Document, NoticesError> {
        let counter = &self.counter;
        Ok(Document {
            version: VERSION,
            what: What::QuotaThreshold,
            holder: counter.holder.clone(),
            account: counter.account.clone(),
            plan: self.plan.clone(),
            limit: counter.limit.clone(),
            route: counter.route.clone(),
            threshold_percent: self.threshold_percent,
            used: self.used,
            quota: self.quota,
            period: Period {
                from: rfc_3339(counter.from_ms())?,
                until: rfc_3339(counter.until_ms())?,
            },
            effect: self.effect,
            upgrade_url: self.upgrade_url.clone(),
        })
    }
}

/// A moment as people and programs read it.
pub(crate) fn rfc_3339(unix_ms: u64) -> Result<String, NoticesError> {
    let ms = i64::try_from(unix_ms).map_err(NoticesError::body)?;
    let moment = Timestamp::from_millisecond(ms).map_err(NoticesError::body)?;
    Ok(moment.to_string())
}

fn unix_ms(text: &str) -> Result<u64, NoticesError> {
    let moment: Timestamp = text.parse().map_err(NoticesError::body)?;
    u64::try_from(moment.as_millisecond()).map_err(NoticesError::body)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn notice() -> QuotaNotice {
        let holder = Holder::subject("https://login.example.com", "alice").unwrap();
        let limit = LimitName::parse("monthly").unwrap();
        let period = Span::new(1_793_491_200_000, Some(1_796_083_200_000)).unwrap();
        QuotaNotice {
            counter: Counter::new(holder, limit, None, period).unwrap(),
            plan: PlanName::parse("pro").unwrap(),
            threshold_percent: 90,
            used: 45_120,
            quota: 50_000,
            effect: Effect::KeepsServing,
            upgrade_url: Some("https://example.com/upgrade".to_owned()),
        }
    }

    #[test]
    fn a_body_is_as_documented_and_read_back() {
        let body = notice().to_body().unwrap();
        assert_eq!(
            body,
            "{\"version\":1,\"what\":\"quota_threshold\",\"holder\":{\"kind\":\"subject\",\
             \"issuer\":\"https://login.example.com\",\"name\":\"alice\"},\"account\":null,\"plan\":\"pro\",\
             \"limit\":\"monthly\",\"route\":null,\"threshold_percent\":90,\"used\":45120,\
             \"quota\":50000,\"period\":{\"from\":\"2026-11-01T00:00:00Z\",\
             \"until\":\"2026-12-01T00:00:00Z\"},\"effect\":\"keeps_serving\",\
             \"upgrade_url\":\"https://example.com/upgrade\"}"
        );
        assert_eq!(QuotaNotice::from_body(&body).unwrap(), notice());
    }

    #[test]
    fn a_route_of_a_part_of_a_second_is_read_back() {
        let holder = Holder::account("i", "é\u{2028}\"\\").unwrap();
        let period = Span::new(1, Some(253_402_207_200_000)).unwrap();
        let route = RouteName::parse("GET /orders/{id}").unwrap();
        let limit = notice().counter.limit;
        let said = QuotaNotice {
            counter: Counter::new(holder, limit, Some(route), period).unwrap(),
            effect: Effect::Blocked,
            upgrade_url: None,
            ..notice()
        };
        assert_eq!(QuotaNotice::of(&said.to_notice().unwrap()).unwrap(), said);
    }

    #[test]
    fn what_another_version_wrote_is_refused_with_its_version() {
        let body = notice().to_body().unwrap();
        let newer = body.replace("\"version\":1,", "\"version\":2,\"more\":1,");
        let error = QuotaNotice::from_body(&newer).unwrap_err().to_string();
        assert!(error.contains("version 2, this program reads 1"), "{error}");
        for broken in [
            body.replace("\"version\":1,", "\"version\":1,\"more\":1,"),
            body.replace("\"plan\":\"pro\",", ""),
            body.replace("quota_threshold", "else"),
            body.replace("2026-12-01", "2025-12-01"),
            "{}".to_owned(),
            String::new(),
        ] {
            let error = QuotaNotice::from_body(&broken).unwrap_err();
            assert!(
                matches!(error, NoticesError::Body { .. } | NoticesError::Store(_)),
                "{broken}"
            );
        }
    }
}
