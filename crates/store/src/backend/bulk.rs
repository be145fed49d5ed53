//! Every assignment there is, as fast as each database hands them over: as text, many rows at a time.
//!
//! Row by row the client spends several times as long as the database: it copies every value, and
//! that of SQLite passes every row from one thread to another.

use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::{Connection, Session, Value, failed, stored};
use crate::error::StoreError;

/// What stands between fields, and between rows. No text that is stored has control characters.
const FIELD: char = '\u{1f}';
const ROW: char = '\n';

/// In the format that escapes nothing: only a separator, a quote or the end of a line in a field would be
/// quoted.
const COPY: &str = "\
    COPY (SELECT kind, issuer, name, made, from_ms, until_ms, plan FROM assignments) \
    TO STDOUT (FORMAT csv, DELIMITER E'\\x1f', QUOTE E'\\x02', NULL '')";

/// The next rows after a key, in the order of the table itself.
const PAGE: &str = "\
    SELECT coalesce(group_concat(concat_ws(char(31), \
        kind, issuer, name, made, from_ms, coalesce(until_ms, ''), plan), char(10)), '') \
    FROM (SELECT kind, issuer, name, made, from_ms, until_ms, plan FROM assignments \
        WHERE (kind, issuer, name, made) > ($1, $2, $3, $4) \
        ORDER BY kind, issuer, name, made LIMIT 2000)";

/// One row, not checked yet.
#[derive(Clone, Copy)]
pub(crate) struct Assigned<'r> {
    pub(crate) kind: i64,
    pub(crate) issuer: &'r str,
    pub(crate) name: &'r str,
    pub(crate) made: u64,
    pub(crate) from_ms: u64,
    pub(crate) until_ms: Option<u64>,
    pub(crate) plan: &'r str,
}

impl Session {
    /// Looks at every assignment, in no order; `None` for a row that nobody of us has written.
    pub(crate) async fn each_assignment(
        &mut self,
        mut look: impl FnMut(Option<Assigned<'_>>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if let Connection::Postgres(connection) = &mut self.connection {
            return copied(connection, look).await;
        }
        let (mut kind, mut issuer, mut name, mut made) = (0, String::new(), String::new(), 0);
        loop {
            let after = [
                Value::Int(kind),
                Value::Text(&issuer),
                Value::Text(&name),
                Value::Int(stored(made)),
            ];
            let read = |row: &super::Row<'_>| Ok(row.text(0)?.to_owned());
            let page = self.first(PAGE, &after, read).await?.unwrap_or_default();
            if page.is_empty() {
                return Ok(());
            }
            let mut last = (kind, issuer.as_str(), name.as_str(), made);
            for row in page.split(ROW) {
                let row = of_text(row);
                if let Some(row) = &row {
                    last = last.max((row.kind, row.issuer, row.name, row.made));
                }
                look(row)?;
            }
            if last == (kind, &issuer, &name, made) {
                return Err(StoreError::damaged(
                    "assignments",
                    "not one of a page can be read",
                ));
            }
            (kind, made) = (last.0, last.3);
            (issuer, name) = (last.1.to_owned(), last.2.to_owned());
        }
    }
}

/// One row a message, as far as PostgreSQL is known; it does not promise that.
async fn copied(
    connection: &mut PgConnection,
    mut look: impl FnMut(Option<Assigned<'_>>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut messages = connection.copy_out_raw(COPY).await.map_err(failed)?;
    let mut text = Vec::new();
    while let Some(message) = messages.try_next().await.map_err(failed)? {
        text.extend_from_slice(&message);
        let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else {
            continue;
        };
        for row in text[..end].split(|byte| *byte == b'\n') {
            look(str::from_utf8(row).ok().and_then(of_text))?;
        }
        text.drain(..=end);
    }
    Ok(())
}

fn of_text(row: &str) -> Option<Assigned<'_>> {
    let mut fields = row.split(FIELD);
    let assigned = Assigned {
        kind: fields.next()?.parse().ok()?,
        issuer: fields.next()?,
        name: fields.next()?,
        made: fields.next()?.parse().ok()?,
        from_ms: fields.next()?.parse().ok()?,
        until_ms: match fields.next()? {
            "" => None,
            number => Some(number.parse().ok()?),
        },
        plan: fields.next()?,
    };
    fields.next().is_none().then_some(assigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_as_text_is_read_or_told_as_unreadable() {
        let row = of_text("1\u{1f}i\u{1f}s\u{1f}7\u{1f}8\u{1f}\u{1f}pro").unwrap();
        assert_eq!(
            (row.kind, row.issuer, row.name, row.plan),
            (1, "i", "s", "pro")
        );
        assert_eq!((row.made, row.from_ms, row.until_ms), (7, 8, None));
        let with_end = of_text("2\u{1f}i\u{1f}a\u{1f}7\u{1f}8\u{1f}9\u{1f}pro").unwrap();
        assert_eq!(with_end.until_ms, Some(9));
        for text in ["", "1\u{1f}i", "x\u{1f}i\u{1f}s\u{1f}7\u{1f}8\u{1f}\u{1f}p"] {
            assert!(of_text(text).is_none(), "{text:?}");
        }
        let one_more = "1\u{1f}i\u{1f}s\u{1f}7\u{1f}8\u{1f}\u{1f}pro\u{1f}";
        assert!(of_text(one_more).is_none());
    }
}
