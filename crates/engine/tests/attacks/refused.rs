//! Every row of the corpus as a request: its status, its reason, and no count that moves.

use http::StatusCode;

use crate::corpus::{self, Attack, Refused, Table};
use crate::gateway::{Answer, Gateway, Own, Request};

/// A row as it came out.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) answer: Answer,
}

/// What a row says of itself; the engine must come to the same.
fn expected(attack: &Attack) -> Answer {
    let (status, reason) = match attack.refused {
        Refused::Framing => (StatusCode::BAD_REQUEST, None),
        Refused::Field(error) => {
            let status = if error.is_bad_request() {
                StatusCode::BAD_REQUEST
            } else {
                StatusCode::UNAUTHORIZED
            };
            (status, Some((error.code(), error.description())))
        }
        Refused::Token(error) => (
            StatusCode::UNAUTHORIZED,
            Some((error.code(), error.description())),
        ),
    };
    Answer { status, reason }
}

/// Sends an attack twice, so that the second finds whatever is remembered.
fn send(gateway: &Gateway, attack: &Attack) -> Answer {
    let Some(request) = Request::authorized(&attack.fields) else {
        // The HTTP parser ends it; the proxy's tests send the bytes and read the 400.
        assert_eq!(attack.refused, Refused::Framing, "{}", attack.what);
        return expected(attack);
    };
    let [new, seen] = [(); 2].map(|()| gateway.ask(&request));
    assert_eq!(new, seen, "{}", attack.what);
    new
}

/// Runs a table between two requests of the victim, each of which counts.
pub(crate) fn run(table: &Table) -> Vec<Row> {
    let gateway = Gateway::closed(&table.world);
    let victim = Request::bearer(&table.world.victim);
    let own = || gateway.own(&victim);
    let full = own();
    assert_eq!(gateway.ask(&victim).status, StatusCode::OK);
    let before = own();
    assert_eq!(before.remaining, full.remaining - 1, "requests count");
    let in_use = gateway.in_use();
    let rows = table.attacks.iter().map(|attack| {
        let answer = send(&gateway, attack);
        assert_eq!(answer, expected(attack), "{}: {}", table.case, attack.what);
        assert_eq!(own(), before, "{}: {}", table.case, attack.what);
        Row {
            what: attack.what.clone(),
            answer,
        }
    });
    let rows = rows.collect();
    assert!(gateway.in_use() <= in_use, "no user's bucket is made");
    assert_eq!(gateway.ask(&victim).status, StatusCode::OK);
    let after = Own {
        remaining: before.remaining - 1,
        ..before
    };
    assert_eq!(own(), after, "requests still count");
    rows
}

#[test]
fn every_attack_gets_its_status_and_touches_no_bucket() {
    let rows: usize = corpus::tables().iter().map(|table| run(table).len()).sum();
    assert!(rows >= 250, "{rows} rows are left of the corpus");
}

#[test]
fn no_case_has_two_attacks_of_one_name() {
    let mut names: Vec<_> = corpus::tables()
        .iter()
        .flat_map(|table| {
            let name = |attack: &Attack| (table.case, attack.what.clone());
            table.attacks.iter().map(name).collect::<Vec<_>>()
        })
        .collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}
