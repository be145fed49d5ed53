//! What a store has of one subject, and of notices; and a deliverer that comes later than all others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::{Clock, Now, SystemClock};
use tollgate_notices::{Channels, Deliverer};
use tollgate_policy::{NoticesConfig, WebhookConfig};
use tollgate_store::{
    Batch, BatchWriter, Counter, Holder, LimitName, Location, NoticeTotals, Span, Store, Usage,
    Whose,
};

/// Longer than a notice is its taker's.
const LATER: Duration = Duration::from_secs(61);

/// Of each route, as counts and as meters.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) units: BTreeMap<String, u64>,
    pub(crate) meters: BTreeMap<String, Usage>,
}

// === impl Stored ===

impl Stored {
    pub(crate) fn units(&self, route: &str) -> u64 {
        self.units.get(route).copied().unwrap_or_default()
    }

    pub(crate) fn meter(&self, route: &str) -> Usage {
        self.meters.get(route).copied().unwrap_or_default()
    }
}

/// A clock that is ahead of the machine's.
struct Later(SystemClock);

impl Clock for Later {
    fn now(&self) -> Now {
        let now = self.0.now();
        let later_ms = u64::try_from(LATER.as_millis()).unwrap();
        Now {
            unix_ms: now.unix_ms + later_ms,
            ..now
        }
    }
}

fn block_on<T>(calls: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(calls)
}

/// What there is of a subject, once nothing of a killed gateway is under way at a server any more.
pub(crate) fn stored(location: &Location, issuer: &str, subject: &str) -> Stored {
    block_on(async {
        let clock = Arc::new(SystemClock::new());
        let store = Store::open(location, clock.clone()).await.unwrap();
        store.add_counts(&nothing(issuer)).await.unwrap();
        let holder = Holder::subject(issuer, subject).unwrap();
        let counts = store.counts_of(&holder, clock.now().unix_ms).await.unwrap();
        let page = store
            .meters(Whose::Holder(&holder), 0, u64::MAX, None)
            .await
            .unwrap();
        store.close().await;
        let mut stored = Stored::default();
        for count in counts {
            let route = count.counter.route.unwrap().as_str().to_owned();
            *stored.units.entry(route).or_default() += count.units;
        }
        for metered in page.meters {
            let route = metered.meter.series.route.unwrap().as_str().to_owned();
            let sum = stored.meters.entry(route).or_default();
            *sum = sum.plus(&metered.usage);
        }
        stored
    })
}

/// A batch that adds nothing, after all that writers before it have under way.
fn nothing(issuer: &str) -> Batch {
    let nobody = Holder::subject(issuer, "nobody").unwrap();
    let limit = LimitName::parse("nothing").unwrap();
    let period = Span::new(0, Some(1)).unwrap();
    let mut nothing = Batch::new(BatchWriter::random().unwrap(), 1);
    let counter = Counter::new(nobody, limit, None, period).unwrap();
    nothing.add(counter, 0).unwrap();
    nothing
}

/// Delivers what is left, also what killed gateways had taken.
pub(crate) fn deliver_the_rest(location: &Location, url: &str, secrets: &Path) -> NoticeTotals {
    let config = NoticesConfig {
        webhook: Some(WebhookConfig {
            url: url.to_owned(),
            secrets_file: secrets.to_owned(),
            ca: None,
        }),
        email: None,
        stdout: false,
    };
    block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(Later(SystemClock::new()));
        let store = Store::open(location, clock.clone()).await.unwrap();
        let channels = Channels::load(&config).unwrap();
        let mut deliverer = Deliverer::new(channels, store.clone(), clock, Arc::default());
        deliverer.deliver_due().await.unwrap();
        let totals = store.notice_totals().await.unwrap();
        store.close().await;
        totals
    })
}
