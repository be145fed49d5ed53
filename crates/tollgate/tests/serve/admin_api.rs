//! The admin API of a gateway: what an operator does with it takes effect on requests.

use std::path::Path;
use std::process::Output;

use reqwest::blocking::Client;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_policy::Policy;
use tollgate_testkit::peers::free_address;

use crate::operated::{Operated, tollgate};

const PLANS: &str = "
routes: [GET /orders, GET /items]
plans:
  free: {limits: [{name: burst, rate: 1/1h, burst: 3}]}
  daily: {limits: [{name: daily, quota: 5/day, across: all_routes, on_exceed: block}]}
  pro: {limits: [{name: burst, rate: 1000000/s}]}
default_plan: free
";

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_customer_who_is_limited_is_found_explained_and_upgraded() {
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    let alice = running.token("alice");
    for _ in 0..3 {
        assert_eq!(operated.explain("alice", "/orders")["outcome"], "admitted");
        assert_eq!(running.get("/orders", &alice).status(), 200);
    }
    assert_eq!(running.get("/orders", &alice).status(), 429);
    let why = operated.explain("alice", "/orders");
    assert_eq!(
        (&why["outcome"], &why["plan_from"]),
        (&json!("limited"), &json!("default"))
    );
    assert_eq!(
        (&why["limits"][0]["limit"], &why["limits"][0]["left"]),
        (&json!("burst"), &json!(0))
    );
    assert!(why["free_in_ms"].as_u64().unwrap() > 3_000_000, "{why}");
    running.eventually("alice among who is limited", || {
        let callers = &operated.get("/v1/traffic")["callers"];
        callers[0]["subject"] == "alice" && callers[0]["limited"] == 1
    });

    operated.assign("alice", "pro");
    let now = operated.explain("alice", "/orders");
    assert_eq!(
        (&now["outcome"], &now["plan_from"]),
        (&json!("admitted"), &json!("subject"))
    );
    assert_eq!(running.get("/orders", &alice).status(), 200);
    let metrics = running.metrics();
    assert!(
        metrics.contains("tollgate_admin_writes_total{result=\"success\"} 1"),
        "{metrics}"
    );

    // The same for people.
    let api = operated.url("");
    let key_file = operated.folder.path().join("read");
    let config = running.gateway.folder().join("tollgate.yaml");
    let of_gateway = |args: &[&str]| {
        let mut command = tollgate(args);
        command.args(["--api", &api, "--key-file"]).arg(&key_file);
        command.output().unwrap()
    };
    let top = of_gateway(&["top", "--once"]);
    assert!(said(&top).contains("alice"), "{top:?}");
    let config = config.to_str().unwrap();
    let of_alice = ["--config", config, "--sub", "alice"];
    let subject = |command: &[&str], more: &[&str]| {
        let done = of_gateway(&[command, &of_alice, more].concat());
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        said(&done)
    };
    let shown = subject(&["subject", "show"], &[]);
    assert!(
        shown.starts_with("plan pro\n") && shown.contains("1000000/s"),
        "{shown}"
    );
    let args = [
        "explain", "--config", config, "--token", &alice, "GET", "/orders",
    ];
    let by_token = of_gateway(&args);
    assert_eq!(by_token.status.code(), Some(0), "{by_token:?}");
    assert!(
        said(&by_token).contains("plan     pro (assigned to the subject)"),
        "{by_token:?}"
    );
    // Without the gateway: from the policy and the store.
    let offline = tollgate(&[
        "explain", "--config", config, "--sub", "alice", "GET", "/orders",
    ]);
    let offline = { offline }.output().unwrap();
    assert!(
        said(&offline).contains("plan     pro (assigned to the subject)"),
        "{offline:?}"
    );
}

#[test]
fn what_is_given_back_of_a_quota_holds_in_every_instance() {
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    operated.assign("alice", "daily");
    let alone = operated.rest.replace(
        &operated.api.to_string(),
        &free_address().unwrap().to_string(),
    );
    let (_other, listen) = running.beside(&alone);
    let alice = running.token("alice");
    let at_other = || {
        let url = format!("http://{listen}/orders");
        let answer = running.client.get(url).bearer_auth(&alice).send();
        answer.map_or(0, |answer| answer.status().as_u16())
    };
    for _ in 0..5 {
        assert_eq!(running.get("/orders", &alice).status(), 200);
    }
    assert_eq!(running.get("/orders", &alice).status(), 429);
    let mut there = 0;
    running.eventually("the other instance hears of it", || {
        let status = at_other();
        there += u64::from(status == 200);
        status == 429
    });
    // What is not in the store yet would be counted after what is given back.
    running.eventually("all of it is in the store", || {
        let counts = operated.get(&operated.of_subject("alice", "/counts"));
        counts["counts"][0]["units"] == 5 + there
    });

    let given = tollgate(&["subject", "reset", "--sub", "alice", "--limit", "daily"])
        .args(["--issuer", running.issuer.url(), "--api", &operated.url("")])
        .env("TOLLGATE_ADMIN_KEY", operated.key("operate"))
        .output()
        .unwrap();
    assert!(said(&given).contains("5/day"), "{given:?}");
    let given = operated.get(&operated.of_subject("alice", "/buckets"));
    assert_eq!(
        (
            &given["buckets"][0]["left"],
            given["buckets"].as_array().unwrap().len()
        ),
        (&json!(5), 1)
    );
    assert_eq!(running.get("/orders", &alice).status(), 200);
    running.eventually("the other instance hears of that too", || at_other() == 200);
}

