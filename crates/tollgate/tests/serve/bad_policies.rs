//! Bad policies, pushed by file and by the admin API: each is refused with its line, and the last good one stays.

use reqwest::blocking::Response;
use serde_json::{Value, json};

use crate::operated::Operated;
use crate::support::Running;

const PLANS: &str = "
routes: [GET /orders]
plans:
  standard: {limits: [{name: burst, rate: 1/1h, burst: 3}]}
  wide: {limits: [{name: burst, rate: 1000/s, burst: 1000}]}
default_plan: standard
";

/// A change of the good policy that makes it a bad one.
struct Bad {
    what: &'static str,
    from: &'static str,
    to: &'static str,
    /// What stands on the line that is to be named, if that is another than the one that was changed.
    on: &'static str,
    says: &'static str,
}

const BAD: [Bad; 4] = [
    Bad {
        what: "nothing at once",
        from: "burst: 3",
        to: "burst: 0",
        on: "burst: 0",
        says: "no request could ever pass",
    },
    Bad {
        what: "a field that there is not",
        from: "burst: 3",
        to: "bursts: 3",
        on: "bursts: 3",
        says: "unknown key `bursts`",
    },
    Bad {
        what: "a section that there is not",
        from: "default_plan: standard",
        to: "default_plan: standard\ndefault_plans: wide",
        on: "default_plans",
        says: "unknown key `default_plans`",
    },
    Bad {
        what: "ten times ten times ten, six times over",
        from: "default_plan: standard\n",
        to: "default_plan: standard
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
",
        on: "e: &e",
        says: "too large or too deep once its aliases are followed",
    },
];

// === impl Bad ===

impl Bad {
    fn of(&self, good: &str) -> String {
        let bad = good.replacen(self.from, self.to, 1);
        assert_ne!(bad, good, "{}", self.what);
        bad
    }

    /// From 1.
    fn line(&self, bad: &str) -> usize {
        let before = bad.lines().position(|line| line.contains(self.on));
        1 + before.unwrap()
    }
}

/// Holds that the good policy is in force: a caller who was never there has three requests.
fn good_is_in_force(running: &Running, caller: &str) {
    let token = running.token(caller);
    let statuses = [(); 4].map(|()| running.get("/orders", &token).status().as_u16());
    assert_eq!(statuses, [200, 200, 200, 429], "{caller}");
}

fn put(operated: &Operated, text: &str) -> Response {
    let request = operated.running.client.put(operated.url("/v1/policy"));
    let request = request
        .header("if-match", "*")
        .json(&json!({ "text": text }));
    operated.asks("admin", request)
}

#[test]
fn case_119_a_bad_file_is_refused_with_its_line_and_the_last_good_policy_stays() {
    let mut running = Running::start(PLANS);
    let good = std::fs::read_to_string(running.config()).unwrap();
    for bad in &BAD {
        let said_before = running.gateway.output().len();
        let text = bad.of(&good);
        running.replace(&text);
        running.eventually("the failure is counted", || {
            running.metrics().contains("tollgate_policy_stale 1\n")
        });
        good_is_in_force(&running, bad.what);
        let output = running.gateway.output().split_off(said_before);
        let place = format!("tollgate.yaml:{}:", bad.line(&text));
        for words in ["the last good one stays in force", bad.says, &place] {
            assert!(output.contains(words), "{}: {words}: {output}", bad.what);
        }
        running.replace(&good);
        running.eventually("the good file is taken again", || {
            running.metrics().contains("tollgate_policy_stale 0\n")
        });
    }
    running.rewrite(&PLANS.replace("burst: 3", "burst: 1"));
    running.eventually("another good file is taken", || {
        let token = running.token("bob");
        let shown = running.get("/rate_limit", &token).text().unwrap();
        shown.contains("\"burst\":1,")
    });
}

#[test]
fn case_119_a_bad_policy_by_the_admin_api_is_refused_with_its_line_and_changes_nothing() {
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    let good = std::fs::read_to_string(running.config()).unwrap();
    let before = operated.get("/v1/policy");
    for bad in &BAD {
        let text = bad.of(&good);
        let refused = put(&operated, &text);
        assert_eq!(refused.status(), 422, "{}", bad.what);
        let said = refused.text().unwrap();
        let place = format!("policy:{}:", bad.line(&text));
        for words in [bad.says, &place] {
            assert!(said.contains(words), "{}: {words}: {said}", bad.what);
        }
        assert_eq!(std::fs::read_to_string(running.config()).unwrap(), good);
        assert_eq!(operated.get("/v1/policy"), before, "{}", bad.what);
        good_is_in_force(running, bad.what);
    }
    assert!(running.metrics().contains("tollgate_policy_stale 0\n"));
}

#[test]
fn case_119_ten_instead_of_a_thousand_is_seen_before_it_is_put_in_force() {
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    let good = std::fs::read_to_string(running.config()).unwrap();
    let before = operated.get("/v1/policy");
    let text = good.replace("rate: 1000/s, burst: 1000", "rate: 10/s, burst: 1000");
    assert_ne!(text, good);
    let seen = operated.post("/v1/policy/diff", &json!({ "text": text }));
    assert_eq!(seen.status(), 200);
    let seen: Value = seen.json().unwrap();
    let expected = json!({
        "what": "limit", "plan": "wide", "name": "burst",
        "before": "1000/s burst 1000 per user, enforce, cost 1, on change keep",
        "after": "10/s burst 1000 per user, enforce, cost 1, on change keep",
    });
    assert_eq!(seen["differences"], json!([expected]), "and nothing else");
    // Looking puts nothing in force.
    assert_eq!(std::fs::read_to_string(running.config()).unwrap(), good);
    assert_eq!(operated.get("/v1/policy"), before);
    good_is_in_force(running, "bob");
}
