//! Keys: whose they are, that they work as they are, and that nothing shows them.

use tollgate_identity::{ApiKeyError, ApiKeyVerdict, ApiKeys, Unbounded};

use super::*;

const GOLD: &str = "GoldKeyGoldKey0123456789abcdefghijABCDEF";
const FREE: &str = "FreeKeyFreeKey0123456789abcdefghijABCDEF";

fn everything() -> Imported {
    imported(&[
        input("plans.json", PLANS),
        keys_of("c7y23b", GOLD_KEYS),
        keys_of("glvrsr", FREE_KEYS),
        input("keys.json", KEYS),
    ])
}

/// Subject and plan of a presented key.
fn caller(keys: &ApiKeys, key: &str) -> Result<(String, String), ApiKeyError> {
    match keys.verify_within(key.as_bytes(), 1_800_000_000, &Unbounded) {
        ApiKeyVerdict::Valid(user) => Ok((
            user.subject.to_string(),
            user.plan.as_deref().unwrap_or("-").to_owned(),
        )),
        ApiKeyVerdict::Invalid(error) => Err(error),
        ApiKeyVerdict::OverBudget => panic!("there is no budget"),
    }
}

#[test]
fn a_caller_changes_nothing_and_a_disabled_key_is_refused() {
    let imported = everything();
    let keys = ApiKeys::parse(keys_text(&imported), &[1; 16]).unwrap();
    assert_eq!(
        caller(&keys, GOLD),
        Ok(("k3yid00001".to_owned(), "Gold".to_owned()))
    );
    assert_eq!(caller(&keys, FREE), Err(ApiKeyError::Expired));
    assert_eq!((imported.key_count, imported.disabled_count), (2, 1));
    assert!(checked(&imported).plan_named("Gold").is_some());
}

#[test]
fn no_text_has_a_key_in_it() {
    let imported = everything();
    for key in [GOLD, FREE] {
        for text in [&imported.policy, &imported.report, keys_text(&imported)] {
            assert!(!text.contains(key), "{text}");
        }
        assert!(!format!("{imported:?}").contains(key));
    }
}

#[test]
fn usage_is_told_by_subject_and_never_by_a_value() {
    let usage = json!({
        "usagePlanId": "c7y23b", "startDate": "2026-01-01", "endDate": "2026-01-02",
        "items": {
            GOLD: [[10, 4990], [30, 4960]],
            "some-other-secret-value-00000": [[1, 2]],
        },
    });
    let imported = imported(&[
        input("plans.json", PLANS),
        keys_of("c7y23b", GOLD_KEYS),
        input("keys.json", KEYS),
        input("usage.json", &usage.to_string()),
    ]);
    let report = &imported.report;
    assert!(report.contains("| `k3yid00001` | 40 | 4960 |"), "{report}");
    assert!(report.contains("| not imported | 1 | 2 |"), "{report}");
    assert!(!report.contains(GOLD) && !report.contains("some-other-secret"));
    assert!(tells(&imported, Fidelity::Lost, "usage so far"));
}

#[test]
fn the_csv_file_says_key_plan_and_whether_it_is_enabled() {
    let csv = "Name,key,description,Enabled,usageplanIds\n\
               MyFirstApiKey,apikey1234abcdefghij0123456789,An imported key,TRUE,\"c7y23b,glvrsr\"\n\
               my first api key , other678901234567890abcdefghij,,false, glvrsr \n";
    let imported = imported(&[input("plans.json", PLANS), input("keys.csv", csv)]);
    let keys = ApiKeys::parse(keys_text(&imported), &[1; 16]).unwrap();
    // The first plan in the order of the files; the report says so.
    assert_eq!(
        caller(&keys, "apikey1234abcdefghij0123456789"),
        Ok(("MyFirstApiKey".to_owned(), "Gold".to_owned()))
    );
    assert_eq!(
        caller(&keys, "other678901234567890abcdefghij"),
        Err(ApiKeyError::Expired)
    );
    assert!(keys_text(&imported).contains(" my-first-api-key - Free 0\n"));
    assert!(tells(
        &imported,
        Fidelity::Changed,
        "keys in several plans: 1"
    ));
}

#[test]
fn what_keys_lack_is_told_and_lets_nobody_in() {
    let csv = "Name,Key,UsagePlanIds\n\
               lonely,lonely1234abcdefghij0123456789,\n\
               gone,gone671234abcdefghij0123456789,n0wh3r3\n\
               short,abc,c7y23b\n\
               weak,aaaaaaaaaaaaaaaaaaaaaaaa,c7y23b\n\
               weak again,aaaaaaaaaaaaaaaaaaaaaaaa,glvrsr\n";
    let nobody = r#"{"items": [{"id": "n0b0dy", "type": "API_KEY"}]}"#;
    let nameless = r#"{"items": [{"id": "n0va1ue", "name": "x", "enabled": true}]}"#;
    let imported = imported(&[
        input("plans.json", PLANS),
        input("keys.csv", csv),
        keys_of("c7y23b", nobody),
        keys_of(
            "c7y23b",
            r#"{"items": [{"id": "n0va1ue", "type": "API_KEY"}]}"#,
        ),
        input("keys.json", nameless),
    ]);
    for (fidelity, what) in [
        (Fidelity::Lost, "keys without a plan of these files: 2"),
        (Fidelity::Lost, "plans that keys name and no file has: 1"),
        (Fidelity::Lost, "keys of another shape: 1"),
        (Fidelity::Lost, "keys without their value: 1"),
        (Fidelity::Lost, "keys that a plan names and no file has: 1"),
        (Fidelity::Changed, "keys that may be guessed: 1"),
        (Fidelity::Changed, "keys that stood twice: 1"),
    ] {
        assert!(
            tells(&imported, fidelity, what),
            "{what}\n{}",
            imported.report
        );
    }
    assert_eq!(imported.key_count, 1);
}

#[test]
fn subjects_are_told_apart_whatever_the_names() {
    let mut csv = "Name,Key,UsagePlanIds\n".to_owned();
    for number in 0..50 {
        csv += &format!("same name,key{number:027},c7y23b\n");
    }
    csv += "-,abcdefghij0123456789ABCDEFG,c7y23b\n#,bbcdefghij0123456789ABCDEFG,c7y23b\n";
    let imported = imported(&[input("plans.json", PLANS), input("keys.csv", &csv)]);
    let subjects: std::collections::HashSet<String> =
        imported.keys.keys().map(|key| key.subject).collect();
    assert_eq!((subjects.len(), imported.key_count), (52, 52));
}

#[test]
fn ten_times_the_keys_are_ten_times_the_work() {
    let work = |count: usize| {
        let mut csv = "Name,Key,Enabled,UsagePlanIds\n".to_owned();
        for number in 0..count {
            csv += &format!("customer,{number:020}abcdefghijklmnopqrst,TRUE,c7y23b\n");
        }
        let inputs = [input("plans.json", PLANS), input("keys.csv", &csv)];
        let mut imported = 0;
        let info = allocation_counter::measure(|| {
            imported = super::imported(&inputs).key_count;
        });
        assert_eq!(imported, count);
        info
    };
    let (one, ten) = (work(1_000), work(10_000));
    // Tables that double grow in steps: a little above ten times is linear, a hundred would not be.
    assert!(ten.count_total < 11 * one.count_total, "{one:?} {ten:?}");
    assert!(ten.bytes_total < 14 * one.bytes_total, "{one:?} {ten:?}");
}
