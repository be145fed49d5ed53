//! Drain: what is under way ends well, and the process ends in time.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{PLANS, Running};

/// A drain that waits in vain takes 30 s.
const END_MAX: Duration = Duration::from_secs(25);

#[test]
fn sigterm_lets_a_request_under_way_finish() {
    let mut running = Running::start(PLANS);
    let token = running.token("bob");
    let (client, url) = (running.client.clone(), running.gateway.url());
    let slow = std::thread::spawn(move || {
        let request = client.get(format!("{url}/slow?ms=1500")).bearer_auth(token);
        request.send().unwrap().text().unwrap()
    });
    running.eventually("the request is at the origin", || {
        running.origin.hits_total() == 1
    });
    running.gateway.signal(Signal::TERM);
    running.eventually("new connections are refused", || {
        std::net::TcpStream::connect(running.gateway.address()).is_err()
    });
    assert_eq!(slow.join().unwrap(), "{\"waited_ms\":1500}");
    let status = running.gateway.wait_ended(END_MAX);
    assert_eq!(
        status.unwrap().code(),
        Some(0),
        "{}",
        running.gateway.output()
    );
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let mut running = Running::start(PLANS);
    let token = running.token("bob");
    assert_eq!(running.get("/orders", &token).status(), 200);
    running.gateway.signal(Signal::TERM);
    let status = running.gateway.wait_ended(END_MAX);
    assert_eq!(
        status.unwrap().code(),
        Some(0),
        "{}",
        running.gateway.output()
    );
}
