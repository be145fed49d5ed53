//! Text to [`Template`].

use std::sync::Arc;

use super::{
    Pattern, Segment, TEMPLATE_BYTES_MAX, TEMPLATE_SEGMENTS_MAX, Tail, Template, TemplateError,
    TemplateNote,
};
use crate::paths::hex_value;

/// A piece of a segment.
#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Literal(&'a str),
    Param,
    /// With its text as written.
    Tail(Tail, &'a str),
    /// Cut off: `{?a,b}`, `{#x}`.
    Cut(TemplateNote),
}

pub(super) fn parse(text: &str) -> Result<(Template, Vec<TemplateNote>), TemplateError> {
    if !text.starts_with('/') {
        return Err(TemplateError::NotAbsolute);
    }
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(TemplateError::TooLong);
    }
    let mut notes = Vec::new();
    let kept = cut_query(text, &mut notes)?;
    let mut segments: Vec<Segment> = Vec::new();
    let parts = split_outside_braces(&kept[1..]);
    let trailing_slash = parts.len() > 1 && parts.last() == Some(&"");
    for (index, part) in parts.iter().enumerate() {
        if part.is_empty() {
            if index + 1 < parts.len() {
                note(&mut notes, TemplateNote::SlashesCollapsed);
            }
            continue;
        }
        if let Some(Segment::Tail(_)) = segments.last() {
            let tail = parts[index - 1].to_owned();
            return Err(TemplateError::TailNotLast { tail });
        }
        segments.extend(parse_segment(part, &mut notes)?);
    }
    if segments.len() > TEMPLATE_SEGMENTS_MAX {
        return Err(TemplateError::TooManySegments);
    }
    let trailing_slash = trailing_slash && !segments.is_empty();
    Ok((
        Template {
            text: Arc::from(kept),
            segments,
            trailing_slash,
        },
        notes,
    ))
}

fn note(notes: &mut Vec<TemplateNote>, new: TemplateNote) {
    if !notes.contains(&new) {
        notes.push(new);
    }
}

/// Everything before `?`, `#`, `{?` or `{#` outside a parameter.
fn cut_query<'a>(text: &'a str, notes: &mut Vec<TemplateNote>) -> Result<&'a str, TemplateError> {
    let mut depth = 0_usize;
    let mut end = text.len();
    for (at, byte) in text.bytes().enumerate() {
        let cut = match byte {
            b'{' => {
                depth += 1;
                match text.as_bytes().get(at + 1) {
                    Some(b'?' | b'&') if depth == 1 => Some(TemplateNote::QueryCut),
                    Some(b'#') if depth == 1 => Some(TemplateNote::FragmentCut),
                    _ => None,
                }
            }
            b'}' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or(TemplateError::UnbalancedBraces)?;
                None
            }
            b'?' if depth == 0 => Some(TemplateNote::QueryCut),
            b'#' if depth == 0 => Some(TemplateNote::FragmentCut),
            _ => None,
        };
        if let Some(cut) = cut {
            if end == text.len() {
                end = at;
            }
            note(notes, cut);
            if byte != b'{' {
                // What follows is query text, where braces need not match.
                depth = 0;
                break;
            }
        }
    }
    if depth > 0 {
        Err(TemplateError::UnbalancedBraces)
    } else {
        Ok(&text[..end])
    }
}

/// Splits at slashes that are not inside a parameter's braces (`{path:.*/x}`).
fn split_outside_braces(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == '/' && depth == 0
    })
    .collect()
}

/// `None` where nothing is left of it.
fn parse_segment(
    part: &str,
    notes: &mut Vec<TemplateNote>,
) -> Result<Option<Segment>, TemplateError> {
    match part {
        "." | ".." => {
            return Err(TemplateError::DotSegment {
                segment: part.into(),
            });
        }
        "*" => return Ok(Some(Segment::Param)),
        "**" => return Ok(Some(Segment::Tail(Tail::Any))),
        _ => {}
    }
    if part.starts_with(':') && part[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
        note(notes, TemplateNote::ColonLiteral);
    }
    let mut pieces = pieces(part);
    pieces.retain(|piece| !matches!(piece, Piece::Cut(_)));
    match pieces.as_slice() {
        [] => return Ok(None),
        [Piece::Param] => return Ok(Some(Segment::Param)),
        [Piece::Tail(tail, _)] => return Ok(Some(Segment::Tail(*tail))),
        [Piece::Literal(text)] => {
            return literal(text, part).map(|text| Some(Segment::Literal(text)));
        }
        _ => {}
    }
    let mut literals = vec![Vec::new()];
    let mut after_gap = false;
    for piece in &pieces {
        match piece {
            Piece::Literal(text) => {
                let text = literal(text, part)?;
                if let Some(last) = literals.last_mut() {
                    last.extend(text);
                }
                after_gap = false;
            }
            // Two parameters that touch cannot be told apart: they are one.
            Piece::Param if after_gap => {}
            Piece::Param => {
                literals.push(Vec::new());
                after_gap = true;
            }
            Piece::Tail(_, text) => {
                return Err(TemplateError::TailNotWhole {
                    tail: (*text).into(),
                });
            }
            Piece::Cut(_) => {}
        }
    }
    Ok(Some(
        Pattern::new(literals).map_or(Segment::Param, Segment::Pattern),
    ))
}

/// Splits a segment whose braces are known to match.
fn pieces(part: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = part;
    while let Some(open) = rest.find('{') {
        if open > 0 {
            pieces.push(Piece::Literal(&rest[..open]));
        }
        let close = closing_brace(&rest[open..]) + open;
        pieces.push(parameter(&rest[open..=close]));
        rest = &rest[close + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

/// Where the brace at 0 closes; the last byte where it does not.
fn closing_brace(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    text.len() - 1
}

/// `{name}`, `{name:regex}`, `{name+}`, `{name*}`, and RFC 6570's `{+name}`, `{?name}`, `{#name}`.
fn parameter(written: &str) -> Piece<'_> {
    let inner = written.trim_start_matches('{').trim_end_matches('}');
    match inner.bytes().next() {
        Some(b'?' | b'&') => return Piece::Cut(TemplateNote::QueryCut),
        Some(b'#') => return Piece::Cut(TemplateNote::FragmentCut),
        Some(b'+') => return Piece::Tail(Tail::Some, written),
        _ => {}
    }
    // In `{name:[0-9]+}` the sign belongs to the expression.
    match inner.bytes().last() {
        Some(b'+') if !inner.contains(':') => Piece::Tail(Tail::Some, written),
        Some(b'*') if !inner.contains(':') => Piece::Tail(Tail::Any, written),
        _ => Piece::Param,
    }
}

/// Decodes a literal, and refuses what no accepted path contains.
fn literal(text: &str, segment: &str) -> Result<Vec<u8>, TemplateError> {
    let unmatchable = || TemplateError::Unmatchable {
        segment: segment.into(),
    };
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = if bytes[at] == b'%' {
            let digit = |index: usize| bytes.get(index).and_then(|&digit| hex_value(digit));
            let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                return Err(unmatchable());
            };
            at += 3;
            high << 4 | low
        } else {
            at += 1;
            bytes[at - 1]
        };
        if matches!(byte, b'/' | b'\\' | 0..=0x1f | 0x7f) {
            return Err(unmatchable());
        }
        out.push(byte);
    }
    if std::str::from_utf8(&out).is_err() {
        Err(unmatchable())
    } else {
        Ok(out)
    }
}
