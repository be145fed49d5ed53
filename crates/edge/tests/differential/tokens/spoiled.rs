//! Tokens with something wrong, or something unusual that is right.

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::{Members, Person, claims_of, header_of, signature, written};
use crate::random::Random;
use crate::setup::{NOW_S, Setup};

/// A token of this person with one or two things changed.
pub(crate) fn token(setup: &Setup, person: &Person, random: &mut Random) -> String {
    let issuer = &setup.issuers[person.issuer];
    let mut header = header_of(issuer, issuer.config.algorithms[0].as_str());
    let mut claims = claims_of(issuer, person);
    let mut secret = issuer.secret.clone();
    let mut blank = *random.pick(&["", "", "", " ", "\n", "\t \r\n"]);
    let mut after = Vec::new();
    let mut before = Vec::new();
    let mut change_claims: fn(String) -> String = |part| part;
    let mut change_text: fn(&mut Random, String) -> String = |_, text| text;
    let mut signature_change: fn(&mut Random, String) -> String = |_, text| text;
    for _ in 0..=random.below(2) {
        match random.below(21) {
            0..3 => time(setup, person, &mut claims, random),
            3..9 => claim(setup, person, &mut claims, random),
            9..12 => header_member(&mut header, random),
            12..14 => shape(&mut claims, random),
            14 => number_or_text(&mut claims, random),
            15 => after = random.pick(AFTER).to_vec(),
            16 => before = random.pick(BEFORE).to_vec(),
            17 => secret = b"another secret that nobody has, 32 bytes".to_vec(),
            18 => change_text = *random.pick(TEXT_CHANGES),
            19 => change_claims = *random.pick(CLAIMS_CHANGES),
            _ => signature_change = *random.pick(SIGNATURE_CHANGES),
        }
    }
    if random.one_in(40) {
        // A vertical tab and a no-break space are blanks to JavaScript and not to JSON.
        blank = *random.pick(&["\u{b}", "\u{a0}", "\u{feff}", "\u{2028}"]);
    }
    let text = [&before[..], written(&claims, blank).as_bytes(), &after[..]].concat();
    let header = written(&header, random.text(&["", "", " "]));
    let [header, claims] = [header.as_bytes(), &text].map(|part| BASE64URL_NOPAD.encode(part));
    let signed = format!("{header}.{}", change_claims(claims));
    let signature = signature(&signed, &secret);
    let token = format!("{signed}.{}", signature_change(random, signature));
    change_text(random, token)
}

/// Behind the object.
const AFTER: &[&[u8]] = &[
    b"x",
    b"{}",
    b"\0",
    b",",
    b"}",
    b" ",
    b"\n",
    b"\xff",
    b"// x",
    b"\xc2\xa0",
];
/// In front of it.
const BEFORE: &[&[u8]] = &[
    b"\xef\xbb\xbf",
    b"\0",
    b" ",
    b"[",
    b"\xff",
    b"\t\r\n",
    b"\x0b",
    b"\xc2\xa0",
];

fn set(members: &mut Members, name: &str, value: &str) {
    let name = json!(name).to_string();
    members.retain(|(known, _)| *known != name);
    if value != "-" {
        members.push((name, value.to_owned()));
    }
}

fn time(setup: &Setup, person: &Person, claims: &mut Members, random: &mut Random) {
    let config = &setup.issuers[person.issuer].config;
    let (leeway, max) = (config.leeway.as_secs(), config.max_lifetime.as_secs());
    let name = *random.pick(&["exp", "exp", "nbf", "iat"]);
    if random.one_in(2) {
        let edges = [
            NOW_S,
            NOW_S - leeway,
            NOW_S + leeway,
            NOW_S + max,
            NOW_S + max + leeway,
            NOW_S - max,
        ];
        let moment = random.pick(&edges) + 1 - random.next() % 3;
        let fraction = *random.pick(&["", "", "", ".0", ".5", ".999", "e0", "E+00", ".25e0"]);
        set(claims, name, &format!("{moment}{fraction}"));
    } else {
        set(claims, name, random.text(TIMES));
    }
}

