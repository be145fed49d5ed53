//! The deliverer: takes what is due, sends it, says what became of it; the store may be away meanwhile.
//!
//! One loop on the control plane's thread. Each channel has [`UNDER_WAY_MAX`] attempts at a time, so that one
//! that hangs holds up no other. A notice is taken for [`LEASE`], which is longer than an attempt and
//! settling it can take: what a killed process had taken is due again after that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tollgate_limiter::Clock;
use tollgate_policy::NoticesConfig;
use tollgate_store::{Attempted, Channel, DueNotice, Store, StoreError};

use crate::channels::{ATTEMPT_WAIT_MAX, Channels, Sent};
use crate::counts::{Counted, NoticeCounts};
use crate::error::NoticesError;
use crate::event::Event;
use crate::retry;

/// Attempts of one channel at a time.
pub const UNDER_WAY_MAX: u32 = 8;
/// How long a notice is its taker's: an attempt, three tries to settle it, and the pauses between them.
const LEASE: Duration = Duration::from_secs(60);
/// Tries to settle a notice, and the pause between two.
const SETTLE_TRIES: u32 = 3;
const SETTLE_PAUSE: Duration = Duration::from_secs(2);
/// Between two looks at the store.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// The same while the store is away.
const AWAY_PAUSE: Duration = Duration::from_secs(10);
/// How often what waits is counted.
const COUNT_INTERVAL_MS: u64 = 15_000;
/// How often the outbox is tidied.
const TIDY_INTERVAL_MS: u64 = 3_600_000;
/// What waits for so long on a channel that the policy does not have any more is given up: longer than any
/// schedule takes, since another instance may have the channel still.
const ORPHAN_AGE_MS: u64 = 14 * 86_400_000;
/// How long a notice is kept after its period, so that nobody makes it again, and for people who ask.
const KEPT_AFTER_PERIOD_MS: u64 = 90 * 86_400_000;
/// For attempts under way when the process stops; what does not end in that time is due again after its lease.
const STOP_WAIT_MAX: Duration = Duration::from_secs(5);

/// Delivers the notices of one store through the channels of one policy.
pub struct Deliverer {
    shared: Arc<Shared>,
    under_way: JoinSet<Channel>,
    /// How many of them are of which channel.
    of_channel: BTreeMap<Channel, u32>,
    count_at_ms: u64,
    tidy_at_ms: u64,
}

struct Shared {
    channels: Channels,
    store: Store,
    clock: Arc<dyn Clock>,
    counts: Arc<NoticeCounts>,
}

