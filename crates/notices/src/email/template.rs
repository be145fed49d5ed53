//! Templates of mails: text with the values of a notice in it.
//!
//! `{{name}}` is a value; `{{#name}}…{{/name}}` is there only if the value is not empty. Nothing else has a meaning:
//! a template computes nothing.

use crate::body::Effect;
use crate::error::NoticesError;
use crate::event::Event;
use tollgate_store::HolderKind;

/// The largest template, in bytes.
pub(super) const TEMPLATE_BYTES_MAX: usize = 64 * 1024;

/// Every value that a template may name.
const NAMES: [&str; 14] = [
    "id",
    "holder",
    "holder_kind",
    "issuer",
    "plan",
    "limit",
    "route",
    "percent",
    "used",
    "quota",
    "from",
    "until",
    "effect",
    "upgrade_url",
];

/// A checked template.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    /// An index of [`NAMES`].
    Value(usize),
    /// What is there only if a value is not empty.
    If(usize, Vec<Part>),
}

/// What the values are put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Html,
}

/// The values of one notice, in the order of [`NAMES`].
pub(super) struct Values([String; NAMES.len()]);

impl Template {
    /// # Errors
    /// What is wrong, with the line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("has more than {TEMPLATE_BYTES_MAX} bytes"));
        }
        let mut rest = text;
        let mut parts = Vec::new();
        // Parts of the section that is open, beside its value.
        let mut open: Option<(usize, Vec<Part>)> = None;
        while let Some(begin) = rest.find("{{") {
            let line = 1 + text[..text.len() - rest.len() + begin]
                .matches('\n')
                .count();
            let wrong = |what: String| Err(format!("line {line}: {what}"));
            let Some(length) = rest[begin..].find("}}") else {
                return wrong("`{{` without `}}`".to_owned());
            };
            let tag = rest[begin + 2..begin + length].trim();
            let before = Part::Text(rest[..begin].to_owned());
            rest = &rest[begin + length + 2..];
            open.as_mut()
                .map_or(&mut parts, |(_, inner)| inner)
                .push(before);
            let name = tag.trim_start_matches(['#', '/']);
            let Some(index) = NAMES.iter().position(|known| *known == name) else {
                return wrong(format!(
                    "there is no value `{name}`; there are {}",
                    NAMES.join(", ")
                ));
            };
            match (tag.as_bytes()[0], open.take()) {
                (b'#', None) => open = Some((index, Vec::new())),
                (b'#', Some(_)) => return wrong("a section within a section".to_owned()),
                (b'/', Some((of, inner))) if of == index => parts.push(Part::If(of, inner)),
                (b'/', _) => return wrong(format!("`{{{{{tag}}}}}` ends nothing")),
                (_, Some((of, mut inner))) => {
                    inner.push(Part::Value(index));
                    open = Some((of, inner));
                }
                (_, None) => parts.push(Part::Value(index)),
            }
        }
        if let Some((of, _)) = open {
            return Err(format!("`{{{{#{}}}}}` is not ended", NAMES[of]));
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    pub(super) fn render(&self, values: &Values, form: Form) -> String {
        let mut text = String::new();
        write(&self.0, values, form, &mut text);
        text
    }
}

fn write(parts: &[Part], values: &Values, form: Form, text: &mut String) {
    for part in parts {
        match part {
            Part::Text(own) => text.push_str(own),
            Part::Value(index) => match form {
                Form::Plain => text.push_str(&values.0[*index]),
                Form::Html => escape(&values.0[*index], text),
            },
            Part::If(index, inner) if !values.0[*index].is_empty() => {
                write(inner, values, form, text);
            }
            Part::If(..) => {}
        }
    }
}

/// As text or as an attribute in quotes of either kind.
fn escape(value: &str, text: &mut String) {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            c => text.push(c),
        }
    }
}

