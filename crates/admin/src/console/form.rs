//! The fields of a form, as they were sent: texts, numbers and times, each with its name when it is wrong.

use std::sync::Arc;

use axum::extract::Request;
use tollgate_engine::limiter::jiff::civil::DateTime;
use tollgate_engine::limiter::jiff::tz::TimeZone;
use tollgate_store::WriteKey;

use crate::body;
use crate::problem::{Answer, Problem};
use crate::v1::changes::write_key;

/// The longest form that has no policy in it, in bytes.
pub(super) const FORM_BYTES_MAX: usize = body::BODY_BYTES_MAX;
/// The longest with one: its 4 MiB, each byte of which may be written as three.
pub(super) const POLICY_FORM_BYTES_MAX: usize = 3 * 4 * 1024 * 1024 + FORM_BYTES_MAX;
/// The most fields of one form.
const FIELDS_MAX: usize = 32;

/// What a form has of the visitor's session, so that it is known for one of ours.
pub(super) const TOKEN: &str = "token";
/// What a form has of its own, so that it is done once.
pub(super) const KEY: &str = "key";
/// Which version a form is to change.
pub(super) const VERSION: &str = "version";

/// The fields of one form. Cheap to clone.
#[derive(Clone)]
pub(super) struct Fields(Arc<Vec<(String, String)>>);

impl Fields {
    /// Reads them from a request.
    pub(super) async fn read(request: Request, max: usize) -> Answer<Self> {
        let body = body::read(request, body::Media::Form, max).await?;
        let pairs = form_urlencoded::parse(&body).into_owned();
        let fields: Vec<_> = pairs.take(FIELDS_MAX + 1).collect();
        if fields.len() > FIELDS_MAX {
            let detail = format!("a form has at most {FIELDS_MAX} fields");
            return Err(Problem::malformed(detail));
        }
        Ok(Self(Arc::new(fields)))
    }

    /// What a field says, without space around it; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The same, as a text that may be left out.
    pub(super) fn some(&self, name: &str) -> Option<String> {
        let text = self.text(name);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A text of lines. Browsers end each with CR and LF, whatever it was.
    pub(super) fn lines(&self, name: &str) -> String {
        self.raw(name).replace("\r\n", "\n")
    }

    pub(super) fn number(&self, name: &'static str) -> Answer<u64> {
        let number = self.text(name).parse();
        number.map_err(|_| wrong(name, "this is no whole number"))
    }

    pub(super) fn maybe_number(&self, name: &'static str) -> Answer<Option<u64>> {
        match self.text(name) {
            "" => Ok(None),
            _ => self.number(name).map(Some),
        }
    }

    /// A time of UTC, as a browser's field for times has it, in milliseconds since 1970.
    pub(super) fn time(&self, name: &'static str) -> Answer<Option<u64>> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let at = text.parse::<DateTime>().ok();
        let at = at.and_then(|at| at.to_zoned(TimeZone::UTC).ok());
        let at_ms = at.and_then(|at| u64::try_from(at.timestamp().as_millisecond()).ok());
        let detail = "this is no time; write one as 2026-11-01T00:00";
        at_ms.map(Some).ok_or_else(|| wrong(name, detail))
    }

    /// The version that it is to change.
    pub(super) fn version(&self) -> Answer<u64> {
        self.number(VERSION)
    }

    /// The key under which it is done once.
    pub(super) fn key(&self) -> Answer<WriteKey> {
        write_key(self.text(KEY))
    }

    fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }
}

fn wrong(name: &str, detail: &str) -> Problem {
    Problem::invalid(&format!("/{name}"), detail)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn read(body: String) -> Answer<Fields> {
        let request = http::Request::post("/");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Fields::read(request.body(Body::from(body)).unwrap(), 10_000).await
    }

    #[tokio::test]
    async fn fields_are_read_as_a_browser_sends_them() {
        let body = "a=%C3%B6+1+&t=2026-11-01T10%3A30&n=7&bad=x&text=%0D%0Aa%0D%0A".to_owned();
        let fields = read(body).await.unwrap();
        assert_eq!((fields.text("a"), fields.text("none")), ("ö 1", ""));
        assert_eq!(fields.time("t").unwrap(), Some(1_793_529_000_000));
        assert_eq!(
            (fields.time("none").unwrap(), fields.number("n").unwrap()),
            (None, 7)
        );
        assert_eq!(fields.lines("text"), "\na\n");
        for problem in [
            fields.number("bad").unwrap_err(),
            fields.time("bad").unwrap_err(),
        ] {
            assert_eq!(problem.status(), 422);
        }
    }

    #[tokio::test]
    async fn a_form_has_bounds() {
        assert_eq!(read("a=1&".repeat(32)).await.unwrap().text("a"), "1");
        assert_eq!(read("a=1&".repeat(33)).await.err().unwrap().status(), 400);
        assert_eq!(read("a".repeat(10_001)).await.err().unwrap().status(), 413);
    }
}
