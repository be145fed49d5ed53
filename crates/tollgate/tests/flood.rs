//! A minute of bad tokens at full rate, each one new: what it costs the gateway and its users.
//!
//! Half of the flood comes from one network, half from as many networks as there are requests, so
//! that both the budget of failures and what stands behind it are met. The rounds alternate, since
//! the machine has moods.
//!
//! Users beside the flood are compared with users alone, round by round and by rank: a machine whose
//! rounds differ by ten times with nothing beside them has no median to compare with. That holds
//! because a connection's refusals come late (`identity.refusal_pace`); two floods do not wait for
//! them, and are the harder cases: one under a policy without that pace, and one that opens a
//! connection for every token. Load, gateway and origin share one machine that such a load saturates;
//! how long anybody waits there is the scheduler's choice. What is the gateway's own, and what others
//! pay for, is its processor's time: a request with a bad token must not take more of it than one
//! with a *good* token does, from as many neighbours who are as busy in the same way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_testkit::peers::{
    Gateway, Load, LoadReport, Peer, bearer_script, free_address, nginx_json_origin,
};
use tollgate_testkit::{Algorithm, Issuer};

const AUDIENCE: &str = "https://api.example.com";
/// The flood, and the rounds of users within it and around it.
const FLOOD_S: u32 = 76;
const ROUNDS: usize = 8;
const ROUND_S: u32 = 8;
const ALONE_S: u32 = 2;
/// In which the flood begins at the latest.
const BEGIN_WAIT: Duration = Duration::from_secs(30);
/// Between two looks at the gateway's memory: each reads every process, which users beside it feel.
const LOOK_S: u64 = 1;
/// How often chance alone may fail the comparison of users beside the flood with users alone.
const CHANCE: f64 = 0.001;
/// Rounds of the floods that nothing holds back.
const HARD_ROUNDS: usize = 2;
const HARD_S: u32 = 4;
/// Connections of the flood, or of ordinary neighbours.
const NEIGHBOURS: u32 = 16;
/// Connections of the users who are watched.
const WATCHED: u32 = 4;
const USERS: usize = 200;
/// Tokens of as many keys that nobody has.
const UNKNOWN_KEYS: usize = 2_000;
/// Refusals that a connection gets at once, and in a second: the policy's defaults.
const PACE: u64 = 20;
/// Failed verifications of a network, at once and in a second: the policy's defaults.
const FAILURES: (u64, u64) = (200, 20);
/// An unknown key causes at most one fetch in this time: the product's constant.
const COOLDOWN_S: u64 = 30;
const GROWTH_BYTES_MAX: u64 = 10 * 1024 * 1024;
const TOKENS_FILE: &str = "tokens.txt";

/// The tests load the machine, each all of it.
static MACHINE: Mutex<()> = Mutex::new(());

fn policy(
    issuer: &Issuer,
    origin: &Peer,
    (listen, admin): (SocketAddr, SocketAddr),
    identity: &str,
) -> String {
    format!(
        "tollgate: 1
listen: {listen}
admin: {admin}
origin: {origin}
identity:
  trusted_proxies: [127.0.0.0/8]
{identity}  issuers:
    - issuer: {issuer}
      audience: {AUDIENCE}
      jwks: {jwks}
      algorithms: [RS256]
routes: [GET /orders]
plans:
  standard: {{limits: [{{name: burst, rate: 1000000/s, burst: 1000000}}]}}
default_plan: standard
",
        origin = origin.url(),
        issuer = issuer.url(),
        jwks = issuer.jwks_url(),
    )
}

/// Tokens to start from, one a line: well-formed, expired, another issuer's, then unknown keys.
fn bad_tokens(issuer: &Issuer) -> String {
    let now_s = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let key = issuer.current_key(None);
    let claims = |iss: &str, exp: u64| json!({"iss": iss, "aud": AUDIENCE, "sub": "victim", "iat": exp - 600, "exp": exp});
    let signed = |kid: &str, iss: &str, exp: u64| {
        let header = json!({"alg": "RS256", "kid": kid, "typ": "JWT"});
        key.sign_compact(&header, &claims(iss, exp))
    };
    let mut lines = vec![
        signed(key.kid(), issuer.url(), now_s + 600),
        signed(key.kid(), issuer.url(), now_s - 3_600),
        signed(key.kid(), "https://other.example.net", now_s + 600),
    ];
    // Only the signature tells them from good ones, and theirs is made new for every request.
    let unsigned = signed("KEYNAME", issuer.url(), now_s + 600);
    let (_, rest) = unsigned.split_once('.').unwrap();
    for number in 0..UNKNOWN_KEYS {
        let header = json!({"alg": "RS256", "kid": format!("nobody-{number}"), "typ": "JWT"});
        let header = data_encoding::BASE64URL_NOPAD.encode(header.to_string().as_bytes());
        lines.push(format!("{header}.{rest}"));
    }
    lines.join("\n")
}

