//! One line to one entry.

use std::borrow::Cow;

use crate::columns::Columns;
use crate::entry::{BYTES_MAX, Entry, Fate};
use crate::error::{InsightError, LineError};
use crate::fates::Fates;
use crate::format::Format;
use crate::json;
use crate::slots::{ALB_FIELDS, NGINX_FIELDS, Slot, Values, Wanted};
use crate::text::{Spaced, path, percent_decoded, tabbed};
use crate::when;

/// Reads lines of one log, from its first: a line `#Fields:` is about those after it.
#[derive(Debug)]
pub struct LineReader {
    format: Format,
    wanted: Wanted,
    fates: Fates,
    /// Of lines that name no fields: what each field is for, in their order. Empty before it is known.
    fields: Vec<Vec<(usize, Slot)>>,
    /// Whether the names of fields are the operator's own.
    is_named: bool,
}

impl LineReader {
    /// Reads a format, with the operator's columns.
    ///
    /// # Errors
    /// [`InsightError::NoColumn`] where the fields of the format are known and lack a column.
    pub fn new(format: Format, columns: &Columns) -> Result<Self, InsightError> {
        let mut reader = Self {
            format,
            wanted: Wanted::new(format, columns),
            fates: Fates::default(),
            fields: Vec::new(),
            is_named: columns.fields.is_some(),
        };
        match (&columns.fields, format) {
            (Some(fields), _) => reader.know(fields.iter().map(String::as_str))?,
            (None, Format::Alb) => reader.know(ALB_FIELDS.split_whitespace())?,
            (None, Format::Nginx) => reader.know(NGINX_FIELDS.split_whitespace())?,
            (None, _) => {}
        }
        Ok(reader)
    }

    /// With another meaning of statuses.
    #[must_use]
    pub fn with_fates(self, fates: Fates) -> Self {
        Self { fates, ..self }
    }

    /// How lines are written.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Takes a line that begins with `#`: one that names the fields of those after it, or none of interest.
    ///
    /// # Errors
    /// [`InsightError::NoColumn`] when none of the fields is a column that was named.
    pub fn directive(&mut self, line: &str) -> Result<(), InsightError> {
        let fields = line.strip_prefix("#Fields:");
        let Some(fields) = fields.filter(|_| self.format == Format::CloudFront && !self.is_named)
        else {
            return Ok(());
        };
        self.know(fields.split_whitespace())
    }

    fn know<'n>(
        &mut self,
        fields: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<(), InsightError> {
        for name in self.wanted.columns() {
            if !fields.clone().any(|field| field == name) {
                return Err(InsightError::NoColumn {
                    name: name.to_owned(),
                });
            }
        }
        let slots = |name| self.wanted.of_field(name).collect();
        self.fields = fields.map(slots).collect();
        Ok(())
    }