const TIMES: &[&str] = &[
    "-",
    "0",
    "-0",
    "-0.0",
    "0.5",
    "-1",
    "-0.5",
    "1e400",
    "-1e400",
    "1e308",
    "1E9",
    "1.8000003e9",
    "18000003e2",
    "180000030000e-2",
    "\"1800000300\"",
    "null",
    "true",
    "[]",
    "{}",
    "[1800000300]",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9007199254740994",
    "1e19",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "1e-400",
    "01800000300",
    "+1800000300",
    "1800000300.",
    ".5",
    "0x6b49d300",
    "1_800",
    "NaN",
    "Infinity",
    "1800000300e",
    "1e+",
    "--1",
    "1800000300f",
];

fn claim(setup: &Setup, person: &Person, claims: &mut Members, random: &mut Random) {
    let config = &setup.issuers[person.issuer].config;
    let paths = &config.claims;
    let mut names = vec!["iss", "aud", "aud", "sub"];
    let optional = [&paths.client, &paths.account, &paths.plan];
    names.push(&paths.subject);
    names.extend(optional.into_iter().flatten().map(String::as_str));
    names.extend(config.required_claims.iter().map(String::as_str));
    let path = *random.pick(&names);
    let is_flat = path.contains([':', '/']) || !path.contains('.');
    let (name, rest) = if is_flat {
        (path, "")
    } else {
        path.split_once('.').unwrap()
    };
    let aud = json!(config.audiences[0]).to_string();
    let value = match (name, random.below(3)) {
        ("aud", 0..2) => random.pick(AUDIENCES).replace("OURS", &aud),
        _ => random
            .pick(VALUES)
            .replace("255", &"x".repeat(255))
            .replace("256", &"x".repeat(256)),
    };
    let value = rest
        .split('.')
        .filter(|part| !part.is_empty())
        .rev()
        .fold(value, |inner, part| format!("{{{}:{inner}}}", json!(part)));
    set(claims, name, &value);
}

const AUDIENCES: &[&str] = &[
    "[OURS]",
    "[\"other\",OURS]",
    "[1,null,{},OURS]",
    "[[OURS]]",
    "{\"0\":OURS,\"length\":1}",
    "[]",
    "[\"other\"]",
    "\"other\"",
    "OURS",
    "[OURS,OURS]",
    "\"\"",
];

const VALUES: &[&str] = &[
    "-",
    "null",
    "\"\"",
    "\"user\"",
    "\"???\"",
    "\">>>\"",
    "\"~~~\"",
    "\"x\\u0000y\"",
    "\"x\\u001fy\"",
    "\"x\\u007fy\"",
    "\"x\\u0085y\"",
    "\"x\\u009fy\"",
    "\"x\\u00a0y\"",
    "\"\u{85}\"",
    "\"\u{7f}\"",
    "\"255\"",
    "\"256\"",
    "\"é255\"",
    "\"😀é中\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\ud83d\"",
    "\"\\ude00\"",
    "\"\\ud83d\\\\\\ude00\"",
    "\"\\ude00\\ud83d\"",
    "\"\\ud83dx\"",
    "\"\\\\ud83d\"",
    "\"\\\\\\ud83d\"",
    "\"\\u00e9\"",
    "\"e\\u0301\"",
    "\"\u{feff}x\"",
    "\"\u{2028}\"",
    "1",
    "1.5",
    "true",
    "false",
    "0",
    "[]",
    "[\"user\"]",
    "{}",
    "{\"x\":1}",
    "\"client:app\"",
    "\"client:\"",
    "\"Client:x\"",
    "\"__proto__\"",
    "\"constructor\"",
    "\"gold\"",
    "\"anonymous\"",
    "\"a:b\"",
    "\"5:user1\"",
    "\" \"",
    "\"a\tb\"",
    "\"a\\tb\"",
    "\"a\\qb\"",
    "\"\\u12\"",
    "\"\\/\"",
    "\"\\b\"",
    "\"a\\\"b\"",
    "\"'\"",
    "\"x\u{0}\"",
    "\"\u{10ffff}\"",
    "\"\\udbff\\udfff\"",
    "'user'",
    "\"unclosed",
    "undefined",
];

fn header_member(header: &mut Members, random: &mut Random) {
    let (name, values): (&str, &[&str]) = *random.pick(HEADER);
    let value = random.pick(values);
    set(
        header,
        name,
        &value
            .replace("255", &"k".repeat(255))
            .replace("256", &"k".repeat(256)),
    );
}

