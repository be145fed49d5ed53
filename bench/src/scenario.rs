//! What is measured: one table each.

/// What the clients do, and what comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    /// Verified users within their limits: every request is forwarded.
    Job,
    /// Verified users over their limit: every request is 429.
    Limited,
    /// Garbage behind a token's header, each different: every request is 401, or 429 once its
    /// network failed too often.
    Garbage,
    /// Well-formed tokens that nobody signed, each different: likewise.
    Forged,
    /// Verified users within their limits, behind Envoy, which decides alone or asks.
    Envoy,
    /// Calls of Envoy's global rate limit service, within the limits.
    Rls,
}

impl Scenario {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Scenario; 6] = [
        Scenario::Job,
        Scenario::Limited,
        Scenario::Garbage,
        Scenario::Forged,
        Scenario::Envoy,
        Scenario::Rls,
    ];

    /// The heading of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Scenario::Job => "Verified users within their limits: forwarded",
            Scenario::Limited => "Verified users over their limit: refused with 429",
            Scenario::Garbage => "Garbage in a token's shape, each one new: refused",
            Scenario::Forged => "Well-formed tokens that nobody signed, each one new: refused",
            Scenario::Envoy => "Verified users within their limits, behind Envoy: forwarded",
            Scenario::Rls => "Envoy's global rate limit service, within the limits: OK",
        }
    }

    /// What `--only` calls it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Scenario::Job => "job",
            Scenario::Limited => "limited",
            Scenario::Garbage => "garbage",
            Scenario::Forged => "forged",
            Scenario::Envoy => "behind-envoy",
            Scenario::Rls => "rls",
        }
    }

    /// Whose cost the others' costs are given as ratios to.
    pub(crate) fn measure(self) -> &'static str {
        match self {
            Scenario::Job | Scenario::Limited | Scenario::Garbage | Scenario::Forged => "haproxy",
            Scenario::Envoy => "envoy",
            Scenario::Rls => "rls-limitador",
        }
    }

    /// The statuses that its answers may have.
    pub(crate) fn statuses(self) -> &'static [u16] {
        match self {
            Scenario::Job | Scenario::Envoy | Scenario::Rls => &[200],
            Scenario::Limited => &[429],
            Scenario::Garbage | Scenario::Forged => &[401, 429],
        }
    }
}
