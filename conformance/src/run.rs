//! Every case through one frontend.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde_json::Value;

use crate::case::{Case, Step, Verdict, all_cases};
use crate::frontend::{Abilities, Answer, Frontend};
use crate::row::Row;
use crate::stage::Stage;

/// Fields that tell how long something takes from now on.
const TELLS_TIME: [&str; 4] = [
    "ratelimit",
    "ratelimit-reset",
    "retry-after",
    "x-ratelimit-reset",
];

/// Runs all cases that a frontend can express, and holds its row of the published table against what was seen.
///
/// # Panics
/// With everything that was otherwise than a case says, at once.
pub fn run(frontend: &dyn Frontend) {
    let abilities = frontend.abilities();
    let mut row = Row::new(frontend.name());
    let mut wrong = Vec::new();
    for case in all_cases() {
        if let Some(reason) = cannot(&abilities, &case) {
            row.not_expressed(reason);
            continue;
        }
        let stage = Stage::new(&case);
        if let Some(reason) = frontend.refuses(&stage) {
            row.not_expressed(reason);
            continue;
        }
        let mut session = frontend.open(&stage);
        let before = wrong.len();
        for (number, step) in case.steps.iter().enumerate() {
            stage.advance(step.after_s);
            let (times, request) = stage.request(step);
            for time in 1..=times {
                let answer = session.ask(&request);
                let mut found = differences(&abilities, &stage, step, &answer, &mut row);
                if time == times {
                    found.extend(left_differs(&abilities, step, &answer, &mut row));
                }
                wrong.extend(found.into_iter().map(|found| {
                    let (name, file) = (&case.name, case.file.display());
                    let (at, send) = (number + 1, &step.send);
                    format!("{name} ({file})\n  step {at}, {send}, time {time}: {found}")
                }));
            }
        }
        row.ran(wrong.len() == before);
    }
    println!("{row}");
    assert!(
        wrong.is_empty(),
        "{}:\n{}",
        frontend.name(),
        wrong.join("\n")
    );
    row.hold();
}

/// Why a case means nothing to a frontend.
fn cannot(abilities: &Abilities, case: &Case) -> Option<&'static str> {
    let moves = case.clock_unix_s.is_some() || case.steps.iter().any(|step| step.after_s > 0.0);
    let limits = |step: &Step| step.expect.verdict == Verdict::Limit;
    let counts = case.steps.iter().any(limits);
    let file = case.file.file_stem().unwrap_or_default().to_string_lossy();
    let not_these = abilities.not_these.iter();
    abilities
        .no_clock
        .filter(|_| moves)
        .or(abilities.no_counting.filter(|_| counts))
        .or_else(|| {
            let named = |(word, _): &&(&str, &str)| file.contains(word);
            not_these.clone().find(named).map(|(_, reason)| *reason)
        })
}

fn differences(
    abilities: &Abilities,
    stage: &Stage,
    step: &Step,
    answer: &Answer,
    row: &mut Row,
) -> Vec<String> {
    let expect = &step.expect;
    let mut found = Vec::new();
    row.compared("verdicts", 1);
    if answer.verdict != expect.verdict {
        let expected = expect.verdict;
        found.push(format!("{expected:?} expected, got {:?}", answer.verdict));
    }
    let shows_fields = abilities.no_fields.is_none();
    if shows_fields {
        let mut fields = expect.fields.clone();
        if let Some(wait) = expect.retry_after {
            fields.insert("retry-after".to_owned(), Some(wait.to_string()));
        }
        if abilities.no_clock.is_some() {
            // Its time goes on.
            fields.retain(|name, value| value.is_none() || !TELLS_TIME.contains(&name.as_str()));
        }
        row.compared("fields", fields.len());
        found.extend(fields_differ("the client", &fields, &answer.fields));
        row.compared("fields", expect.problem.len());
        found.extend(problem_differs(&expect.problem, &answer.body));
    }
    let passes = expect.verdict == Verdict::Allow;
    if abilities.no_forwarded.is_none() && passes {
        row.compared("forwarded", expect.forwarded.len());
        found.extend(fields_differ(
            "the origin",
            &expect.forwarded,
            &answer.forwarded,
        ));
    }
    if let (Some(expected), Some(got)) = (&expect.target, &answer.target) {
        row.compared("forwarded", 1);
        if expected != got {
            found.push(format!("`{got}` is forwarded, not `{expected}`"));
        }
    }
    if let Some(bucket) = &expect.bucket {
        row.compared("bucket ids", 1);
        let expected = stage.bucket_id(step, bucket);
        if answer.bucket.as_deref() != Some(&*expected) {
            let got = &answer.bucket;
            found.push(format!("bucket id {expected} expected, got {got:?}"));
        }
    }
    found
}

fn fields_differ(
    who: &str,
    expected: &BTreeMap<String, Option<String>>,
    got: &HeaderMap,
) -> Vec<String> {
    let differ = expected.iter().filter_map(|(name, expected)| {
        let values: Vec<String> = got
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let all = (!values.is_empty()).then(|| values.join(", "));
        // A field that is empty says as little as none.
        let all = all.filter(|all| !all.is_empty());
        (all != *expected).then(|| format!("{who} gets `{name}: {all:?}`, not {expected:?}"))
    });
    differ.collect()
}

fn problem_differs(expected: &BTreeMap<String, Value>, body: &[u8]) -> Vec<String> {
    if expected.is_empty() {
        return Vec::new();
    }
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let differ = expected
        .iter()
        .filter(|(name, value)| problem[name] != **value);
    differ
        .map(|(name, value)| format!("problem with `{name}: {}`, not {value}", problem[name]))
        .collect()
}

/// What is left, by the `RateLimit` field.
fn left_differs(abilities: &Abilities, step: &Step, answer: &Answer, row: &mut Row) -> Vec<String> {
    if abilities.no_fields.is_some() || abilities.no_counting.is_some() {
        return Vec::new();
    }
    let field = answer.fields.get("ratelimit");
    let field = field
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let left = |name: &str| -> Option<u64> {
        let mut items = field.split(',').map(str::trim);
        let item = items.find(|item| item.starts_with(&format!("\"{name}\";")))?;
        let mut parameters = item.split(';');
        let r = parameters.find_map(|parameter| parameter.strip_prefix("r="))?;
        r.parse().ok()
    };
    row.compared("fields", step.expect.left.len());
    let expected = step.expect.left.iter();
    let differ = expected.filter(|(name, expected)| left(name) != Some(**expected));
    differ
        .map(|(name, expected)| format!("{expected} of {name} left expected, `RateLimit: {field}`"))
        .collect()
}
