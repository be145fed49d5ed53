//! The words of the database's client as a [`StoreError`]: who is to blame, and whether to try again.

use std::io::ErrorKind;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::error::StoreError;

/// Turns an error of the client into ours.
#[expect(
    clippy::needless_pass_by_value,
    reason = "for `map_err`, which hands it over"
)]
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    let reason = error.to_string();
    match &error {
        sqlx::Error::Database(said) => match said.try_downcast_ref::<PgDatabaseError>() {
            Some(said) => of_postgres(said.code(), reason),
            None => of_sqlite(said.as_ref(), reason),
        },
        // How a certificate that we do not trust is told: somebody has to do something.
        sqlx::Error::Io(io) if io.kind() == ErrorKind::InvalidData => {
            StoreError::Refused { reason }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unreachable { reason },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged { reason },
        sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => StoreError::Refused { reason },
        // A stream that ends in the middle of a message, for one.
        sqlx::Error::Protocol(_) => StoreError::Unreachable { reason },
        _ => StoreError::Failed { reason },
    }
}

/// By the class of the code: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_postgres(code: &str, reason: String) -> StoreError {
    match (code.get(..2).unwrap_or_default(), code) {
        // Connection; too many connections; shutdown, starting up, crash; a read-only standby.
        ("08", _) | (_, "53300" | "57P01" | "57P02" | "57P03" | "25006") => {
            StoreError::Unreachable { reason }
        }
        (_, "53100" | "53200" | "53400") => StoreError::Full { reason },
        // A lock or a statement that took too long, a deadlock, a transaction to repeat.
        ("40", _) | (_, "55P03" | "57014" | "25P03") => StoreError::Busy { reason },
        // Authentication, no such database, no right.
        ("28", _) | (_, "3D000" | "42501") => StoreError::Refused { reason },
        ("XX", _) => StoreError::Damaged { reason },
        _ => StoreError::Failed { reason },
    }
}

/// By the primary result code, the low byte: <https://www.sqlite.org/rescode.html>.
fn of_sqlite(said: &dyn DatabaseError, reason: String) -> StoreError {
    let code = said.code();
    let code: u32 = code.and_then(|code| code.parse().ok()).unwrap_or_default();
    match code & 0xff {
        // BUSY, LOCKED
        5 | 6 => StoreError::Busy { reason },
        // PERM, READONLY, AUTH
        3 | 8 | 23 => StoreError::Refused { reason },
        // IOERR, CANTOPEN
        10 | 14 => StoreError::Unreachable { reason },
        // CORRUPT, NOTADB
        11 | 26 => StoreError::Damaged { reason },
        // FULL
        13 => StoreError::Full { reason },
        _ => StoreError::Failed { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_postgres_says_whether_to_try_again() {
        let passing = |code| of_postgres(code, String::new()).is_passing();
        assert!(["08006", "57P01", "57P03", "53300", "55P03", "40001"].map(passing) == [true; 6]);
        assert!(["28P01", "3D000", "53100", "42P01", "XX001", ""].map(passing) == [false; 6]);
    }
}
