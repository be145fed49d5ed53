//! A minute of bad tokens at full rate, each one new: what it costs the gateway and its users.
//!
//! Half of the flood comes from one network, half from as many networks as there are requests, so
//! that both the budget of failures and what stands behind it are met. Load, gateway and origin
//! share one machine that the load saturates, so that users are compared with users who have as
//! many busy neighbours with *good* tokens: a bad token must not cost others more than a good one
//! does. The rounds alternate, since the machine has moods.
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
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_testkit::peers::{
    Gateway, Load, LoadReport, Peer, bearer_script, free_address, nginx_json_origin,
};
use tollgate_testkit::{Algorithm, Issuer};

const AUDIENCE: &str = "https://api.example.com";
const ROUNDS: usize = 3;
const FLOOD_S: u32 = 20;
const CALM_S: u32 = 10;
/// Connections of the flood, or of ordinary neighbours.
const NEIGHBOURS: u32 = 16;
/// Connections of the users who are watched.
const WATCHED: u32 = 4;
const USERS: usize = 200;
/// Tokens of as many keys that nobody has.
const UNKNOWN_KEYS: usize = 2_000;
/// An unknown key causes at most one fetch in this time: the product's constant.
const COOLDOWN_S: u64 = 30;
const GROWTH_BYTES_MAX: u64 = 10 * 1024 * 1024;
const TOKENS_FILE: &str = "tokens.txt";

fn policy(issuer: &Issuer, origin: &Peer, listen: SocketAddr, admin: SocketAddr) -> String {
    format!(
        "tollgate: 1
listen: {listen}
admin: {admin}
origin: {origin}
identity:
  trusted_proxies: [127.0.0.0/8]
  issuers:
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
  return wrk.format("GET", "/orders", headers)
end
"#;

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

/// The load of a script that reads these tokens.
fn load(gateway: &Peer, connections: u32, seconds: u32, script: &str, tokens: &str) -> LoadReport {
    let url = gateway.url();
    let load = Load {
        url: &url,
        connections,
        seconds,
        script,
        files: &[(TOKENS_FILE, tokens)],
    };
    load.run().unwrap()
}

/// The most memory that the gateway has until `done`.
fn watch(gateway: &Peer, done: &AtomicBool) -> u64 {
    let mut most = 0;
    while !done.load(Ordering::Relaxed) {
        most = most.max(gateway.resident_bytes());
        std::thread::sleep(Duration::from_millis(100));
    }
    most
}

/// One round.
struct Seen {
    users: LoadReport,
    neighbours: LoadReport,
    /// The most that the gateway had, in bytes.
    memory: u64,
}

/// Users beside neighbours with this script and these tokens.
fn beside(gateway: &Peer, users: &str, neighbours: (&str, &str), seconds: u32) -> Seen {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let memory = scope.spawn(|| watch(gateway, &done));
        let (script, tokens) = neighbours;
        let others = scope.spawn(move || load(gateway, NEIGHBOURS, seconds, script, tokens));
        let watched = load(
            gateway,
            WATCHED,
            seconds,
            &bearer_script(&["/orders"]),
            users,
        );
        let others = others.join().unwrap();
        done.store(true, Ordering::Relaxed);
        Seen {
            users: watched,
            neighbours: others,
            memory: memory.join().unwrap(),
        }
    })
}

#[test]
fn a_minute_of_bad_tokens_costs_neither_memory_nor_fetches_nor_users() {
    let issuer = Issuer::with_keys(&[Algorithm::Rs256]).unwrap();
    let origin = nginx_json_origin().unwrap();
    let (listen, admin) = (free_address().unwrap(), free_address().unwrap());
    let gateway = Gateway {
        binary: Path::new(env!("CARGO_BIN_EXE_tollgate")),
        policy: &policy(&issuer, &origin, listen, admin),
        files: &[],
        address: listen,
        workers: 2,
    }
    .launch()
    .unwrap();
    let mint = |user| {
        let token = issuer.token(&format!("user_{user}")).audience(AUDIENCE);
        token.mint()
    };
    let users = (0..USERS).map(mint).collect::<Vec<_>>().join("\n");
    let (good, bad) = ([GOOD, NEIGHBOUR].concat(), [BAD, NEIGHBOUR].concat());
    let forged = bad_tokens(&issuer);
    let alone = load(
        &gateway,
        WATCHED,
        CALM_S,
        &bearer_script(&["/orders"]),
        &users,
    );
    // Everything that ordinary load makes the gateway take is taken before the first look.
    let mut calm = vec![beside(&gateway, &users, (&good, &users), CALM_S)];
    let (before, fetches) = (gateway.resident_bytes(), issuer.jwks_fetches());
    let (start, mut flood) = (Instant::now(), Vec::new());
    for _ in 0..ROUNDS {
        flood.push(beside(&gateway, &users, (&bad, &forged), FLOOD_S));
        calm.push(beside(&gateway, &users, (&good, &users), CALM_S));
    }
    let fetched = issuer.jwks_fetches() - fetches;
    let most_fetches = start.elapsed().as_secs() / COOLDOWN_S + 1;
    let growth = flood.iter().map(|seen| seen.memory).max().unwrap();
    let growth = growth.saturating_sub(before);
    let (beside_good, beside_bad) = (median_p99(&calm), median_p99(&flood));
    let sum = |value: fn(&LoadReport) -> u64| -> u64 {
        flood.iter().map(|seen| value(&seen.neighbours)).sum()
    };
    let (sent, refused) = (sum(|load| load.requests), sum(|load| load.refused));
    println!(
        "{sent} bad tokens, {refused} refused; memory +{} KiB; {fetched} of {most_fetches} fetches",
        growth / 1024
    );
    println!(
        "p99 of users: {} µs alone; beside {NEIGHBOURS} busy connections {beside_good} µs with good \
         tokens, {beside_bad} µs with bad ones",
        alone.p99_us
    );
    assert_eq!(sent, refused);
    // The half from one network was hardly looked at.
    let unseen = over_budget(admin);
    println!("{unseen} of them without a look");
    assert!(unseen > sent / 3, "{unseen} of {sent}");
    for seen in calm.iter().chain(&flood) {
        assert_eq!((seen.users.refused, seen.users.socket_errors), (0, 0));
    }
    assert!(growth <= GROWTH_BYTES_MAX, "memory grew by {growth} bytes");
    assert!(fetched <= most_fetches, "{fetched} fetches");
    assert!(beside_bad <= 2 * beside_good);
}

fn median_p99(rounds: &[Seen]) -> u64 {
    let mut values: Vec<u64> = rounds.iter().map(|seen| seen.users.p99_us).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Tokens that were refused without a look, by the gateway's own account.
fn over_budget(admin: SocketAddr) -> u64 {
    let client = reqwest::blocking::Client::builder()
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("http://{admin}/metrics");
    let metrics = client.get(url).send().unwrap().text().unwrap();
    let name = "tollgate_tokens_total{reason=\"over_budget\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}
