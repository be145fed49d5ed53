//! Nothing passes uncounted: whatever the function lets through, a rate-based rule has seen.
//!
//! The function and the web ACL read the same request with other eyes, in `before` one after the
//! other; a request that neither refuses nor counts would have no limit at all.

use serde_json::Value;
use tollgate_aws::rules::{Rules, RulesError, web_acl};
use tollgate_aws::waf::read;
use tollgate_aws::waf::simulate::{Settings, Simulator, WafRequest};

use crate::compare::outcome;
use crate::outcome::Outcome;
use crate::policies;
use crate::random::Random;
use crate::request::Request;
use crate::requests;
use crate::setup::Setup;

const SEED: u64 = 77_000;
const REQUESTS: usize = 150;
/// Configurations whose rules have room in a web ACL; the others are refused when compiled.
const CONFIGURATIONS_MIN: usize = 60;

#[test]
fn whatever_the_function_lets_through_a_rule_has_counted() {
    let setups = policies::of_files().into_iter();
    let setups = setups.chain(policies::variations());
    let (mut configurations, mut passed) = (0, 0);
    let mut uncounted = Vec::new();
    for (setup, seed) in setups.zip(SEED..) {
        let rules = match Rules::of(&setup.policy, &setup.target, true) {
            Ok(rules) => rules,
            Err(RulesError::TooMany { .. }) => continue,
            Err(error) => panic!("{}: {error}", setup.name),
        };
        configurations += 1;
        let acl = web_acl(&rules, &setup.policy, &setup.target);
        let sets = read("web-acl.json", &acl.to_string()).unwrap();
        let mut simulator = Simulator::new(&sets[0], Settings::default()).unwrap();
        let mut function = setup.embedded();
        for index in 0..REQUESTS {
            let request = requests::request(&setup, &mut Random::new((seed << 20) + index as u64));
            let returned = function.call(&request.event());
            let returned = returned.map_err(|error| error.to_string());
            match outcome(&setup, &request, &returned) {
                Outcome::Passed { .. } => {}
                // Where the policy sets no budget, ids are free.
                Outcome::Minted(_) if mints_for_free(&setup) => continue,
                Outcome::Minted(_) => {}
                _ => continue,
            }
            passed += 1;
            let seen = seen_by_waf(&setup, &request, &returned.unwrap());
            // An hour apart, so that nobody is blocked.
            let now_ms = 3_600_000 * index as u64;
            if !is_counted(&setup, &rules, &mut simulator, &seen, now_ms) {
                uncounted.push(format!("{}, request {index}: {seen:?}", setup.name));
            }
        }
    }
    println!("{passed} of {configurations} configurations' requests passed");
    assert!(configurations >= CONFIGURATIONS_MIN, "{configurations}");
    assert!(
        uncounted.is_empty(),
        "\n{}",
        uncounted[..uncounted.len().min(5)].join("\n")
    );
}

/// A request where WAF stands: as the client sent it, or as the function left it.
fn seen_by_waf(setup: &Setup, request: &Request, returned: &Value) -> Request {
    let mut seen = request.clone();
    if setup.is_before() {
        return seen;
    }
    let added = returned["headers"].as_object().unwrap();
    for name in [setup.id_header(), tollgate_aws::function::CLIENT_HEADER] {
        seen.remove(name);
        if let Some(field) = added.get(name) {
            seen.add(name, field["value"].as_str().unwrap());
        }
    }
    seen.add(
        tollgate_aws::rules::LOCK_HEADER,
        tollgate_aws::rules::LOCK_PLACEHOLDER,
    );
    seen
}

fn is_counted(
    setup: &Setup,
    rules: &Rules,
    simulator: &mut Simulator,
    request: &Request,
    now_ms: u64,
) -> bool {
    let values: Vec<String> = request
        .headers
        .iter()
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect();
    let names = request.headers.iter().map(|(name, _)| name.as_str());
    let headers: Vec<(&str, &str)> = names.zip(values.iter().map(String::as_str)).collect();
    let id = headers.iter().find(|(name, _)| *name == setup.id_header());
    let class = id
        .and_then(|(_, id)| id.split('.').next())
        .unwrap_or_default();
    // What the report says that nothing counts.
    if rules
        .never_blocked
        .iter()
        .chain(&rules.unwatched)
        .any(|known| known == class)
    {
        return true;
    }
    let waf_request = WafRequest {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &headers,
        client_ip: request.ip,
    };
    let mut count = 0;
    simulator.decide_watched(&waf_request, now_ms, &mut |_, _| count += 1);
    count > 0
}

fn mints_for_free(setup: &Setup) -> bool {
    let before = setup.policy.edge().unwrap().before.as_ref();
    before.unwrap().per_network.is_none()
}
