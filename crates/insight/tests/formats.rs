//! Each format: what a line of it says, how it is told from others, and that no line breaks its reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use proptest::prelude::*;
use tollgate_insight::{
    BYTES_MAX, Columns, Entry, Fate, Fates, Format, InsightError, LineError, LineReader,
};

/// 2026-10-10T13:55:36Z.
const AT_MS: u64 = 1_791_640_536_000;

const CLOUDFRONT_FIELDS: &str = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken";
const CLOUDFRONT: &str = "2026-10-10\t13:55:36\tFRA56-P1\t1045\t192.0.2.1\tGET\td1.cloudfront.net\t/orders/a%2520b\t200\t-\tcurl/8\tkey=k%252F1\ttheme=dark;%20id=r.k1.AbC\tMiss\tx-1==\tapi.example\thttps\t99\t0.002";
const CLOUDFRONT_JSON: &str = r#"{"date":"2026-10-10","time":"13:55:36","cs-method":"GET","cs-uri-stem":"/orders/7","sc-status":"429","sc-bytes":"1045","cs-bytes":"99"}"#;
const API_GATEWAY: &str = r#"{"ts":"1791640536000","rid":"x","ip":"192.0.2.1","m":"GET","route":"/orders/{id}","st":"200","sub":"alice","bucket":"r.k1.AbC","key":"-"}"#;
const ALB: &str = r#"https 2026-10-10T13:55:36.000000Z app/lb/50dc 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 99 1045 "GET https://api.example:443/orders/7?x=1 HTTP/1.1" "curl/8 \x22q\x22" ECDHE TLSv1.2 arn:aws "Root=1-5" "acme.example" "arn:aws" 1 2026-10-10T13:55:35.000000Z "waf,forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#;
const NGINX: &str = r#"192.0.2.1 - bob [10/Oct/2026:15:55:36 +0200] "GET /orders/7?x=1 HTTP/1.1" 200 1045 "-" "curl \"8\"" 99 "alice" "acme""#;
const ENVOY: &str = r#"{"authority":"a","bytes_received":"99","bytes_sent":1045,"duration":4,"method":"GET","path":"/orders/7?x=1","response_code":200,"response_flags":"-","start_time":"2026-10-10T13:55:36.000Z","x_forwarded_for":null,"user":{"a":[1]}}"#;
const OWN: &str = r#"{"time_unix_ms":1791640536000,"peer":"192.0.2.1","method":"GET","path":"/orders/7","version":"HTTP/1.1","status":429,"bytes":1045,"duration_us":20,"ending":"complete","route":"GET /orders/{id}","verdict":"limit","mode":"enforce","plan":"pro","limit":"burst","bucket":"r.k1.AbC"}"#;

const ALL: [(Format, &str); 7] = [
    (Format::CloudFront, CLOUDFRONT),
    (Format::CloudFrontJson, CLOUDFRONT_JSON),
    (Format::ApiGateway, API_GATEWAY),
    (Format::Alb, ALB),
    (Format::Nginx, NGINX),
    (Format::Envoy, ENVOY),
    (Format::Tollgate, OWN),
];

fn columns(subject: &str, account: &str) -> Columns {
    let column = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    Columns {
        subject: column(subject),
        account: column(account),
        ..Columns::default()
    }
}

fn reader(format: Format, columns: &Columns) -> LineReader {
    let mut reader = LineReader::new(format, columns).unwrap();
    reader.directive("#Version: 1.0").unwrap();
    reader.directive(CLOUDFRONT_FIELDS).unwrap();
    reader
}

/// As a line: time, method, path, fate, bytes in and out, subject, account.
fn said(entry: &Entry<'_>) -> String {
    let text = |text: &Option<_>| format!("{:?}", text.as_deref().unwrap_or_default() as &str);
    format!(
        "{} {} {} {:?} {} {} {} {}",
        entry.at_ms,
        entry.method,
        entry.path,
        entry.fate,
        entry.bytes_in,
        entry.bytes_out,
        text(&entry.subject),
        text(&entry.account),
    )
}

fn read(format: Format, subject: &str, account: &str, line: &str) -> Result<String, LineError> {
    let reader = reader(format, &columns(subject, account));
    reader.entry(line).map(|entry| said(&entry.unwrap()))
}

