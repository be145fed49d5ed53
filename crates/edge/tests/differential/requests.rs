//! Requests of all kinds for one configuration.

mod ids;
mod passes;

use tollgate_aws::target::Trust;

use crate::paths;
use crate::random::Random;
use crate::request::Request;
use crate::setup::Setup;
use crate::tokens::{self, Person, spoiled};

pub(crate) fn request(setup: &Setup, random: &mut Random) -> Request {
    let mut request = Request::get(&paths::path(&setup.policy, random));
    request.method = (*random.pick(METHODS)).to_owned();
    request.ip = random.pick(ADDRESSES).parse().unwrap();
    preflight(&mut request, random);
    let before = setup.policy.edge().and_then(|edge| edge.before.as_ref());
    if let Some(before) = before
        && random.one_in(8)
    {
        request.method = (*random.pick(&["GET", "GET", "GET", "HEAD", "POST"])).to_owned();
        request.path = before.path.clone() + random.text(&["", "", "", "", "/"]);
        request.query = query(setup, random);
        if random.one_in(3) {
            request.add(
                "sec-fetch-site",
                random.text(&["cross-site", "same-origin", "none"]),
            );
        }
    }
    let person = person(setup, random);
    credential(setup, person.as_ref(), &mut request, random);
    if setup.target.trust == Trust::Pass {
        passes::passes(setup, person.as_ref(), &mut request, random);
    }
    if setup.is_before() || random.one_in(10) {
        ids::ids(setup, person.as_ref(), &mut request, random);
    }
    request
}

const METHODS: &[&str] = &[
    "GET",
    "GET",
    "GET",
    "GET",
    "POST",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "HEAD",
    "OPTIONS",
    "OPTIONS",
    "PURGE",
    "get",
    "ANY",
    "__proto__",
    "constructor",
    "x",
];

/// Ordinary ones. The gateway takes the IPv4 address out of NAT64 and 6to4, which the function does
/// not: CloudFront's viewers have addresses of their own.
const ADDRESSES: &[&str] = &[
    "192.0.2.7",
    "198.51.100.255",
    "0.0.0.0",
    "255.255.255.255",
    "10.1.2.3",
    "203.0.113.129",
    "2001:db8::1",
    "2001:db8:0:a:b:c:d:e",
    "2001:db8:1234:5678:9abc:def0:1234:5678",
    "::1",
    "::",
    "fe80::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:0:0:1::",
    "::ffff:192.0.2.7",
    "2a00::",
    "2001:db8:0:1::2:3",
    "1:2:3:4:5:6:7::",
];

fn preflight(request: &mut Request, random: &mut Random) {
    if request.method == "OPTIONS" || random.one_in(20) {
        for name in ["origin", "access-control-request-method"] {
            if !random.one_in(4) {
                request.add(name, random.pick(&["https://app.example.com", "POST", "x"]));
            }
        }
    }
}

fn query(setup: &Setup, random: &mut Random) -> String {
    let path = paths::path(&setup.policy, random);
    // What cannot stand in a query is sent encoded.
    let safe = |char: char| char.is_ascii_alphanumeric() || "/.%_~-;:!*'()".contains(char);
    let mut path: String = path.chars().filter(|char| safe(*char)).take(300).collect();
    if random.one_in(2) {
        path = path.replace('/', random.text(&["%2F", "%2f"]));
    }
    let method = *random.pick(METHODS);
    match random.below(6) {
        0 => String::new(),
        1 => format!("path={path}"),
        2 => format!("method={method}&path={path}&cookie={}", random.below(2)),
        3 => format!("path={path}&method={method}&x=1"),
        4 => format!("path={path}&path=/other&method={method}&method=GET"),
        _ => random
            .text(&["cookie=1", "cookie=0", "cookie=x&method=GET"])
            .to_owned(),
    }
}

