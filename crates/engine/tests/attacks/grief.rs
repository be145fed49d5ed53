//! Griefing: who knows a victim's name, address or bucket id cannot spend its requests.
//!
//! Each row is sent five times between two requests of the victim. Only a token of the victim's
//! own moves its count, and only its own address that of its network.

use http::StatusCode;

use crate::gateway::{Gateway, Request};
use crate::grief::Charged::{Nobody, Sender, SendersNetwork};
use crate::support::*;

mod rows;

/// How often each row is sent.
const TIMES: u64 = 5;

/// Whose count a request moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charged {
    /// Nobody's: it is refused.
    Nobody,
    /// The user's whom the sender's own token names.
    Sender,
    /// The sender's address', as if there were no token.
    SendersNetwork,
}

/// One way to be taken for the victim.
pub(crate) struct Row {
    pub(crate) group: &'static str,
    pub(crate) what: &'static str,
    pub(crate) request: Request,
    pub(crate) status: u16,
    pub(crate) charged: Charged,
}

/// What an attacker may know of its victim, and has of its own.
pub(crate) struct Known {
    /// The victim's token: only for showing that it is of no use elsewhere than in its place.
    pub(crate) token: String,
    /// The victim's bucket id, from a log or a response.
    pub(crate) bucket_id: String,
    /// A token of the attacker's own.
    pub(crate) mallory: String,
}

/// A gateway with a victim who has an address too, and an attacker beside.
struct Stage {
    gateway: Gateway,
    victim: Request,
    victims_network: Request,
}

impl Charged {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Nobody => "nobody",
            Sender => "the sender's own user",
            SendersNetwork => "the sender's network",
        }
    }
}

impl Stage {
    fn new() -> Self {
        let world = crate::corpus::World::usual();
        Self {
            gateway: Gateway::open(&world),
            victim: Request::bearer(&world.victim),
            victims_network: Request::new().from([203, 0, 113, 9]),
        }
    }

    /// What the victim and its network have left.
    fn left(&self) -> [u64; 2] {
        [&self.victim, &self.victims_network].map(|request| self.gateway.own(request).remaining)
    }

    /// The victim and its network make a request each.
    fn victims_turn(&self) {
        for request in [&self.victim, &self.victims_network] {
            assert_eq!(self.gateway.ask(request).status, StatusCode::OK);
        }
    }

    fn known(&self) -> Known {
        Known {
            token: ed_token(&claims()),
            bucket_id: self.gateway.bucket_id(&self.victim),
            mallory: with_claims(serde_json::json!({"sub": "mallory"})),
        }
    }
}

/// Every row with what an attacker knows here.
pub(crate) fn rows() -> Vec<Row> {
    rows::all(&Stage::new().known())
}

/// Sends a row; its count moves, where it has one.
fn attack(stage: &Stage, row: &Row) {
    let own = |row: &Row| stage.gateway.own(&row.request);
    let before = (row.charged != Nobody).then(|| own(row));
    for _ in 0..TIMES {
        let status = stage.gateway.ask(&row.request).status;
        assert_eq!(status, row.status, "{}", row.what);
    }
    if let Some(before) = before {
        let after = own(row);
        let anonymous = row.charged == SendersNetwork;
        assert_eq!(after.anonymous, anonymous, "{}", row.what);
        assert_eq!(after.remaining, before.remaining - TIMES, "{}", row.what);
    }
}

#[test]
fn case_058_and_059_nothing_but_its_own_token_spends_a_victims_requests() {
    let count = rows().len();
    for index in 0..count {
        let stage = Stage::new();
        let row = rows::all(&stage.known()).swap_remove(index);
        let full = stage.left();
        stage.victims_turn();
        let before = stage.left();
        assert_eq!(before, full.map(|left| left - 1), "requests count");
        let in_use = stage.gateway.in_use();
        attack(&stage, &row);
        assert_eq!(stage.left(), before, "{}", row.what);
        if row.charged == Nobody {
            assert!(stage.gateway.in_use() <= in_use, "{}", row.what);
        }
        stage.victims_turn();
        let after = before.map(|left| left - 1);
        assert_eq!(stage.left(), after, "requests still count");
    }
}

/// Were a row's request taken for the victim, the test above would see it.
#[test]
fn the_victims_own_token_in_its_place_does_move_its_count() {
    let stage = Stage::new();
    let [before, network] = stage.left();
    for _ in 0..TIMES {
        stage.gateway.ask(&stage.victim);
    }
    assert_eq!(stage.left(), [before - TIMES, network]);
}

#[test]
fn case_027_and_060_a_user_is_charged_wherever_it_calls_from_and_its_network_is_not() {
    let stage = Stage::new();
    let at_home = stage.victim.clone().from([203, 0, 113, 9]);
    let [user, network] = stage.left();
    assert_eq!(stage.gateway.ask(&at_home).status, StatusCode::OK);
    assert_eq!(stage.gateway.ask(&stage.victim).status, StatusCode::OK);
    assert_eq!(stage.left(), [user - 2, network]);
}

#[test]
fn case_060_an_anonymous_flood_of_an_address_leaves_its_users_alone() {
    let stage = Stage::new();
    let at_home = stage.victim.clone().from([203, 0, 113, 9]);
    let [user, network] = stage.left();
    let passed = (0..network + 100).filter(|_| {
        let answer = stage.gateway.ask(&stage.victims_network);
        answer.status == StatusCode::OK
    });
    assert_eq!(passed.count() as u64, network);
    let flooded = stage.gateway.ask(&stage.victims_network).status;
    assert_eq!(flooded, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(stage.left(), [user, 0]);
    // From the same address, with a token: all of its own are left.
    let served = (0..user).filter(|_| stage.gateway.ask(&at_home).status == StatusCode::OK);
    assert_eq!(served.count() as u64, user);
    assert_eq!(
        stage.gateway.ask(&at_home).status,
        StatusCode::TOO_MANY_REQUESTS
    );
}
