//! Following a whole HTTP/1.x request stream: heads and bodies in turn, without I/O.

use super::body::{BodyFollower, Followed};
use super::head::{HeadLimits, Scan, judge, scan};
use super::refusal::Refusal;

/// Where in the stream of requests we stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before or within a head; so many of its bytes have been scanned.
    Head {
        scanned: usize,
    },
    Body(BodyFollower),
}

/// Follows the framing of one connection's requests.
#[derive(Debug)]
pub(crate) struct Follower {
    phase: Phase,
    limits: HeadLimits,
    heads: u64,
}

/// Why no more bytes are let through for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes after the cleared ones are the start of an unfinished head.
    Partial,
    /// The bytes after the cleared ones are a head that must not be interpreted.
    RefusedHead(Refusal),
    /// The bytes after the cleared ones break a body that has begun.
    RefusedBody(Refusal),
    /// The cleared bytes end with a request to change the protocol.
    Upgrade,
}

impl Follower {
    /// A follower at the start of a connection.
    pub(crate) fn new(limits: HeadLimits) -> Follower {
        Follower {
            phase: Phase::Head { scanned: 0 },
            limits,
            heads: 0,
        }
    }

    /// Heads let through so far.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether the next byte belongs to a body.
    pub(crate) fn in_body(&self) -> bool {
        matches!(self.phase, Phase::Body(_))
    }

    /// Takes the bytes that follow those cleared so far and says how many of them may pass,
    /// and why not more. Bytes that were not cleared are shown again next time, with more
    /// behind them.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> (usize, Option<Stop>) {
        let mut cleared = 0;
        while cleared < bytes.len() {
            let rest = &bytes[cleared..];
            match &mut self.phase {
                Phase::Body(body) => match body.follow(rest) {
                    Followed::GoesOn => return (bytes.len(), None),
                    Followed::Ended(length) => {
                        cleared += length;
                        self.phase = Phase::Head { scanned: 0 };
                    }
                    Followed::Malformed(at, refusal) => {
                        return (cleared + at, Some(Stop::RefusedBody(refusal)));
                    }
                },
                Phase::Head { scanned } => match scan(rest, *scanned, self.limits) {
                    Scan::Partial(seen) => {
                        *scanned = seen;
                        return (cleared, Some(Stop::Partial));
                    }
                    Scan::Refused(refusal) => return (cleared, Some(Stop::RefusedHead(refusal))),
                    Scan::Complete(length) => match judge(&rest[..length], self.limits) {
                        Err(refusal) => return (cleared, Some(Stop::RefusedHead(refusal))),
                        Ok(facts) => {
                            cleared += length;
                            self.heads += 1;
                            self.phase = BodyFollower::new(facts.framing)
                                .map_or(Phase::Head { scanned: 0 }, Phase::Body);
                            if facts.upgrade {
                                return (cleared, Some(Stop::Upgrade));
                            }
                        }
                    },
                },
            }
        }
        (cleared, None)
    }
}
