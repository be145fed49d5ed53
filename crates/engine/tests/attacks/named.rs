//! The cases 1 to 60 are tests named after their numbers: which, and where.

use std::path::{Path, PathBuf};

/// The cases of identity, its keys, and networks.
pub(crate) const CASES: std::ops::RangeInclusive<u16> = 1..=60;

/// Cases without a test here, and why.
pub(crate) const ELSEWHERE: [(u16, &str); 1] = [(
    54,
    "of the gateway itself: it takes no target from a field, see 53",
)];

/// A test named after a case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) case: u16,
    /// Its file, from the root.
    pub(crate) file: String,
    /// The rest of its name as a sentence.
    pub(crate) sentence: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every named test of the cases, in their order.
pub(crate) fn tests() -> Vec<Named> {
    let mut found = Vec::new();
    let root = root();
    visit(&root.join("crates"), &mut |path, text| {
        let file = path.strip_prefix(&root).unwrap().to_string_lossy();
        for line in text.lines() {
            let name = line.trim_start().trim_start_matches("async ");
            let Some(name) = name.strip_prefix("fn case_") else {
                continue;
            };
            let (numbers, sentence) = read(name.split('(').next().unwrap());
            found.extend(numbers.into_iter().map(|case| Named {
                case,
                file: file.to_string(),
                sentence: sentence.clone(),
            }));
        }
    });
    found.retain(|named| CASES.contains(&named.case));
    found.sort();
    found.dedup();
    found
}

fn visit(folder: &Path, found: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// `051_and_045_claims_are_stripped`: the cases 51 and 45, and "claims are stripped".
fn read(name: &str) -> (Vec<u16>, String) {
    let mut numbers = Vec::new();
    let mut words: Vec<_> = name.split('_').collect();
    let number = |word: &str| (word.len() == 3).then(|| word.parse().ok()).flatten();
    while let Some(case) = words.first().and_then(|word| number(word)) {
        numbers.push(case);
        words.remove(0);
        if words.len() > 1 && words[0] == "and" && number(words[1]).is_some() {
            words.remove(0);
        }
    }
    (numbers, words.join(" "))
}

#[test]
fn every_case_from_1_to_60_is_a_named_test_or_says_where_it_is() {
    let named = tests();
    let is_named = |case| named.iter().any(|named| named.case == case);
    let missing: Vec<u16> = CASES
        .filter(|case| !is_named(*case))
        .filter(|case| ELSEWHERE.iter().all(|(elsewhere, _)| elsewhere != case))
        .collect();
    assert_eq!(missing, [0; 0]);
}

#[test]
fn names_of_tests_are_read_as_numbers_and_a_sentence() {
    let (numbers, sentence) = read("051_and_045_claims_are_stripped");
    assert_eq!(
        (numbers, sentence.as_str()),
        (vec![51, 45], "claims are stripped")
    );
    let (numbers, sentence) = read("067_068_200_is_no_case_of_ours");
    assert_eq!(numbers, [67, 68, 200]);
    assert_eq!(sentence, "is no case of ours");
}
