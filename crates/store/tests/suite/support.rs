//! What every test of the suite needs: a place for a store on each backend, a clock, short forms.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tollgate_limiter::FakeClock;
use tollgate_store::{
    Edit, Holder, LimitText, Location, Name, PlanName, RouteName, Start, Store, StoreError, Write,
};
use tollgate_testkit::peers::Postgres;

pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// An empty place for a store, kept as long as this is.
pub(crate) struct Place {
    pub(crate) location: Location,
    pub(crate) clock: Arc<FakeClock>,
    /// Of PostgreSQL.
    url: String,
    folder: Option<TempDir>,
    _server: Option<Arc<Postgres>>,
}

/// One server for all tests that run at a time: starting one takes seconds.
static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Place {
    pub(crate) fn sqlite() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::sqlite(folder.path().join("store.db"));
        Place {
            location,
            clock: clock(),
            url: String::new(),
            folder: Some(folder),
            _server: None,
        }
    }

    pub(crate) fn postgres() -> Place {
        let server = {
            let mut shared = SERVER.lock().unwrap();
            shared.upgrade().unwrap_or_else(|| {
                let started = Arc::new(started());
                *shared = Arc::downgrade(&started);
                started
            })
        };
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let url = server.make_database(&format!("suite_{number}")).unwrap();
        Place {
            location: url.parse().unwrap(),
            clock: clock(),
            url,
            folder: None,
            _server: Some(server),
        }
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.location, self.clock.clone()).await
    }

    /// The file of SQLite; none of PostgreSQL.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.path().join("store.db"))
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Runs a statement that is none of the store's.
    pub(crate) async fn meddle(&self, sql: &'static str) {
        match self.file() {
            Some(file) => {
                let url = format!("sqlite:{}", file.display());
                let mut sqlite = SqliteConnection::connect(&url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut sqlite).await.unwrap();
                sqlite.close().await.unwrap();
            }
            None => {
                let mut postgres = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut postgres).await.unwrap();
                postgres.close().await.unwrap();
            }
        }
    }
}

/// A server of a test's own, to be ended.
pub(crate) fn started() -> Postgres {
    Postgres::start().unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn database(server: &Postgres, name: &str) -> Location {
    server.make_database(name).unwrap().parse().unwrap()
}

pub(crate) fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at_unix_ms(START_MS))
}

/// Declares tests that run on both backends.
#[macro_export]
macro_rules! on_both {
    ($(async fn $name:ident($place:ident: $kind:ty) $body:block)*) => {$(
        async fn $name($place: $kind) $body

        mod $name {
            use $crate::support::{Place, run};

            #[test]
            fn on_sqlite() {
                run(super::$name(Place::sqlite()));
            }

            #[test]
            fn on_postgres() {
                run(super::$name(Place::postgres()));
            }
        }
    )*};
}

/// On one thread, as the control plane.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

pub(crate) fn subject(name: &str) -> Holder {
    Holder::subject("https://login.example", name).unwrap()
}

pub(crate) fn account(name: &str) -> Holder {
    Holder::account("https://login.example", name).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn route(text: &str) -> RouteName {
    RouteName::parse(text).unwrap()
}

pub(crate) fn assign(plan: &str) -> Edit {
    assign_from(plan, Start::Now, None)
}

pub(crate) fn assign_from(plan: &str, from: Start, until_ms: Option<u64>) -> Edit {
    Edit::Assign {
        plan: PlanName::parse(plan).unwrap(),
        from,
        until_ms,
    }
}

pub(crate) fn limit(text: &str, route: Option<RouteName>) -> Edit {
    Edit::Override {
        limit: LimitText::parse(text).unwrap(),
        route,
        from: Start::Now,
        until_ms: None,
    }
}

pub(crate) fn write(holder: &Holder, edit: Edit) -> Write {
    Write::new(holder.clone(), edit, name("ops"))
}

/// PostgreSQL's own client: somebody else's transaction, ended when it is dropped.
pub(crate) struct Psql {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Psql {
    pub(crate) fn connect(url: &str) -> Psql {
        let mut child = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql, of Debian's package postgresql-client");
        let output = BufReader::new(child.stdout.take().unwrap());
        Psql { child, output }
    }

    pub(crate) fn run(&mut self, sql: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{sql}").unwrap();
        input.flush().unwrap();
    }

    /// Until it has printed a line with this.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(
                self.output.read_line(&mut line).unwrap(),
                0,
                "psql has ended"
            );
        }
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Lays a plan for each of `count` subjects into the store, as an import would.
pub(crate) async fn fill(place: &Place, count: i64) {
    match place.file() {
        Some(file) => {
            let url = format!("sqlite:{}", file.display());
            let mut sqlite = SqliteConnection::connect(&url).await.unwrap();
            let sql = "INSERT INTO assignments (kind, issuer, name, made, from_ms, until_ms, plan, note) \
                 WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 - 1) \
                 SELECT 1, 'https://login.example', 'user-' || i, 0, 0, NULL, 'plan-' || (i % 10), '' FROM n";
            sqlx::query(sql)
                .bind(count)
                .execute(&mut sqlite)
                .await
                .unwrap();
            sqlite.close().await.unwrap();
        }
        None => {
            let mut postgres = PgConnection::connect(&place.url).await.unwrap();
            let sql = "INSERT INTO assignments (kind, issuer, name, made, from_ms, until_ms, plan, note) \
                 SELECT 1, 'https://login.example', 'user-' || i, 0, 0, NULL, 'plan-' || (i % 10), '' \
                 FROM generate_series(0, $1 - 1) AS n(i)";
            sqlx::query(sql)
                .bind(count)
                .execute(&mut postgres)
                .await
                .unwrap();
            postgres.close().await.unwrap();
        }
    }
}