/// Reads the files that the policy names, and delivers on the current runtime until told to stop.
///
/// # Errors
/// When a file cannot be used.
pub fn spawn(
    config: &NoticesConfig,
    store: Store,
    clock: Arc<dyn Clock>,
    counts: Arc<NoticeCounts>,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, NoticesError> {
    let deliverer = Deliverer::new(Channels::load(config)?, store, clock, counts);
    Ok(tokio::spawn(deliverer.run(stop)))
}

impl Deliverer {
    /// With `counts` to count into: the same one after a reload, so that counts go on.
    #[must_use]
    pub fn new(
        channels: Channels,
        store: Store,
        clock: Arc<dyn Clock>,
        counts: Arc<NoticeCounts>,
    ) -> Self {
        let shared = Shared {
            channels,
            store,
            clock,
            counts,
        };
        Self {
            shared: Arc::new(shared),
            under_way: JoinSet::new(),
            of_channel: BTreeMap::new(),
            count_at_ms: 0,
            tidy_at_ms: 0,
        }
    }

    /// Delivers until told to stop; attempts under way are given a few seconds then.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut is_away = false;
        while !stop.is_cancelled() {
            let looked = tokio::select! {
                looked = self.look() => looked,
                () = stop.cancelled() => break,
            };
            let pause = match looked {
                Ok(()) => LOOK_PAUSE,
                Err(_) => AWAY_PAUSE,
            };
            if looked.is_err() != is_away {
                is_away = looked.is_err();
                match looked {
                    Ok(()) => tracing::info!("notices: the store answers again"),
                    Err(error) => tracing::warn!(%error, "notices: the store is away"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
                // A place is free: look at once.
                () = self.one_ended(), if !self.under_way.is_empty() => {}
            }
        }
        let _late = tokio::time::timeout(STOP_WAIT_MAX, self.all_ended()).await;
    }

    /// Delivers what is due now, to its end, and returns how many attempts that were.
    ///
    /// # Errors
    /// When the store does not answer; what was taken before is delivered all the same.
    pub async fn deliver_due(&mut self) -> Result<u64, StoreError> {
        let mut attempts = 0;
        loop {
            let begun = self.begin().await;
            self.all_ended().await;
            match begun? {
                0 => return Ok(attempts),
                begun => attempts += begun,
            }
        }
    }

    /// One look at the store: begins what is due, and now and then counts and tidies.
    async fn look(&mut self) -> Result<(), StoreError> {
        let now_ms = self.shared.clock.now().unix_ms;
        let result = async {
            self.begin().await?;
            if now_ms >= self.count_at_ms {
                self.shared.count_waiting().await?;
                self.count_at_ms = now_ms + COUNT_INTERVAL_MS;
            }
            if now_ms >= self.tidy_at_ms {
                self.shared.tidy(now_ms).await?;
                self.tidy_at_ms = now_ms + TIDY_INTERVAL_MS;
            }
            Ok(())
        };
        let result = result.await;
        if result.is_err() {
            self.shared.counts.count_store_failure();
        }
        result
    }

    /// Begins as many attempts as are due and have a place.
    async fn begin(&mut self) -> Result<u64, StoreError> {
        let names = self.shared.channels.names();
        while self.shared.store.hand_out_notices(&names).await? > 0 {}
        let mut begun = 0;
        for channel in names {
            let of_channel = self.of_channel.entry(channel).or_default();
            let places = UNDER_WAY_MAX.saturating_sub(*of_channel);
            if places == 0 {
                continue;
            }
            let taken = self
                .shared
                .store
                .take_notices(channel, places, LEASE)
                .await?;
            if taken.unreadable > 0 {
                let channel = channel.as_str();
                let notices = taken.unreadable;
                tracing::error!(channel, notices, "notices in the store cannot be read");
            }
            for due in taken.notices {
                begun += 1;
                *of_channel += 1;
                let shared = self.shared.clone();
                self.under_way.spawn(async move {
                    shared.attempt(&due).await;
                    due.channel
                });
            }
        }
        Ok(begun)
    }

    async fn one_ended(&mut self) {
        match self.under_way.join_next().await {
            Some(Ok(channel)) => {
                if let Some(of_channel) = self.of_channel.get_mut(&channel) {
                    *of_channel = of_channel.saturating_sub(1);
                }
            }
            // A defect of ours: the notice is due again after its lease, its place is lost until all are free.
            Some(Err(error)) => tracing::error!(%error, "notices: an attempt ended early"),
            None => {}
        }
        if self.under_way.is_empty() {
            self.of_channel.clear();
        }
    }

    async fn all_ended(&mut self) {
        while !self.under_way.is_empty() {
            self.one_ended().await;
        }
    }
}

impl std::fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliverer")
            .field("under_way", &self.under_way.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// One attempt, from the body to the store; the log names a notice by its number only.
    async fn attempt(&self, due: &DueNotice) {
        let sent = match Event::of(due) {
            Ok(event) => {
                let now_s = self.clock.now().unix_s();
                self.channels.send(due.channel, &event, now_s).await
            }
            // Another version may read it: this may be an instance that is not renewed yet.
            Err(error) => Sent::failed(error.to_string()),
        };
        let now_ms = self.clock.now().unix_ms;
        let (channel, notice, attempt) = (due.channel.as_str(), due.id, due.attempt);
        let what = match sent {
            Sent::Delivered => {
                tracing::debug!(channel, notice, attempt, "notice delivered");
                Attempted::Delivered
            }
            Sent::Refused { why } => {
                tracing::error!(channel, notice, attempt, why, "notice refused, given up");
                Attempted::GivenUp
            }
            Sent::Failed { why, retry_after } => {
                let what = retry::after_failure(due, now_ms, retry_after);
                if what == Attempted::GivenUp {
                    tracing::error!(channel, notice, attempt, why, "notice given up");
                } else {
                    tracing::warn!(channel, notice, attempt, why, "notice not delivered");
                }
                what
            }
        };
        self.counts.count(
            due.channel,
            match what {
                Attempted::Delivered => Counted::Delivered,
                Attempted::AgainAtMs(_) => Counted::Retried,
                Attempted::GivenUp => Counted::GivenUp,
            },
        );
        self.settle(due, what).await;
    }

    /// Not settled, it would be sent again: worth a few tries.
    async fn settle(&self, due: &DueNotice, what: Attempted) {
        for attempt in 1..=SETTLE_TRIES {
            let Err(error) = self.store.settle_notice(due, what).await else {
                return;
            };
            self.counts.count_store_failure();
            if attempt == SETTLE_TRIES || !error.is_passing() {
                let (channel, notice) = (due.channel.as_str(), due.id);
                tracing::warn!(channel, notice, %error, "notice not settled, comes again");
                return;
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    async fn count_waiting(&self) -> Result<(), StoreError> {
        let waiting = self.store.notices_waiting().await?;
        for channel in Channel::ALL {
            let waiting = waiting.get(&channel).copied().unwrap_or_default();
            self.counts.set_waiting(channel, waiting);
        }
        Ok(())
    }

    /// Gives up what nobody delivers any more, and forgets what nobody asks for any more.
    async fn tidy(&self, now_ms: u64) -> Result<(), StoreError> {
        let names = self.channels.names();
        let gone = |channel: &Channel| !names.contains(channel);
        for channel in Channel::ALL.into_iter().filter(gone) {
            let made_ms = now_ms.saturating_sub(ORPHAN_AGE_MS);
            while self.store.give_up_notices(channel, made_ms).await? > 0 {}
        }
        let ended_ms = now_ms.saturating_sub(KEPT_AFTER_PERIOD_MS);
        while self.store.forget_notices(ended_ms).await? > 0 {}
        Ok(())
    }
}

const _: () = {
    // Every wait of an attempt and of settling it ends before the notice is somebody else's.
    let settling = SETTLE_TRIES as u64 * tollgate_store::CALL_WAIT_MAX.as_secs()
        + (SETTLE_TRIES as u64 - 1) * SETTLE_PAUSE.as_secs();
    assert!(ATTEMPT_WAIT_MAX.as_secs() + settling < LEASE.as_secs());
};
