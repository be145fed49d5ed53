//! How busy the whole machine is: what "under full load" means, measured.

use std::fs;
use std::time::Instant;

/// A stretch of time, and the work of all processors in it.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    begun: Instant,
    ticks: u64,
}

// === impl Busy ===

impl Busy {
    /// From now on.
    #[must_use]
    pub fn from_now() -> Busy {
        Busy {
            begun: Instant::now(),
            ticks: busy_ticks(),
        }
    }

    /// How many processors were busy on average until now, whoever with.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a mean for comparison; ticks stay far below 2^53"
    )]
    pub fn cores(&self) -> f64 {
        let ticks = busy_ticks().saturating_sub(self.ticks) as f64;
        let ticks_per_second = rustix::param::clock_ticks_per_second().max(1) as f64;
        ticks / ticks_per_second / self.begun.elapsed().as_secs_f64()
    }
}

fn busy_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    ticks_of(&stat).unwrap_or_default()
}

/// Of proc(5): user, nice, system, irq, softirq and steal. What guests had is in the first two; idle and iowait,
/// fields 4 and 5, are no work.
fn ticks_of(stat: &str) -> Option<u64> {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> = all
        .split_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let work = [0, 1, 2, 5, 6, 7].map(|field| fields.get(field));
    work.into_iter().sum::<Option<u64>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_idle_or_waits_for_a_disk_is_no_work() {
        let stat = "cpu  1 2 4 1000 1000 8 16 32 64 64\ncpu0 9 9 9 9 9 9 9 9 9 9\n";
        assert_eq!(ticks_of(stat), Some(63));
        assert_eq!(ticks_of("cpu  1 2 4"), None);
    }

    #[test]
    fn a_loop_is_seen() {
        // One of a few times: what others do is seen, too, but a machine may also stand still.
        let cores = (0..5).map(|_| {
            let busy = Busy::from_now();
            while busy.begun.elapsed().as_millis() < 200 {}
            busy.cores()
        });
        let most = cores.fold(0.0, f64::max);
        assert!(most > 0.5, "{most}");
    }
}
