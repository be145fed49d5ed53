//! Usage of a holder: meters added up by the hours, days and months of a zone.

use serde_json::{Value, json};
use tollgate_store::{
    Batch, BatchWriter, Caller, Issuer, METER_PERIOD_MS, Meter, Name, RouteName, Series, Usage,
};

use crate::on_both;
use crate::support::{Api, START_MS, get, run, subject};

const HOUR_MS: u64 = 4 * METER_PERIOD_MS;
/// 14 November 2023, 22:00 UTC, which is 23:00 in Berlin.
const EVENING_MS: u64 = START_MS - START_MS % HOUR_MS;

async fn used(api: &Api, rows: &[(&str, u64, u64)]) {
    let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
    for (route, at_ms, admitted) in rows {
        let series = Series {
            caller: Caller::Subject {
                issuer: Issuer::parse("https://login.example").unwrap(),
                subject: Name::parse("alice").unwrap(),
                account: Some(Name::parse("acme").unwrap()),
            },
            plan: None,
            route: Some(RouteName::parse(route).unwrap()),
        };
        let usage = Usage {
            admitted: *admitted,
            limited: 1,
            ..Usage::default()
        };
        let meter = Meter::at(series, *at_ms).unwrap();
        batch.meter(meter, &usage).unwrap();
    }
    api.store
        .as_ref()
        .unwrap()
        .add_counts(&batch)
        .await
        .unwrap();
}

fn sums(usage: &Value) -> Vec<(u64, u64, u64)> {
    let number = |one: &Value, name: &str| one[name].as_u64().unwrap();
    let periods = usage["periods"].as_array().unwrap().iter();
    periods
        .map(|one| {
            (
                number(one, "from_ms"),
                number(one, "admitted"),
                number(one, "limited"),
            )
        })
        .collect()
}

on_both! {
    async fn usage_is_added_up_by_the_periods_of_a_calendar(api: Api) {
        used(&api, &[
            ("GET /orders", EVENING_MS, 3),
            ("POST /orders", EVENING_MS + METER_PERIOD_MS, 4),
            ("GET /orders", EVENING_MS + HOUR_MS, 5),
        ]).await;
        let of = |query: &str| subject("alice", &format!("/usage{query}"));
        let at = |text: &str| text.parse::<tollgate_engine::limiter::jiff::Timestamp>().unwrap();
        let at = |text: &str| u64::try_from(at(text).as_millisecond()).unwrap();
        let hours = api.get(&of("?by=hour")).await;
        assert_eq!(sums(&hours), [(EVENING_MS, 7, 2), (EVENING_MS + HOUR_MS, 5, 1)]);
        let days = api.get(&of("")).await;
        assert_eq!(sums(&days), [(at("2023-11-14T00:00:00Z"), 12, 3)]);
        let days = api.get(&of("?zone=Europe/Berlin&from=2023-11-01")).await;
        let expected = [(at("2023-11-13T23:00:00Z"), 7, 2), (at("2023-11-14T23:00:00Z"), 5, 1)];
        assert_eq!(sums(&days), expected);
        let months = api.get(&of("?by=month&from=2023-11-14T22:15:00Z&until=2023-11-14T23:00:00Z")).await;
        assert_eq!(sums(&months), [(EVENING_MS + METER_PERIOD_MS, 4, 1)]);
        assert_eq!(months["periods"][0]["until_ms"], EVENING_MS + HOUR_MS);
        let account = api.get("/v1/holders/account/https%3A%2F%2Flogin.example/acme/usage").await;
        assert_eq!(sums(&account), sums(&api.get(&of("")).await));
        assert_eq!(api.get(&subject("bob", "/usage")).await, json!({ "periods": [] }));
    }
}

/// As many meters of a month as make a number that readers of JSON would round.
#[test]
fn case_085_usage_beyond_what_json_readers_keep_is_a_text() {
    const MOST: u64 = 1 << 40;
    const METERS: u64 = 1 << 13;
    const QUARTERS: u64 = 2_880;
    run(async {
        let api = Api::start(crate::support::On::Sqlite).await;
        let first_ms = 1_698_796_800_000; // 1 November 2023
        let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
        for number in 0..METERS {
            let series = Series {
                caller: Caller::Subject {
                    issuer: Issuer::parse("https://login.example").unwrap(),
                    subject: Name::parse("alice").unwrap(),
                    account: None,
                },
                plan: None,
                route: Some(RouteName::parse(&format!("GET /{}", number / QUARTERS)).unwrap()),
            };
            let usage = Usage {
                admitted: 1,
                bytes_in: MOST - u64::from(number == 0),
                bytes_out: MOST,
                ..Usage::default()
            };
            let at_ms = first_ms + number % QUARTERS * METER_PERIOD_MS;
            let meter = Meter::at(series, at_ms).unwrap();
            batch.meter(meter, &usage).unwrap();
        }
        let store = api.store.as_ref().unwrap();
        store.add_counts(&batch).await.unwrap();
        let usage = api
            .get(&subject("alice", "/usage?by=month&from=2023-11-01"))
            .await;
        let month = &usage["periods"][0];
        assert_eq!(month["admitted"], METERS);
        assert_eq!(month["bytes_in"], 9_007_199_254_740_991_u64);
        assert_eq!(month["bytes_out"], "9007199254740992");
    });
}

#[test]
fn a_time_that_is_none_is_refused() {
    run(async {
        let api = Api::start(crate::support::On::Sqlite).await;
        for query in [
            "from=yesterday",
            "from=2023-11-14T22:10:00Z",
            "until=2023-13-01",
            "zone=Mars/Olympus",
            "by=minute",
            "by=",
        ] {
            let ask = get(&subject("alice", &format!("/usage?{query}")));
            api.act(&ask).await.problem(400);
        }
    });
}

/// Two thousand and one hours, of which each has something.
#[test]
fn more_periods_than_an_answer_may_have_are_refused() {
    run(async {
        let api = Api::start(crate::support::On::Sqlite).await;
        let rows: Vec<_> = (0..2_001)
            .map(|hour| ("GET /orders", EVENING_MS - hour * HOUR_MS, 1))
            .collect();
        used(&api, &rows).await;
        let of = |by: &str| subject("alice", &format!("/usage?from=2023-01-01&by={by}"));
        let problem = api.act(&get(&of("hour"))).await.problem(400);
        assert!(
            problem["detail"].as_str().unwrap().contains("2000 periods"),
            "{problem}"
        );
        assert_eq!(sums(&api.get(&of("day")).await).len(), 84);
    });
}
