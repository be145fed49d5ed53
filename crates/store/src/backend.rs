//! The one place where the two databases differ in type: statements that both understand go through a
//! [`Session`], whichever is behind it.
//!
//! All values are texts and 64-bit whole numbers. A statement is a `&'static str`: nothing that
//! anybody sent can become part of one.

mod bulk;
mod errors;
mod postgres;
mod schema;
mod sqlite;

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Postgres, Row as _, Sqlite};

use crate::error::StoreError;
use crate::location::{Location, Place};
pub(crate) use bulk::Assigned;
use errors::failed;
pub(crate) use postgres::Bell;

/// The longest wait for one call, from its beginning to its end.
pub const CALL_WAIT_MAX: Duration = Duration::from_secs(5);
/// The longest wait for a connection; within [`CALL_WAIT_MAX`].
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(3);
/// The longest wait for another writer; within [`CALL_WAIT_MAX`].
const LOCK_WAIT_MAX: Duration = Duration::from_secs(4);

/// The connections to one store.
#[derive(Clone)]
pub(crate) enum Pools {
    /// SQLite has one writer at a time: it waits here, in order, and not in the file's lock.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

/// One connection, for one call.
///
/// It goes back to its pool only if the call came to its end: a connection that was left in the
/// middle of something (an error, a time-out, a caller that went away) is closed, which undoes it.
pub(crate) struct Session {
    connection: Connection,
    in_doubt: bool,
}

enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A value of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Int(i64),
    MaybeInt(Option<i64>),
    Text(&'a str),
}

/// A row of an answer; columns count from 0.
pub(crate) enum Row<'r> {
    Sqlite(&'r SqliteRow),
    Postgres(&'r PgRow),
}

/// Waits for a call, at most `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = StoreError::TimedOut {
        waited_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
    };
    tokio::time::timeout(limit, call).await.unwrap_or(Err(late))
}

// === impl Pools ===

impl Pools {
    /// Connects, and brings the schema up to date.
    pub(crate) async fn open(location: &Location) -> Result<Self, StoreError> {
        let pools = match &location.0 {
            Place::Sqlite(path) => sqlite::open(path)?,
            Place::Postgres(options) => postgres::open(options).await?,
        };
        within(schema::MIGRATION_WAIT_MAX, schema::bring_up(&pools)).await?;
        Ok(pools)
    }

    /// A connection to read with.
    pub(crate) async fn read(&self) -> Result<Session, StoreError> {
        let connection = match self {
            Pools::Sqlite { read, .. } => Connection::Sqlite(read.acquire().await.map_err(failed)?),
            Pools::Postgres(pool) => Connection::Postgres(pool.acquire().await.map_err(failed)?),
        };
        Ok(Session::new(connection))
    }

    /// A connection that reads everything as it is at one moment, however much that is; to be ended
    /// with [`Session::commit`].
    pub(crate) async fn read_at_one_moment(&self) -> Result<Session, StoreError> {
        let mut session = self.read().await?;
        // Of SQLite in WAL mode: every transaction that reads.
        let begin = match session.connection {
            Connection::Sqlite(_) => "BEGIN",
            Connection::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        session.execute(begin, &[]).await?;
        Ok(session)
    }

    /// A connection within a transaction that writes.
    pub(crate) async fn write(&self) -> Result<Session, StoreError> {
        let connection = match self {
            Pools::Sqlite { write, .. } => {
                Connection::Sqlite(write.acquire().await.map_err(failed)?)
            }
            Pools::Postgres(pool) => Connection::Postgres(pool.acquire().await.map_err(failed)?),
        };
        let mut session = Session::new(connection);
        // Of SQLite: the lock at once. A reader that becomes a writer may be refused at any statement.
        let begin = match session.connection {
            Connection::Sqlite(_) => "BEGIN IMMEDIATE",
            Connection::Postgres(_) => "BEGIN",
        };
        session.execute(begin, &[]).await?;
        Ok(session)
    }

    /// Ends all connections, once calls under way are done.
    pub(crate) async fn close(&self) {
        match self {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

// === impl Session ===

impl Session {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            in_doubt: true,
        }
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        /// Binds the values in order and runs; the same words for two types.
        macro_rules! run {
            ($connection:expr) => {{
                let mut query = sqlx::query(sql);
                for value in values {
                    query = match *value {
                        Value::Int(number) => query.bind(number),
                        Value::MaybeInt(number) => query.bind(number),
                        Value::Text(text) => query.bind(text),
                    };
                }
                let done = query.execute(&mut **$connection).await;
                done.map(|done| done.rows_affected()).map_err(failed)
            }};
        }
        match &mut self.connection {
            Connection::Sqlite(connection) => run!(connection),
            Connection::Postgres(connection) => run!(connection),
        }
    }

    /// Runs a statement and looks at each row of the answer as it comes.
    pub(crate) async fn each(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        mut look: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        /// Binds the values in order and reads; the same words for two types.
        macro_rules! run {
            ($connection:expr, $row:path) => {{
                let mut query = sqlx::query(sql);
                for value in values {
                    query = match *value {
                        Value::Int(number) => query.bind(number),
                        Value::MaybeInt(number) => query.bind(number),
                        Value::Text(text) => query.bind(text),
                    };
                }
                let mut rows = query.fetch(&mut **$connection);
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    look(&$row(&row))?;
                }
                Ok(())
            }};
        }
        match &mut self.connection {
            Connection::Sqlite(connection) => run!(connection, Row::Sqlite),
            Connection::Postgres(connection) => run!(connection, Row::Postgres),
        }
    }

    /// What is made of the rows of an answer, in order.
    pub(crate) async fn rows<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, values, |row| {
            all.push(read(row)?);
            Ok(())
        })
        .await?;
        Ok(all)
    }

    /// What is made of the first row, if there is one.
    pub(crate) async fn first<T>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(sql, values, read).await?.into_iter().next())
    }

    /// Gives the connection back after reading.
    pub(crate) fn done(mut self) {
        self.in_doubt = false;
    }

    /// Makes everything that was written since the beginning last.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.execute("COMMIT", &[]).await?;
        self.done();
        Ok(())
    }

    /// Undoes everything that was written since the beginning.
    pub(crate) async fn roll_back(mut self) -> Result<(), StoreError> {
        self.execute("ROLLBACK", &[]).await?;
        self.done();
        Ok(())
    }

    /// The statement of the database that is behind it.
    pub(crate) fn in_words_of(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.connection {
            Connection::Sqlite(_) => sqlite,
            Connection::Postgres(_) => postgres,
        }
    }

    /// Tells other instances, once this transaction is committed; SQLite has no such thing.
    pub(crate) async fn ring(&mut self) -> Result<(), StoreError> {
        if let Connection::Postgres(_) = self.connection {
            self.execute(postgres::RING, &[]).await?;
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.in_doubt {
            match &mut self.connection {
                Connection::Sqlite(connection) => connection.close_on_drop(),
                Connection::Postgres(connection) => connection.close_on_drop(),
            }
        }
    }
}

// === impl Row ===

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
        .map_err(failed)
    }

    pub(crate) fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
        .map_err(failed)
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self {
            Row::Sqlite(row) => row.try_get(column),
            Row::Postgres(row) => row.try_get(column),
        }
        .map_err(failed)
    }

    /// A number that is never negative: a time, or the number of a change.
    pub(crate) fn count(&self, column: usize) -> Result<u64, StoreError> {
        let number = self.int(column)?;
        u64::try_from(number).map_err(|_| StoreError::damaged("a number", number))
    }
}

/// A number as it is stored; what is beyond its range is beyond the year 9999 too.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
