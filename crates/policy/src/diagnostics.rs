//! What is wrong with a file: where, why, and what to write instead.

mod excerpt;

use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

pub(crate) use excerpt::{Excerpt, Place, Span, place};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The policy cannot be used.
    Error,
    /// It can, but is probably not what was meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, for example `TG0012`; [`crate::codes`] explains it.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// The cause, said beside the offending text.
    pub label: Option<String>,
    /// The file's name as given.
    pub file: String,
    /// Line of the offending text, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 where the file as a whole is meant.
    pub column: usize,
    /// What to write instead.
    pub help: Option<String>,
    pub(crate) excerpt: Option<Excerpt>,
}

/// Findings, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

// === impl Diagnostic ===

impl Diagnostic {
    /// Whether it is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    fn render(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let mut group = match &self.excerpt {
            Some(excerpt) => {
                let mark = AnnotationKind::Primary.span(excerpt.span.clone());
                let snippet = Snippet::source(excerpt.text.as_str())
                    .line_start(excerpt.first_line)
                    .path(self.file.as_str())
                    .annotation(mark.label(self.label.as_deref()));
                title.element(snippet)
            }
            None => title.element(Origin::path(self.file.as_str())),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let rendered = renderer.render(&[group]);
        match &self.excerpt {
            // The column in a part of a line is not that in the file.
            Some(excerpt) if !excerpt.whole => {
                let before = &excerpt.text[..excerpt.span.start];
                let shown = format!("{}:{}:{}", self.file, self.line, before.chars().count() + 1);
                let real = format!("{}:{}:{}", self.file, self.line, self.column);
                rendered.replacen(&shown, &real, 1)
            }
            _ => rendered,
        }
    }
}

// === impl Diagnostics ===

impl Diagnostics {
    pub(crate) fn new(list: Vec<Diagnostic>) -> Self {
        Diagnostics(list)
    }

    /// All findings as a compiler would print them, with an empty line between two.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut out = String::new();
        for diagnostic in &self.0 {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&diagnostic.render(&renderer));
            out.push('\n');
        }
        out
    }

    /// In order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use crate::codes;
    use crate::diagnostics::{Diagnostics, Span};
    use crate::findings::{Finding, Source};

    #[test]
    fn a_part_of_a_long_line_has_the_column_of_the_file() {
        let text = format!("{}bad{}", "x".repeat(9_000), "y".repeat(9_000));
        let source = Source {
            name: "api.json",
            text: &text,
        };
        let finding = Finding::error(codes::OPENAPI_PATH, Span::new(9_000, 9_003), "bad path");
        let found = Diagnostics::new(vec![finding.into_diagnostic(source)]);
        for rendered in [found.render(false), found.render(true)] {
            assert!(rendered.contains("api.json:1:9001"), "{rendered}");
            assert!(rendered.len() < 2_000);
        }
    }
}
