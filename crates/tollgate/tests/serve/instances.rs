//! Two gateways on one store: a change by the command line is in force in both within a second.

use serde_json::Value;
use tollgate_testkit::peers::Postgres;

use crate::operated::tollgate;
use crate::support::{Running, were_in_force_in_time, without_load};

const PLANS: &str = "
routes: [GET /headers]
plans:
  free: {limits: [{name: burst, rate: 1000/s}]}
  pro: {limits: [{name: burst, rate: 1000000/s}]}
default_plan: free
";
/// Changes, from the one plan to the other and back.
const CHANGES: usize = 5;

/// Which plan the origin is told of a request to this gateway.
fn plan(running: &Running, url: &str, token: &str) -> String {
    let answer = running.client.get(url).bearer_auth(token).send().unwrap();
    assert_eq!(answer.status(), 200);
    let told: Value = answer.json().unwrap();
    let plan = told["headers"]["x-tollgate-plan"][0].as_str();
    plan.unwrap().to_owned()
}

fn assign(running: &Running, plan: &str) {
    let mut command = tollgate(&["plan", "assign", plan, "--subject", "alice", "--config"]);
    let given = command.arg(running.config()).output().unwrap();
    assert!(given.status.success(), "{given:?}");
}

fn hold_in_both(store: &str) {
    let rest = format!("{PLANS}store: {{url: '{store}', flush: 100ms}}\n");
    let running = Running::start(&rest);
    let (_other, listen) = running.beside(&rest);
    let alice = running.token("alice");
    let urls = [running.url("/headers"), format!("http://{listen}/headers")];
    for url in &urls {
        assert_eq!(plan(&running, url, &alice), "free");
    }
    let changes = (0..CHANGES).map(|change| {
        let given = ["pro", "free"][change % 2];
        assign(&running, given);
        running.time_until("the plan in both", || {
            urls.iter().all(|url| plan(&running, url, &alice) == given)
        })
    });
    were_in_force_in_time("in both instances", changes.collect());
}

#[test]
fn a_change_is_in_force_in_every_instance_on_sqlite_within_a_second() {
    let _machine = without_load();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.db");
    hold_in_both(&format!("sqlite:{}", file.display()));
}

#[test]
fn a_change_is_in_force_in_every_instance_on_postgresql_within_a_second() {
    let _machine = without_load();
    let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
    hold_in_both(&server.make_database("instances").unwrap());
}
