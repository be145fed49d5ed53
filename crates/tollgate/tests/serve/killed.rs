//! The whole gateway, killed at any moment and started again with its store: nothing is counted that was not
//! let through, nothing is lost but what came since the last write, a quota that blocks gives way by no more
//! than that, and each threshold is told under one id.

mod life;
mod receiver;
mod stored;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tollgate_store::Location;
use tollgate_testkit::peers::{Postgres, Tool};

use self::life::{Calls, Looks, call, look};
use self::receiver::{Receiver, Threshold};
use self::stored::{Stored, deliver_the_rest, stored};
use crate::support::{Running, without_load};

/// Callers on each backend, one after the other; each lives through five kills.
const CALLERS: usize = 20;
/// Where the moments come from.
const SEED: u64 = 0x7011_6A7E;
/// How often is written; the least that a policy may say.
const FLUSH: Duration = Duration::from_millis(100);
/// How long a write may take, and come late, of half of all, and of nine in ten; or as long as it takes twice from one
/// to the next, where the disk is slower than that. The slowest are not the gateway's: one that waits for a busy disk
/// or processor has been seen to take 1.5 s. What each of all lives may lose, `sure` says.
const WRITE_USUAL_MAX: Duration = Duration::from_millis(200);
const WRITE_MAX: Duration = Duration::from_millis(900);
/// From one write to the next, of the quickest tenth: what is no disk's doing.
const QUICK_MAX: Duration = Duration::from_millis(300);
const TOLD_QUOTA: u64 = 120;
const TOLD_AT: [u64; 4] = [25, 50, 75, 100];
const HELD_QUOTA: u64 = 80;
const HELD_AT: [u64; 2] = [50, 100];
const TOLD: &str = "GET /orders";
const HELD: &str = "GET /items";
/// Requests of each client before a kill while nothing happens.
const FEW: usize = 20;
/// The longest wait for a notice, which need not come: the deliverer looks once a second.
const NOTICE_WAIT_MAX: Duration = Duration::from_millis(1_500);
/// And for what comes, on however busy a machine.
const MOMENT_WAIT_MAX: Duration = Duration::from_secs(30);

/// When to kill, besides during a start. A caller lives through all of them, one life of the gateway for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Requests,
    Notice,
    Write,
    Idle,
}

const MOMENTS: [Moment; 4] = [
    Moment::Requests,
    Moment::Notice,
    Moment::Write,
    Moment::Idle,
];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let limit_us = u64::try_from(limit.as_micros()).unwrap();
        Duration::from_micros((mixed ^ (mixed >> 31)) % limit_us)
    }
}

/// What a life left: the calls to each route, and the looks at what was written.
struct Life {
    told: Calls,
    held: Calls,
    looks: Looks,
    killed: Instant,
}

/// Of one route, over some lives.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    admitted: u64,
    cut_off: u64,
    lost: u64,
    /// Let through beyond the quota, before a gateway knew what those before it had counted.
    beyond: u64,
}

struct Scene {
    running: Running,
    /// How long a start takes here.
    start: Duration,
    receiver: Receiver,
    location: Location,
    dice: Dice,
    secrets: PathBuf,
    /// How often it held a route of a life against the store, and how often of those it was sure of some requests
    /// that they had to be in it.
    checks: usize,
    sure: usize,
    /// How long before a kill the oldest request was answered that was lost with it.
    lost_ages: Vec<Duration>,
    /// How long it took from one write to the next.
    between_writes: Vec<Duration>,
}

// === impl Scene ===

