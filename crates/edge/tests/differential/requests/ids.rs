//! Ids as clients present them: their own, of another route, user, class or key, and damaged.

use data_encoding::BASE64URL_NOPAD;
use tollgate_identity::{KeyId, LimitClass, bucket_id};
use tollgate_policy::normalize;

use crate::random::Random;
use crate::request::Request;
use crate::setup::Setup;
use crate::tokens::Person;

pub(super) fn ids(
    setup: &Setup,
    person: Option<&Person>,
    request: &mut Request,
    random: &mut Random,
) {
    let before = setup.policy.edge().unwrap().before.as_ref();
    let Some(person) = person else {
        if random.one_in(4) {
            request.add(setup.id_header(), "a.k1.AAAAAAAAAAAAAAAAAAAAAA");
        }
        return;
    };
    let shown = id(setup, person, request, random, Place::Field);
    if !random.one_in(4) {
        request.add(setup.id_header(), &shown);
        if random.one_in(16) {
            request.add(setup.id_header(), &shown);
        }
    }
    if let Some(name) = before.and_then(|before| before.cookie.as_ref())
        && random.one_in(3)
    {
        let shown = id(setup, person, request, random, Place::Cookie);
        let second = id(setup, person, request, random, Place::Cookie);
        let cookies = match random.below(8) {
            0 => format!("{name}={second}; {name}={shown}"),
            1 => format!("{name}="),
            2 => format!("a=b; {name}={second}"),
            // Neither is the cookie, however a reader of the whole field sees it.
            3 => format!("x{name}={shown}"),
            4 => format!("a={name}={shown}"),
            _ => format!("{name}={shown}"),
        };
        request.add("cookie", cookies);
    }
}

/// Where an id is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Field,
    Cookie,
}

fn id(
    setup: &Setup,
    person: &Person,
    request: &Request,
    random: &mut Random,
    place: Place,
) -> String {
    let mut person = person.clone();
    let routes = setup.policy.routes();
    let mut route = normalize(&request.path).map_or(tollgate_policy::RouteId::UNMATCHED, |path| {
        routes.classify(&request.method, &path)
    });
    let kids: Vec<KeyId> = setup.ring.kids().collect();
    let mut kid = setup.ring.current_kid();
    let kind = random.below(16);
    match kind {
        0 => {
            let all: Vec<_> = routes.iter().map(|(id, _)| id).collect();
            route = *random.pick(&all);
        }
        1 => person.subject += "x",
        2 => person.account += "x",
        3 => person.plan = random.pick(setup.policy.plans()).name.to_string(),
        4..6 => kid = *random.pick(&kids),
        _ => {}
    }
    let issuer = &setup.issuers[person.issuer].config.issuer;
    let account = Some(person.account.as_str()).filter(|account| !account.is_empty());
    let root = setup
        .ring
        .root_under(kid, issuer, &person.subject, account)
        .unwrap();
    let plan = setup.policy.plan_named(&person.plan).unwrap();
    let plan_class = LimitClass::new(&setup.policy.plans()[usize::from(plan.0)].class).unwrap();
    let rooted = root.presentable(&plan_class);
    // Mostly what the place is for.
    if (place == Place::Cookie) != random.one_in(8) && !matches!(kind, 8..13) {
        return rooted;
    }
    let class = LimitClass::new(setup.policy.limit_class(plan, route)).unwrap();
    let route = routes.get(route);
    let id = bucket_id(&root, &class, route.method.as_str(), &route.template).to_string();
    match kind {
        8 => {
            let odd = [
                "",
                "x",
                "..",
                ".",
                "a.b",
                "a.b.c.d",
                "std.k1.x",
                "\u{e9}",
                "__proto__.x",
                "a.__proto__.b",
                "a.constructor.b",
                "k1.",
                "k1",
                ".k1.",
            ];
            (*random.pick(&odd)).to_owned()
        }
        9 => {
            let at = random.below(id.len());
            let letter = *random.pick(&["A", "B", ".", "=", " "]);
            format!("{}{letter}{}", &id[..at], &id[at + 1..])
        }
        10 => id + random.text(&["A", "=", ".", " ", ".x"]),
        11 => rooted + random.text(&["A", "=", ".", " "]),
        12 => {
            let text = BASE64URL_NOPAD.encode(&[1; 32]);
            format!("{kid}.{text}")
        }
        _ => id,
    }
}