#[test]
fn a_line_of_each_format_says_who_asked_for_what_and_what_became_of_it() {
    for (format, subject, account, line, expected) in [
        (
            Format::CloudFront,
            "cs(Cookie):id",
            "cs-uri-query:key",
            CLOUDFRONT,
            r#"GET /orders/a%20b Admitted 99 1045 "r.k1.AbC" "k/1""#,
        ),
        (
            Format::CloudFrontJson,
            "",
            "",
            CLOUDFRONT_JSON,
            r#"GET /orders/7 Limited 99 1045 "" """#,
        ),
        (
            Format::ApiGateway,
            "sub",
            "key",
            API_GATEWAY,
            r#"GET /orders/{id} Admitted 0 0 "alice" """#,
        ),
        (
            Format::Alb,
            "",
            "domain_name",
            ALB,
            r#"GET /orders/7 Admitted 99 1045 "" "acme.example""#,
        ),
        (
            Format::Nginx,
            "subject",
            "account",
            NGINX,
            r#"GET /orders/7 Admitted 99 1045 "alice" "acme""#,
        ),
        (
            Format::Nginx,
            "remote_user",
            "",
            NGINX,
            r#"GET /orders/7 Admitted 99 1045 "bob" """#,
        ),
        (
            Format::Envoy,
            "x_forwarded_for",
            "authority",
            ENVOY,
            r#"GET /orders/7 Admitted 99 1045 "" "a""#,
        ),
        (
            Format::Tollgate,
            "",
            "",
            OWN,
            r#"GET /orders/7 Limited 0 1045 "r.k1.AbC" """#,
        ),
    ] {
        let found = read(format, subject, account, line).unwrap();
        assert_eq!(found, format!("{AT_MS} {expected}"), "{format}");
    }
}