impl Values {
    pub(super) fn of(event: &Event) -> Result<Self, NoticesError> {
        let notice = &event.notice;
        let counter = &notice.counter;
        let kind = match counter.holder.kind {
            HolderKind::Subject => "Subject",
            HolderKind::Account => "Account",
        };
        let route = counter.route.as_ref();
        let effect = match notice.effect {
            Effect::KeepsServing => "go on being served",
            Effect::Slower => "are slowed down from now on",
            Effect::Blocked => "are refused until the period ends",
        };
        // A link that runs something in whoever reads the mail is none.
        let is_link = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
        let upgrade_url = notice.upgrade_url.as_deref().filter(is_link);
        Ok(Self([
            event.id.clone(),
            counter.holder.name.to_string(),
            kind.to_owned(),
            counter.holder.issuer.to_string(),
            notice.plan.to_string(),
            counter.limit.to_string(),
            route.map_or_else(
                || "all routes".to_owned(),
                |route| route.as_str().to_owned(),
            ),
            notice.threshold_percent.to_string(),
            notice.used.to_string(),
            notice.quota.to_string(),
            minute(counter.from_ms())?,
            minute(counter.until_ms())?,
            effect.to_owned(),
            upgrade_url.unwrap_or_default().to_owned(),
        ]))
    }
}

/// For people: `2026-11-01 00:00 UTC`.
fn minute(unix_ms: u64) -> Result<String, NoticesError> {
    let ms = i64::try_from(unix_ms).map_err(NoticesError::body)?;
    let moment = jiff::Timestamp::from_millisecond(ms).map_err(NoticesError::body)?;
    Ok(moment.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::event;

    fn rendered(text: &str, form: Form) -> String {
        let values = Values::of(&event()).unwrap();
        Template::parse(text).unwrap().render(&values, form)
    }

    #[test]
    fn values_stand_where_they_are_named() {
        let text = "{{ percent }} % of {{limit}}, {{from}}{{#upgrade_url}}: {{upgrade_url}}.{{/upgrade_url}}";
        assert_eq!(
            rendered(text, Form::Plain),
            "90 % of monthly, 2026-11-01 00:00 UTC: https://example.com/upgrade."
        );
        assert_eq!(rendered("{ no } value", Form::Plain), "{ no } value");
    }

    #[test]
    fn a_value_is_no_markup_and_a_link_runs_nothing() {
        let mut event = event();
        event.notice.upgrade_url = Some("javascript:alert(1)".to_owned());
        event.notice.counter.holder =
            tollgate_store::Holder::account("i", "<b>&\"'{{id}}").unwrap();
        let values = Values::of(&event).unwrap();
        let text = "{{holder}}|{{#upgrade_url}}{{upgrade_url}}{{/upgrade_url}}";
        let template = Template::parse(text).unwrap();
        assert_eq!(
            template.render(&values, Form::Html),
            "&lt;b&gt;&amp;&quot;&#39;{{id}}|"
        );
        assert_eq!(template.render(&values, Form::Plain), "<b>&\"'{{id}}|");
    }

    #[test]
    fn what_means_nothing_is_told_with_its_line() {
        for (text, expected) in [
            ("\n{{nme}}", "line 2: there is no value `nme`"),
            ("a {{}}", "line 1: there is no value ``"),
            ("a {{id", "line 1: `{{` without `}}`"),
            ("{{#plan}}", "`{{#plan}}` is not ended"),
            ("{{/plan}}", "line 1: `{{/plan}}` ends nothing"),
            ("{{#plan}}{{/id}}", "line 1: `{{/id}}` ends nothing"),
            ("{{#plan}}{{#id}}", "line 1: a section within a section"),
        ] {
            let reason = Template::parse(text).unwrap_err();
            assert!(reason.starts_with(expected), "{text}: {reason}");
        }
        assert!(Template::parse(&" ".repeat(TEMPLATE_BYTES_MAX + 1)).is_err());
    }
}
