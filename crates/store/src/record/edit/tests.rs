use super::*;

const NOW: u64 = 1_000;

fn assign(plan: &str, from: Start, until_ms: Option<u64>) -> Edit {
    Edit::Assign {
        plan: PlanName::parse(plan).unwrap(),
        from,
        until_ms,
    }
}

fn overriding(limit: &str, route: Option<&str>, from: Start) -> Edit {
    Edit::Override {
        limit: LimitText::parse(limit).unwrap(),
        route: route.map(|route| RouteName::parse(route).unwrap()),
        from,
        until_ms: None,
    }
}

/// As the change after all that made the record.
fn try_edited(record: &Record, edit: &Edit, now_ms: u64) -> Result<Record, StoreError> {
    let plans = record.assignments().iter().map(|entry| entry.made);
    let made = plans.chain(record.overrides().iter().map(|entry| entry.made));
    let on = Occasion {
        seq: made.max().unwrap_or_default() + 1,
        now_ms,
        note: &Note::default(),
        last: None,
    };
    record.edited(edit, on)
}

fn edited(record: &Record, edit: &Edit, now_ms: u64) -> Record {
    try_edited(record, edit, now_ms).unwrap()
}

fn plan(record: &Record, at_ms: u64) -> Option<&str> {
    record.plan_at(at_ms).map(|entry| entry.plan.as_str())
}

#[test]
fn a_plan_given_at_once_is_in_force_with_the_change() {
    let record = edited(&Record::default(), &assign("free", Start::Now, None), NOW);
    assert_eq!(
        [plan(&record, NOW - 1), plan(&record, NOW)],
        [None, Some("free")]
    );
}

#[test]
fn a_scheduled_plan_takes_over_without_a_gap() {
    let record = edited(&Record::default(), &assign("free", Start::Now, None), NOW);
    let record = edited(&record, &assign("paid", Start::AtMs(2_000), None), NOW);
    assert_eq!(
        [plan(&record, 1_999), plan(&record, 2_000)],
        [Some("free"), Some("paid")]
    );
}

#[test]
fn a_trial_gives_way_to_the_plan_under_it() {
    let record = edited(&Record::default(), &assign("free", Start::Now, None), NOW);
    let record = edited(
        &record,
        &assign("trial", Start::AtMs(1_500), Some(2_000)),
        NOW,
    );
    let plans = [1_499, 1_500, 1_999, 2_000].map(|at| plan(&record, at));
    assert_eq!(
        plans,
        [Some("free"), Some("trial"), Some("trial"), Some("free")]
    );
}

#[test]
fn a_plan_without_an_end_takes_the_place_of_what_was_before() {
    let mut record = Record::default();
    for (number, at) in (0..100).zip(NOW..) {
        record = edited(
            &record,
            &assign(&format!("p{number}"), Start::Now, None),
            at,
        );
        assert_eq!(record.assignments().len(), 1);
        // In the same millisecond, as a clock that stands still.
        record = edited(&record, &assign("other", Start::Now, None), at);
        assert_eq!(record.assignments().len(), 1);
        assert_eq!(plan(&record, at), Some("other"));
    }
}

#[test]
fn of_two_that_begin_together_the_later_counts_and_the_first_stays_under_it() {
    for from in [Start::Now, Start::AtMs(NOW + 50)] {
        let record = edited(&Record::default(), &assign("free", from, None), NOW);
        let record = edited(&record, &assign("trial", from, Some(NOW + 60)), NOW);
        let plans = [NOW + 50, NOW + 59, NOW + 60].map(|at| plan(&record, at));
        assert_eq!(plans, [Some("trial"), Some("trial"), Some("free")]);
        let record = edited(&record, &assign("gold", from, None), NOW);
        let plans = [NOW + 50, NOW + 60].map(|at| plan(&record, at));
        assert_eq!(plans, [Some("gold"), Some("gold")]);
        assert_eq!(record.assignments().len(), 1);
    }
}

#[test]
fn a_schedule_has_a_bound() {
    let mut record = Record::default();
    for from_ms in 2_000..2_032 {
        record = edited(&record, &assign("p", Start::AtMs(from_ms), None), NOW);
    }
    let one_more = assign("p", Start::AtMs(3_000), None);
    let error = try_edited(&record, &one_more, NOW).unwrap_err();
    assert_eq!(error.to_string(), "more than 32 assignments");
}

#[test]
fn only_what_is_there_can_be_withdrawn() {
    let record = edited(&Record::default(), &assign("free", Start::Now, None), NOW);
    let error = try_edited(&record, &Edit::Withdraw { made: 5 }, NOW).unwrap_err();
    assert_eq!(error, StoreError::NotThere { what: "assignment" });
    assert!(edited(&record, &Edit::Withdraw { made: 1 }, NOW).is_empty());
}

#[test]
fn overrides_are_told_apart_by_route_and_name() {
    let mut record = Record::default();
    let all = [
        overriding("{name: burst, rate: 1/s}", None, Start::Now),
        overriding("{name: burst, rate: 2/s}", Some("GET /a"), Start::Now),
        overriding("{name: daily, quota: 3/day}", None, Start::Now),
        overriding("{name: burst, rate: 4/s}", None, Start::Now),
    ];
    for edit in &all {
        record = edited(&record, edit, NOW);
    }
    let route = RouteName::parse("GET /a").unwrap();
    let amount = |route: Option<&RouteName>, limit| {
        let found = record.override_at(route.map(RouteName::as_str), limit, NOW);
        found.map(|found| found.limit.limit().amount.to_string())
    };
    assert_eq!(amount(None, "burst").as_deref(), Some("4/s burst 4"));
    assert_eq!(
        amount(Some(&route), "burst").as_deref(),
        Some("2/s burst 2")
    );
    assert_eq!(amount(Some(&route), "daily"), None);
    let lift = |made| Edit::Lift {
        limit: "burst".to_owned(),
        route: None,
        made,
    };
    assert!(
        try_edited(&record, &lift(Some(1)), NOW).is_err(),
        "it was replaced"
    );
    let record = edited(&record, &lift(None), NOW);
    assert_eq!(record.overrides().len(), 2);
}

#[test]
fn an_undo_needs_something_to_undo() {
    let (record, note) = (Record::default(), Note::default());
    let undo = |last| {
        let on = Occasion {
            seq: 9,
            now_ms: NOW,
            note: &note,
            last,
        };
        record.edited(&Edit::Undo, on)
    };
    assert_eq!(undo(None), Err(StoreError::NothingToUndo));
    let before = edited(&record, &assign("free", Start::Now, None), 5);
    assert_eq!(undo(Some(&before)), Ok(before.clone()));
}
