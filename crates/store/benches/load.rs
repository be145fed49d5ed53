//! How long a million assignments take to load, and what they, a look, a change and a write cost after that.
//!
//! `cargo bench -p tollgate-store` for both backends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should say so and end"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, SqliteConnection};
use tollgate_limiter::SystemClock;
use tollgate_store::{
    Directory, Edit, Holder, HolderKey, Location, Name, PlanName, Start, Store, Write,
};
use tollgate_testkit::peers::Postgres;

const HOLDERS: usize = 1_000_000;
const RUNS: usize = 5;
const ISSUER: &str = "https://login.example.com";
const LOOKS: usize = 2_000_000;
const WRITES: usize = 200;

const FILL_SQLITE: &str = "\
    INSERT INTO assignments (kind, issuer, name, made, from_ms, until_ms, plan, note) \
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1 - 1) \
    SELECT 1, 'https://login.example.com', 'auth0|user-' || i, 0, 0, NULL, 'plan-' || (i % 10), '' FROM n";
const FILL_POSTGRES: &str = "\
    INSERT INTO assignments (kind, issuer, name, made, from_ms, until_ms, plan, note) \
    SELECT 1, 'https://login.example.com', 'auth0|user-' || i, 0, 0, NULL, 'plan-' || (i % 10), '' \
    FROM generate_series(0, $1 - 1) AS n(i)";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let count = i64::try_from(HOLDERS).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let location = Location::sqlite(folder.path().join("store.db"));
        let store = open(&location).await;
        let mut sqlite = SqliteConnection::connect(&location.to_string())
            .await
            .unwrap();
        sqlx::query(FILL_SQLITE)
            .bind(count)
            .execute(&mut sqlite)
            .await
            .unwrap();
        sqlite.close().await.unwrap();
        measure("SQLite", &store).await;
        store.close().await;

        let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
        let url = server.make_database("bench").unwrap();
        let store = open(&url.parse().unwrap()).await;
        let mut postgres = PgConnection::connect(&url).await.unwrap();
        sqlx::query(FILL_POSTGRES)
            .bind(count)
            .execute(&mut postgres)
            .await
            .unwrap();
        postgres.close().await.unwrap();
        measure("PostgreSQL", &store).await;
        store.close().await;
    });
}

async fn open(location: &Location) -> Store {
    Store::open(location, Arc::new(SystemClock::new()))
        .await
        .unwrap()
}

async fn measure(backend: &str, store: &Store) {
    let directory = Directory::new(2 * HOLDERS).unwrap();
    let mut took = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let loaded = directory.load(store).await.unwrap();
        took.push(start.elapsed());
        assert_eq!(loaded.holders, HOLDERS);
    }
    took.sort();
    println!(
        "{backend}: {HOLDERS} holders loaded in {:?} (median of {RUNS}; {:?} to {:?}), {} ns and {} bytes each",
        took[RUNS / 2],
        took[0],
        took[RUNS - 1],
        took[RUNS / 2].as_nanos() / HOLDERS as u128,
        directory.bytes() / HOLDERS,
    );
    look(backend, &directory);
    change(backend, store, &directory).await;
}

fn look(backend: &str, directory: &Directory) {
    let names = (0..HOLDERS).map(|number| format!("auth0|user-{}", (number * 7_919) % HOLDERS));
    let keys: Vec<HolderKey> = names
        .map(|name| directory.subject_key(ISSUER, &name))
        .collect();
    let start = Instant::now();
    for turn in 0..LOOKS {
        black_box(directory.plan_at(keys[turn % keys.len()], None, 1));
    }
    let each = start.elapsed().as_nanos() / LOOKS as u128;
    println!("{backend}: a look at one of them, in random order, {each} ns");
}

async fn change(backend: &str, store: &Store, directory: &Directory) {
    let mut feed = store.feed(store.last_seq().await.unwrap());
    let (mut writing, mut applying) = (Duration::ZERO, Duration::ZERO);
    for number in 0..WRITES {
        let holder = Holder::subject(ISSUER, &format!("auth0|user-{number}")).unwrap();
        let edit = Edit::Assign {
            plan: PlanName::parse("gold").unwrap(),
            from: Start::Now,
            until_ms: None,
        };
        let write = Write::new(holder, edit, Name::parse("bench").unwrap());
        let start = Instant::now();
        store.write(&write).await.unwrap();
        writing += start.elapsed();
        for change in feed.next().await.unwrap() {
            let start = Instant::now();
            directory.apply(&change).unwrap();
            applying += start.elapsed();
        }
    }
    let each = u32::try_from(WRITES).unwrap();
    println!(
        "{backend}: a write {:?}, taking it over {:?}",
        writing / each,
        applying / each
    );
}
