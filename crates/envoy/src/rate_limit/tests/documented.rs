//! The examples of envoyproxy/ratelimit's README ("Examples", 1 to 9) and of its
//! `examples/ratelimit/config/example.yaml`: their rules in short, and what is documented of them.
//!
//! Read from the repository `envoyproxy/ratelimit`; the files are written anew. One difference is
//! ours: of a question that is refused nothing is counted, and there everything is.

use crate::testing::Bench;

const RULES: &str = "identity: {anonymous: {plan: a}}
plans: {a: {}}
grpc:
  domains:
    mongo_cps:
      descriptors:
        - {key: database, value: users, rate_limit: {unit: second, requests_per_unit: 5}}
        - {key: database, value: default, rate_limit: {unit: second, requests_per_unit: 6}}
    messaging:
      descriptors:
        - key: message_type
          value: marketing
          descriptors:
            - {key: to_number, rate_limit: {unit: day, requests_per_unit: 5}}
        - {key: to_number, rate_limit: {unit: day, requests_per_unit: 8}}
    edge_proxy_per_ip:
      descriptors:
        - {key: remote_address, rate_limit: {unit: second, requests_per_unit: 10}}
        - {key: remote_address, value: 50.0.0.5, rate_limit: {unit: second, requests_per_unit: 0}}
    example4:
      descriptors:
        - {key: key, value: value, rate_limit: {unit: second, requests_per_unit: 3}}
    example4nested:
      descriptors:
        - key: key
          value: value
          descriptors: [{key: subkey, rate_limit: {unit: second, requests_per_unit: 3}}]
    internal:
      descriptors:
        - {key: ldap, rate_limit: {unlimited: true}}
        - {key: azure, rate_limit: {unit: minute, requests_per_unit: 10}}
    example6:
      descriptors:
        - key: service
          descriptors:
            - {key: user, value: user-a, shadow_mode: true, rate_limit: {unit: second, requests_per_unit: 1}}
            - {key: user, value: user-b, rate_limit: {unit: second, requests_per_unit: 2}}
    example7:
      descriptors:
        - key: key_1
          value: value_1
          descriptors:
            - {key: user, value: u, rate_limit: {name: specific_limit, unit: second, requests_per_unit: 5}}
        - key: key_2
          value: value_2
          descriptors:
            - {key: user, value: u, rate_limit: {replaces: [{name: specific_limit}], unit: second, requests_per_unit: 10}}
    example8:
      descriptors:
        - {key: key1, detailed_metric: true, rate_limit: {unit: minute, requests_per_unit: 10}}
        - {key: key1, value: value1, rate_limit: {unit: minute, requests_per_unit: 20}}
    example9:
      descriptors:
        - {key: key1, value: value*, rate_limit: {unit: minute, requests_per_unit: 12}}
    rl:
      descriptors:
        - key: foo
          rate_limit: {unit: minute, requests_per_unit: 2}
          descriptors:
            - {key: bar, rate_limit: {unit: minute, requests_per_unit: 3}}
            - {key: bar, value: banned, rate_limit: {unit: minute, requests_per_unit: 0}}
            - {key: bay, rate_limit: {unlimited: true}}
            - {key: baz, value: shady, shadow_mode: true, rate_limit: {unit: minute, requests_per_unit: 1}}
        - {key: qux, rate_limit: {unlimited: true}}
";

/// Domain, descriptors of one question, and how many of twenty such questions are `OK`.
type Case = (
    &'static str,
    &'static [&'static [(&'static str, &'static str)]],
    usize,
);

const CASES: &[Case] = &[
    ("mongo_cps", &[&[("database", "users")]], 5),
    ("mongo_cps", &[&[("database", "default")]], 6),
    ("mongo_cps", &[&[("database", "other")]], 20),
    (
        "messaging",
        &[&[("message_type", "marketing"), ("to_number", "1")]],
        5,
    ),
    (
        "messaging",
        &[&[("message_type", "marketing"), ("to_number", "2")]],
        5,
    ),
    (
        "messaging",
        &[&[("message_type", "other"), ("to_number", "1")]],
        20,
    ),
    ("messaging", &[&[("to_number", "1")]], 8),
    // A logical OR of both: the marketing messages to this number are spent.
    (
        "messaging",
        &[
            &[("message_type", "marketing"), ("to_number", "1")],
            &[("to_number", "3")],
        ],
        0,
    ),
    (
        "messaging",
        &[
            &[("message_type", "marketing"), ("to_number", "3")],
            &[("to_number", "3")],
        ],
        5,
    ),
    ("messaging", &[&[("to_number", "3")]], 3),
    (
        "edge_proxy_per_ip",
        &[&[("remote_address", "50.0.0.1")]],
        10,
    ),
    ("edge_proxy_per_ip", &[&[("remote_address", "50.0.0.5")]], 0),
    (
        "example4",
        &[&[("key", "value"), ("subkey", "subvalue")]],
        20,
    ),
    ("example4", &[&[("key", "value")]], 3),
    (
        "example4nested",
        &[&[("key", "value"), ("subkey", "subvalue")]],
        3,
    ),
    ("example4nested", &[&[("key", "value")]], 20),
    ("internal", &[&[("ldap", "x")]], 20),
    ("internal", &[&[("azure", "x")]], 10),
    (
        "example6",
        &[&[("service", "auth-service"), ("user", "user-a")]],
        20,
    ),
    (
        "example6",
        &[&[("service", "auth-service"), ("user", "user-b")]],
        2,
    ),
    (
        "example7",
        &[
            &[("key_1", "value_1"), ("user", "u")],
            &[("key_2", "value_2"), ("user", "u")],
        ],
        10,
    ),
    // The limit that was replaced was not touched.
    ("example7", &[&[("key_1", "value_1"), ("user", "u")]], 5),
    ("example8", &[&[("key1", "unspecified")]], 10),
    ("example8", &[&[("key1", "unspecified2")]], 10),
    ("example8", &[&[("key1", "value1")]], 20),
    ("example9", &[&[("key1", "value1")]], 12),
    ("example9", &[&[("key1", "value2")]], 12),
    ("example9", &[&[("key1", "other")]], 20),
    ("rl", &[&[("foo", "f")]], 2),
    ("rl", &[&[("foo", "f"), ("bar", "b")]], 3),
    ("rl", &[&[("foo", "f"), ("bar", "banned")]], 0),
    ("rl", &[&[("foo", "f"), ("bay", "b")]], 20),
    ("rl", &[&[("foo", "f"), ("baz", "shady")]], 20),
    ("rl", &[&[("qux", "q")]], 20),
];

#[tokio::test]
async fn every_documented_example_decides_as_it_is_documented() {
    let bench = Bench::new(RULES);
    for (domain, descriptors, expected) in CASES {
        let mut passed = 0;
        for _ in 0..20 {
            let answer = bench.ask(domain, descriptors).await;
            passed += usize::from(crate::testing::is_ok(&answer));
        }
        assert_eq!(passed, *expected, "{domain} {descriptors:?}");
    }
}