const HEADER: &[(&str, &[&str])] = &[
    (
        "alg",
        &[
            "-",
            "\"none\"",
            "\"None\"",
            "\"HS512\"",
            "\"hs256\"",
            "\"RS256\"",
            "\"ES256\"",
            "\"EdDSA\"",
            "null",
            "[\"HS256\"]",
            "\"HS256\"",
            "\"H\\u0053256\"",
            "256",
            "\"\"",
            "{}",
        ],
    ),
    ("crit", &["[\"exp\"]", "[]", "null"]),
    ("jku", &["\"https://evil.example.com\"", "null"]),
    ("x5u", &["\"\""]),
    ("jwk", &["{}"]),
    ("b64", &["true", "false"]),
    ("zip", &["\"DEF\""]),
    ("enc", &["\"A128GCM\""]),
    ("x5c", &["[\"x\"]"]),
    (
        "kid",
        &[
            "\"k\"",
            "1",
            "null",
            "\"255\"",
            "\"256\"",
            "[]",
            "\"../../etc\"",
            "\"é\"",
            "\"\"",
        ],
    ),
    (
        "typ",
        &[
            "-",
            "\"JWT\"",
            "\"jwt\"",
            "\"at+jwt\"",
            "\"AT+JWT\"",
            "\"application/at+jwt\"",
            "\"APPLICATION/AT+JWT\"",
            "\"application/x/at+jwt\"",
            "\"application/\"",
            "1",
            "null",
            "\"256\"",
            "[\"at+jwt\"]",
            "\"at+\\u006awt\"",
            "\"application/jwt\"",
            "\"\u{130}WT\"",
            "\"application/at+jwt\\n\"",
            "\"tollgate-pass+jwt\"",
            "\"\u{212a}\"",
        ],
    ),
    ("__proto__", &["{\"alg\":\"HS256\"}", "null"]),
    (
        "other",
        &[
            "1e400",
            "01",
            "{\"a\":1,\"a\":2}",
            "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
        ],
    ),
];

/// Nesting, numbers of values, members twice.
fn shape(claims: &mut Members, random: &mut Random) {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deep_objects = |depth: usize| format!("{}1{}", "{\"x\":".repeat(depth), "}".repeat(depth));
    let own = claims.len();
    match random.below(9) {
        0 => {
            let depth = *random.pick(&[14, 15, 16, 17, 40, 200]);
            claims.push(("\"deep\"".to_owned(), deep(depth)));
        }
        1 => {
            let depth = *random.pick(&[14, 15, 16, 17, 40]);
            claims.push(("\"deep\"".to_owned(), deep_objects(depth)));
        }
        2 => {
            // With the document itself, its members and the list.
            let nested = claims
                .iter()
                .filter(|(_, value)| value.starts_with('{'))
                .count();
            let rest = *random.pick(&[511_usize, 512, 513, 520]) - own - 2 - nested;
            let element = *random.pick(&["1", "\"x\"", "null", "{}", "\"a:b,c\"", "\"\\\"\""]);
            let list = vec![element; rest].join(",");
            claims.push(("\"many\"".to_owned(), format!("[{list}]")));
        }
        3 => {
            let twice = claims[random.below(own)].clone();
            claims.push(twice);
        }
        4 => {
            let (name, _) = claims[random.below(own)].clone();
            let first = name.chars().nth(1).unwrap();
            let escaped = format!(
                "\"\\u{:04x}{}",
                u32::from(first),
                &name[1 + first.len_utf8()..]
            );
            let value = random.pick(&["\"x\"", "1800000300", "null"]);
            claims.push((escaped, (*value).to_owned()));
        }
        5 => {
            let inner = *random.pick(&[
                "{\"a\":1,\"a\":2}",
                "[{\"a\":1,\"\\u0061\":1}]",
                "[{\"a\":1},{\"a\":1}]",
                "{\"a\":{\"a\":{\"a\":1}}}",
                "{\"\":1,\"\":1}",
                "{\"a\\\"\":1,\"a\\u0022\":1}",
                "{\"__proto__\":1,\"__proto__\":2}",
                "{\"a\":\"a\",\"b\":\"a\"}",
                "{\"a:\":1,\"a\":1}",
                "{\"1\":1,\"0\":1}",
                "{\"é\":1,\"\\u00e9\":1}",
                "{\"a\":[\"a\",\"a\"]}",
                "{\"\\ud83d\\ude00\":1,\"😀\":2}",
                "{\"a\":1,}",
                "[1,]",
                "[,1]",
                "{\"a\"}",
                "{a:1}",
                "{\"a\\\\\":1,\"a\":2}",
                "\"\\\\\",\"sub\":\"\\\\\"",
            ]);
            claims.push(("\"inner\"".to_owned(), inner.to_owned()));
        }
        6 => claims.reverse(),
        7 => {
            // As long as what is left of it when the second is read and the time is written in full.
            set(claims, "iat", "18e8");
            claims.push(("\"x\"".to_owned(), "1".to_owned()));
            claims.push(("\"x\"".to_owned(), "\"\"".to_owned()));
        }
        _ => {
            let name = *random.pick(&[
                "__proto__",
                "constructor",
                "toString",
                "hasOwnProperty",
                "iss.x",
            ]);
            let value = *random.pick(&["{\"sub\":\"victim\",\"iss\":\"one\"}", "1", "null", "{}"]);
            claims.push((json!(name).to_string(), value.to_owned()));
        }
    }
}