/// One of the policy's users.
fn person(setup: &Setup, random: &mut Random) -> Option<Person> {
    if setup.issuers.is_empty() {
        return None;
    }
    let issuer = random.below(setup.issuers.len());
    let config = &setup.issuers[issuer].config;
    let plans = setup.policy.plans();
    let plan = match config.claims.plan {
        Some(_) => &plans[random.below(plans.len())],
        None => &plans[usize::from(setup.policy.default_plan().0)],
    };
    let mut subject = *random.pick(&[
        "alice",
        "bob",
        "\u{4e2d}\u{1f600}",
        "a\"b\\c",
        "__proto__",
        "x y",
    ]);
    if config.claims.client.is_some() && random.one_in(4) {
        subject = "client:app";
    }
    let account = match config.claims.account {
        Some(_) => *random.pick(&["", "acme", "caf\u{e9}", "__proto__"]),
        None => "",
    };
    Some(Person {
        issuer,
        subject: subject.to_owned(),
        account: account.to_owned(),
        plan: plan.name.to_string(),
    })
}

/// A token that the function has to believe.
fn good_token(setup: &Setup, person: &Person) -> String {
    let issuer = &setup.issuers[person.issuer];
    let header = tokens::header_of(issuer, issuer.config.algorithms[0].as_str());
    let claims = tokens::claims_of(issuer, person);
    let [header, claims] = [header, claims].map(|part| tokens::written(&part, ""));
    tokens::signed(header.as_bytes(), claims.as_bytes(), &issuer.secret)
}

fn credential(setup: &Setup, person: Option<&Person>, request: &mut Request, random: &mut Random) {
    let token = match person {
        Some(person) if random.one_in(3) => good_token(setup, person),
        Some(person) => spoiled::token(setup, person, random),
        None => "x.y.z".to_owned(),
    };
    let good = person.map_or_else(|| "x.y.z".to_owned(), |person| good_token(setup, person));
    match random.below(12) {
        0..2 => {}
        2 => odd_field(&good, request, random),
        _ => request.add("authorization", format!("Bearer {token}")),
    }
    if let Some(name) = &setup.policy.identity().token_cookie
        && random.one_in(2)
    {
        if random.one_in(2) {
            request.remove("authorization");
        }
        let other = random.pick(&["", "x", "a b", "x,y", "\u{e9}", "\"x\""]);
        let cookies = match random.below(8) {
            0 => format!("a=b; {name}={token}; c=d"),
            1 => format!("{name}={good}; {name}={token}"),
            2 => format!("{name}="),
            3 => format!("{name}={other}"),
            4 => format!("{name}=; {name}={good}"),
            5 => format!("x{name}={good}"),
            _ => format!("{name}={good}"),
        };
        request.add("cookie", cookies);
    }
}

/// `Authorization` as it should not be.
fn odd_field(token: &str, request: &mut Request, random: &mut Random) {
    let fields: [&[u8]; 30] = [
        b"Bearer TOKEN",
        b"bearer TOKEN",
        b"BEARER TOKEN",
        b"bEaReR TOKEN",
        b"Bearer",
        b"Bearer ",
        b"",
        b"Bearer  TOKEN",
        b"Bearer\tTOKEN",
        b"Bearer TOKEN ",
        b"Bearer TOKEN x",
        b"Bearer TOKEN,",
        b"Bearer TOKEN, Bearer TOKEN",
        b"Bearer TOKEN,Basic YTpi",
        b"Bearer,TOKEN",
        b" Bearer TOKEN",
        b",Bearer TOKEN",
        b"Basic YTpi",
        b"Basic YTpi, Bearer TOKEN",
        b"Basic YTpi,bearer\tTOKEN",
        b"Digest a=\"b\", bearer=c",
        b"Digest a=b,Bearer",
        b"BearerTOKEN",
        b"TOKEN",
        b"Bearer \xff",
        b"\xff",
        b"Bearer \t",
        b"\t",
        b"Basic x,\t bearer x",
        b"B\xc3\xa9arer TOKEN",
    ];
    let field = random.pick(&fields);
    let at = field.windows(5).position(|part| part == b"TOKEN");
    let filled = at.map_or_else(
        || field.to_vec(),
        |at| [&field[..at], token.as_bytes(), &field[at + 5..]].concat(),
    );
    request.add("authorization", filled);
    if random.one_in(4) {
        request.add(
            "authorization",
            random.pick(&["", "Basic YTpi", "Bearer x.y.z"]),
        );
    }
}
