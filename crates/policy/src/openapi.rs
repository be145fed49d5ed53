//! Routes from OpenAPI documents: 2.0, 3.0, 3.1 and 3.2, as YAML or JSON.

mod document;
mod read;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::codes;
use crate::diagnostics::{Diagnostics, Span};
use crate::findings::{Finding, Findings, Source};
use crate::paths::PathRules;
use crate::route::RouteMethod;
use crate::routes::{ROUTES_MAX, RouteTable};
use crate::template::{Template, TemplateError, TemplateNote};
use document::{Document, PathItem};

/// The largest OpenAPI document, in bytes.
pub const OPENAPI_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// What stands before a document's paths in requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum BasePath {
    /// Nothing, though the document should say something: with a warning.
    #[default]
    Unsaid,
    /// Nothing.
    None,
    /// The path of the first server, or `basePath`.
    Servers,
    /// This path.
    Path(String),
}

/// The routes of an OpenAPI file by themselves, and what is worth knowing about them.
///
/// # Errors
/// The file cannot be read, or is not an OpenAPI document.
pub fn import_openapi(path: &Path) -> Result<(RouteTable, Diagnostics), Diagnostics> {
    let name = path.display().to_string();
    let text = read_text(path).map_err(|reason| {
        let finding = Finding::file(
            codes::OPENAPI_UNREADABLE,
            format!("OpenAPI file cannot be read: {reason}"),
        );
        let source = Source {
            name: &name,
            text: "",
        };
        Diagnostics::new(vec![
            finding
                .help("give the name of a YAML or JSON file")
                .into_diagnostic(source),
        ])
    })?;
    let mut findings = Findings::new(Source {
        name: &name,
        text: &text,
    });
    let routes = import(
        &text,
        &BasePath::Unsaid,
        PathRules::default(),
        &mut findings,
    );
    let failed = findings.has_errors();
    let found = Diagnostics::new(findings.into_list());
    if failed {
        Err(found)
    } else {
        Ok((RouteTable::build(routes, PathRules::default()), found))
    }
}

