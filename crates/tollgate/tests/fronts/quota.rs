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

/// What came to the origin in a time, and what the rate would have let.
fn admitted(stage: &Stage, what: &str, time: Duration) -> (u64, u64) {
    let before = stage.origin.hits("/orders", "alice");
    let begun = Instant::now();
    std::thread::sleep(time);
    let admitted = stage.origin.hits("/orders", "alice") - before;
    // As long as it really was.
    let allowed = RATE * u64::try_from(begun.elapsed().as_millis()).unwrap() / 1_000;
    println!("{what}: {admitted} admitted in {time:?}, the rate lets {allowed}");
    (admitted, allowed)
}

fn assert_near(admitted: u64, allowed: u64) {
    // In a short time the burst of half a second weighs more.
    let off = (allowed * OFF_PERCENT / 100).max(RATE / 2);
    assert!(
        admitted.abs_diff(allowed) <= off,
        "{admitted} is not within {off} of {allowed}"
    );
}

#[test]
fn three_envoys_share_one_rate_and_keep_it_when_one_is_killed_and_one_cut_off() {
    let stage = Stage::with_plans(PLANS);
    let token = stage.token("alice");
    let mut fronts: Vec<Front> = (0..ENVOYS).map(|_| front(&stage, &token)).collect();

    // From the first request on: the joining of all three is in it.
    let (total, allowed) = admitted(&stage, "three Envoys", WHOLE);
    assert_near(total, allowed);

    let killed = fronts.pop().unwrap();
    let share = RATE / ENVOYS as u64;
    drop((killed.load, killed.envoy));
    // Its share is nobody's until its time is over: never above the rate, nor below it by more than that.
    let (total, allowed) = admitted(&stage, "one killed", IN_FORCE + SETTLED);
    let off = allowed * OFF_PERCENT / 100;
    assert!(total <= allowed + off);
    assert!(total + share * (IN_FORCE + SETTLED).as_secs() + off >= allowed);
    let (total, allowed) = admitted(&stage, "the other two", Duration::from_secs(20));
    assert_near(total, allowed);
    drop(killed.relay);

    // It serves on by its last share, until that one's time is over; then it lets nobody pass.
    let cut_off = fronts.pop().unwrap();
    cut_off.relay.cut();
    // It may have been told of a smaller share in vain, just before its connection was found dead.
    let (total, allowed) = admitted(&stage, "one cut off", 2 * IN_FORCE + SETTLED);
    assert!(total <= allowed + allowed * OFF_PERCENT / 100);
    let (total, allowed) = admitted(&stage, "the last one", Duration::from_secs(20));
    assert_near(total, allowed);
    let (passed, refused) = (cut_off.load.passed(), cut_off.load.refused());
    let (_, _) = admitted(&stage, "and the one cut off lets", Duration::from_secs(2));
    assert_eq!(cut_off.load.passed(), passed, "nobody pass");
    assert!(cut_off.load.refused() > refused, "and answers 429");
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
    let (total, allowed) = admitted(&stage, "one Envoy", Duration::from_secs(10));
    assert_near(total, allowed);
    let garbage = stage.request("GET", "/orders").bearer_auth("garbage");
    assert_eq!(garbage.send().unwrap().status(), 401, "jwt_authn's own");

    stage.stand_still();
    let (total, allowed) = admitted(&stage, "Tollgate stands still", Duration::from_secs(5));
    assert_near(total, allowed);
    stage.go_on();

    stage.go_down();
    let (total, allowed) = admitted(&stage, "Tollgate is gone", Duration::from_secs(5));
    assert_near(total, allowed);
    eventually("her share's time is over", || {
        let before = alice.passed();
        std::thread::sleep(Duration::from_secs(1));
        alice.passed() == before
    });
    assert_eq!(stage.get("/orders", "alice").status(), 429, "DENY_ALL");
    stage.come_up();
    let before = alice.passed();
    eventually("she has a share again", || alice.passed() > before);
    let (total, allowed) = admitted(&stage, "Tollgate is back", Duration::from_secs(10));
    assert_near(total, allowed);
}
