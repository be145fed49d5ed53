//! nginx in front as a trusted proxy: whose network an anonymous caller is counted by.

use tollgate_testkit::Origin;
use tollgate_testkit::peers::{Peer, free_address, nginx};

use crate::client::{Seen, curl_sees};
use crate::front::Front;

/// nginx reaches the gateway from 127.0.0.1; everybody else on loopback is a client.
const BEHIND_NGINX: &str = "
  anonymous: {plan: anonymous}
  trusted_proxies: [127.0.0.1/32]
routes: [GET /headers]
plans:
  anonymous: {limits: [{name: burst, rate: 1/1h, burst: 2, per: network}]}
  standard: {}
default_plan: standard
";

/// nginx as its manual shows a proxy: HTTP/1.0 with a connection a request, and HTTP/1.1 kept
/// alive.
fn proxy(front: &Front, keep_alive: bool) -> Peer {
    let address = free_address().unwrap();
    let more = if keep_alive {
        "proxy_http_version 1.1; proxy_set_header Connection \"\";"
    } else {
        ""
    };
    let http = format!(
        "upstream tollgate {{ server {gateway}; keepalive 8; }}\n\
         server {{ listen {address}; location / {{ proxy_pass http://tollgate; \
         proxy_set_header Host $http_host; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; {more} }} }}",
        gateway = front.gateway.address(),
    );
    nginx(&http, address).unwrap_or_else(|error| panic!("{error}"))
}

/// A request from this loopback address, which claims to come for `claimed`.
fn ask(from: &str, claimed: Option<&str>, url: &str) -> Seen {
    let claim = claimed.map(|address| format!("X-Forwarded-For: {address}"));
    let mut arguments = vec!["--interface", from, url];
    arguments.extend(claim.iter().flat_map(|claim| ["-H", claim]));
    curl_sees(&arguments)
}

fn forwarded_for(seen: &Seen) -> String {
    let values = seen.json()["headers"]["x-forwarded-for"].clone();
    assert_eq!(values.as_array().unwrap().len(), 1, "{seen:?}");
    values[0].as_str().unwrap().to_owned()
}

fn check(keep_alive: bool) {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), BEHIND_NGINX);
    let proxy = proxy(&front, keep_alive);
    let url = format!("{}/headers", proxy.url());
    let statuses: Vec<u64> = (0..3)
        .map(|_| ask("127.0.0.2", None, &url).status)
        .collect();
    assert_eq!(statuses, [200, 200, 429]);
    // What a client claims for itself comes before what nginx saw, and is not believed.
    assert_eq!(ask("127.0.0.2", Some("127.0.0.9"), &url).status, 429);
    let other = ask("127.0.0.3", Some("127.0.0.2"), &url);
    assert_eq!(other.status, 200, "{other:?}");
    assert_eq!(forwarded_for(&other), "127.0.0.2, 127.0.0.3, 127.0.0.1");
}

#[test]
fn anonymous_callers_behind_nginx_are_told_apart_by_their_own_address() {
    check(true);
}

#[test]
fn nginx_as_it_comes_speaks_http_1_0_and_is_served_alike() {
    check(false);
}

#[test]
fn a_caller_that_is_no_trusted_proxy_cannot_choose_its_address() {
    let origin = Origin::start().unwrap();
    let front = Front::start(origin.url(), BEHIND_NGINX);
    let url = front.url("/headers");
    let answers: Vec<Seen> = (1..=3)
        .map(|n| ask("127.0.0.4", Some(&format!("192.0.2.{n}")), &url))
        .collect();
    let statuses: Vec<u64> = answers.iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(forwarded_for(&answers[0]), "127.0.0.4");
}