#[test]
fn quotas_are_shown_as_the_store_has_them_after_a_restart() {
    let mut operated = Operated::start(PLANS, "");
    operated.assign("alice", "daily");
    let alice = operated.running.token("alice");
    for _ in 0..2 {
        assert_eq!(operated.running.get("/orders", &alice).status(), 200);
    }
    operated.running.restart(Signal::TERM);
    operated.running.eventually("the plan", || {
        operated.explain("alice", "/orders")["plan"] == "daily"
    });
    assert_eq!(operated.explain("alice", "/orders")["limits"][0]["left"], 3);
    let buckets = operated.get(&operated.of_subject("alice", "/buckets"));
    assert_eq!(
        (
            &buckets["buckets"][0]["left"],
            buckets["buckets"].as_array().unwrap().len()
        ),
        (&json!(3), 1)
    );
}

#[test]
fn a_policy_is_put_in_force_and_back_again() {
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    let file = running.gateway.folder().join("tollgate.yaml");
    let first = operated.get("/v1/policy");
    let text = first["text"].as_str().unwrap();
    assert_eq!(text, std::fs::read_to_string(&file).unwrap());
    let put = |text: &str, version: &Value| {
        let body = json!({ "text": text, "note": "test" });
        let request = running.client.put(operated.url("/v1/policy")).json(&body);
        let tag = format!("\"{}\"", version.as_str().unwrap());
        operated.asks("admin", request.header("if-match", tag))
    };
    let wider = text.replace("burst: 3", "burst: 4");
    let bad = put(&text.replace("burst: 3", "burst: none"), &first["version"]);
    assert_eq!(bad.status(), 422);
    assert_eq!(text, std::fs::read_to_string(&file).unwrap());
    let second = put(&wider, &first["version"]);
    assert_eq!(second.status(), 200, "{:?}", second.text());
    assert_eq!(
        put(text, &first["version"]).status(),
        412,
        "another one is in force"
    );
    assert_eq!(wider, std::fs::read_to_string(&file).unwrap());
    let alice = running.token("alice");
    for _ in 0..4 {
        assert_eq!(running.get("/orders", &alice).status(), 200);
    }
    let back = operated.post(
        "/v1/policy/rollback",
        &json!({ "version": first["version"] }),
    );
    assert_eq!(back.status(), 200);
    assert_eq!(text, std::fs::read_to_string(&file).unwrap());
    let versions = operated.get("/v1/policy/versions");
    assert_eq!(versions["versions"].as_array().unwrap().len(), 3);
    assert_eq!(versions["versions"][0]["by"], "admin");
}

#[test]
fn a_policy_that_only_the_gateway_finds_wrong_changes_nothing_either() {
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    let file = running.gateway.folder().join("tollgate.yaml");
    let before = operated.get("/v1/policy");
    let text = before["text"].as_str().unwrap();
    let elsewhere = text
        .replace(running.origin.url(), "http://127.0.0.1:1")
        .replace("identity:\n", "identity:\n  bucket_keys: environment\n");
    assert_ne!(text, elsewhere);
    let put = |text: &str, tag: &str| {
        let body = json!({ "text": text });
        let request = running.client.put(operated.url("/v1/policy")).json(&body);
        operated.asks("admin", request.header("if-match", tag))
    };
    let refused = put(&elsewhere, "*");
    assert_eq!(refused.status(), 422);
    assert_eq!(text, std::fs::read_to_string(&file).unwrap());
    let alice = running.token("alice");
    assert_eq!(
        running.get("/orders", &alice).status(),
        200,
        "the origin is the same"
    );
    assert!(running.metrics().contains("tollgate_policy_stale 0"));

    // What somebody has broken by hand is not overwritten without a word.
    std::fs::write(&file, "broken").unwrap();
    running.eventually("it is seen", || {
        running.metrics().contains("tollgate_policy_stale 1")
    });
    let tag = format!("\"{}\"", before["version"].as_str().unwrap());
    let wider = text.replace("burst: 3", "burst: 4");
    assert_eq!(put(&wider, &tag).status(), 409);
    assert_eq!("broken", std::fs::read_to_string(&file).unwrap());
    assert_eq!(put(&wider, "*").status(), 200);
    assert_eq!(wider, std::fs::read_to_string(&file).unwrap());
    running.eventually("it is well", || {
        running.metrics().contains("tollgate_policy_stale 0")
    });
}

