//! Ten million subjects: each with a plan of its own in the directory, each deciding once, while somebody takes
//! away what they used. Memory stays within what `docs/operations.md` declares, and nobody who was there before the
//! others loses a bucket. And a gateway with as many in its store shows any of them in time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell"
)]

#[path = "../serve/operated.rs"]
#[allow(dead_code, reason = "of what another test program has, too")]
mod operated;
mod shown;
#[path = "../serve/support.rs"]
#[allow(dead_code, reason = "of what another test program has, too")]
mod support;

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use tollgate_engine::{
    Decision, Engine, EngineOptions, Level, Outcome, PlanNumber, RequestHead, Standing, Standings,
    User, Verdict,
};
use tollgate_limiter::{Clock, SystemClock};
use tollgate_policy::Policy;
use tollgate_store::{AssignedPlan, Directory, Location, Store};
use tollgate_testkit::peers::Tool;
use tollgate_testkit::sign_hs256;

const SUBJECTS: u64 = 10_000_000;
/// Who was there before: so many have used up their quota, as many half of it.
const KNOWN: u64 = 1_000;
const QUOTA: u64 = 20;
/// Up to whom nobody takes what was used: more than there are rows.
const AWAY_UNTIL: u64 = 400_000;
/// One of so many of the others is asked again.
const ASKED_AGAIN: usize = 100;
const THREADS: usize = 2;
const ISSUER: &str = "https://login.example.com";
const AUDIENCE: &str = "https://api.example.com";
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

/// As the gateway has it.
const USAGE_ROWS_MAX: usize = 1 << 18;
/// How often they are taken: a gateway takes them every `store.flush`, a tenth of a second at least.
const TAKE_PAUSE: Duration = Duration::from_millis(100);
/// The policy's default.
const TOKENS: u64 = 100_000;

// What `docs/operations.md` declares, in bytes.
const HOLDER_BYTES: u64 = 32;
const TOKEN_BYTES: u64 = 512;
const ROW_BYTES: u64 = 512;
const REST_BYTES: u64 = 32 << 20;

/// Each test takes the machine for itself: one measures its own memory, the other time.
static MACHINE: Mutex<()> = Mutex::new(());

/// The directory, as the gateway asks it.
#[derive(Debug)]
struct Assigned(Directory);

impl Standings for Assigned {
    fn standing(&self, user: &User, _route: &str, at_ms: u64) -> Standing {
        let key = self.0.subject_key(&user.issuer, &user.subject);
        let plan = self.0.plan_at(key, None, at_ms);
        Standing {
            plan: plan.map(|(_, AssignedPlan(number))| (Level::Subject, PlanNumber(number))),
            limits: Vec::new(),
        }
    }

    fn plan_name(&self, plan: PlanNumber) -> Option<Arc<str>> {
        self.0.plan_name(AssignedPlan(plan.0))
    }
}

/// A line of what the system says of this process, in bytes.
fn status(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|found| found.strip_prefix(line));
    let kib = found.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1_024
}

fn resident() -> u64 {
    status("VmRSS")
}