/// Reads a document's file, up to [`OPENAPI_BYTES_MAX`]; the error is a reason for people.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(OPENAPI_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > OPENAPI_BYTES_MAX {
        return Err(format!("it is larger than {} MiB", OPENAPI_BYTES_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// The routes of a document. Same shapes are named once each, the rest is kept.
pub(crate) fn import(
    text: &str,
    base_path: &BasePath,
    rules: PathRules,
    findings: &mut Findings<'_>,
) -> Vec<(RouteMethod, Template)> {
    let document = match read::read(text) {
        Ok(document) => document,
        Err(finding) => {
            findings.push(*finding);
            return Vec::new();
        }
    };
    let base = base(&document, text, base_path, findings);
    let mut import = Import {
        text,
        rules,
        routes: Vec::new(),
        known: HashMap::new(),
        changed: Vec::new(),
    };
    for (path, item) in &document.paths.0.0 {
        if !path.starts_with("x-") {
            import.path(&base, path, item, findings);
        }
    }
    import.finish(findings)
}

/// The prefix of all paths, without a slash at its end.
fn base(document: &Document, text: &str, wanted: &BasePath, findings: &mut Findings<'_>) -> String {
    if let BasePath::Path(path) = wanted {
        return path.trim_end_matches('/').to_owned();
    }
    if *wanted == BasePath::None {
        return String::new();
    }
    let mut bases: Vec<String> = document.servers.0.iter().map(read::server_path).collect();
    bases.push(document.base_path.0.trim_end_matches('/').to_owned());
    bases.retain(|base| base.starts_with('/'));
    let Some(first) = bases.first().cloned() else {
        return String::new();
    };
    let span = find_key(
        text,
        if document.servers.0.is_empty() {
            "basePath"
        } else {
            "servers"
        },
    );
    if *wanted == BasePath::Unsaid {
        findings.push(
            Finding::warning(
                codes::OPENAPI_NOTE,
                span,
                format!("document puts `{first}` before its paths; its routes do not"),
            )
            .help(
                "write `base_path: servers` if requests arrive with it, `base_path: none` if not",
            ),
        );
        return String::new();
    }
    if bases.iter().any(|base| *base != first) {
        findings.push(
            Finding::warning(
                codes::OPENAPI_NOTE,
                span,
                format!("servers have several paths; `{first}` is taken"),
            )
            .help("write the one that requests arrive with: `base_path: /…`"),
        );
    }
    first
}

/// An import under way.
struct Import<'a> {
    text: &'a str,
    rules: PathRules,
    routes: Vec<(RouteMethod, Template)>,
    /// Template by shape and method.
    known: HashMap<(String, RouteMethod), String>,
    /// How often each change was made, and where first.
    changed: Vec<(TemplateNote, usize, String)>,
}

impl Import<'_> {
    fn path(&mut self, base: &str, path: &str, item: &PathItem, findings: &mut Findings<'_>) {
        let (template, notes) = match Template::parse_with_notes(&format!("{base}{path}")) {
            Ok(parsed) => parsed,
            Err(error) => return findings.push(self.left_out(path, &error)),
        };
        for note in &notes {
            match self.changed.iter_mut().find(|(known, ..)| known == note) {
                Some((_, times, _)) => *times += 1,
                None => self.changed.push((*note, 1, path.to_owned())),
            }
        }
        if item.reference {
            findings.push(
                Finding::warning(
                    codes::OPENAPI_NOTE,
                    self.span(path),
                    format!("path item `{path}` is elsewhere"),
                )
                .label("taken as a route for any method")
                .help("bundle the document into one file, so that its methods are known"),
            );
            self.add(RouteMethod::Any, &template, path, &notes, findings);
        }
        for method in &item.methods {
            self.add(
                RouteMethod::Token(method.as_str().into()),
                &template,
                path,
                &notes,
                findings,
            );
        }
    }

    fn add(
        &mut self,
        method: RouteMethod,
        template: &Template,
        path: &str,
        notes: &[TemplateNote],
        findings: &mut Findings<'_>,
    ) {
        if self.routes.len() >= ROUTES_MAX {
            return;
        }
        let key = (template.shape(self.rules), method.clone());
        if let Some(other) = self.known.get(&key) {
            // Variants that differ only in what was cut off are counted with the cut.
            let variant = notes
                .iter()
                .any(|note| matches!(note, TemplateNote::FragmentCut | TemplateNote::QueryCut));
            if !variant || other != template.as_str() {
                let message = format!("`{method} {path}` has the shape of `{other}`");
                findings.push(
                    Finding::warning(codes::DUPLICATE_ROUTE, self.span(path), message)
                        .label("no request could tell them apart")
                        .help("they are one route, named by the template that sorts first"),
                );
            }
        }
        let name = self
            .known
            .entry(key)
            .or_insert_with(|| template.as_str().to_owned());
        if template.as_str() < name.as_str() {
            *name = template.as_str().to_owned();
        }
        self.routes.push((method, template.clone()));
    }

    fn left_out(&self, path: &str, error: &TemplateError) -> Finding {
        Finding::warning(
            codes::OPENAPI_PATH,
            self.span(path),
            format!("path `{path}` is left out: {error}"),
        )
        .label("its requests count as the route `*`")
        .help("list the route by hand: `- GET /…`")
    }

    fn finish(self, findings: &mut Findings<'_>) -> Vec<(RouteMethod, Template)> {
        for (note, times, path) in &self.changed {
            let what = match note {
                TemplateNote::FragmentCut => "a fragment, which never reaches a server",
                TemplateNote::QueryCut => "a query, which routes do not look at",
                TemplateNote::SlashesCollapsed => "repeated slashes, which count as one",
                // In an OpenAPI document this is what it says.
                TemplateNote::ColonLiteral => continue,
            };
            let message = format!("{times} path(s) with {what}, for example `{path}`");
            findings.push(
                Finding::warning(codes::TEMPLATE_CHANGED, self.span(path), message)
                    .help("variants of one path are one route: nothing needs to be done"),
            );
        }
        if self.routes.len() >= ROUTES_MAX {
            findings.push(
                Finding::file(
                    codes::TOO_MANY,
                    format!("document has more than {ROUTES_MAX} routes"),
                )
                .help("split it, or leave out paths"),
            );
        }
        self.routes
    }

    fn span(&self, path: &str) -> Span {
        find_key(self.text, path)
    }
}

/// Where a key is written. The document is read without places, so it is looked for: in quotes
/// first, then bare.
fn find_key(text: &str, key: &str) -> Span {
    let at = |pattern: &str| memchr::memmem::find(text.as_bytes(), pattern.as_bytes());
    let json = serde_json::to_string(key).unwrap_or_default();
    let (start, length) = match (at(&json), at(&format!("{key}:"))) {
        (Some(start), _) => (start, json.len()),
        (None, Some(start)) => (start, key.len()),
        (None, None) => (0, 1),
    };
    Span::new(start, start + length)
}

#[cfg(test)]
mod tests;
