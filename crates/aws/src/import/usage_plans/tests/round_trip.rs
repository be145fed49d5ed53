//! Usage plan to policy and back: nothing of rate, burst, quota and method is another afterwards.

use super::*;

/// A plan as an import leaves it: without offsets, under the policy's name, on one stage.
fn plain(plan: &UsagePlan, id: &str) -> UsagePlan {
    let mut methods: Vec<MethodThrottle> = plan
        .stages
        .iter()
        .flat_map(|stage| stage.methods.clone())
        .collect();
    methods.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    UsagePlan {
        id: id.to_owned(),
        name: id.to_owned(),
        quota: plan.quota.map(|quota| Quota { offset: 0, ..quota }),
        stages: vec![PlanStage {
            api: "tollgate".to_owned(),
            stage: "tollgate".to_owned(),
            methods,
        }],
        ..plan.clone()
    }
}

fn comes_back(text: &str) -> Vec<UsagePlan> {
    let imported = imported(&[input("plans.json", text)]);
    let policy = checked(&imported);
    let back: Vec<UsagePlan> = usage_plans_of(&policy)
        .iter()
        .map(|plan| plain(plan, &plan.id))
        .collect();
    let expected: Vec<UsagePlan> = imported
        .plans
        .iter()
        .zip(&back)
        .map(|(plan, back)| plain(plan, &back.id))
        .collect();
    assert_eq!(back, expected, "{}", imported.policy);
    back
}

#[test]
fn the_plans_of_the_command_line_come_back() {
    let plans = comes_back(PLANS);
    assert_eq!(plans.len(), 3);
    assert_eq!(plans[0].stages[0].methods.len(), 3);
    assert!(plans[2].throttle.is_none() && plans[2].quota.is_none());
}

#[test]
fn no_fraction_of_a_rate_is_lost() {
    for rate in [
        "0.000001",
        "0.0001",
        "0.016666",
        "0.1",
        "0.5",
        "1",
        "2.5",
        "33.3333",
        "1000",
        "12345.678",
        "10000000",
    ] {
        let text = json!({"items": [{
            "id": "p", "name": "p",
            "throttle": {"rateLimit": rate.parse::<f64>().unwrap(), "burstLimit": 3},
            "apiStages": [{"apiId": "a", "stage": "s", "throttle": {
                "/a/GET": {"rateLimit": rate.parse::<f64>().unwrap(), "burstLimit": 4},
            }}],
        }]});
        let plans = comes_back(&text.to_string());
        let throttle = plans[0].throttle.unwrap();
        assert_eq!(throttle.rate, RatePerSecond::parse(rate).unwrap(), "{rate}");
        assert_eq!(throttle.rate.to_string(), rate);
    }
}

#[test]
fn three_hundred_plans_of_twenty_methods_are_one_policy() {
    let plan = |number: usize| {
        let methods = (0..20).map(|method| {
            let throttle = json!({"rateLimit": 1 + number, "burstLimit": 1 + method});
            (format!("/v1/{method}/{{id{number}}}/GET"), throttle)
        });
        let methods: serde_json::Map<_, _> = methods.collect();
        json!({
            "id": format!("plan{number}"), "name": "one name for all",
            "throttle": {"rateLimit": 5, "burstLimit": 10},
            "apiStages": [{"apiId": "a", "stage": "s", "throttle": methods}],
        })
    };
    let plans: Vec<_> = (0..300).map(plan).collect();
    let imported = imported(&[input("plans.json", &json!({ "items": plans }).to_string())]);
    let policy = checked(&imported);
    assert_eq!(policy.plans().len(), 300);
    // 20 shapes, whatever the parameters are called, and the route `*`.
    assert_eq!(policy.routes().len(), 21);
}

#[test]
fn routes_of_an_openapi_document_are_not_written_twice() {
    let openapi = OpenApi {
        file: "openapi.yaml",
        routes: vec![("GET".to_owned(), "/pets/{petId}".to_owned())],
    };
    let options = Options {
        openapi: Some(&openapi),
        ..OPTIONS
    };
    let imported = import(&[input("plans.json", PLANS)], &options).unwrap();
    let list = imported.policy.split("plans:").next().unwrap();
    assert!(list.contains("  openapi: \"openapi.yaml\""), "{list}");
    assert!(
        list.contains("GET /v1/records") && list.contains("POST /"),
        "{list}"
    );
    assert!(!list.contains("/pets/"), "{list}");
}

#[test]
fn a_stage_has_its_own_plans_and_throttles() {
    let stage = StageName {
        api: "a1b2c3d4e5".to_owned(),
        stage: "test".to_owned(),
    };
    let options = Options {
        stage: Some(&stage),
        ..OPTIONS
    };
    let imported = import(&[input("plans.json", PLANS)], &options).unwrap();
    assert_eq!(imported.plans.len(), 1);
    assert_eq!(imported.plans[0].name, "Free");
    let nowhere = StageName {
        api: "other".to_owned(),
        ..stage
    };
    let options = Options {
        stage: Some(&nowhere),
        ..OPTIONS
    };
    let error = import(&[input("plans.json", PLANS)], &options).unwrap_err();
    assert!(error.to_string().contains("API_ID/STAGE"), "{error}");
}
