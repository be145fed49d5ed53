//! `docs/attacks.md` says what the tests do.
//!
//! After a change of an attack or of a case's test:
//! `TOLLGATE_UPDATE=1 cargo test -p tollgate-engine --test attacks`.

use std::fmt::Write as _;

use crate::corpus::{self, Table};
use crate::{grief, named, refused};

const HEAD: &str = "# Attacks on identity

What is tried to pass for somebody else, and what becomes of it. Every row is run: as a token, new and
remembered, by `crates/identity/tests/attacks.rs`, and as a request by
`crates/engine/tests/attacks`, which also writes this page. None of them moves a count of anybody or
makes a user a bucket; what they spend is what their own network may fail.

- *status* is what the engine answers. Bytes that no header field can hold (reason —) never
  reach it: HTTP/1.1 answers 400 (or, for a whole CRLF, ends the field there), HTTP/2 resets the stream.
  A head beyond `sizes` is 431 before anything reads a token in it.
- *reason* is the stable code in metrics; the sentence behind it is the `error_description` of
  the answer, or the detail of the problem document. Neither echoes a byte of the token.
- Issuers, keys and tokens are made anew in each run. Unless a row says otherwise the rest of the
  token is as it should be: signed by the issuer, in time, for us.
- Case 0 is what any verifier refuses; the other numbers are those of the list of cases that the
  tests are named after.
";

const GRIEF: &str = "
## Cases 58 and 59: spending what is a victim's

The victim is `alice`, at 203.0.113.9. The attacker knows name, address and bucket id, has a valid
token of its own where the row says so, and sends each request five times. The count of the victim
and that of its network stay as they are, in every row.

| case | by | attack | status | charged |
|---|---|---|---|---|
";

const NAMED: &str = "
## Cases 1 to 60 as tests

Each case is a test named after its number, for what is no single request too.

| case | test | file |
|---|---|---|
";

/// A cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn write_corpus(page: &mut String) -> usize {
    let mut count = 0;
    let mut heading = None;
    for table in corpus::tables() {
        let Table {
            case,
            title,
            source,
            ..
        } = &table;
        if heading != Some(*case) {
            heading = Some(*case);
            writeln!(
                page,
                "\n## Case {case}: {title}\n\nSource: {source}.\n\n\
                 | case | attack | status | reason | what it means |\n|---|---|---|---|---|"
            )
            .unwrap();
        }
        for row in refused::run(&table) {
            count += 1;
            let status = row.answer.status.as_u16();
            let (code, meaning) = match row.answer.reason {
                Some((code, meaning)) => (format!("`{code}`"), meaning),
                None => ("—".to_owned(), "no header field holds these bytes"),
            };
            let what = cell(&row.what);
            writeln!(page, "| {case} | {what} | {status} | {code} | {meaning} |").unwrap();
        }
    }
    count
}

fn write_grief(page: &mut String) -> usize {
    page.push_str(GRIEF);
    let rows = grief::rows();
    for row in &rows {
        let case = if row.group.contains("bucket id") {
            59
        } else {
            58
        };
        let (group, what) = (row.group, cell(row.what));
        let (status, charged) = (row.status, row.charged.as_str());
        writeln!(page, "| {case} | {group} | {what} | {status} | {charged} |").unwrap();
    }
    rows.len()
}

fn write_named(page: &mut String) {
    page.push_str(NAMED);
    let tests = named::tests();
    for case in named::CASES {
        for test in tests.iter().filter(|test| test.case == case) {
            let named::Named { sentence, file, .. } = test;
            writeln!(page, "| {case} | {sentence} | `{file}` |").unwrap();
        }
        let elsewhere = named::ELSEWHERE
            .iter()
            .filter(|(number, _)| *number == case);
        for (case, why) in elsewhere {
            writeln!(page, "| {case} | {why} | — |").unwrap();
        }
    }
}

#[test]
fn the_page_of_attacks_is_up_to_date() {
    let mut body = String::new();
    let corpus = write_corpus(&mut body);
    let grief = write_grief(&mut body);
    write_named(&mut body);
    let page = format!(
        "{HEAD}\n{corpus} attacks on a credential, {grief} ways to be taken for a victim.\n{body}"
    );
    let path = named::root().join("docs/attacks.md");
    if std::env::var_os("TOLLGATE_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/attacks.md is not what the tests do; run \
         `TOLLGATE_UPDATE=1 cargo test -p tollgate-engine --test attacks`"
    );
}
