//! Somebody else shows a user's id: who is limited for it, by what the policy has WAF count.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::client::get_from;

const USUAL: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const HOTEL: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// Alice with her id, and Mallory with a copy of it and a token of its own.
struct Copied {
    served: Served,
    id: String,
}

impl Copied {
    fn new(before: &str) -> Self {
        let policy = POLICY.replace("before: {}", &format!("before: {before}"));
        let served = Served::of(Variant::Before, &policy);
        let id = served.id(&token("alice", 1));
        Self { served, id }
    }

    fn alice(&self, from: IpAddr) -> u16 {
        self.order(from, "alice")
    }

    fn order(&self, from: IpAddr, subject: &str) -> u16 {
        let bearer = format!("Bearer {}", token(subject, 1));
        let fields = [("authorization", bearer.as_str()), (ID, self.id.as_str())];
        get_from(from, self.served.address(), "/orders/7", &fields).status
    }

    /// Mallory shows the copy until WAF answers; the function refuses each before that.
    fn mallory(&self, from: IpAddr) {
        let bound = admitted_at_most(LIMIT, FLOOD, LAG_S);
        for refused in 0..=bound {
            let status = self.order(from, "mallory");
            if status == 429 {
                assert!(refused > LIMIT, "WAF is no exact limit: {refused}");
                return;
            }
            assert_eq!(status, 403);
            self.served.pass(Duration::from_millis(1_000 / FLOOD));
        }
        panic!("more than {bound} copies passed WAF");
    }

    /// Who answered last, and by which rule.
    fn last(&self) -> (String, String) {
        let line = self.served.stage.lines().pop().unwrap();
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        (text("by"), text("rule"))
    }
}

fn by_waf() -> (String, String) {
    ("waf".to_owned(), "tollgate-std-30-60".to_owned())
}

#[test]
fn by_the_id_alone_a_copy_from_anywhere_blocks_its_user() {
    let copied = Copied::new("{}");
    copied.mallory(ELSEWHERE);
    for from in [USUAL, HOTEL] {
        assert_eq!(copied.alice(from), 429);
        assert_eq!(copied.last(), by_waf());
    }
    overshoot_is_told(&copied.served.end());
}

#[test]
fn by_id_and_address_a_copy_blocks_itself_and_its_user_has_all_of_its_limit() {
    let copied = Copied::new("{count_by: id_and_address}");
    copied.mallory(ELSEWHERE);
    assert_eq!(copied.last(), by_waf());
    // In one window, while Mallory goes on.
    for _ in 0..LIMIT {
        assert_eq!(copied.alice(USUAL), 200);
        assert_eq!(copied.order(ELSEWHERE, "mallory"), 429);
        copied.served.pass(Duration::from_secs(1));
    }
    // Her own limit holds for her, where she is.
    copied.served.flood(&token("alice", 1), &copied.id);
    assert_eq!(copied.alice(USUAL), 429);
    assert_eq!(copied.alice(HOTEL), 200, "and begins anew elsewhere");
    overshoot_is_told(&copied.served.end());
}

#[test]
fn by_id_and_address_a_copy_at_the_user_s_own_address_blocks_it_there() {
    let copied = Copied::new("{count_by: id_and_address}");
    copied.mallory(USUAL);
    assert_eq!(copied.alice(USUAL), 429);
    assert_eq!(copied.alice(HOTEL), 200);
    overshoot_is_told(&copied.served.end());
}
