//! A way in, as the suite sees it.

use http::HeaderMap;

use crate::case::Verdict;
use crate::stage::{Request, Stage};

/// A way in.
pub trait Frontend {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// What it can do and show.
    fn abilities(&self) -> Abilities;

    /// Why it cannot have a policy at all.
    fn refuses(&self, _: &Stage) -> Option<&'static str> {
        None
    }

    /// Starts it on a stage.
    fn open(&self, stage: &Stage) -> Box<dyn Session>;
}

/// A frontend that runs under one policy.
pub trait Session {
    /// What becomes of a request.
    fn ask(&mut self, request: &Request) -> Answer;
}

/// What a frontend can do and show; each that it cannot has a reason, which the table prints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Abilities {
    /// Why it cannot be shown another time than the machine's.
    pub no_clock: Option<&'static str>,
    /// Why it counts nothing.
    pub no_counting: Option<&'static str>,
    /// Why the answer's fields are not its own.
    pub no_fields: Option<&'static str>,
    /// Why it cannot say what the origin is to get.
    pub no_forwarded: Option<&'static str>,
    /// Why these cases mean nothing to it, by a word in their file's name.
    pub not_these: &'static [(&'static str, &'static str)],
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// May it pass.
    pub verdict: Verdict,
    /// Fields that the client gets, on what passes as well.
    pub fields: HeaderMap,
    /// The body of a refusal.
    pub body: Vec<u8>,
    /// Fields that the origin gets of what passes.
    pub forwarded: HeaderMap,
    /// The path that the origin gets, with its query, where the frontend forwards or says it.
    pub target: Option<String>,
    /// The bucket id, of a user.
    pub bucket: Option<String>,
}

// === impl Answer ===

impl Answer {
    /// One that says the verdict and nothing else.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            fields: HeaderMap::new(),
            body: Vec::new(),
            forwarded: HeaderMap::new(),
            target: None,
            bucket: None,
        }
    }
}
