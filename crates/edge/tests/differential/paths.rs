//! Paths: of the policy's routes, and with every trick of the path rules.

use tollgate_policy::{Policy, Template};

use crate::random::Random;

/// One path: of a route or of nobody's, as it is or with a few tricks in it.
pub(crate) fn path(policy: &Policy, random: &mut Random) -> String {
    if random.one_in(12) {
        return odd(random);
    }
    let mut path = of_route(policy, random);
    if random.one_in(2) {
        for _ in 0..=random.below(2) {
            path = changed(path, random);
        }
    }
    path
}

/// A path that a route's template fits.
pub(crate) fn of_route(policy: &Policy, random: &mut Random) -> String {
    let routes = policy.routes();
    let index = random.below(routes.len());
    let (_, route) = routes.iter().nth(index).unwrap();
    let Ok(template) = Template::parse(&route.template) else {
        return format!("/unmatched/{}", random.below(100));
    };
    let mut path = template.path(|_| (*random.pick(VALUES)).to_owned());
    if !policy.paths().case_sensitive && random.one_in(2) {
        path = path.to_uppercase();
    }
    path
}

/// What parameters are filled with.
const VALUES: &[&str] = &[
    "1",
    "42",
    "me",
    "new",
    "x",
    "z",
    "abc",
    "A",
    "é",
    "a.b",
    "a.b.c",
    "..b",
    "a..",
    "x:suspend",
    ":x",
    "1:suspend:suspend",
    "v1",
    "a b",
    "%",
    "100%",
    "~-_",
    "menu",
    "__proto__",
    "constructor",
    "1.json",
    "toString",
    "hasOwnProperty",
    "abc123c",
    "ab",
    "aXbYc",
    "p",
    "x=1",
    "😀",
    "\u{e9}\u{301}",
    "'",
    "\"",
];

/// Text that is put somewhere in a path.
const INSERTS: &[&str] = &[
    "//",
    "///",
    "/./",
    "/../",
    "/x/../",
    "/.",
    "/..",
    "/",
    "..;",
    "/..;/",
    "/.;a",
    "/..%3b",
    "/..%3B/",
    "/.%3b",
    "/...",
    "/..a",
    "/.a",
    "/..;x=1/",
    "%2e",
    "%2E",
    "%2f",
    "%2F",
    "%5c",
    "%5C",
    "\\",
    "%00",
    "\u{0}",
    "\u{7f}",
    "%7f",
    "%7F",
    "%1f",
    "\t",
    "\n",
    "%0a",
    "%25",
    "%2525",
    "%2541",
    "%25%34%31",
    "%254%31",
    "%25%34",
    "%25g1",
    "%",
    "%4",
    "%zz",
    "%4g",
    "%c3%a9",
    "%C3%A9",
    "é",
    "%C3%28",
    "%c3",
    "%e2%82",
    "%e2%82%ac",
    "%c0%af",
    "%c1%81",
    "%e0%80%af",
    "%ed%a0%80",
    "%ed%9f%bf",
    "%f0%9f%98%80",
    "%F0%9F%98%80",
    "😀",
    "%f4%90%80%80",
    "%f5%80%80%80",
    "%f0%80%80%80",
    "%ff",
    "%80",
    "%c2%80",
    "%c2%85",
    "\u{85}",
    "%u0041",
    ";",
    "%3b",
    "%3B",
    " ",
    "%20",
    "\"",
    "<",
    ">",
    "^",
    "|",
    "{",
    "}",
    "[",
    "]",
    "`",
    "%7B",
    "%7b",
    "~",
    "%7e",
    "%7E",
    "%41",
    "%61",
    "%2d",
    "%2D",
    "%5f",
    "!",
    "%21",
    "@",
    ":",
    "%3a",
    "+",
    "%2b",
    "*",
    "\u{feff}",
    "%ef%bb%bf",
    "\u{2028}",
    "a",
    "%C3é",
    "%c3\u{a9}",
    "\u{ffff}",
    "%25\u{e9}",
    "%25a",
    "%25ag",
    "%25aG",
    "%25%61%62",
    "%2520",
];

fn changed(path: String, random: &mut Random) -> String {
    let mut places = path.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
    places.push(path.len());
    let at = *random.pick(&places);
    let (head, tail) = path.split_at(at);
    match random.below(8) {
        0 => encoded(&path, random),
        1 => path + "/",
        2 => path.trim_end_matches('/').to_owned(),
        3 => path.to_uppercase(),
        4 => head.to_owned(),
        _ => format!("{head}{}{tail}", random.pick(INSERTS)),
    }
}

/// One character in its percent-encoding, in either case of the digits.
fn encoded(path: &str, random: &mut Random) -> String {
    let chars: Vec<char> = path.chars().collect();
    let index = random.below(chars.len().max(1));
    let is_upper = random.one_in(2);
    let each = chars.iter().enumerate().map(|(at, char)| {
        let mut bytes = [0; 4];
        let bytes = char.encode_utf8(&mut bytes).bytes();
        match (at == index && *char != '/', is_upper) {
            (false, _) => char.to_string(),
            (true, true) => bytes.map(|byte| format!("%{byte:02X}")).collect(),
            (true, false) => bytes.map(|byte| format!("%{byte:02x}")).collect(),
        }
    });
    each.collect()
}

fn odd(random: &mut Random) -> String {
    match random.below(16) {
        0 => String::new(),
        1 => "*".to_owned(),
        2 => "x/y".to_owned(),
        3 => "//".to_owned(),
        4 => "/..".to_owned(),
        5 => "/a/../..".to_owned(),
        6 => "/a/..".to_owned(),
        7 => "/.".to_owned(),
        8 => {
            let segments = *random.pick(&[255, 256, 257, 300]);
            "/a".repeat(segments)
        }
        9 => {
            let segments = *random.pick(&[255, 256, 257]);
            "/".repeat(segments)
        }
        10 => format!("/{}", "a".repeat(*random.pick(&[8_190, 8_191, 8_192]))),
        11 => format!(
            "/{}/",
            "é".repeat(*random.pick(&[1_364, 1_365, 1_366, 4_095, 4_096]))
        ),
        12 => format!("/{}", "%41".repeat(*random.pick(&[2_729, 2_730, 2_731]))),
        13 => format!(
            "/{}",
            *random.pick(&["__proto__", "constructor", "toString", "hasOwnProperty"])
        ),
        14 => "/__proto__/constructor/__proto__".to_owned(),
        _ => "/".to_owned(),
    }
}
