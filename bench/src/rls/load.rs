//! The load: a few connections with many calls under way on each, as Envoy has them; a closed loop on one thread.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tollgate_testkit::peers::LoadReport;

use super::connection::{Connection, Tally};
use crate::error::BenchError;

/// Connections; calls under way are spread over them.
pub(crate) const CONNECTIONS: u32 = 4;

/// Asks for so long, with so many calls under way in all.
///
/// # Errors
/// When it cannot connect, or a connection breaks.
pub(crate) fn run(
    address: SocketAddr,
    messages: &[Vec<u8>],
    at_once: u32,
    seconds: u32,
) -> Result<LoadReport, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Calls)?;
    let each = at_once.div_ceil(CONNECTIONS);
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds.into());
    let connection = async |number| -> io::Result<Tally> {
        let connection = Connection::open(address, messages, number).await?;
        connection.load(each, until).await
    };
    let tallies = runtime
        .block_on(async {
            tokio::try_join!(connection(0), connection(1), connection(2), connection(3))
        })
        .map_err(BenchError::Calls)?;
    let tallies: [Tally; CONNECTIONS as usize] = tallies.into();
    Ok(report(tallies, began.elapsed()))
}

fn report(tallies: impl IntoIterator<Item = Tally>, took: Duration) -> LoadReport {
    let (mut took_us, mut over_limit, mut failed) = (Vec::new(), 0, 0);
    for tally in tallies {
        took_us.extend(tally.took_us);
        over_limit += tally.over_limit;
        failed += tally.failed;
    }
    took_us.sort_unstable();
    let percentile = |percent: usize| {
        let place = (took_us.len() * percent / 100).min(took_us.len().saturating_sub(1));
        took_us.get(place).copied().map_or(0, u64::from)
    };
    LoadReport {
        requests: took_us.len() as u64,
        duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        p50_us: percentile(50),
        p99_us: percentile(99),
        max_us: percentile(100),
        refused: over_limit,
        socket_errors: failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_connections() {
        let tally = |took_us, over_limit| Tally {
            took_us,
            over_limit,
            failed: 1,
        };
        let tallies = [tally((0..50).collect(), 2), tally((50..100).collect(), 3)];
        let report = report(tallies, Duration::from_secs(1));
        assert_eq!(
            (report.requests, report.refused, report.socket_errors),
            (100, 5, 2)
        );
        assert_eq!((report.p50_us, report.p99_us, report.max_us), (50, 99, 99));
        assert_eq!(self::report([], Duration::ZERO).p99_us, 0);
    }
}
