//! PostgreSQL: how it is connected to, and how it tells of changes.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep, timeout};

use super::{CONNECTION_WAIT_MAX, Pools, failed, within};
use crate::error::StoreError;

/// Connections at once, the one that listens included; more calls wait.
const CONNECTIONS_MAX: u32 = 8;
/// What every connection is told: the limits of the server's side.
///
/// A writer that vanished in the middle of a transaction would hold the feed's lock for ever; so
/// would a peer that no packet reaches any more.
const LIMITS: &str = "\
    SET lock_timeout = '4s'; \
    SET idle_in_transaction_session_timeout = '10s'; \
    SET tcp_keepalives_idle = 10; \
    SET tcp_keepalives_interval = 5; \
    SET tcp_keepalives_count = 3; \
    SET tcp_user_timeout = '30s'";

/// Told to those who listen when the transaction commits.
pub(super) const RING: &str = "NOTIFY tollgate_changes";
const CHANNEL: &str = "tollgate_changes";

/// The pause between two looks whether something changed, where nobody tells, or may not have told.
const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// The longest wait for a connection to listen on.
const LISTEN_WAIT_MAX: Duration = Duration::from_millis(500);
/// The pause before listening is tried again where it failed; looking goes on meanwhile.
const LISTEN_PAUSE: Duration = Duration::from_secs(5);

/// What wakes a reader of the feed.
pub(crate) struct Bell {
    /// None of SQLite.
    pool: Option<PgPool>,
    listener: Option<PgListener>,
    /// Not to be tried before.
    retry_at: Instant,
}

/// Connects once, for the reason if it cannot be: the pool tries again and again, and then only says that
/// it took too long.
pub(super) async fn open(options: &PgConnectOptions) -> Result<Pools, StoreError> {
    let options = options.clone().application_name("tollgate");
    let first = async { options.connect().await.map_err(failed) };
    let first = within(CONNECTION_WAIT_MAX, first).await?;
    first.close().await.map_err(failed)?;
    let pool = PoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECTION_WAIT_MAX)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(LIMITS).execute(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options);
    Ok(Pools::Postgres(pool))
}

impl Bell {
    pub(crate) fn of(pools: &Pools) -> Self {
        let pool = match pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(pool) => Some(pool.clone()),
        };
        Self {
            pool,
            listener: None,
            retry_at: Instant::now(),
        }
    }

    /// Waits until something may have changed: a notification, or a short time. May wake for nothing,
    /// and a notification may be lost with its connection: it says *look*, never *what*.
    pub(crate) async fn wait(&mut self) {
        if self.listener.is_none() && Instant::now() >= self.retry_at {
            self.listen().await;
            if self.listener.is_some() {
                // What changed before it listened was not told.
                return;
            }
        }
        let Some(listener) = &mut self.listener else {
            return sleep(LOOK_PAUSE).await;
        };
        if let Ok(Err(_)) = timeout(LOOK_PAUSE, listener.try_recv()).await {
            self.listener = None;
            self.retry_at = Instant::now() + LISTEN_PAUSE;
        }
    }

    async fn listen(&mut self) {
        let Some(pool) = &self.pool else {
            return;
        };
        let connect = async {
            let mut listener = PgListener::connect_with(pool).await?;
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        match timeout(LISTEN_WAIT_MAX, connect).await {
            Ok(Ok(listener)) => self.listener = Some(listener),
            Ok(Err(_)) | Err(_) => self.retry_at = Instant::now() + LISTEN_PAUSE,
        }
    }
}
