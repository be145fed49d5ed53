//! `routes`: written by hand, imported from OpenAPI documents, or both.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::section::{section, short_form};
use super::values::{FilePath, PathText, RouteName, Word};
use crate::findings::Findings;
use crate::node::{At, FromNode, Node, OneOrMany, Value};
use crate::paths::TrailingSlash;

section! {
    /// Which routes there are, and how paths are matched with them.
    RawRouteSection("routes") {
        /// OpenAPI documents (2.0, 3.0, 3.1, 3.2; YAML or JSON): a file's name, `{file: …, base_path: …}`, or a list
        /// of them.
        openapi: Option<OneOrMany<RawOpenApi>>,
        /// Routes as `METHOD /template`; `ANY` for all methods.
        list: Option<Vec<At<RouteName>>>,
        /// `ignore`: `/orders/1/` is classified as `/orders/1`, and forwarded as sent. `strict`: they are two paths.
        /// Default: `ignore`.
        trailing_slash: Option<Word<TrailingSlash>>,
        /// Whether `/Orders` and `/orders` are two paths. Default: true.
        case_sensitive: Option<bool>,
    }
}

section! {
    /// An OpenAPI document.
    RawOpenApiSection("an OpenAPI import") {
        /// Its file, relative to the policy's folder.
        file: At<FilePath>,
        /// What stands before its paths in requests: `none`, `servers` (the path of the document's first server, or
        /// its `basePath`), or a path. Default: `none`, with a warning where the document names one.
        base_path: Option<RawBasePath>,
    }
}

short_form! {
    /// A file's name, or a section.
    RawOpenApi(RawOpenApiSection), FilePath, |file, span| RawOpenApiSection { span, file, base_path: None }
}

/// What stands before the paths of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawBasePath {
    None,
    Servers,
    Path(String),
}

/// A list, or a section.
#[derive(Debug, Clone)]
pub(crate) struct RawRoutes(pub(crate) RawRouteSection);

impl FromNode for RawBasePath {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "none" => Some(RawBasePath::None),
            Value::Text(text) if text == "servers" => Some(RawBasePath::Servers),
            _ => PathText::from_node(node, findings).map(|path| RawBasePath::Path(path.0)),
        }
    }
}

impl FromNode for RawRoutes {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        let section = match &node.value {
            Value::List(_) => RawRouteSection {
                span: node.span,
                openapi: None,
                list: Vec::from_node(node, findings),
                trailing_slash: None,
                case_sensitive: None,
            },
            _ => RawRouteSection::from_node(node, findings)?,
        };
        Some(RawRoutes(section))
    }
}

// === schemas ===

impl JsonSchema for RawBasePath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawBasePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["none", "servers", "/v1"] })
    }
}

impl JsonSchema for RawRoutes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawRoutes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<RouteName>>();
        let section = generator.subschema_for::<RawRouteSection>();
        json_schema!({ "anyOf": [list, section] })
    }
}