    /// What a line says; `None` of an empty line and one that begins with `#`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn entry<'l>(&self, line: &'l str) -> Result<Option<Entry<'l>>, LineError> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let mut values = match self.format {
            Format::CloudFront => self.numbered(tabbed(line).map(Cow::Borrowed))?,
            Format::Alb | Format::Nginx => self.numbered(Spaced::new(line))?,
            _ => json::values(line, &self.wanted)?,
        };
        if let Format::CloudFront | Format::CloudFrontJson = self.format {
            decode(&mut values);
        }
        self.of(values).map(Some)
    }

    /// Values by the order of the fields.
    fn numbered<'l>(
        &self,
        fields: impl Iterator<Item = Cow<'l, str>>,
    ) -> Result<Values<'l>, LineError> {
        if self.fields.is_empty() {
            return Err(LineError::NoHeader);
        }
        let mut values = Values::default();
        for (slots, value) in self.fields.iter().zip(fields) {
            for (rank, slot) in slots {
                values.put(*slot, *rank, value.clone());
            }
        }
        Ok(values)
    }

    fn of<'l>(&self, mut values: Values<'l>) -> Result<Entry<'l>, LineError> {
        let [subject, account, plan] = self.wanted.callers(&mut values);
        let (method, target) = request(&mut values)?;
        Ok(Entry {
            at_ms: at_ms(&mut values)?,
            method,
            path: path(target),
            route: values.take(Slot::Route),
            fate: self.fate(&mut values)?,
            bytes_in: bytes(values.take(Slot::BytesIn), "bytes received")?,
            bytes_out: bytes(values.take(Slot::BytesOut), "bytes sent")?,
            subject,
            account,
            plan,
        })
    }

    fn fate(&self, values: &mut Values<'_>) -> Result<Fate, LineError> {
        if let Some(verdict) = values.take(Slot::Verdict) {
            let mode = values.take(Slot::Mode);
            return Ok(match &*verdict {
                "allow" => Fate::Admitted,
                "limit" if mode.as_deref() == Some("shadow") => Fate::Admitted,
                "limit" => Fate::Limited,
                "own" => Fate::Free,
                _ => Fate::Refused,
            });
        }
        if self.format == Format::Tollgate {
            // Refused before it was asked what for: an ambiguous path, a broken head.
            return Ok(Fate::Refused);
        }
        if values.take(Slot::Result).as_deref() == Some("LimitExceeded") {
            return Ok(Fate::Limited);
        }
        let status = values.take(Slot::Status);
        let status = status.ok_or(LineError::Missing { what: "status" })?;
        let fate = self.fates.status(&status);
        fate.ok_or(LineError::Unreadable { what: "the status" })
    }
}

/// CloudFront encodes what it writes, once more than the client did.
fn decode(values: &mut Values<'_>) {
    for slot in [Slot::Target, Slot::Subject, Slot::Account, Slot::Plan] {
        if let Some(value) = values.take(slot) {
            let value = match value {
                Cow::Borrowed(text) => percent_decoded(text),
                Cow::Owned(text) => Cow::Owned(percent_decoded(&text).into_owned()),
            };
            values.put(slot, 0, value);
        }
    }
}

fn at_ms(values: &mut Values<'_>) -> Result<u64, LineError> {
    let time = values.take(Slot::Time);
    let time = time.ok_or(LineError::Missing { what: "time" })?;
    let at_ms = match values.take(Slot::Date) {
        Some(date) => when::date_and_time(&date, &time),
        None => when::moment(&time),
    };
    at_ms.ok_or(LineError::Unreadable { what: "the time" })
}

/// Method and target, together or apart. Of what was no HTTP there is neither: both are `-` then.
fn request<'l>(values: &mut Values<'l>) -> Result<(Cow<'l, str>, Cow<'l, str>), LineError> {
    let nothing = || (Cow::Borrowed("-"), Cow::Borrowed("-"));
    if let Some(request) = values.take(Slot::Request) {
        let both = match request {
            Cow::Borrowed(text) => {
                both(text).map(|(method, target)| (method.into(), target.into()))
            }
            Cow::Owned(text) => both(&text)
                .map(|(method, target)| (method.to_owned().into(), target.to_owned().into())),
        };
        return Ok(both.unwrap_or_else(nothing));
    }
    let target = values.take(Slot::Target);
    let target = target.ok_or(LineError::Missing { what: "path" })?;
    if let Some(method) = values.take(Slot::Method) {
        return Ok((method, target));
    }
    // A key of a route of API Gateway: both in one, or `$default`.
    Ok(match both(&target) {
        Some((method, target)) => (method.to_owned().into(), target.to_owned().into()),
        None => nothing(),
    })
}

fn both(text: &str) -> Option<(&str, &str)> {
    let mut words = text.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    (!method.is_empty() && !target.is_empty()).then_some((method, target))
}

fn bytes(text: Option<Cow<'_, str>>, what: &'static str) -> Result<u64, LineError> {
    let text = text.filter(|text| text != "-");
    let number = text.map_or(Some(0), |text| text.parse().ok());
    let number = number.filter(|number| *number <= BYTES_MAX);
    number.ok_or(LineError::Unreadable { what })
}
