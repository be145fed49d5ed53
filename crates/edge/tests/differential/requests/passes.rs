//! Passes: minted by the ring, made by hand under any of its keys, and damaged.

use tollgate_identity::{LimitClass, PrincipalKey, User};

use crate::random::Random;
use crate::request::Request;
use crate::setup::{NOW_S, Setup};
use crate::tokens::{self, Person};

fn user(setup: &Setup, person: &Person) -> User {
    User {
        issuer: setup.issuers[person.issuer].config.issuer.as_str().into(),
        subject: person.subject.as_str().into(),
        account: (!person.account.is_empty()).then(|| person.account.as_str().into()),
        plan: Some(person.plan.as_str().into()),
        expires_unix_s: NOW_S + 3_600,
        key: PrincipalKey(0),
        account_key: PrincipalKey(0),
    }
}

pub(super) fn passes(
    setup: &Setup,
    person: Option<&Person>,
    request: &mut Request,
    random: &mut Random,
) {
    let rules = setup.policy.edge().unwrap().pass.as_ref().unwrap();
    let Some(person) = person else {
        return;
    };
    if let Some(header) = &rules.header
        && !random.one_in(4)
    {
        let name = if random.one_in(12) {
            header.replace('-', "_")
        } else {
            header.clone()
        };
        request.add(&name, pass(setup, person, random));
        if random.one_in(12) {
            request.add(&name, pass(setup, person, random));
        }
    }
    if let Some(cookie) = &rules.cookie
        && random.one_in(2)
    {
        let first = pass(setup, person, random);
        let mut cookies = format!("{cookie}={first}; x=y");
        if random.one_in(8) {
            cookies += &format!("; {cookie}={}", pass(setup, person, random));
        }
        request.add("cookie", cookies);
    }
}

fn pass(setup: &Setup, person: &Person, random: &mut Random) -> String {
    let plan = setup.policy.plan_named(&person.plan).unwrap();
    let class = LimitClass::new(&setup.policy.plans()[usize::from(plan.0)].class).unwrap();
    let user = user(setup, person);
    let minted = |at: u64, lifetime: u64| {
        let pass = setup.ring.mint_pass(&user, &class, at, lifetime);
        pass.map_or_else(|| "a.b.c".to_owned(), |pass| pass.token)
    };
    let own = || minted(NOW_S - random_age(person), 300);
    match random.below(12) {
        0..5 => own(),
        5 => minted(
            NOW_S - 300,
            *[299, 300, 301].get(person.subject.len() % 3).unwrap(),
        ),
        6 => by_hand(setup, person, &class, random),
        7 => {
            let other = LimitClass::new("zzz").unwrap();
            let pass = setup.ring.mint_pass(&user, &other, NOW_S, 300);
            pass.map_or_else(String::new, |pass| pass.token)
        }
        8 => {
            let pass = own();
            let at = random.below(pass.len());
            let letter = *random.pick(&["A", "B", "-", ".", "=", "+"]);
            format!("{}{letter}{}", &pass[..at], &pass[at + 1..])
        }
        9 => own() + random.text(&["=", ".", "A", " ", ".x"]),
        10 => own().rsplit_once('.').unwrap().0.to_owned(),
        _ => (*random.pick(&["", "x", "..", "a.b.c", "\u{e9}.\u{e9}.\u{e9}"])).to_owned(),
    }
}

fn random_age(person: &Person) -> u64 {
    u64::try_from(person.account.len()).unwrap() * 20
}

/// A pass under any key of the ring, or of none, with its header in other words.
fn by_hand(setup: &Setup, person: &Person, class: &LimitClass, random: &mut Random) -> String {
    let keys: serde_json::Value = serde_json::from_str(&setup.store[0].1).unwrap();
    let keys = keys["k"].as_object().unwrap();
    let kids: Vec<&String> = keys.keys().collect();
    let kid = *random.pick(&kids);
    let secret = keys[kid][0].as_str().unwrap();
    let named = if random.one_in(6) { "gone" } else { kid };
    // The gateway reads any spelling of a header; it writes one, and the function takes only that.
    let header = match random.below(8) {
        0 => format!(r#"{{"alg":"HS256","kid":"{named}","typ":"JWT"}}"#),
        1 => format!(r#"{{"alg":"none","kid":"{named}","typ":"tollgate-pass+jwt"}}"#),
        _ => format!(r#"{{"alg":"HS256","kid":"{named}","typ":"tollgate-pass+jwt"}}"#),
    };
    let mut claims = serde_json::json!({
        "iss": setup.issuers[person.issuer].config.issuer,
        "sub": person.subject,
        "class": class.as_str(),
        "iat": NOW_S,
        "exp": NOW_S + random.next() % 3 - 1,
    });
    if !person.account.is_empty() {
        claims["account"] = person.account.as_str().into();
    }
    let secret = if random.one_in(6) { "wrong" } else { secret };
    tokens::signed(
        header.as_bytes(),
        claims.to_string().as_bytes(),
        secret.as_bytes(),
    )
}
