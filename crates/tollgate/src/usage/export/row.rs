//! One row of an export, as CSV, JSON or an event.

use std::io::{self, Write};

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tollgate_admin::Exact;
use tollgate_limiter::jiff::tz::TimeZone;
use tollgate_store::{Caller, Name, PlanName, RouteName, Series, Usage};

use crate::cli::ExportFormat;
use crate::usage::span;

/// The route of requests that no template matches, as the policy names it.
const UNMATCHED: &str = "*";
/// Of SHA-256, 132 bits.
const ID_LENGTH: usize = 22;
const COLUMNS: [&str; 15] = [
    "from",
    "until",
    "issuer",
    "subject",
    "account",
    "plan",
    "route",
    "requests",
    "admitted",
    "limited",
    "refused",
    "bytes_in",
    "bytes_out",
    "cost_units",
    "id",
];

/// What one series used in one period.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) series: Series,
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
    pub(super) usage: Usage,
}

/// Where rows go.
pub(super) struct Rows<W: Write> {
    out: Out<W>,
    source: String,
    zone: TimeZone,
}

enum Out<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Json(W),
    Events(W),
}

// === impl Row ===

impl Row {
    /// Whether both are parts of one row.
    pub(super) fn is_of(&self, other: &Row) -> bool {
        self.from_ms == other.from_ms && self.series == other.series
    }

    /// Issuer, subject, account, plan, route: empty for none.
    fn names(&self) -> [&str; 5] {
        let [issuer, subject, account] = match &self.series.caller {
            Caller::Anonymous => [""; 3],
            Caller::Subject {
                issuer,
                subject,
                account,
            } => [
                issuer.as_str(),
                subject.as_str(),
                account.as_ref().map_or("", Name::as_str),
            ],
        };
        let plan = self.series.plan.as_ref().map_or("", PlanName::as_str);
        let route = self
            .series
            .route
            .as_ref()
            .map_or(UNMATCHED, RouteName::as_str);
        [issuer, subject, account, plan, route]
    }

    /// The same for the same series and period, whatever was used, wherever it is exported.
    fn id(&self) -> String {
        let mut hasher = Sha256::new_with_prefix("tollgate/usage/1");
        for name in self.names() {
            hasher.update(format!("{}:{name}", name.len()));
        }
        hasher.update(format!("{}-{}", self.from_ms, self.until_ms));
        let mut id = BASE64URL_NOPAD.encode(&hasher.finalize());
        id.truncate(ID_LENGTH);
        id
    }

    fn numbers(&self) -> [u64; 7] {
        let usage = &self.usage;
        [
            usage.requests(),
            usage.admitted,
            usage.limited,
            usage.refused,
            usage.bytes_in,
            usage.bytes_out,
            usage.cost_units,
        ]
    }

    /// All but the id.
    fn json(&self, zone: &TimeZone) -> Map<String, Value> {
        let mut object = Map::new();
        let mut columns = COLUMNS.iter();
        let times = [self.from_ms, self.until_ms].map(|at_ms| json!(span::written(at_ms, zone)));
        let names = self.names().map(|name| match name {
            "" => Value::Null,
            name => json!(name),
        });
        // As the admin API says them.
        let numbers = self.numbers().map(|number| json!(Exact(number)));
        let values = times.into_iter().chain(names).chain(numbers);
        for value in values {
            if let Some(column) = columns.next() {
                object.insert((*column).to_owned(), value);
            }
        }
        object
    }

    /// A CloudEvent 1.0 (<https://github.com/cloudevents/spec>, JSON event format).
    fn event(&self, source: &str, zone: &TimeZone) -> Value {
        let mut event = json!({
            "specversion": "1.0",
            "type": "tollgate.usage.v1",
            "source": source,
            "id": self.id(),
            "time": span::written(self.from_ms, zone),
            "datacontenttype": "application/json",
            "data": self.json(zone),
        });
        let [_, subject, ..] = self.names();
        if !subject.is_empty() {
            event["subject"] = json!(subject);
        }
        event
    }
}

// === impl Rows ===

impl<W: Write> Rows<W> {
    pub(super) fn new(out: W, format: ExportFormat, source: &str, zone: TimeZone) -> Self {
        Self {
            out: match format {
                ExportFormat::Csv => Out::Csv(Box::new(csv::Writer::from_writer(out))),
                ExportFormat::Jsonl => Out::Json(out),
                ExportFormat::Cloudevents => Out::Events(out),
            },
            source: source.to_owned(),
            zone,
        }
    }

    pub(super) fn begin(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Csv(out) => out.write_record(COLUMNS).map_err(of_csv),
            _ => Ok(()),
        }
    }

    pub(super) fn write(&mut self, row: &Row) -> io::Result<()> {
        match &mut self.out {
            Out::Csv(out) => {
                let times =
                    [row.from_ms, row.until_ms].map(|at_ms| span::written(at_ms, &self.zone));
                let names = row.names().map(str::to_owned);
                let numbers = row.numbers().map(|number| number.to_string());
                let fields = times.into_iter().chain(names).chain(numbers);
                out.write_record(fields.chain([row.id()])).map_err(of_csv)
            }
            Out::Json(out) => {
                let mut object = row.json(&self.zone);
                object.insert("id".to_owned(), json!(row.id()));
                writeln!(out, "{}", Value::Object(object))
            }
            Out::Events(out) => writeln!(out, "{}", row.event(&self.source, &self.zone)),
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Csv(out) => out.flush(),
            Out::Json(out) | Out::Events(out) => out.flush(),
        }
    }
}

fn of_csv(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(admitted: u64) -> Row {
        Row {
            series: Series {
                caller: Caller::Anonymous,
                plan: None,
                route: None,
            },
            from_ms: 0,
            until_ms: 86_400_000,
            usage: Usage {
                admitted,
                ..Usage::default()
            },
        }
    }

    #[test]
    fn an_id_says_whose_and_when_and_not_how_much() {
        assert_eq!(row(1).id(), row(2).id());
        assert_eq!(row(1).id(), "YAjSGO8bh6tLnMkOKyaWZx");
        let later = Row {
            until_ms: 1,
            ..row(1)
        };
        assert_ne!(later.id(), row(1).id());
    }

    #[test]
    fn case_085_numbers_that_readers_of_json_would_round_are_texts() {
        const JSON_NUMBER_MAX: u64 = (1 << 53) - 1;
        let utc = TimeZone::UTC;
        assert_eq!(
            row(JSON_NUMBER_MAX).json(&utc)["admitted"],
            json!(JSON_NUMBER_MAX)
        );
        let large = row(JSON_NUMBER_MAX + 1).json(&utc);
        assert_eq!(large["admitted"], json!("9007199254740992"));
        assert_eq!(large["subject"], Value::Null);
        assert_eq!(large["route"], json!("*"));
        assert_eq!(large["until"], json!("1970-01-02T00:00:00Z"));
    }
}
