//! The schema: one version after the other, shipped in the binary, never undone.
//!
//! A program refuses a store that a newer one has changed. An older program that is running when a newer
//! one starts goes on: a step may add, and never takes away what the step before it had.

use std::time::Duration;

use super::{Connection, Pools, Session, Value, failed};
use crate::error::StoreError;

/// The longest wait for the schema: other instances may be at it, and a step may take its time.
pub(super) const MIGRATION_WAIT_MAX: Duration = Duration::from_secs(60);

/// One step, in the words of each database.
struct Step {
    sqlite: &'static str,
    postgres: &'static str,
}

/// In order; the version of a schema is the number of steps it has taken.
const STEPS: &[Step] = &[
    Step {
        sqlite: include_str!("../../migrations/sqlite/1.sql"),
        postgres: include_str!("../../migrations/postgres/1.sql"),
    },
    Step {
        sqlite: include_str!("../../migrations/sqlite/2.sql"),
        postgres: include_str!("../../migrations/postgres/2.sql"),
    },
    Step {
        sqlite: include_str!("../../migrations/sqlite/3.sql"),
        postgres: include_str!("../../migrations/postgres/3.sql"),
    },
    Step {
        sqlite: include_str!("../../migrations/sqlite/4.sql"),
        postgres: include_str!("../../migrations/postgres/4.sql"),
    },
    Step {
        sqlite: include_str!("../../migrations/sqlite/5.sql"),
        postgres: include_str!("../../migrations/postgres/5.sql"),
    },
    Step {
        sqlite: include_str!("../../migrations/sqlite/6.sql"),
        postgres: include_str!("../../migrations/postgres/6.sql"),
    },
    // The one exception so far: an older program finds no key for its notices, and its usage waits until it ends.
    Step {
        sqlite: include_str!("../../migrations/sqlite/7.sql"),
        postgres: include_str!("../../migrations/postgres/7.sql"),
    },
];

/// One instance at a time: nothing else in the database uses this lock ("toll" in ASCII).
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(1953459308)";

const MAKE_VERSION: &str = "CREATE TABLE IF NOT EXISTS tollgate_schema \
     (one BIGINT PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL)";
const FIRST_VERSION: &str =
    "INSERT INTO tollgate_schema (one, version) VALUES (1, 0) ON CONFLICT (one) DO NOTHING";
const READ_VERSION: &str = "SELECT version FROM tollgate_schema WHERE one = 1";
const WRITE_VERSION: &str = "UPDATE tollgate_schema SET version = $1 WHERE one = 1";

/// Takes the steps that are missing, all or none.
pub(super) async fn bring_up(pools: &Pools) -> Result<(), StoreError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let mut session = pools.write().await?;
    if let Connection::Postgres(_) = session.connection {
        // The lock's own time limit is for calls; this wait has a limit of its own.
        session.execute("SET LOCAL lock_timeout = 0", &[]).await?;
        session.execute(ONE_AT_A_TIME, &[]).await?;
    }
    session.execute(MAKE_VERSION, &[]).await?;
    session.execute(FIRST_VERSION, &[]).await?;
    let found = session.first(READ_VERSION, &[], |row| row.int(0)).await?;
    let found = found.unwrap_or_default();
    if found == known {
        return session.roll_back().await;
    }
    let taken = usize::try_from(found).map_err(|_| StoreError::damaged("schema version", found))?;
    if found > known {
        session.roll_back().await?;
        return Err(StoreError::NewerSchema { found, known });
    }
    for step in STEPS.iter().skip(taken) {
        session.take(step).await?;
    }
    session.execute(WRITE_VERSION, &[Value::Int(known)]).await?;
    session.commit().await
}

impl Session {
    async fn take(&mut self, step: &Step) -> Result<(), StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let done = sqlx::raw_sql(step.sqlite).execute(&mut **connection).await;
                done.map(drop).map_err(failed)
            }
            Connection::Postgres(connection) => {
                let done = sqlx::raw_sql(step.postgres)
                    .execute(&mut **connection)
                    .await;
                done.map(drop).map_err(failed)
            }
        }
    }
}