#[test]
fn a_grant_that_is_sent_again_is_given_once() {
    let operated = Operated::start(PLANS, "");
    let running = &operated.running;
    operated.assign("alice", "daily");
    let alice = running.token("alice");
    for _ in 0..5 {
        assert_eq!(running.get("/orders", &alice).status(), 200);
    }
    running.eventually("it is in the store", || {
        let counts = operated.get(&operated.of_subject("alice", "/counts"));
        counts["counts"][0]["units"] == 5
    });
    let grant = json!({ "act": { "grant": { "units": 2 } }, "limit": "daily" });
    let path = operated.of_subject("alice", "/buckets/changes");
    for _ in 0..2 {
        let request = running.client.post(operated.url(&path)).json(&grant);
        let answer = operated.asks("operate", request.header("idempotency-key", "one"));
        assert_eq!(answer.status(), 200);
        let given: Value = answer.json().unwrap();
        assert_eq!(given["buckets"][0]["left"], 2);
    }
    let status = || running.get("/orders", &alice).status().as_u16();
    assert_eq!([status(), status(), status()], [200, 200, 429]);
}

#[test]
fn a_key_that_is_revoked_ends_at_once_and_a_low_role_changes_nothing() {
    let operated = Operated::start(PLANS, "");
    let client = &operated.running.client;
    let plans = || {
        operated
            .asks("read", client.get(operated.url("/v1/plans")))
            .status()
    };
    assert_eq!(plans(), 200);
    let reset = json!({ "act": { "reset": {} } });
    let path = operated.of_subject("alice", "/buckets/changes");
    let request = client.post(operated.url(&path)).json(&reset);
    assert_eq!(operated.asks("read", request).status(), 403);
    let gone = tollgate(&["admin-keys", "revoke", "--name", "read"])
        .arg(operated.folder.path().join("keys"))
        .output()
        .unwrap();
    assert!(gone.status.success(), "{gone:?}");
    operated
        .running
        .eventually("the key's end", || plans() == 401);
    assert!(
        !operated
            .running
            .gateway
            .output()
            .contains(&operated.key("read"))
    );
}

#[test]
fn the_admin_api_speaks_tls() {
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = made.cert.pem();
    std::fs::write(folder.path().join("cert.pem"), &pem).unwrap();
    std::fs::write(
        folder.path().join("key.pem"),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    let tls = format!(
        ", tls: {{cert: {0}/cert.pem, key: {0}/key.pem}}",
        folder.path().display()
    );
    let operated = Operated::start(PLANS, &tls);
    let trusted = reqwest::Certificate::from_pem(pem.as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([trusted]).build().unwrap();
    let url = format!("https://{}/v1/plans", operated.api);
    let answer = operated.asks("read", client.get(&url));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
}

#[test]
fn case_120_the_admin_api_is_on_loopback_unless_it_has_tls_and_nobody_gets_in_without_a_key() {
    let operated = Operated::start(PLANS, "");
    let client = &operated.running.client;
    for path in ["/v1/plans", "/v1/policy", "/v1/openapi.json", "/v1/nothing"] {
        for key in ["", "tga_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let request = client.get(operated.url(path)).bearer_auth(key);
            assert_eq!(request.send().unwrap().status().as_u16() / 100, 4, "{path}");
        }
    }
    let wide = "admin_api: {keys: keys, listen: 0.0.0.0:9902}\n";
    let refused = crate::support::refused(&format!("{PLANS}{wide}"));
    assert!(
        refused.contains("would cross a network in the clear"),
        "{refused}"
    );
    let alone = format!(
        "tollgate: 1\norigin: http://127.0.0.1:9000\nidentity: {{anonymous: {{plan: free}}}}\n\
         {PLANS}admin_api: {{keys: keys}}\n"
    );
    let policy = Policy::parse("policy", &alone, Path::new("")).unwrap();
    let address = policy.admin_api().unwrap().listener.address;
    assert!(address.ip().is_loopback(), "{address}");
}