/// What both kinds of neighbours do: a request made anew each time, every second one from a network
/// that was never seen.
const NEIGHBOUR: &str = r#"
local lines = {}
init = function(args)
  math.randomseed(os.time())
  for token in io.lines("tokens.txt") do lines[#lines + 1] = token end
end
local function piece()
  return string.format("%08x%08x", math.random(0, 2147483647), math.random(0, 2147483647))
end
request = function()
  local headers = {["Authorization"] = "Bearer " .. token(lines, piece)}
  if math.random(2) == 1 then
    headers["X-Forwarded-For"] = string.format("11.%d.%d.%d", math.random(0, 255), math.random(0, 255), math.random(0, 255))
  end
  if reconnects then headers["Connection"] = "close" end
  return wrk.format("GET", "/orders", headers)
end
"#;

/// A connection for each request.
const RECONNECTS: &str = "reconnects = true";

/// A good token.
const GOOD: &str = r#"
function token(lines, piece) return lines[math.random(#lines)] end
"#;

/// Noise, or one of the lines with a new piece in its signature: every time another token.
const BAD: &str = r#"
function token(lines, piece)
  local kind = math.random(5)
  if kind == 5 then return piece() .. ".e30" .. piece() .. "." .. piece() end
  local line = lines[kind < 4 and kind or math.random(4, #lines)]
  return line:sub(1, #line - 200) .. piece() .. line:sub(#line - 183)
end
"#;

/// The most memory that the gateway has until `done`.
fn watch(gateway: &Peer, done: &AtomicBool) -> u64 {
    let mut most = 0;
    while !done.load(Ordering::Relaxed) {
        most = most.max(gateway.resident_bytes());
        std::thread::sleep(Duration::from_secs(LOOK_S));
    }
    most
}

/// One round.
struct Seen {
    users: LoadReport,
    neighbours: LoadReport,
    /// The most that the gateway had, in bytes.
    memory: u64,
    /// What the gateway took of the processors, in µs.
    cpu_us: u64,
}

impl Seen {
    fn requests(&self) -> u64 {
        self.users.requests + self.neighbours.requests
    }
}

/// A gateway, its users, and who would like to be one.
struct Bench {
    issuer: Issuer,
    _origin: Peer,
    gateway: Peer,
    admin: SocketAddr,
    users: String,
    forged: String,
    _machine: MutexGuard<'static, ()>,
}

impl Bench {
    /// A gateway whose policy has these lines of `identity`.
    fn start(identity: &str) -> Bench {
        let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let issuer = Issuer::with_keys(&[Algorithm::Rs256]).unwrap();
        let origin = nginx_json_origin().unwrap();
        let (listen, admin) = (free_address().unwrap(), free_address().unwrap());
        let gateway = Gateway {
            binary: Path::new(env!("CARGO_BIN_EXE_tollgate")),
            policy: &policy(&issuer, &origin, (listen, admin), identity),
            files: &[],
            address: listen,
            workers: 2,
        };
        let mint = |user| {
            let token = issuer.token(&format!("user_{user}")).audience(AUDIENCE);
            token.mint()
        };
        Bench {
            gateway: gateway.launch().unwrap(),
            users: (0..USERS).map(mint).collect::<Vec<_>>().join("\n"),
            forged: bad_tokens(&issuer),
            issuer,
            _origin: origin,
            admin,
            _machine: machine,
        }
    }

    /// The load of a script that reads these tokens.
    fn load(&self, connections: u32, seconds: u32, script: &str, tokens: &str) -> LoadReport {
        let load = Load {
            url: &self.gateway.url(),
            connections,
            seconds,
            script,
            files: &[(TOKENS_FILE, tokens)],
        };
        load.run().unwrap()
    }

    /// Users by themselves.
    fn alone(&self, seconds: u32) -> LoadReport {
        let seen = self.load(WATCHED, seconds, &bearer_script(&["/orders"]), &self.users);
        assert_eq!((seen.refused, seen.socket_errors), (0, 0));
        seen
    }

    /// Users beside neighbours with these tokens; `how` is more of their script.
    fn beside(&self, (script, tokens): (&str, &str), how: &str, seconds: u32) -> Seen {
        let (done, before) = (AtomicBool::new(false), self.gateway.cpu_us());
        std::thread::scope(|scope| {
            let memory = scope.spawn(|| watch(&self.gateway, &done));
            let script = [how, script, NEIGHBOUR].concat();
            let others = scope.spawn(move || self.load(NEIGHBOURS, seconds, &script, tokens));
            let users = self.alone(seconds);
            let neighbours = others.join().unwrap();
            done.store(true, Ordering::Relaxed);
            Seen {
                users,
                neighbours,
                memory: memory.join().unwrap(),
                cpu_us: self.gateway.cpu_us() - before,
            }
        })
    }

    /// Users in rounds within one flood, which has begun before the first and ends after the last.
    fn within_bad(&self) -> (Vec<LoadReport>, LoadReport, u64) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let memory = scope.spawn(|| watch(&self.gateway, &done));
            let script = [BAD, NEIGHBOUR].concat();
            let flood = scope.spawn(move || self.load(NEIGHBOURS, FLOOD_S, &script, &self.forged));
            let refused = "tollgate_refusals_delayed_total";
            let start = Instant::now();
            while self.count(refused) == 0 {
                assert!(start.elapsed() < BEGIN_WAIT, "the flood does not begin");
                std::thread::yield_now();
            }
            let users = (0..ROUNDS).map(|_| self.alone(ROUND_S)).collect();
            assert!(
                !flood.is_finished(),
                "the flood ended before the last round"
            );
            let flood = flood.join().unwrap();
            done.store(true, Ordering::Relaxed);
            assert_eq!(flood.requests, flood.refused);
            (users, flood, memory.join().unwrap())
        })
    }

    fn beside_good(&self, how: &str, seconds: u32) -> Seen {
        self.beside((GOOD, &self.users), how, seconds)
    }

    fn beside_bad(&self, how: &str, seconds: u32) -> Seen {
        let seen = self.beside((BAD, &self.forged), how, seconds);
        assert_eq!(seen.neighbours.requests, seen.neighbours.refused);
        seen
    }

    /// One of the gateway's own counts.
    fn count(&self, name: &str) -> u64 {
        let client = reqwest::blocking::Client::builder().no_proxy();
        let url = format!("http://{}/metrics", self.admin);
        let metrics = client.build().unwrap().get(url).send().unwrap();
        let metrics = metrics.text().unwrap();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        metrics.lines().find_map(value).unwrap()
    }

    /// Tokens that were refused without a look.
    fn unseen(&self) -> u64 {
        self.count("tollgate_tokens_total{reason=\"over_budget\"}")
    }
}

#[test]
fn a_minute_of_bad_tokens_costs_neither_memory_nor_fetches_nor_users() {
    let bench = Bench::start("");
    // Everything that ordinary load makes the gateway take is taken before the first look.
    bench.beside_good("", ALONE_S);
    let (before, fetches) = (bench.gateway.resident_bytes(), bench.issuer.jwks_fetches());
    let mut alone: Vec<LoadReport> = (0..ROUNDS).map(|_| bench.alone(ALONE_S)).collect();
    let start = Instant::now();
    let (users, flood, memory) = bench.within_bad();
    let took_s = start.elapsed().as_secs();
    let fetched = bench.issuer.jwks_fetches() - fetches;
    alone.extend((0..ROUNDS).map(|_| bench.alone(ALONE_S)));
    let most_fetches = took_s / COOLDOWN_S + 1;
    let growth = memory.saturating_sub(before);
    let sent = flood.requests;
    let (unseen, late) = (
        bench.unseen(),
        bench.count("tollgate_refusals_delayed_total"),
    );
    println!(
        "{sent} bad tokens, all refused, {unseen} without a look, {late} late; memory +{} KiB; \
         {fetched} of {most_fetches} fetches",
        growth / 1024
    );
    let p99 = |rounds: &[LoadReport]| rounds.iter().map(|users| users.p99_us).collect::<Vec<_>>();
    let (each_alone, each_beside) = (p99(&alone), p99(&users));
    let twice: Vec<u64> = each_alone.iter().map(|p99_us| 2 * p99_us).collect();
    let chance = chance_of_ranks(&each_beside, &twice);
    let (alone, beside) = (median_p99(alone), median_p99(users));
    println!(
        "p99 of users on {WATCHED} connections: {alone} µs alone {each_alone:?}, {beside} µs beside \
         {NEIGHBOURS} connections of bad tokens {each_beside:?}; were they twice as slow, {chance:.3} \
         of all orders of the rounds would be like this one or worse"
    );
    // The flood got its pace, all of it, and nothing beyond.
    let (burst, paced) = (PACE, PACE * u64::from(FLOOD_S + 1));
    let most = u64::from(NEIGHBOURS) * (burst + paced);
    assert!(sent <= most && sent > most / 2, "{sent} of {most}");
    assert!(late > sent / 2, "{late} of {sent}");
    // Half of it, and some for chance, was one network's; which got its budget and no look beyond.
    let looked_at = FAILURES.0 + FAILURES.1 * (took_s + 1);
    let unlooked = (sent / 2).saturating_sub(looked_at + sent / 50);
    assert!(unseen >= unlooked, "{unseen}, not {unlooked}");
    assert!(growth <= GROWTH_BYTES_MAX, "memory grew by {growth} bytes");
    assert!(fetched <= most_fetches, "{fetched} fetches");
    assert!(chance > CHANCE, "{each_beside:?}, {each_alone:?} alone");
}

#[test]
fn a_flood_that_nothing_holds_back_costs_no_more_than_as_many_good_tokens_do() {
    for (what, identity, how) in [
        ("without a pace", "  refusal_pace: off\n", ""),
        ("on a connection each", "", RECONNECTS),
    ] {
        let bench = Bench::start(identity);
        bench.beside_good(how, HARD_S);
        let (before, fetches) = (bench.gateway.resident_bytes(), bench.issuer.jwks_fetches());
        let (start, mut good, mut bad) = (Instant::now(), Vec::new(), Vec::new());
        for _ in 0..HARD_ROUNDS {
            bad.push(bench.beside_bad(how, HARD_S));
            good.push(bench.beside_good(how, HARD_S));
        }
        let fetched = bench.issuer.jwks_fetches() - fetches;
        let most_fetches = start.elapsed().as_secs() / COOLDOWN_S + 1;
        let growth = bad.iter().map(|seen| seen.memory).max().unwrap();
        let growth = growth.saturating_sub(before);
        let sent: u64 = bad.iter().map(|seen| seen.neighbours.requests).sum();
        let unseen = bench.unseen();
        let p99 = |rounds: &[Seen]| median_p99(rounds.iter().map(|seen| seen.users));
        let (with_good, with_bad) = (cpu_ns_each(&good), cpu_ns_each(&bad));
        println!(
            "{what}: {sent} bad tokens, {unseen} without a look; memory +{} KiB; {fetched} \
             fetches; beside {NEIGHBOURS} busy connections a request takes {with_good} ns of the \
             gateway with good tokens, {with_bad} ns with bad ones; p99 of users {} µs, {} µs",
            growth / 1024,
            p99(&good),
            p99(&bad),
        );
        // The half from one network was hardly looked at.
        assert!(unseen > sent / 3, "{what}: {unseen} of {sent}");
        assert!(growth <= GROWTH_BYTES_MAX, "{what}: {growth} bytes");
        assert!(fetched <= most_fetches, "{what}: {fetched} fetches");
        // A quarter is for the machine: a processor's time is worth less while its other half is busy.
        assert!(
            4 * with_bad <= 5 * with_good,
            "{what}: {with_bad} ns, {with_good} ns"
        );
        // And nobody waits for what takes no processor.
        let served = |rounds: &[Seen]| rounds.iter().map(|seen| seen.users.requests).sum::<u64>();
        let (among_good, among_bad) = (served(&good), served(&bad));
        assert!(
            among_bad > among_good / 3,
            "{what}: users had {among_bad} answers, {among_good} among good tokens"
        );
    }
}

/// What a request took of the gateway's processor time, in ns.
fn cpu_ns_each(rounds: &[Seen]) -> u64 {
    let all = |of: fn(&Seen) -> u64| rounds.iter().map(of).sum::<u64>();
    all(|seen| seen.cpu_us) * 1_000 / all(Seen::requests)
}

fn median_p99(rounds: impl IntoIterator<Item = LoadReport>) -> u64 {
    let mut values: Vec<u64> = rounds.into_iter().map(|users| users.p99_us).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// The chance that `these` stand as high among `those` as they do, if both are alike: the one-sided
/// rank-sum test of Mann and Whitney (1947), exact.
fn chance_of_ranks(these: &[u64], those: &[u64]) -> f64 {
    let above = |this: &u64| those.iter().filter(|that| this > that).count();
    let seen: usize = these.iter().map(above).sum();
    // `orders[n][u]`: of `n` of these, how many orders have `u` pairs in which this is above that.
    let pairs = these.len() * those.len();
    let mut orders = vec![vec![0_u64; pairs + 1]; these.len() + 1];
    orders[0][0] = 1;
    for below in 0..=those.len() {
        for n in 1..=these.len() {
            for u in below..=pairs {
                orders[n][u] += orders[n - 1][u - below];
            }
        }
    }
    let orders = &orders[these.len()];
    let (like, all): (u64, u64) = (orders[seen..].iter().sum(), orders.iter().sum());
    #[expect(clippy::cast_precision_loss, reason = "a few thousand orders")]
    let chance = like as f64 / all as f64;
    chance
}

#[test]
fn ranks_tell_slow_rounds_from_chance() {
    // 10 and 5 rounds have 3,003 orders; 29 of them have 44 pairs or more of the 50.
    let ten = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
    let chance = |five: [u64; 5]| (chance_of_ranks(&five, &ten) * 3_003.0).round();
    assert_eq!(chance([95, 95, 95, 95, 85]), 29.0);
    assert_eq!(chance([101; 5]), 1.0);
    assert_eq!(chance([0; 5]), 3_003.0);
}
