//! SQLite: how the file is opened.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use super::{CONNECTION_WAIT_MAX, LOCK_WAIT_MAX, Pools};
use crate::error::StoreError;

/// Readers at once; more of them wait.
const READERS_MAX: u32 = 4;
/// Rows that a reader is ahead of whoever reads: each is some hundred bytes.
const ROWS_AHEAD: usize = 4_096;

/// Opens the file, which is made if it is not there.
///
/// In WAL mode readers never wait for the writer. `synchronous=FULL`: a change that was answered
/// survives a loss of power, not only the end of the process.
pub(super) fn open(path: &Path) -> Result<Pools, StoreError> {
    make_private(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .row_buffer_size(ROWS_AHEAD)
        .busy_timeout(LOCK_WAIT_MAX);
    let pool = |most: u32| {
        PoolOptions::new()
            .max_connections(most)
            .acquire_timeout(CONNECTION_WAIT_MAX)
            .connect_lazy_with(options.clone())
    };
    Ok(Pools::Sqlite {
        read: pool(READERS_MAX),
        write: pool(1),
    })
}

/// A new file is its owner's only: it says who the customers are. SQLite gives the files beside it
/// the same mode.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    opened.map(drop).map_err(|error| StoreError::Unreachable {
        reason: format!("{}: {error}", path.display()),
    })
}
