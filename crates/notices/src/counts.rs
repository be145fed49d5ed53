//! What became of notices, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use tollgate_store::Channel;

/// Counts of one process; written by its deliverer, read by a scrape.
#[derive(Debug, Default)]
pub struct NoticeCounts {
    channels: [Counters; Channel::ALL.len()],
    store_failures: AtomicU64,
}

#[derive(Debug, Default)]
struct Counters {
    delivered: AtomicU64,
    retried: AtomicU64,
    given_up: AtomicU64,
    waiting: AtomicU64,
}

/// The counts of one channel at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    /// Received by somebody, since the process began.
    pub delivered: u64,
    /// Attempts that failed and are followed by another, since the process began.
    pub retried: u64,
    /// Given up, since the process began.
    pub given_up: u64,
    /// In the store and to be delivered by whichever instance, when it was last looked.
    pub waiting: u64,
}

/// What is counted of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted {
    Delivered,
    Retried,
    GivenUp,
}

impl NoticeCounts {
    /// The counts of a channel.
    #[must_use]
    pub fn of(&self, channel: Channel) -> ChannelCounts {
        let counters = self.counters(channel);
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ChannelCounts {
            delivered: load(&counters.delivered),
            retried: load(&counters.retried),
            given_up: load(&counters.given_up),
            waiting: load(&counters.waiting),
        }
    }

    /// Calls of the store that failed, since the process began.
    #[must_use]
    pub fn store_failures(&self) -> u64 {
        self.store_failures.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, channel: Channel, what: Counted) {
        let counters = self.counters(channel);
        let counter = match what {
            Counted::Delivered => &counters.delivered,
            Counted::Retried => &counters.retried,
            Counted::GivenUp => &counters.given_up,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_store_failure(&self) {
        self.store_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_waiting(&self, channel: Channel, waiting: u64) {
        let counters = self.counters(channel);
        counters.waiting.store(waiting, Ordering::Relaxed);
    }

    fn counters(&self, channel: Channel) -> &Counters {
        match channel {
            Channel::Webhook => &self.channels[0],
            Channel::Email => &self.channels[1],
            Channel::Stdout => &self.channels[2],
        }
    }
}
