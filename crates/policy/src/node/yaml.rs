//! Text to [`Node`], with limits on what a hostile document can cost.

use serde_saphyr::Error;

use super::{Node, Value};
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::{Finding, Source};

/// Values, keys and anchors of a document together.
const NODES_MAX: usize = 500_000;
/// How deep lists and sections may lie in each other.
const DEPTH_MAX: usize = 64;
/// What aliases may expand to, in parser events.
const ALIAS_EVENTS_MAX: usize = 100_000;

/// Reads one document.
pub(crate) fn parse(source: Source<'_>) -> Result<Node, Box<Finding>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES_MAX,
            max_depth: DEPTH_MAX,
            // One more than is read, so that the second is found by name.
            max_documents: 2,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: ALIAS_EVENTS_MAX,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    let node: Node = serde_saphyr::from_str_with_options(source.text, options)
        .map_err(|error| Box::new(finding(source, &error)))?;
    if node.value == Value::Null {
        let empty = Finding::error(codes::SYNTAX, node.span, "file is empty");
        return Err(Box::new(empty.help("a policy begins with `tollgate: 1`")));
    }
    Ok(node)
}

fn finding(source: Source<'_>, error: &Error) -> Finding {
    let span = error.location().map_or(Span::default(), |location| {
        let line = usize::try_from(location.line()).unwrap_or(usize::MAX);
        let column = usize::try_from(location.column()).unwrap_or(usize::MAX);
        let start = Span::at_line(source.text, line, column);
        let length = location
            .span()
            .byte_len()
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or(1);
        Span::new(start.start, start.start + length)
    });
    match cause(error) {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or("?");
            Finding::error(
                codes::DUPLICATE_KEY,
                span,
                format!("key `{key}` stands twice in one section"),
            )
            .label("the second one")
            .help("put both into one, or remove one")
        }
        Error::MultipleDocuments { .. } => {
            Finding::error(codes::SYNTAX, span, "more than one document in the file")
                .help("remove the `---` line: a policy is one document")
        }
        Error::UnknownAnchor { .. } => Finding::error(
            codes::SYNTAX,
            span,
            "alias to an anchor that does not exist",
        )
        .label("`*` begins an alias")
        .help("put the text into quotes if no alias is meant: '*'"),
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => Finding::error(
            codes::SYNTAX,
            span,
            "document is too large or too deep once its aliases are followed",
        )
        .help("write repeated parts out, or remove them"),
        cause => syntax(source, span, &message(cause)),
    }
}

/// What is wrong behind an alias.
fn cause(mut error: &Error) -> &Error {
    while let Error::AliasError { error: inner, .. } | Error::WithSnippet { error: inner, .. } =
        error
    {
        error = inner;
    }
    error
}

fn syntax(source: Source<'_>, span: Span, message: &str) -> Finding {
    let line_start = source.text[..span.start.min(source.text.len())]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let line = source.text[line_start..].lines().next().unwrap_or("");
    let help = if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
        "indent with spaces: YAML takes no tabs"
    } else if line.contains('{') && line.contains("/{") {
        "put a route with braces into quotes inside `[…]` and `{…}`: \"GET /orders/{id}\""
    } else if line.matches(": ").count() > 1 && !line.contains('{') {
        "put a text with a colon and a space into quotes"
    } else {
        "look for a missing quote, bracket, colon or space here or just before"
    };
    Finding::error(codes::SYNTAX, span, format!("not valid YAML: {message}")).help(help)
}

/// The parser's own words, without the place that the finding shows anyway.
fn message(error: &Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or("");
    let cut = first.rfind(" at line ").unwrap_or(first.len());
    first[..cut].to_owned()
}
