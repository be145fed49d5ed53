//! Where the store is: a file of SQLite or a database of PostgreSQL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::error::StoreError;

/// Where the store is.
///
/// | text | means |
/// |---|---|
/// | `sqlite:/var/lib/tollgate/store.db` | a file; made, readable by its owner only, if it is not there |
/// | `postgres://user:password@host:5432/database?sslmode=verify-full` | a database of its own; the parameters of libpq's URLs |
///
/// Shows no password.
#[derive(Clone)]
pub struct Location(pub(crate) Place);

#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Location {
    /// A file of SQLite.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(path.into()))
    }
}

impl FromStr for Location {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            if path.is_empty() || path.starts_with("//") || path.starts_with(":memory:") {
                return Err(wrong("write a file: `sqlite:/var/lib/tollgate/store.db`"));
            }
            return Ok(Self::sqlite(path));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // The parser's own words may quote the password.
            let options = text.parse().map_err(|_| {
                wrong("not a URL of PostgreSQL: `postgres://user:password@host:5432/database`")
            })?;
            return Ok(Self(Place::Postgres(Box::new(options))));
        }
        Err(wrong("begins with neither `sqlite:` nor `postgres://`"))
    }
}

fn wrong(reason: &str) -> StoreError {
    StoreError::Location {
        reason: reason.to_owned(),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Place::Postgres(options) => {
                let database = options.get_database().unwrap_or_default();
                let (host, port) = (options.get_host(), options.get_port());
                write!(f, "postgres://{host}:{port}/{database}")
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_shows_where_and_no_password() {
        let location: Location = "postgres://u:hunter2@db.example:5433/tollgate"
            .parse()
            .unwrap();
        let shown = format!("{location} {location:?}");
        assert!(shown.starts_with("postgres://db.example:5433/tollgate "));
        assert!(!shown.contains("hunter2"), "{shown}");
        let location: Location = "sqlite:/var/lib/tollgate/store.db".parse().unwrap();
        assert_eq!(location.to_string(), "sqlite:/var/lib/tollgate/store.db");
    }

    #[test]
    fn what_is_no_location_is_told_without_its_password() {
        for text in [
            "",
            "mysql://u:hunter2@h/d",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://relative.db",
            "postgres://u:hunter2@h:port/d",
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
