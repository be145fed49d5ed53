//! The macros that declare sections and values once, for reader and schema alike.

/// Declares a section: its keys with their documentation, how it is read, and its schema.
///
/// A key of a type that is not an `Option` has to be there.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $name:ident ($what:literal) {
            $($(#[$field_meta:meta])* $field:ident: $kind:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            #[allow(dead_code, reason = "not every section's own place is needed")]
            #[schemars(skip)]
            pub(crate) span: $crate::diagnostics::Span,
            $($(#[$field_meta])* pub(crate) $field: $kind,)*
        }

        impl $name {
            const KEYS: &[&str] = &[$($crate::raw::section::key(stringify!($field))),*];
        }

        impl $crate::node::FromNode for $name {
            fn from_node(
                node: &$crate::node::Node,
                findings: &mut $crate::findings::Findings<'_>,
            ) -> Option<Self> {
                let fields = $crate::node::Fields::open(node, $what, Self::KEYS, findings)?;
                // All of them are read before one that fails ends it.
                $(let $field = fields.take::<$kind>($crate::raw::section::key(stringify!($field)), findings);)*
                Some($name { span: fields.span(), $($field: $field?),* })
            }
        }
    };
}

/// Declares a value written as text (or as a bare number), read by a function.
macro_rules! text_value {
    (
        $(#[$meta:meta])*
        $name:ident($inner:ty), $what:literal, $examples:expr, $parse:expr
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $name(pub(crate) $inner);

        impl $crate::node::FromNode for $name {
            fn from_node(
                node: &$crate::node::Node,
                findings: &mut $crate::findings::Findings<'_>,
            ) -> Option<Self> {
                let parse: fn(&str) -> Result<$inner, $crate::findings::Problem> = $parse;
                let parsed = match &node.value {
                    $crate::node::Value::Text(text) => parse(text),
                    $crate::node::Value::Int(number) => parse(&number.to_string()),
                    _ => {
                        $crate::node::wrong_kind(node, $what, findings);
                        return None;
                    }
                };
                match parsed {
                    Ok(value) => Some($name(value)),
                    Err(problem) => {
                        findings.push(problem.at(node.span));
                        None
                    }
                }
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let examples: &[&str] = &$examples;
                schemars::json_schema!({ "type": "string", "examples": examples })
            }
        }
    };
}

/// Declares a value that is a text in short and a section at length.
macro_rules! short_form {
    (
        $(#[$meta:meta])*
        $name:ident($section:ty), $text:ty, |$value:ident, $span:ident| $long:expr
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) $section);

        impl $crate::node::FromNode for $name {
            fn from_node(
                node: &$crate::node::Node,
                findings: &mut $crate::findings::Findings<'_>,
            ) -> Option<Self> {
                use $crate::node::{At, Value};
                if !matches!(node.value, Value::Text(_) | Value::Int(_)) {
                    return <$section>::from_node(node, findings).map($name);
                }
                let $span = node.span;
                let $value = At::<$text>::from_node(node, findings)?;
                Some($name($long))
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let forms = [generator.subschema_for::<$text>(), generator.subschema_for::<$section>()];
                schemars::json_schema!({ "anyOf": forms })
            }
        }
    };
}

pub(crate) use {section, short_form, text_value};

/// The name of a key: that of its field, which may be a keyword of Rust.
pub(crate) const fn key(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}
