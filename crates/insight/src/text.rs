//! Lines cut into fields: by tabs or by spaces, with the quotes and escapes of each format.

use std::borrow::Cow;

/// The fields of a line of CloudFront: by tabs, or by spaces where there is none. No field has either.
pub(crate) fn tabbed(line: &str) -> std::str::Split<'_, char> {
    let separator = if line.contains('\t') { '\t' } else { ' ' };
    line.split(separator)
}

/// The fields of a line with spaces, quotes and brackets, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Spaced<'l>(&'l str);

impl<'l> Spaced<'l> {
    pub(crate) fn new(line: &'l str) -> Self {
        Self(line)
    }
}

impl<'l> Iterator for Spaced<'l> {
    type Item = Cow<'l, str>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.0.trim_start_matches(' ');
        if line.is_empty() {
            return None;
        }
        let (field, rest) = match line.as_bytes()[0] {
            b'"' => quoted(&line[1..]),
            b'[' => {
                let (field, rest) = line[1..].split_once(']').unwrap_or((&line[1..], ""));
                (Cow::Borrowed(field), rest)
            }
            _ => {
                let (field, rest) = line.split_once(' ').unwrap_or((line, ""));
                (unescaped(field), rest)
            }
        };
        self.0 = rest;
        Some(field)
    }
}

/// Up to the quote that no backslash stands before; without one, all of it.
fn quoted(text: &str) -> (Cow<'_, str>, &str) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b'"', b'\\', &bytes[from..]) {
        let at = from + at;
        if bytes[at] == b'"' {
            return (unescaped(&text[..at]), &text[at + 1..]);
        }
        from = at + 2;
        if from >= bytes.len() {
            break;
        }
    }
    (unescaped(text), "")
}

/// nginx and ALB write quotes, backslashes and what is not printable as `\xHH`, or `\"` and `\\`.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = match bytes[at..] {
            [b'\\', b'x', high, low, ..] => hex(high, low).map(|byte| (byte, 4)),
            [b'\\', byte @ (b'"' | b'\\'), ..] => Some((byte, 2)),
            _ => None,
        };
        let (byte, length) = escaped.unwrap_or((bytes[at], 1));
        plain.push(byte);
        at += length;
    }
    String::from_utf8(plain).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// With `%HH` decoded once; as it is, where that would be no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let decoded = match bytes[at..] {
            [b'%', high, low, ..] => hex(high, low),
            _ => None,
        };
        plain.push(decoded.unwrap_or(bytes[at]));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8(plain).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// The path of a target: without scheme, host, query and fragment.
pub(crate) fn path(target: Cow<'_, str>) -> Cow<'_, str> {
    match target {
        Cow::Borrowed(target) => Cow::Borrowed(path_of(target)),
        Cow::Owned(target) => Cow::Owned(path_of(&target).to_owned()),
    }
}

fn path_of(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaced(line: &str) -> Vec<String> {
        Spaced::new(line).map(Cow::into_owned).collect()
    }

    #[test]
    fn fields_are_cut_at_spaces_outside_of_quotes_and_brackets() {
        let line = r#"h2 [1 2]  "GET /a b" - "x \"y\" \x41\\" end"#;
        assert_eq!(
            spaced(line),
            ["h2", "1 2", "GET /a b", "-", "x \"y\" A\\", "end"]
        );
    }

    #[test]
    fn half_a_quote_ends_with_the_line() {
        for (line, fields) in [
            ("\"open", vec!["open"]),
            ("\"open\\", vec!["open\\"]),
            ("[open", vec!["open"]),
            ("\"\" a", vec!["", "a"]),
            ("   ", vec![]),
            ("\\xc3", vec!["\\xc3"]),
        ] {
            assert_eq!(spaced(line), fields, "{line}");
        }
    }

    #[test]
    fn a_path_is_without_host_and_query() {
        for (target, expected) in [
            ("https://api.example:443/orders/7?x=1", "/orders/7"),
            ("http://api.example", "/"),
            ("http://api.example?x=/y", "/"),
            ("/a?b://c", "/a"),
            ("/a#b", "/a"),
            ("", "/"),
            ("*", "*"),
            ("/x://y", "/x://y"),
        ] {
            assert_eq!(path(Cow::Borrowed(target)), expected);
            assert_eq!(path(Cow::Owned(target.to_owned())), expected);
        }
    }

    #[test]
    fn encodings_are_undone_once() {
        assert_eq!(percent_decoded("/a%2520b%zz%4"), "/a%20b%zz%4");
        assert_eq!(percent_decoded("%ff"), "%ff");
        assert_eq!(percent_decoded("%C3%A4"), "ä");
    }
}