/// Anything in a member that nobody reads.
fn number_or_text(claims: &mut Members, random: &mut Random) {
    let list = if random.one_in(2) { TIMES } else { VALUES };
    let value = *random.pick(list);
    if value != "-" {
        claims.push(("\"ignored\"".to_owned(), value.to_owned()));
    }
}

const TEXT_CHANGES: &[fn(&mut Random, String) -> String] = &[
    |_, token| token + ".",
    |_, token| format!(".{token}"),
    |_, token| token.replacen('.', "..", 1),
    |_, token| token.replacen('.', "=.", 1),
    |_, token| token.replacen('.', "", 1),
    |_, token| token.rsplit_once('.').unwrap().0.to_owned(),
    |_, token| format!("{}.", token.rsplit_once('.').unwrap().0),
    |_, token| token.to_uppercase(),
    |random, token| {
        let at = random.below(token.len());
        let letter = *random.pick(&["A", "B", "-", "_", "+", "/", "=", "!", "~"]);
        format!("{}{letter}{}", &token[..at], &token[at + 1..])
    },
    |random, token| token[..random.below(token.len())].to_owned(),
    |random, token| {
        let (head, tail) = token.split_once('.').unwrap();
        let long = *random.pick(&[4096, 4097, 4095]);
        format!(
            "{}.{tail}",
            "e30".repeat(long / 3 + 1)[..long].to_owned() + &head[..0]
        )
    },
    |random, token| {
        let long = *random.pick(&[16_384_usize, 16_385]);
        let (head, tail) = token.split_once('.').unwrap();
        format!(
            "{head}.{}{tail}",
            "A".repeat(long.saturating_sub(token.len()))
        )
    },
];

/// How claims are spelt that are signed like this.
const CLAIMS_CHANGES: &[fn(String) -> String] = &[
    |part| with_another_bit(&part),
    |part| part + "=",
    |part| part + "A",
    |part| part.replace('-', "+").replace('_', "/"),
];

const SIGNATURE_CHANGES: &[fn(&mut Random, String) -> String] = &[
    |_, _| String::new(),
    |_, text| text + "=",
    |_, text| text + "A",
    |_, text| text + "AAAA",
    |_, text| text[..42].to_owned(),
    |_, text| text[..40].to_owned(),
    |_, text| text.to_lowercase(),
    |_, text| format!("{}\u{e9}", &text[..42]),
    |_, text| format!("{}\u{e9}", &text[..41]),
    |random, text| {
        let at = random.below(text.len());
        let letter = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{letter}{}", &text[..at], &text[at + 1..])
    },
    |_, text| with_another_bit(&text),
    |random, _| "A".repeat(*random.pick(&[1_364, 1_366, 1_367, 1_368])),
];

/// The last letter may have bits that mean nothing.
fn with_another_bit(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = text.len() - 1;
    let letter = text.as_bytes()[last];
    let at = LETTERS.iter().position(|one| *one == letter).unwrap();
    format!("{}{}", &text[..last], char::from(LETTERS[at | 1]))
}
