//! Collects what is found in one file, so that all of it is reported at once.

use crate::codes::Code;
use crate::diagnostics::{Diagnostic, Place, Severity, Span, place};

/// Findings kept for one file; what comes after is only counted.
const FINDINGS_MAX: usize = 200;

/// A file's name, as messages say it, and its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

/// A finding before its place is looked up.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    code: Code,
    severity: Severity,
    span: Option<Span>,
    message: String,
    label: Option<String>,
    help: Option<String>,
}

/// What is wrong with a value, where its reader does not know where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Findings in one file.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    source: Source<'a>,
    list: Vec<Diagnostic>,
    /// Places of errors, to keep one cause from being reported twice.
    left_out: usize,
    errors: usize,
    /// Where lines end, once asked for.
    breaks: Option<Vec<usize>>,
}

// === impl Finding ===

impl Finding {
    pub(crate) fn error(code: Code, span: Span, message: impl Into<String>) -> Finding {
        Finding {
            code,
            severity: Severity::Error,
            span: Some(span),
            message: message.into(),
            label: None,
            help: None,
        }
    }

    pub(crate) fn warning(code: Code, span: Span, message: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(code, span, message)
        }
    }

    /// About the file as a whole.
    pub(crate) fn file(code: Code, message: impl Into<String>) -> Finding {
        Finding {
            span: None,
            ..Finding::error(code, Span::default(), message)
        }
    }

    /// The cause, beside the offending text.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Finding {
        self.label = Some(label.into());
        self
    }

    /// What to write instead.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn warn_if(mut self, warning: bool) -> Finding {
        if warning {
            self.severity = Severity::Warning;
        }
        self
    }

    /// In a file whose text is known only here.
    pub(crate) fn into_diagnostic(self, source: Source<'_>) -> Diagnostic {
        let found = self.span.map(|span| place(source.text, span));
        let (line, column, excerpt) = match found {
            Some(Place {
                line,
                column,
                excerpt,
            }) => (line, column, Some(excerpt)),
            None => (0, 0, None),
        };
        Diagnostic {
            code: self.code.id,
            severity: self.severity,
            message: self.message,
            label: self.label,
            file: source.name.to_owned(),
            line,
            column,
            help: self.help,
            excerpt,
        }
    }
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem {
            code,
            message: message.into(),
            help: help.into(),
        }
    }

    pub(crate) fn at(self, span: Span) -> Finding {
        Finding::error(self.code, span, self.message).help(self.help)
    }
}

// === impl Findings ===

impl<'a> Findings<'a> {
    pub(crate) fn new(source: Source<'a>) -> Self {
        Findings {
            source,
            list: Vec::new(),
            left_out: 0,
            errors: 0,
            breaks: None,
        }
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.errors += usize::from(finding.severity == Severity::Error);
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding.into_diagnostic(self.source));
        } else {
            self.left_out += 1;
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The line of a span, from 1.
    pub(crate) fn line(&mut self, span: Span) -> usize {
        let text = self.source.text;
        let breaks = self
            .breaks
            .get_or_insert_with(|| memchr::memchr_iter(b'\n', text.as_bytes()).collect());
        breaks.partition_point(|at| *at < span.start) + 1
    }

    /// Everything found, by place.
    pub(crate) fn into_list(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|found| (found.line, found.column));
        if self.left_out > 0 {
            let more = Finding::file(
                crate::codes::TOO_MANY,
                format!("{} more findings are not shown", self.left_out),
            )
            .help("mend what is shown first")
            .warn_if(self.errors == 0);
            self.list.push(more.into_diagnostic(self.source));
        }
        self.list
    }
}
