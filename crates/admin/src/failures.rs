//! How often one network may fail to authenticate before it is told nothing but to wait.
//!
//! A key of 256 random bits cannot be guessed: what is bounded is the noise. Good keys never wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_engine::limiter::{
    Check, KeyHasher, Limit, LimitError, Now, Partition, Reading, Registered, Table, TableError,
    TableSize,
};
use tollgate_identity::FailureBudget;

/// Failures of one network at once.
pub const FAILURES_AT_ONCE: u64 = 10;
/// In which as many come again.
pub const FAILURES_PERIOD: Duration = Duration::from_secs(60);
/// Networks that are told apart; others share one budget.
const NETWORKS_MAX: usize = 10_000;
/// Leading 64 bits of an IPv6 address make its network.
const IPV6_NETWORK_BYTES: usize = 8;

/// The failures of all networks.
pub(crate) struct Failures {
    table: Arc<Table>,
    limit: Arc<Registered>,
    hasher: KeyHasher,
}

/// Why failures cannot be counted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailuresError {
    /// No room.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Not reached: the limit is a constant.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// No random bytes.
    #[error("no random bytes from the operating system")]
    Randomness,
}

/// What one network has left.
pub(crate) struct NetworkFailures<'a> {
    failures: &'a Failures,
    peer: Option<IpAddr>,
    now: Now,
}

impl Failures {
    pub(crate) fn new() -> Result<Self, FailuresError> {
        let table = Table::new(TableSize {
            users: 1,
            networks: NETWORKS_MAX,
        })?;
        let limit = Limit::rate(FAILURES_AT_ONCE, FAILURES_PERIOD, FAILURES_AT_ONCE)?;
        Ok(Self {
            limit: table.register(&limit)?,
            table,
            hasher: KeyHasher::random().map_err(|_| FailuresError::Randomness)?,
        })
    }

    /// Of a peer; those that are not known share one.
    pub(crate) fn of(&self, peer: Option<IpAddr>, now: Now) -> NetworkFailures<'_> {
        NetworkFailures {
            failures: self,
            peer,
            now,
        }
    }
}

impl NetworkFailures<'_> {
    /// Whole seconds until one more failure is told, at least 1.
    pub(crate) fn wait_s(&self) -> u64 {
        let wait = self.ask(Spend::Nothing).retry_after();
        wait.map_or(1, |wait| wait.as_secs_ceil().max(1))
    }

    fn ask(&self, spend: Spend) -> Reading {
        let key = match self.peer.map(|peer| peer.to_canonical()) {
            None => self.failures.hasher.key(&[b"unknown"]),
            Some(IpAddr::V4(address)) => self.failures.hasher.key(&[b"4", &address.octets()]),
            Some(IpAddr::V6(address)) => {
                let network = &address.octets()[..IPV6_NETWORK_BYTES];
                self.failures.hasher.key(&[b"6", network])
            }
        };
        let check = Check {
            partition: Partition::Networks,
            ..Check::new(key, &self.failures.limit)
        };
        let mut reading = [Reading::default()];
        let table = &self.failures.table;
        match spend {
            Spend::Nothing => drop(table.peek(self.now, &[check], &mut reading)),
            Spend::One => drop(table.decide(self.now, &[check], &mut reading)),
        }
        reading[0]
    }
}

#[derive(Clone, Copy)]
enum Spend {
    Nothing,
    One,
}

impl FailureBudget for NetworkFailures<'_> {
    fn is_spent(&self) -> bool {
        !self.ask(Spend::Nothing).admitted()
    }

    fn charge(&self) {
        self.ask(Spend::One);
    }
}

#[cfg(test)]
mod tests {
    use tollgate_engine::limiter::{Clock, FakeClock};

    use super::*;

    #[test]
    fn a_network_has_its_failures_and_gets_them_back() {
        let failures = Failures::new().unwrap();
        let clock = FakeClock::at_unix_ms(0);
        let one = |host: &str| failures.of(Some(host.parse().unwrap()), clock.now());
        for _ in 0..FAILURES_AT_ONCE {
            assert!(!one("192.0.2.1").is_spent());
            one("192.0.2.1").charge();
        }
        assert!(one("192.0.2.1").is_spent());
        assert!(
            one("::ffff:192.0.2.1").is_spent(),
            "the same in an IPv6 coat"
        );
        assert!(!one("192.0.2.2").is_spent());
        assert_eq!(one("192.0.2.1").wait_s(), 6);
        clock.advance(Duration::from_secs(6));
        assert!(!one("192.0.2.1").is_spent());
        for _ in 0..FAILURES_AT_ONCE {
            one("2001:db8::1").charge();
        }
        assert!(one("2001:db8::ffff").is_spent(), "one /64");
        assert!(!failures.of(None, clock.now()).is_spent());
    }
}
