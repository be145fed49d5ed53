//! The quota service (`envoy.service.rate_limit_quota.v3`): data planes enforce shares of a rate by
//! themselves, report what they let through, and are told of other shares as demand moves.
//!
//! A stream says in its first report which domain it speaks of. Every report is answered with an
//! assignment for each of its buckets; others are told at once when their share shrinks for it. A bucket
//! that cannot be held is refused by itself: its name may be what a client wrote, and no other bucket of
//! the stream is worse off for it.

mod assign;
mod buckets;
mod decode;
mod divider;
mod held;
mod parts;
mod serve;

pub(crate) use buckets::Buckets;
pub(crate) use serve::QuotaService;

#[cfg(test)]
mod tests;
