//! Three Envoys enforce shares of one user's rate by themselves: together they admit the rate, and no more
//! than their bound where one is killed or cut off.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell"
)]

mod load;
mod relay;
#[allow(dead_code, reason = "of what another test program has, too")]
mod stage;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tollgate_testkit::peers::{Peer, envoy, free_address};

use self::load::Load;
use self::relay::Relay;
use self::stage::{Stage, eventually};

const ENVOYS: usize = 3;
/// The one user's rate, per second.
const RATE: u64 = 60;
/// What clients want of each Envoy, per second: one alone wants twice the rate.
const WANTED: u32 = 120;
const PLANS: &str = "
routes: [GET /orders]
plans: {standard: {limits: [{name: burst, rate: 60/s}]}}
default_plan: standard
";
/// How long it is measured, and by how much the total may differ from the rate.
const WHOLE: Duration = Duration::from_secs(60);
const OFF_PERCENT: u64 = 5;
/// How often the machine is looked at whether it stands still, and how late a look is then.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
const STILL: Duration = Duration::from_millis(300);
/// An assignment is in force for so long: three reporting intervals, and this at least.
const IN_FORCE: Duration = Duration::from_secs(15);
/// When a share has been taken over, at the latest.
const SETTLED: Duration = Duration::from_secs(5);

/// An Envoy with clients, and its own way to Tollgate.
struct Front {
    envoy: Peer,
    relay: Relay,
    load: Load,
}

fn front(stage: &Stage, token: &str) -> Front {
    let address = free_address().unwrap();
    let relay = Relay::before(stage.grpc());
    let config = stage.config_for("envoy/rlqs.yaml", address, relay.address());
    Front {
        envoy: envoy(&config, &[], address).unwrap(),
        relay,
        load: Load::start(&url(address), token, WANTED),
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/orders")
}

/// What came to the origin in a time.
struct Admitted {
    count: u64,
    /// What the rate lets in that time, as long as it really was.
    most: u64,
    /// And in so much of it as this machine did not stand still: it admits nothing then, and what it missed it may not
    /// make up for.
    least: u64,
}

fn admitted(stage: &Stage, what: &str, time: Duration) -> Admitted {
    let begun = Instant::now();
    let before = stage.origin.hits("/orders", "alice");
    let (mut looked, mut still) = (begun, Duration::ZERO);
    while begun.elapsed() < time {
        std::thread::sleep(LOOK_PAUSE);
        let late = looked.elapsed().saturating_sub(LOOK_PAUSE);
        if late > STILL {
            still += late;
        }
        looked = Instant::now();
    }
    let count = stage.origin.hits("/orders", "alice") - before;
    let lets = |time: Duration| RATE * u64::try_from(time.as_millis()).unwrap() / 1_000;
    let took = begun.elapsed();
    let (most, least) = (lets(took), lets(took - still));
    println!(
        "{what}: {count} admitted in {took:?}, the rate lets {most}; it stood still for {still:?}"
    );
    Admitted { count, most, least }
}

// === impl Admitted ===

impl Admitted {
    /// No more than the rate lets, by a percentage; in a short time the burst of half a second weighs more.
    fn is_no_more(&self) {
        let Self { count, most, .. } = *self;
        let off = (most * OFF_PERCENT / 100).max(RATE / 2);
        assert!(
            count <= most + off,
            "{count} is more than {off} above {most}"
        );
    }

    /// No less than the rate lets, by the same percentage and `fewer`.
    fn is_no_less(&self, fewer: u64) {
        let Self { count, least, .. } = *self;
        let off = least * OFF_PERCENT / 100 + fewer;
        assert!(
            count + off >= least,
            "{count} is more than {off} below {least}"
        );
    }

    /// What the rate lets, in a time of seconds: one of them may have gone to other processes.
    fn is_near(&self) {
        self.is_no_more();
        self.is_no_less(RATE);
    }
}

#[test]
fn three_envoys_share_one_rate_and_keep_it_when_one_is_killed_and_one_cut_off() {
    let stage = Stage::with_plans(PLANS);
    let token = stage.token("alice");
    let mut fronts: Vec<Front> = (0..ENVOYS).map(|_| front(&stage, &token)).collect();

    // From the first request on: the joining of all three is in it.
    let whole = admitted(&stage, "three Envoys", WHOLE);
    whole.is_no_more();
    whole.is_no_less(0);

    let killed = fronts.pop().unwrap();
    let share = RATE / ENVOYS as u64;
    drop((killed.load, killed.envoy));
    // Its share is nobody's until its time is over: never above the rate, nor below it by more than that.
    let without = admitted(&stage, "one killed", IN_FORCE + SETTLED);
    without.is_no_more();
    without.is_no_less(share * (IN_FORCE + SETTLED).as_secs());
    admitted(&stage, "the other two", Duration::from_secs(10)).is_near();
    drop(killed.relay);

    // It serves on by its last share, until that one's time is over; then it lets nobody pass.
    let cut_off = fronts.pop().unwrap();
    cut_off.relay.cut();
    // It may have been told of a smaller share in vain, just before its connection was found dead.
    admitted(&stage, "one cut off", 2 * IN_FORCE + SETTLED).is_no_more();
    admitted(&stage, "the last one", Duration::from_secs(10)).is_near();
    let (passed, refused) = (cut_off.load.passed(), cut_off.load.refused());
    std::thread::sleep(Duration::from_secs(2));
    eventually("the one cut off answers 429", || {
        cut_off.load.refused() > refused
    });
    assert_eq!(cut_off.load.passed(), passed, "and lets nobody pass");
}

#[test]
fn an_envoy_holds_each_user_on_each_endpoint_and_stands_without_tollgate_as_long_as_it_was_told() {
    let mut stage = Stage::with_plans(PLANS);
    let config = stage.config("envoy/rlqs.yaml");
    let _envoy = envoy(&config, &[], stage.front).unwrap();
    let url = url(stage.front);

    // More than her rate: what she gets is her rate, and the others have theirs.
    let alice = Load::start(&url, &stage.token("alice"), WANTED);
    eventually("her share is in force", || {
        stage.get("/orders", "alice").status() == 429
    });
    assert_eq!(stage.get("/orders", "bob").status(), 200, "another user");
    let elsewhere = stage.get("/orders/order_001", "alice");
    assert_eq!(elsewhere.status(), 200, "another endpoint");
    admitted(&stage, "one Envoy", Duration::from_secs(10)).is_near();
    let garbage = stage.request("GET", "/orders").bearer_auth("garbage");
    assert_eq!(garbage.send().unwrap().status(), 401, "jwt_authn's own");

    stage.stand_still();
    admitted(&stage, "Tollgate stands still", Duration::from_secs(5)).is_near();
    stage.go_on();
    // Longer than an interval of reports: what she is told now is in force for a while.
    admitted(&stage, "Tollgate goes on", Duration::from_secs(10)).is_near();
    stage.go_down();
    admitted(&stage, "Tollgate is gone", Duration::from_secs(5)).is_near();
    eventually("her share's time is over", || {
        let before = alice.passed();
        std::thread::sleep(Duration::from_secs(1));
        alice.passed() == before
    });
    assert_eq!(stage.get("/orders", "alice").status(), 429, "DENY_ALL");
    stage.come_up();
    let before = alice.passed();
    eventually("she has a share again", || alice.passed() > before);
    admitted(&stage, "Tollgate is back", Duration::from_secs(10)).is_near();
}
