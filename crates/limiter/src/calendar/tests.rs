//! Periods against what clocks and calendars on the wall show, from 2024 to 2032.

use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;

const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Asia/Beirut",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn unix_s(text: &str) -> u64 {
    let at: Timestamp = text.parse().unwrap();
    u64::try_from(at.as_second()).unwrap()
}

fn bounds(period: Period, name: &str, at: &str) -> (u64, u64) {
    let (start, end) = Calendar::new(period, zone(name)).period_at(unix_s(at));
    (start * 60, end * 60)
}

fn assert_bounds(period: Period, name: &str, at: &str, start: &str, end: &str) {
    let found = bounds(period, name, at);
    assert_eq!(
        found,
        (unix_s(start), unix_s(end)),
        "{period:?} {name} {at}"
    );
}

#[test]
fn case_080_months_end_at_local_midnight_in_leap_years_and_others() {
    let (month, berlin) = (Period::Month, "Europe/Berlin");
    assert_bounds(
        month,
        berlin,
        "2024-02-29T12:00:00Z",
        "2024-01-31T23:00:00Z",
        "2024-02-29T23:00:00Z",
    );
    assert_bounds(
        month,
        berlin,
        "2026-02-28T22:59:59Z",
        "2026-01-31T23:00:00Z",
        "2026-02-28T23:00:00Z",
    );
    assert_bounds(
        month,
        berlin,
        "2026-03-31T21:59:59Z",
        "2026-02-28T23:00:00Z",
        "2026-03-31T22:00:00Z",
    );
    assert_bounds(
        month,
        "UTC",
        "2026-12-31T23:59:59Z",
        "2026-12-01T00:00:00Z",
        "2027-01-01T00:00:00Z",
    );
}

#[test]
fn case_080_a_day_has_the_hours_that_its_clocks_show() {
    let length = |name, at| {
        let (start, end) = bounds(Period::Day, name, at);
        (end - start) / 3_600
    };
    assert_eq!(length("Europe/Berlin", "2026-03-29T12:00:00Z"), 23);
    assert_eq!(length("Europe/Berlin", "2026-10-25T12:00:00Z"), 25);
    assert_eq!(length("Europe/Berlin", "2026-07-01T12:00:00Z"), 24);
    // Clocks here go back at one in the morning to midnight: it is shown twice, the day is one.
    assert_eq!(length("America/Havana", "2026-11-01T04:30:00Z"), 25);
    assert_eq!(length("America/Havana", "2026-11-01T05:30:00Z"), 25);
    // Here they skip midnight: the day begins at one.
    assert_eq!(length("Asia/Beirut", "2026-03-29T12:00:00Z"), 23);
}

#[test]
fn the_hour_that_is_shown_twice_is_two() {
    let (hour, berlin) = (Period::Hour, "Europe/Berlin");
    assert_bounds(
        hour,
        berlin,
        "2026-10-25T00:30:00Z",
        "2026-10-25T00:00:00Z",
        "2026-10-25T01:00:00Z",
    );
    assert_bounds(
        hour,
        berlin,
        "2026-10-25T01:30:00Z",
        "2026-10-25T01:00:00Z",
        "2026-10-25T02:00:00Z",
    );
    // Clocks that move by half an hour cut an hour in two.
    let (start, end) = bounds(hour, "Australia/Lord_Howe", "2026-04-04T15:10:00Z");
    assert!(end - start <= 3_600);
    assert_bounds(
        hour,
        "Asia/Kathmandu",
        "2026-06-01T00:20:00Z",
        "2026-06-01T00:15:00Z",
        "2026-06-01T01:15:00Z",
    );
}

#[test]
fn a_week_begins_on_monday() {
    let (start, _) = bounds(Period::Week, "America/New_York", "2026-11-24T12:00:00Z");
    let monday = Timestamp::from_second(i64::try_from(start).unwrap()).unwrap();
    let monday = monday.to_zoned(zone("America/New_York"));
    assert_eq!(
        (monday.weekday(), monday.hour(), monday.day()),
        (Weekday::Monday, 0, 23)
    );
    // Sunday is the last day of the week before.
    assert_bounds(
        Period::Week,
        "UTC",
        "2026-11-22T23:59:59Z",
        "2026-11-16T00:00:00Z",
        "2026-11-23T00:00:00Z",
    );
}

#[test]
fn a_day_that_a_country_skipped_is_nobodys() {
    // Samoa went from 29 to 31 December 2011.
    assert_bounds(
        Period::Day,
        "Pacific/Apia",
        "2011-12-30T05:00:00Z",
        "2011-12-29T10:00:00Z",
        "2011-12-30T10:00:00Z",
    );
    assert_bounds(
        Period::Day,
        "Pacific/Apia",
        "2011-12-30T12:00:00Z",
        "2011-12-30T10:00:00Z",
        "2011-12-31T10:00:00Z",
    );
}

#[test]
fn calendars_are_equal_by_their_period_and_their_zone() {
    let calendar = |period, name| Calendar::new(period, zone(name));
    let berlin = calendar(Period::Day, "Europe/Berlin");
    // Whatever one of them has looked up.
    let _ = berlin.period_at(1_800_000_000);
    assert_eq!(berlin, calendar(Period::Day, "Europe/Berlin"));
    assert_eq!(berlin.clone(), berlin);
    assert_ne!(berlin, calendar(Period::Week, "Europe/Berlin"));
    assert_ne!(berlin, calendar(Period::Day, "Europe/Paris"));
    assert_ne!(berlin, calendar(Period::Week, "Europe/Paris"));
}

