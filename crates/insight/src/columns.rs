//! Which columns tell who called: in the operator's words, since no log has a standard for it.

use std::borrow::Cow;
use std::str::FromStr;

use crate::error::InsightError;
use crate::text::percent_decoded;

/// A field of a line, or one value of several in it.
///
/// | text | means |
/// |---|---|
/// | `remote_user` | the whole field |
/// | `cs(Cookie):id` | the cookie `id` of a field with cookies |
/// | `cs-uri-query:key` | the parameter `key` of a field with a query |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(crate) field: String,
    part: Option<String>,
}

/// The columns that an operator has named.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Who called; without it, everybody is anonymous.
    pub subject: Option<Column>,
    /// The account that was called for.
    pub account: Option<Column>,
    /// The plan at the time.
    pub plan: Option<Column>,
    /// The names of all fields in their order, where the format's lines have other ones than usual.
    pub fields: Option<Vec<String>>,
}

impl FromStr for Column {
    type Err = InsightError;

    fn from_str(text: &str) -> Result<Self, InsightError> {
        let (field, part) = match text.rsplit_once(':') {
            Some((field, part)) => (field, Some(part.to_owned())),
            None => (text, None),
        };
        if field.is_empty() || part.as_ref().is_some_and(String::is_empty) {
            return Err(InsightError::Unreadable {
                what: "the column",
                text: text.to_owned(),
                reason: "write FIELD or FIELD:NAME",
            });
        }
        Ok(Self {
            field: field.to_owned(),
            part,
        })
    }
}

impl Column {
    /// What the column has of a field's value; `None`: nothing.
    pub(crate) fn of<'l>(&self, value: Cow<'l, str>) -> Option<Cow<'l, str>> {
        let found = match &self.part {
            None => value,
            Some(part) => match value {
                Cow::Borrowed(text) => find(text, part)?,
                Cow::Owned(text) => Cow::Owned(find(&text, part)?.into_owned()),
            },
        };
        let is_absent = found.is_empty() || found == "-";
        (!is_absent).then_some(found)
    }
}

/// The value of a name in `a=1; b=2` or `a=1&b=2`; only a query encodes its values.
fn find<'l>(text: &'l str, name: &str) -> Option<Cow<'l, str>> {
    let is_query = !text.contains(';');
    let pairs = text.split([';', '&']).map(str::trim);
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(match is_query {
        true => percent_decoded(value),
        false => Cow::Borrowed(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(column: &str, value: &str) -> Option<String> {
        let column: Column = column.parse().unwrap();
        let borrowed = column.of(Cow::Borrowed(value)).map(Cow::into_owned);
        let owned = column.of(Cow::Owned(value.to_owned())).map(Cow::into_owned);
        assert_eq!(borrowed, owned);
        borrowed
    }

    #[test]
    fn a_column_is_a_field_or_one_value_of_it() {
        assert_eq!(of("remote_user", "alice").as_deref(), Some("alice"));
        assert_eq!(of("remote_user", "-"), None);
        assert_eq!(of("remote_user", ""), None);
        let cookies = "theme=dark; id=a%20b; id=second";
        assert_eq!(of("cs(Cookie):id", cookies).as_deref(), Some("a%20b"));
        assert_eq!(of("cs(Cookie):i", cookies), None);
        assert_eq!(
            of("cs-uri-query:key", "x=1&key=a%20b").as_deref(),
            Some("a b")
        );
        assert_eq!(of("cs-uri-query:key", "key="), None);
        assert_eq!(of("q:key", "key"), None);
    }

    #[test]
    fn half_a_column_is_none() {
        for text in ["", ":", "a:", ":a"] {
            assert!(text.parse::<Column>().is_err(), "{text}");
        }
    }
}