impl Scene {
    fn new(location: &str, folder: &Path) -> Self {
        let receiver = Receiver::start();
        let secrets = folder.join("webhook.secrets");
        fs::write(&secrets, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
        let rest = format!(
            "
routes: [{TOLD}, {HELD}]
plans:
  standard:
    routes:
      {TOLD}: [{{name: told, quota: {TOLD_QUOTA}/month, notify_at: [25%, 50%, 75%, 100%]}}]
      {HELD}: [{{name: held, quota: {HELD_QUOTA}/month, on_exceed: block, notify_at: [50%, 100%]}}]
default_plan: standard
counting: {{users: 1024, networks: 1024}}
store: {{url: '{location}', flush: {flush}ms, holders: 1024}}
notices: {{webhook: {{url: '{hook}', secrets_file: {secrets}}}}}
",
            flush = FLUSH.as_millis(),
            hook = receiver.url,
            secrets = secrets.display(),
        );
        let begun = Instant::now();
        Self {
            running: Running::start(&rest),
            start: begun.elapsed(),
            receiver,
            location: location.parse().unwrap(),
            dice: Dice(SEED),
            secrets,
            checks: 0,
            sure: 0,
            lost_ages: Vec::new(),
            between_writes: Vec::new(),
        }
    }

    fn stored(&self, subject: &str) -> Stored {
        stored(&self.location, self.running.issuer.url(), subject)
    }

    /// Two clients call, until the moment comes to kill the gateway.
    fn live(&mut self, subject: &str, moment: Moment) -> Life {
        let token = self.running.token(subject);
        let most = if moment == Moment::Idle {
            FEW
        } else {
            usize::MAX
        };
        let (stop, writes) = (AtomicBool::new(false), AtomicU64::new(0));
        let Self {
            running,
            receiver,
            dice,
            ..
        } = self;
        let arrived = receiver.arrived();
        let until = |limit: Duration, came: &dyn Fn() -> bool| {
            let begun = Instant::now();
            while !came() && begun.elapsed() < limit {
                std::thread::sleep(Duration::from_micros(200));
            }
        };
        let life = std::thread::scope(|scope| {
            let running = &*running;
            let told = scope.spawn(|| call(running, "/orders", &token, most, &stop));
            let held = scope.spawn(|| call(running, "/items", &token, most, &stop));
            let looks = scope.spawn(|| look(running, &stop, &writes));
            match moment {
                Moment::Requests => std::thread::sleep(dice.below(4 * FLUSH)),
                Moment::Notice => {
                    until(NOTICE_WAIT_MAX, &|| receiver.arrived() > arrived);
                    std::thread::sleep(dice.below(Duration::from_millis(5)));
                }
                Moment::Write => {
                    until(MOMENT_WAIT_MAX, &|| writes.load(Ordering::Relaxed) >= 2);
                    std::thread::sleep(FLUSH - FLUSH / 10 + dice.below(FLUSH / 5));
                }
                Moment::Idle => {
                    until(MOMENT_WAIT_MAX, &|| {
                        told.is_finished() && held.is_finished()
                    });
                    std::thread::sleep(dice.below(2 * FLUSH));
                }
            }
            let killed = Instant::now();
            running.gateway.signal(Signal::KILL);
            stop.store(true, Ordering::Relaxed);
            Life {
                told: told.join().unwrap(),
                held: held.join().unwrap(),
                looks: looks.join().unwrap(),
                killed,
            }
        });
        self.running.end(Signal::KILL);
        self.between_writes.extend(life.looks.between_writes());
        life
    }

    /// Starts it again; and kills it as it starts, first, if that is asked for.
    fn start_again(&mut self, killed_first: bool) {
        if killed_first {
            self.running.begin();
            std::thread::sleep(self.dice.below(self.start));
            self.running.end(Signal::KILL);
        }
        self.running.begin();
        self.running.wait_ready();
    }

    /// Holds what the store had before a life, and has after it, against what the clients saw in it.
    fn check(&mut self, route: usize, life: &Life, before: &Stored, after: &Stored) -> Sum {
        let (name, calls) = [(TOLD, &life.told), (HELD, &life.held)][route];
        assert!(calls.are_of_one_quota(), "{name}: another answer");
        let (units, meter) = (after.units(name), after.meter(name));
        assert_eq!((units, units), (meter.admitted, meter.cost_units), "{name}");
        let refused = meter.limited - before.meter(name).limited;
        assert!(
            refused <= calls.limited() + calls.cut_off(),
            "{name}: {refused} were refused"
        );

        let (written, admitted) = (units - before.units(name), calls.admitted());
        assert!(
            written <= admitted + calls.cut_off(),
            "{name}: {written} are counted, {admitted} were let through"
        );
        self.checks += 1;
        if let Some(sure) = life.looks.sure() {
            self.sure += 1;
            let sure = calls.admitted_by(sure);
            assert!(
                written >= sure,
                "{name}: {written} are counted, of {sure} that were to be written"
            );
        }
        if let Some(oldest) = calls.admitted_after(written) {
            self.lost_ages.push(life.killed - oldest);
        }
        Sum {
            admitted,
            cut_off: calls.cut_off(),
            lost: admitted.saturating_sub(written),
            beyond: match name {
                HELD => beyond(life, before.units(name)),
                _ => 0,
            },
        }
    }
}

// === impl Sum ===

impl Sum {
    fn add(&mut self, other: &Sum) {
        self.admitted += other.admitted;
        self.cut_off += other.cut_off;
        self.lost += other.lost;
        self.beyond += other.beyond;
    }
}

/// What a life let through beyond the quota that blocks: no more than what was sent before it knew what was
/// counted before it, which is what can be sent within one `flush` and the store's answer.
fn beyond(life: &Life, counted_before: u64) -> u64 {
    let calls = &life.held;
    let first = calls.admitted_after(0);
    let known = first.and_then(|first| life.looks.known(first));
    let unknowing = calls.admitted_before(known);
    let left = HELD_QUOTA.saturating_sub(counted_before);
    let beyond = calls.admitted().saturating_sub(left);
    assert!(
        beyond <= unknowing,
        "{beyond} were let through beyond the quota, {unknowing} before that was known"
    );
    beyond
}

fn kill_again_and_again(location: &str, folder: &Path) {
    println!("seed {SEED:#x}");
    let mut scene = Scene::new(location, folder);
    let (mut all, mut thresholds, mut on_the_way) = ([Sum::default(); 2], BTreeSet::new(), 0);
    for caller in 0..CALLERS {
        let subject = format!("user-{caller}");
        let (mut stored, mut sums) = (Stored::default(), [Sum::default(); 2]);
        for (number, moment) in MOMENTS.into_iter().enumerate() {
            let life = scene.live(&subject, moment);
            scene.start_again(number == caller % MOMENTS.len());
            let now = scene.stored(&subject);
            for (route, sum) in sums.iter_mut().enumerate() {
                sum.add(&scene.check(route, &life, &stored, &now));
            }
            stored = now;
        }
        for (route, (name, sum)) in [TOLD, HELD].into_iter().zip(&sums).enumerate() {
            let path = name.trim_start_matches("GET ");
            let served = scene.running.origin.hits(path, &subject);
            let sent = sum.admitted + sum.cut_off;
            assert!(
                (sum.admitted..=sent).contains(&served),
                "{served} were served: {sum:?}"
            );
            // Let through, and killed before it was sent on.
            on_the_way += stored.units(name).saturating_sub(served);
            all[route].add(sum);
        }
        let held = scene.running.origin.hits("/items", &subject);
        let most = HELD_QUOTA + sums[1].lost + sums[1].beyond + sums[1].cut_off;
        assert!(
            held <= most,
            "{held} were served of {HELD_QUOTA}: {:?}",
            sums[1]
        );
        thresholds.extend(reached(&subject, &stored));
    }
    scene.running.end(Signal::TERM);
    let totals = deliver_the_rest(&scene.location, &scene.receiver.url, &scene.secrets);
    let ids = scene.receiver.ids();
    assert_eq!(ids.keys().cloned().collect::<BTreeSet<_>>(), thresholds);
    for (threshold, ids) in &ids {
        assert_eq!(ids.len(), 1, "{threshold:?}: {ids:?}");
    }
    let notices = thresholds.len() as u64;
    assert_eq!(
        (totals.waiting, totals.delivered, totals.given_up),
        (0, notices, 0)
    );
    let (ages, between) = (&mut scene.lost_ages, &mut scene.between_writes);
    ages.sort_unstable();
    between.sort_unstable();
    assert!(!between.is_empty(), "nothing was written twice in a life");
    let [quick, usual, slow] = [1, 5, 9].map(|tenths| between[between.len() * tenths / 10]);
    println!(
        "from one write to the next {quick:?}, {usual:?}, {slow:?}: a tenth, half, nine in ten"
    );
    println!("sure of some in {} of {} checks", scene.sure, scene.checks);
    println!(
        "{} kills: {all:?}; {on_the_way} counted and killed on their way; the oldest lost of a life {:?} before \
         its kill, {:?} of nine in ten, {:?} at most; {notices} notices, received {} times; a start takes {:?}",
        CALLERS * (MOMENTS.len() + 1),
        ages[ages.len() / 2],
        ages[ages.len() * 9 / 10],
        ages[ages.len() - 1],
        scene.receiver.arrived(),
        scene.start,
    );
    assert!(
        // All that were killed about a write are.
        scene.sure >= scene.checks / MOMENTS.len(),
        "sure of some in {} of {} checks",
        scene.sure,
        scene.checks
    );
    let (half, most) = (ages[ages.len() / 2], ages[ages.len() * 9 / 10]);
    let (usual_max, slow_max) = (WRITE_USUAL_MAX.max(2 * usual), WRITE_MAX.max(2 * slow));
    assert!(
        half <= FLUSH + usual_max && most <= FLUSH + slow_max,
        "lost after {ages:?}, from one write to the next {between:?}"
    );
    assert!(quick <= QUICK_MAX, "from one write to the next {between:?}");
}

/// Which thresholds what is stored has reached.
fn reached(subject: &str, stored: &Stored) -> BTreeSet<Threshold> {
    let limits = [
        (TOLD, "told", TOLD_QUOTA, &TOLD_AT[..]),
        (HELD, "held", HELD_QUOTA, &HELD_AT[..]),
    ];
    let all = limits.into_iter().flat_map(|(route, limit, quota, at)| {
        let units = stored.units(route);
        let reached = move |percent: &&u64| units * 100 >= quota * **percent;
        let threshold = move |percent: &u64| (subject.to_owned(), limit.to_owned(), *percent);
        at.iter().filter(reached).map(threshold)
    });
    all.collect()
}

#[test]
fn case_105_a_gateway_on_sqlite_killed_at_any_moment_loses_what_it_says_and_counts_nothing_twice() {
    let _machine = without_load();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.db");
    kill_again_and_again(&format!("sqlite:{}", file.display()), folder.path());
    let python = Tool::find("python3").unwrap_or_else(|error| panic!("{error}"));
    let check = "import sqlite3, sys\n\
         print(*sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())";
    let checked = Command::new(python.path())
        .args(["-c", check])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&checked.stdout), "('ok',)\n");
}

#[test]
fn case_105_a_gateway_on_postgresql_killed_at_any_moment_loses_what_it_says_and_counts_nothing_twice()
 {
    let _machine = without_load();
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    let url = server.make_database("killed").unwrap();
    kill_again_and_again(&url, folder.path());
}