#[test]
fn zones_of_two_names_are_one_calendar() {
    use std::hash::{BuildHasher, RandomState};
    let [old, new] =
        ["Asia/Calcutta", "Asia/Kolkata"].map(|name| Calendar::new(Period::Day, zone(name)));
    let hasher = RandomState::new();
    assert!(old != new || hasher.hash_one(&old) == hasher.hash_one(&new));
    assert_eq!(hasher.hash_one(&old), hasher.hash_one(old.clone()));
}

#[test]
fn a_period_that_began_before_1970_begins_with_it() {
    // 1 January 1970 was a Thursday, and 31 December 1969 in New York.
    let week = Calendar::new(Period::Week, TimeZone::UTC);
    assert_eq!(week.period_at(0), (0, 4 * 1_440));
    let day = Calendar::new(Period::Day, zone("America/New_York"));
    assert_eq!(day.period_at(60), (0, 5 * 60));
}

#[test]
fn beyond_the_calendar_a_period_is_a_minute() {
    let calendar = Calendar::new(Period::Month, TimeZone::UTC);
    for unix_s in [300_000_000_000, u64::MAX - 60] {
        let minute = unix_s / 60;
        assert_eq!(calendar.period_at(unix_s), (minute, minute + 1));
    }
    // And what was remembered before it is not taken for it.
    let known = calendar.period_at(1_800_000_000);
    assert_eq!(calendar.period_at(1_800_000_000), known);
}

/// What a person would write down as the period: what its clock and calendar show.
fn label(period: Period, at: &Zoned) -> String {
    let date = at.date();
    let offset = at.offset().seconds();
    match period {
        Period::Minute => format!("{date} {}:{} {offset}", at.hour(), at.minute()),
        Period::Hour => format!("{date} {} {offset}", at.hour()),
        Period::Day => date.to_string(),
        Period::Week => {
            let week = date.iso_week_date();
            format!("{} week {}", week.year(), week.week())
        }
        Period::Month => format!("{}-{}", date.year(), date.month()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn case_080_a_period_is_where_the_wall_shows_the_same_and_its_ends_where_it_changes(
        at in 1_704_000_000_u64..1_988_000_000,
        period in prop::sample::select(&Period::ALL[..]),
        name in prop::sample::select(&ZONES[..]),
        within in 0.0_f64..1.0,
    ) {
        let calendar = Calendar::new(period, zone(name));
        let (start, end) = calendar.period_at(at);
        let (start, end) = (start * 60, end * 60);
        prop_assert!(start <= at && at < end);
        let shown = |unix_s: u64| {
            let at = Timestamp::from_second(i64::try_from(unix_s).unwrap()).unwrap();
            label(period, &at.to_zoned(zone(name)))
        };
        let own = shown(at);
        let inside = start + ((end - start - 1) as f64 * within) as u64;
        prop_assert_eq!(shown(inside), own.clone());
        prop_assert_eq!(shown(end - 1), own.clone());
        prop_assert_ne!(shown(end), own.clone());
        prop_assert_ne!(shown(start - 1), own);
        // And the period that is remembered is the one that is looked up.
        prop_assert_eq!(calendar.period_at(inside), (start / 60, end / 60));
    }
}

#[test]
fn a_billing_month_begins_on_its_day_or_on_the_last_of_a_shorter_one() {
    let at = |day: u8, at: &str| {
        let calendar = Calendar::new(Period::Month, zone("Europe/Berlin")).with_first_day(day);
        let (start, end) = calendar.period_at(unix_s(at));
        (start * 60, end * 60)
    };
    let span = |start: &str, end: &str| (unix_s(start), unix_s(end));
    for (day, moment, start, end) in [
        (
            15,
            "2026-03-20T12:00:00Z",
            "2026-03-14T23:00:00Z",
            "2026-04-14T22:00:00Z",
        ),
        (
            15,
            "2026-03-14T22:59:59Z",
            "2026-02-14T23:00:00Z",
            "2026-03-14T23:00:00Z",
        ),
        (
            31,
            "2026-02-28T12:00:00Z",
            "2026-02-27T23:00:00Z",
            "2026-03-30T22:00:00Z",
        ),
        (
            31,
            "2026-02-27T12:00:00Z",
            "2026-01-30T23:00:00Z",
            "2026-02-27T23:00:00Z",
        ),
        (
            30,
            "2024-02-29T12:00:00Z",
            "2024-02-28T23:00:00Z",
            "2024-03-29T23:00:00Z",
        ),
        (
            1,
            "2026-01-31T22:59:59Z",
            "2025-12-31T23:00:00Z",
            "2026-01-31T23:00:00Z",
        ),
    ] {
        assert_eq!(at(day, moment), span(start, end), "day {day}, {moment}");
    }
}

#[test]
fn only_months_have_a_first_day_and_it_is_one_of_a_month() {
    for day in [0, 32, 255] {
        let calendar = Calendar::new(Period::Month, TimeZone::UTC).with_first_day(day);
        assert_eq!(calendar.first_day(), 1);
    }
    let week = Calendar::new(Period::Week, TimeZone::UTC).with_first_day(15);
    assert_eq!(week, Calendar::new(Period::Week, TimeZone::UTC));
    let month = || Calendar::new(Period::Month, TimeZone::UTC);
    assert_ne!(month().with_first_day(15), month());
    assert_eq!(
        month().with_first_day(15).clone(),
        month().with_first_day(15)
    );
}