/// Fills a store: every subject of the issuer has the plan `pro`.
fn fill(file: &Path, issuer: &str) {
    run(
        file,
        &format!(
            "store.execute('''INSERT INTO assignments (kind, issuer, name, made, from_ms, until_ms, plan, note)
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {SUBJECTS} - 1)
        SELECT 1, '{issuer}', printf('user-%08d', i), 0, 0, NULL, 'pro', '' FROM n''')"
        ),
    );
}

/// Lets Python do `what` to a `store`, in one transaction.
fn run(file: &Path, what: &str) {
    let python = Tool::find("python3").unwrap_or_else(|error| panic!("{error}"));
    let script = format!(
        "import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as store:
    store.execute('PRAGMA synchronous=OFF')
    {what}"
    );
    let done = Command::new(python.path())
        .args(["-c", &script])
        .arg(file)
        .status();
    assert!(done.unwrap().success());
}

async fn loaded(file: &Path) -> Directory {
    let location = Location::sqlite(file);
    let clock = Arc::new(SystemClock::new());
    Store::open(&location, clock.clone())
        .await
        .unwrap()
        .close()
        .await;
    let begun = Instant::now();
    fill(file, ISSUER);
    println!("{SUBJECTS} assignments stored in {:?}", begun.elapsed());
    let store = Store::open(&location, clock).await.unwrap();
    let (before, begun) = (resident(), Instant::now());
    let directory = Directory::new(usize::try_from(SUBJECTS).unwrap()).unwrap();
    let loaded = directory.load(&store).await.unwrap();
    assert_eq!((loaded.holders as u64, loaded.unreadable), (SUBJECTS, 0));
    store.close().await;
    println!(
        "loaded in {:?}: {} MiB declared, {} MiB in use, {} MiB resident, {} MiB at most while loading",
        begun.elapsed(),
        mib(SUBJECTS * HOLDER_BYTES),
        mib(directory.bytes() as u64),
        mib(resident() - before),
        mib(status("VmHWM") - before),
    );
    directory
}

fn machine() -> MutexGuard<'static, ()> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

fn policy(folder: &Path) -> Policy {
    let secret = folder.join("hs256.key");
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "tollgate: 1
origin: http://127.0.0.1:9
identity:
  token_cache: {TOKENS}
  issuers: [{{issuer: '{ISSUER}', audience: '{AUDIENCE}', algorithms: [HS256], secret_file: hs256.key}}]
routes: [GET /orders]
plans:
  free: {{limits: [{{name: monthly, quota: 1/month, on_exceed: block}}]}}
  pro: {{limits: [{{name: monthly, quota: {QUOTA}/month, on_exceed: block}}]}}
default_plan: free
counting: {{users: {SUBJECTS}, networks: 1024}}
"
    );
    Policy::parse("tollgate.yaml", &text, folder).unwrap()
}

/// Asks as a subject does, with a token that nobody has seen before.
fn ask(engine: &Engine, clock: &SystemClock, subject: u64, turn: u64) -> Decision {
    let now = clock.now();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": format!("user-{subject:08}"),
        "iat": now.unix_s() - 60, "exp": now.unix_s() + 3_600, "jti": turn,
    });
    let token = sign_hs256(SECRET, &json!({"alg": "HS256", "typ": "JWT"}), &claims);
    let mut headers = HeaderMap::with_capacity(1);
    let bearer = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    headers.insert("authorization", bearer);
    let head = RequestHead {
        method: &Method::GET,
        path: "/orders",
        query: None,
        headers: &headers,
        peer: [192, 0, 2, 1].into(),
        certificate: None,
    };
    let Outcome::Decided(decision) = engine.decide(&head, now) else {
        panic!("a secret is there from the start")
    };
    assert_eq!(decision.plan_name(), Some("pro"), "{:?}", decision.verdict);
    decision
}

fn left(decision: &Decision) -> (bool, u64) {
    let admitted = matches!(decision.verdict, Verdict::Allow);
    let state = decision.limits.iter().next().unwrap();
    (admitted, state.reading.remaining)
}

/// What was taken from the rows so far, and the most memory that was seen.
#[derive(Default)]
struct Taken {
    decisions: AtomicU64,
    resident_most: AtomicU64,
}

/// Takes what was used, until told to stop and then once more.
fn take(engine: &Engine, taken: &Taken, stop: &AtomicBool) {
    loop {
        let last = stop.load(Ordering::SeqCst);
        let rows = engine.take_usage();
        let decisions: u64 = rows.iter().map(|row| row.admitted + row.limited).sum();
        taken.decisions.fetch_add(decisions, Ordering::SeqCst);
        taken.resident_most.fetch_max(resident(), Ordering::SeqCst);
        if last {
            return;
        }
        drop(rows);
        std::thread::sleep(TAKE_PAUSE);
    }
}

#[test]
fn case_088_ten_million_subjects_take_what_is_declared_and_no_bucket_of_anybody() {
    let _machine = machine();
    let folder = tempfile::tempdir().unwrap();
    let before = resident();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let directory = runtime.block_on(loaded(&folder.path().join("tollgate.db")));
    let directory_bytes = directory.bytes() as u64;
    // A shard's list has room for what comes, and a word of its own.
    assert!(
        directory_bytes <= SUBJECTS * HOLDER_BYTES + (1 << 20),
        "{directory_bytes}"
    );

    let options = EngineOptions {
        threads: THREADS,
        standings: Some(Arc::new(Assigned(directory))),
        usage_rows: NonZeroUsize::new(USAGE_ROWS_MAX),
        ..EngineOptions::default()
    };
    let engine = Engine::new(policy(folder.path()), options).unwrap();
    let clock = SystemClock::new();
    let table_bytes = engine.table().bytes() as u64;
    for subject in 0..KNOWN {
        for turn in 0..QUOTA {
            assert_eq!(
                left(&ask(&engine, &clock, subject, turn)),
                (true, QUOTA - 1 - turn)
            );
        }
        for turn in 0..QUOTA / 2 {
            let _half = ask(&engine, &clock, KNOWN + subject, turn);
        }
    }
    assert_eq!(engine.table().overflowed(), 0);

    // The store is away: rows wait, and what finds none is counted.
    let begun = Instant::now();
    let without = resident();
    for subject in 2 * KNOWN..AWAY_UNTIL {
        ask(&engine, &clock, subject, 0);
    }
    let left_out = engine.usage_left_out();
    let waiting = AWAY_UNTIL - left_out;
    let grown = resident() - without;
    println!(
        "nobody takes anything: {waiting} rows wait, {left_out} were left out; {} MiB more for them, {TOKENS} tokens and the table",
        mib(grown)
    );
    assert!(waiting <= USAGE_ROWS_MAX as u64 && waiting > USAGE_ROWS_MAX as u64 * 9 / 10);
    // Each subject's bucket is on another page of the table: nearly all of it is in use now.
    assert!(grown <= USAGE_ROWS_MAX as u64 * ROW_BYTES + TOKENS * TOKEN_BYTES + table_bytes);

    let (taken, stop) = (Taken::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (engine, clock) = (&engine, &clock);
        let taking = scope.spawn(|| take(engine, &taken, &stop));
        let deciding: Vec<_> = (0..)
            .take(THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    for subject in (AWAY_UNTIL + thread..SUBJECTS).step_by(THREADS) {
                        ask(engine, clock, subject, 0);
                    }
                })
            })
            .collect();
        deciding
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        stop.store(true, Ordering::SeqCst);
        taking.join().unwrap();
    });
    let overflowed = engine.table().overflowed();
    let left_out_then = engine.usage_left_out() - left_out;
    println!(
        "{SUBJECTS} subjects decided in {:?}; {overflowed} found no room and shared, {left_out_then} more found no row",
        begun.elapsed()
    );
    let decisions = KNOWN * (QUOTA + QUOTA / 2) + SUBJECTS - 2 * KNOWN;
    let left_out = left_out + left_out_then;
    assert_eq!(taken.decisions.load(Ordering::SeqCst) + left_out, decisions);

    let declared = [
        ("table", table_bytes),
        ("directory", directory_bytes),
        ("tokens", TOKENS * TOKEN_BYTES),
        (
            "rows, and as many being written",
            2 * USAGE_ROWS_MAX as u64 * ROW_BYTES,
        ),
        ("all else", REST_BYTES),
    ];
    let most: u64 = declared.iter().map(|(_, bytes)| bytes).sum();
    let measured = taken.resident_most.load(Ordering::SeqCst) - before;
    println!(
        "{} MiB resident at most, {} MiB declared: {declared:?}",
        mib(measured),
        mib(most)
    );
    assert!(
        measured <= most,
        "{measured} bytes are resident, {most} are declared"
    );

    for subject in 0..KNOWN {
        assert_eq!(left(&ask(&engine, &clock, subject, QUOTA)), (false, 0));
        let half = left(&ask(&engine, &clock, KNOWN + subject, QUOTA));
        assert_eq!(half, (true, QUOTA / 2 - 1));
    }
    let again = (2 * KNOWN..SUBJECTS).step_by(ASKED_AGAIN);
    let shared = again.filter(|subject| {
        let (admitted, left) = left(&ask(&engine, &clock, *subject, 1));
        assert!(left <= QUOTA - 2, "{subject} has a fresh bucket");
        (admitted, left) != (true, QUOTA - 2)
    });
    let shared = shared.count() as u64;
    assert!(shared <= overflowed, "{shared} of those asked again");
    // As `docs/counting.md` says of a table at its capacity.
    assert!(overflowed <= SUBJECTS / 10_000, "{overflowed}");
}
