//! The ARN of a request, and what a policy document's `Resource` covers.
//!
//! `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`. In a `Resource`, `*` stands for any text
//! with slashes in it, `?` for any character, `${…}` for a variable: a path is the client's, and one that
//! has such characters is never put there.

use tollgate_aws::authorizer::RESOURCE_CHARS_MAX;

/// A request's ARN, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arn {
    /// Up to the stage.
    stage: String,
    method: String,
    /// Without the slash before it.
    path: String,
}

/// How much an Allow covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width<'a> {
    /// This method and path.
    Exact,
    /// This method and every path of a template, as [`pattern`] gives it.
    Template(&'a str),
    /// Every method and every path of a template.
    AnyMethod(&'a str),
    /// The whole stage.
    Stage,
}

impl Arn {
    /// Takes an ARN apart; `None` unless it names a method and a path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let resource_at = text.match_indices(':').nth(4)?.0 + 1;
        let is_ours = text.starts_with("arn:") && text.split(':').nth(2) == Some("execute-api");
        let mut parts = text.get(resource_at..)?.splitn(4, '/');
        let (api, stage, method) = (parts.next()?, parts.next()?, parts.next()?);
        let path = parts.next().unwrap_or_default();
        let whole = [api, stage, method].iter().all(|part| !part.is_empty());
        (is_ours && whole && !method.starts_with('$')).then(|| Self {
            stage: format!("{}{api}/{stage}", &text[..resource_at]),
            method: method.to_owned(),
            path: path.to_owned(),
        })
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// The path with its slash.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.path)
    }

    /// The `Resource` that covers no more than `width`; `None` where none can be written.
    pub(crate) fn resource(&self, width: Width<'_>) -> Option<String> {
        let Self { stage, method, .. } = self;
        let resource = match width {
            Width::Exact if !is_literal(&self.path) || !is_literal(method) => return None,
            Width::Template(_) if !is_literal(method) => return None,
            Width::Exact => format!("{stage}/{method}/{}", self.path),
            Width::Template(pattern) => format!("{stage}/{method}/{pattern}"),
            Width::AnyMethod(pattern) => format!("{stage}/*/{pattern}"),
            Width::Stage => format!("{stage}/*"),
        };
        (resource.chars().count() <= RESOURCE_CHARS_MAX).then_some(resource)
    }
}

/// What of a template a `Resource` can say: each parameter is `*`.
pub(crate) fn pattern(template: &str) -> String {
    let mut pattern = String::with_capacity(template.len());
    let mut in_braces = false;
    for character in template.trim_start_matches('/').chars() {
        match character {
            '{' => {
                in_braces = true;
                pattern.push('*');
            }
            '}' => in_braces = false,
            _ if in_braces => {}
            _ => pattern.push(character),
        }
    }
    pattern
}

fn is_literal(text: &str) -> bool {
    !text.contains(['*', '?']) && !text.contains("${")
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123";

    fn arn(rest: &str) -> Arn {
        Arn::parse(&format!("{API}/{rest}")).unwrap()
    }

    #[test]
    fn a_resource_covers_what_its_width_says() {
        let order = arn("prod/GET/orders/7");
        assert_eq!((order.method(), &*order.path()), ("GET", "/orders/7"));
        let written = |width| order.resource(width).unwrap();
        assert_eq!(written(Width::Exact), format!("{API}/prod/GET/orders/7"));
        let template = pattern("/orders/{id}");
        assert_eq!(
            written(Width::Template(&template)),
            format!("{API}/prod/GET/orders/*")
        );
        assert_eq!(written(Width::AnyMethod("x")), format!("{API}/prod/*/x"));
        assert_eq!(written(Width::Stage), format!("{API}/prod/*"));
        assert_eq!(
            arn("$default/GET/").resource(Width::Exact).unwrap(),
            format!("{API}/$default/GET/")
        );
    }

    #[test]
    fn a_path_that_the_client_made_wide_is_not_written() {
        for path in ["*", "orders/*", "orders/?", "${aws:username}", "a*b"] {
            assert_eq!(
                arn(&format!("prod/GET/{path}")).resource(Width::Exact),
                None,
                "{path}"
            );
        }
        let long = "x".repeat(512);
        assert_eq!(
            arn(&format!("prod/GET/{long}")).resource(Width::Exact),
            None
        );
    }

    #[test]
    fn what_is_no_method_and_path_is_no_arn() {
        for text in [
            "",
            "arn",
            "arn:aws:execute-api:r:a:",
            "arn:aws:execute-api:r:a:api/stage",
            "arn:aws:execute-api:r:a:api/stage/$connect",
            "arn:aws:lambda:r:a:api/stage/GET/x",
            "arn:aws:execute-api:r:a:/stage/GET/x",
        ] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_pattern_has_a_star_for_each_parameter() {
        assert_eq!(pattern("/a/{b}/c/{d+}"), "a/*/c/*");
        assert_eq!(pattern("/{proxy+}"), "*");
        assert_eq!(pattern("/"), "");
    }
}
