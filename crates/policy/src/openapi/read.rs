//! Text to [`Document`].

use serde_saphyr::DuplicateKeyPolicy;

use super::document::{Document, Server};
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::Finding;

/// Limits for a document in YAML, whose aliases can multiply.
const YAML_NODES_MAX: usize = 20_000_000;
const YAML_DEPTH_MAX: usize = 128;
const YAML_ALIAS_EVENTS_MAX: usize = 10_000_000;

/// Reads a document.
pub(super) fn read(text: &str) -> Result<Document, Box<Finding>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = if text.trim_start().starts_with('{') {
        read_json(text)
    } else {
        read_yaml(text)
    }?;
    let version = match (document.openapi.0.as_str(), document.swagger.0.as_str()) {
        ("", version) => version,
        (version, _) => version,
    };
    let wrong = |message: String| {
        let finding = Finding::error(codes::OPENAPI_SYNTAX, Span::new(0, 1), message);
        Err(Box::new(finding.help(
            "give an OpenAPI document of version 2.0, 3.0, 3.1 or 3.2",
        )))
    };
    match version {
        "" => {
            wrong("file has neither `openapi` nor `swagger`: it is not an OpenAPI document".into())
        }
        version
            if version.starts_with("2.")
                || version.starts_with("3.")
                || version == "2"
                || version == "3" =>
        {
            Ok(document)
        }
        version => wrong(format!("OpenAPI version `{version}` is not known")),
    }
}

fn read_json(text: &str) -> Result<Document, Box<Finding>> {
    serde_json::from_str(text).map_err(|error| {
        let span = Span::at_line_bytes(text, error.line(), error.column());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Box::new(
            Finding::error(
                codes::OPENAPI_SYNTAX,
                span,
                format!("OpenAPI file is not valid JSON: {message}"),
            )
            .help("look for a missing quote, comma or bracket here or just before"),
        )
    })
}

fn read_yaml(text: &str) -> Result<Document, Box<Finding>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: YAML_NODES_MAX,
            max_events: 2 * YAML_NODES_MAX,
            max_depth: YAML_DEPTH_MAX,
            max_documents: 1,
            max_total_scalar_bytes: 128 * 1024 * 1024,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: YAML_ALIAS_EVENTS_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let message = format!("OpenAPI file is not valid YAML: {message}");
        let finding = match error.location() {
            Some(location) => {
                let line = usize::try_from(location.line()).unwrap_or(usize::MAX);
                let column = usize::try_from(location.column()).unwrap_or(usize::MAX);
                Finding::error(
                    codes::OPENAPI_SYNTAX,
                    Span::at_line(text, line, column),
                    message,
                )
            }
            None => Finding::file(codes::OPENAPI_SYNTAX, message),
        };
        Box::new(finding.help("look for a missing quote, bracket or space here or just before"))
    })
}

/// The path of a server's URL, with its variables' defaults, without a slash at its end.
pub(super) fn server_path(server: &Server) -> String {
    let mut url = server.url.0.clone();
    for (name, variable) in &server.variables.0.0 {
        url = url.replace(&format!("{{{name}}}"), &variable.default.0);
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        // Relative to where the document was found; protocol-relative where two slashes begin it.
        None => match url.strip_prefix("//") {
            Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
            None => url.as_str(),
        },
    };
    path.trim_end_matches('/').to_owned()
}