#[test]
fn formats_are_told_from_one_line() {
    for (format, line) in ALL {
        if format != Format::CloudFront {
            assert_eq!(Format::detect(line), Some(format), "{line}");
        }
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert_eq!(Format::detect("#Version: 1.0"), Some(Format::CloudFront));
    assert_eq!(Format::detect(CLOUDFRONT_FIELDS), Some(Format::CloudFront));
    for line in [
        "",
        "{}",
        "{",
        "[]",
        "hello world",
        "# a comment",
        CLOUDFRONT,
    ] {
        assert_eq!(Format::detect(line), None, "{line}");
    }
    assert!("combined".parse::<Format>().is_err());
}

#[test]
fn fields_are_found_by_name_wherever_they_are() {
    let mut reader = LineReader::new(Format::CloudFront, &columns("who", "")).unwrap();
    assert_eq!(reader.entry("anything"), Err(LineError::NoHeader));
    let error = reader.directive(CLOUDFRONT_FIELDS).unwrap_err();
    assert_eq!(
        error,
        InsightError::NoColumn {
            name: "who".to_owned()
        }
    );
    reader
        .directive("#Fields: sc-status who timestamp(ms) cs-uri-stem cs-method")
        .unwrap();
    let entry = reader
        .entry("429 alice 1791640536000 /a GET")
        .unwrap()
        .unwrap();
    assert_eq!(
        said(&entry),
        format!(r#"{AT_MS} GET /a Limited 0 0 "alice" """#)
    );
    // Another line of names counts from there on.
    reader
        .directive("#Fields: who cs-method cs-uri-stem timestamp sc-status")
        .unwrap();
    let entry = reader
        .entry("bob\tPUT\t/b\t1791640536.000\t000")
        .unwrap()
        .unwrap();
    assert_eq!(
        said(&entry),
        format!(r#"{AT_MS} PUT /b Refused 0 0 "bob" """#)
    );

    let named = Columns {
        fields: Some(
            ["time_iso8601", "request", "status", "tenant"]
                .map(str::to_owned)
                .into(),
        ),
        ..columns("tenant", "")
    };
    let reader = LineReader::new(Format::Nginx, &named).unwrap();
    let line = r#"2026-10-10T15:55:36+02:00 "POST /a HTTP/2.0" 201 acme"#;
    let entry = reader.entry(line).unwrap().unwrap();
    assert_eq!(
        said(&entry),
        format!(r#"{AT_MS} POST /a Admitted 0 0 "acme" """#)
    );
    assert!(LineReader::new(Format::Nginx, &columns("tenant", "")).is_err());
}

#[test]
fn the_gateways_own_verdict_counts_and_not_the_status() {
    for (verdict, mode, fate) in [
        ("allow", "enforce", Fate::Admitted),
        ("limit", "enforce", Fate::Limited),
        ("limit", "shadow", Fate::Admitted),
        ("own", "enforce", Fate::Free),
        ("unauthenticated", "enforce", Fate::Refused),
        ("unavailable", "enforce", Fate::Refused),
    ] {
        let line = OWN.replace(
            r#""limit","mode":"enforce""#,
            &format!(r#""{verdict}","mode":"{mode}""#),
        );
        let reader = reader(Format::Tollgate, &Columns::default());
        let entry = reader.entry(&line).unwrap().unwrap();
        assert_eq!(entry.fate, fate, "{verdict} {mode}");
        assert_eq!(entry.plan.as_deref(), Some("pro"));
        assert_eq!(entry.route.as_deref(), Some("GET /orders/{id}"));
    }
    // Refused before there was a decision.
    let line = r#"{"time_unix_ms":1791640536000,"method":"GET","path":"/","status":400,"bytes":0}"#;
    let reader = reader(Format::Tollgate, &Columns::default());
    assert_eq!(reader.entry(line).unwrap().unwrap().fate, Fate::Refused);
}

#[test]
fn a_route_key_of_api_gateway_is_method_and_path() {
    for (line, expected) in [
        (
            r#"{"requestTime":"10/Oct/2026:13:55:36 +0000","routeKey":"GET /orders/{id}","status":"200","responseLength":"7"}"#,
            "GET /orders/{id}",
        ),
        (
            r#"{"requestTime":"10/Oct/2026:13:55:36 +0000","routeKey":"$default","status":200}"#,
            "- -",
        ),
    ] {
        let found = read(Format::ApiGateway, "", "", line).unwrap();
        assert!(
            found.starts_with(&format!("{AT_MS} {expected} Admitted")),
            "{found}"
        );
    }
}

#[test]
fn a_line_that_lacks_something_says_what() {
    let missing = |what| LineError::Missing { what };
    let unreadable = |what| LineError::Unreadable { what };
    let too_many = format!(
        r#"{{"ts":1,"m":"GET","route":"/","st":200,"responseLength":{}}}"#,
        BYTES_MAX + 1
    );
    for (format, line, expected) in [
        (Format::Nginx, "192.0.2.1 - -", missing("path")),
        (
            Format::Nginx,
            r#"192.0.2.1 - - [x] "GET / HTTP/1.1" 200 1"#,
            unreadable("the time"),
        ),
        (
            Format::Nginx,
            r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1""#,
            missing("status"),
        ),
        (
            Format::Nginx,
            r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 2000 1"#,
            unreadable("the status"),
        ),
        (
            Format::Nginx,
            r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 -1"#,
            unreadable("bytes sent"),
        ),
        (Format::Envoy, "{}", missing("path")),
        (Format::Envoy, "{} {}", LineError::NotJson),
        (Format::Envoy, "[]", LineError::NotJson),
        (Format::ApiGateway, &too_many, unreadable("bytes sent")),
    ] {
        assert_eq!(read(format, "", "", line), Err(expected), "{line}");
    }
    // What was no HTTP has neither method nor path.
    let line = r#"192.0.2.1 - - [10/Oct/2026:13:55:36 +0000] "\x16\x03\x01" 400 150 "-" "-""#;
    let found = read(Format::Nginx, "", "", line).unwrap();
    assert!(found.contains(" - - Admitted 0 150"), "{found}");
}

#[test]
fn statuses_mean_what_the_operator_says() {
    let fates = Fates::of("503", "500-599").unwrap();
    let reader = reader(Format::Nginx, &Columns::default()).with_fates(fates);
    for (status, fate) in [
        ("503", Fate::Limited),
        ("502", Fate::Refused),
        ("429", Fate::Admitted),
    ] {
        let line = NGINX.replace(" 200 ", &format!(" {status} "));
        assert_eq!(reader.entry(&line).unwrap().unwrap().fate, fate);
    }
}

/// A line of a format with some of its characters replaced, doubled or lost.
fn broken() -> impl Strategy<Value = (usize, String)> {
    let edit = (
        any::<prop::sample::Index>(),
        prop::option::of(any::<char>()),
        0_usize..9,
    );
    (0..ALL.len(), prop::collection::vec(edit, 0..12)).prop_map(|(format, edits)| {
        let mut line: Vec<char> = ALL[format].1.chars().collect();
        for (at, with, length) in edits {
            let at = at.index(line.len() + 1);
            let end = (at + length).min(line.len());
            line.splice(at..end, with);
        }
        (format, line.into_iter().collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_line_breaks_its_reader((format, line) in broken()) {
        let (subject, account) = match ALL[format].0 {
            Format::CloudFront => ("cs(Cookie):id", "cs-uri-query:key"),
            Format::Nginx => ("subject", "account"),
            Format::Alb => ("trace_id", "domain_name"),
            _ => ("sub", "key"),
        };
        let mut reader = reader(ALL[format].0, &columns(subject, account));
        if let Ok(Some(entry)) = reader.entry(&line) {
            // Nothing is made of nothing.
            prop_assert!(entry.bytes_in <= BYTES_MAX && entry.bytes_out <= BYTES_MAX);
            prop_assert!(entry.path.len() <= line.len() && !entry.path.contains('?'));
            prop_assert!(entry.subject.is_none_or(|subject| !subject.is_empty() && subject.len() <= line.len()));
        }
        let _any = Format::detect(&line);
        let _any = reader.directive(&line);
    }

    #[test]
    fn no_text_breaks_any_reader(line in any::<String>()) {
        for (format, _) in ALL {
            let mut reader = reader(format, &Columns::default());
            let _any = reader.entry(&line);
            let _any = reader.directive(&line);
        }
    }
}
