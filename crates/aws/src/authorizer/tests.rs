use std::path::Path;

use super::*;

fn policy(identity: &str, edge: &str) -> Policy {
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1:9\nidentity:\n{identity}\n{edge}\nroutes:\n  - GET /orders/{{id}}\n\
         plans:\n  free: {{limits: [{{name: one, rate: 1/s}}]}}\ndefault_plan: free\n"
    );
    match Policy::parse("tollgate.yaml", &text, Path::new(".")) {
        Ok(policy) => policy,
        Err(findings) => panic!("{}", findings.render(false)),
    }
}

const ISSUER: &str = "  bucket_keys: environment
  issuers:
    - {issuer: 'https://login.example.com', audience: a, jwks: 'https://login.example.com/keys', algorithms: [EdDSA]}";

fn sources(api: AuthorizerApi, identity: &str, edge: &str) -> Result<Vec<String>, Uncacheable> {
    identity_sources(api, &Variant::of(&policy(identity, edge)))
}

#[test]
fn the_key_of_the_id_variant_holds_credential_id_and_route() {
    let before = "edge: {before: {}}";
    let rest = [
        "method.request.header.authorization",
        "method.request.header.x-ratelimit-user-id",
        "context.httpMethod",
        "context.resourcePath",
    ];
    let http = [
        "$request.header.authorization",
        "$request.header.x-ratelimit-user-id",
        "$context.routeKey",
    ];
    for (api, expected) in [
        (AuthorizerApi::RestRequest, &rest[..]),
        (AuthorizerApi::HttpV1, &http),
        (AuthorizerApi::HttpV2, &http),
    ] {
        assert_eq!(sources(api, ISSUER, before).unwrap(), expected, "{api}");
    }
    let token = sources(AuthorizerApi::RestToken, ISSUER, before);
    assert_eq!(token, Err(Uncacheable::IdUnseen));
}

#[test]
fn without_ids_the_route_is_in_the_key_all_the_same_but_for_a_token_authorizer() {
    let named = |api| sources(api, ISSUER, "").unwrap();
    let field = "method.request.header.authorization";
    assert_eq!(named(AuthorizerApi::RestToken), [field]);
    let rest = [field, "context.httpMethod", "context.resourcePath"];
    assert_eq!(named(AuthorizerApi::RestRequest), rest);
    let http = ["$request.header.authorization", "$context.routeKey"];
    assert_eq!(named(AuthorizerApi::HttpV2), http);
}

#[test]
fn what_a_request_may_lack_or_show_in_two_ways_is_not_cached() {
    let anonymous = format!("{ISSUER}\n  anonymous: {{plan: free}}");
    let cookie = format!("{ISSUER}\n  token_cookie: session");
    let keys = format!("{ISSUER}\n  api_keys: {{file: keys}}");
    for identity in [&anonymous, &cookie, &keys] {
        for api in AuthorizerApi::ALL {
            assert_eq!(
                sources(api, identity, ""),
                Err(Uncacheable::CredentialVaries)
            );
            assert_eq!(ttl_s_max(api, &policy(identity, ""), Some(3_600)), 0);
        }
    }
    for edge in [
        "edge: {before: {cookie: id}}",
        "edge: {before: {without_id: free}}",
    ] {
        let found = sources(AuthorizerApi::HttpV2, ISSUER, edge);
        assert_eq!(found, Err(Uncacheable::IdVaries));
    }
}

#[test]
fn a_ttl_is_the_leeway_unless_the_life_of_tokens_is_known() {
    let ttl = |identity: &str, edge: &str, life| {
        ttl_s_max(AuthorizerApi::HttpV2, &policy(identity, edge), life)
    };
    assert_eq!(ttl(ISSUER, "", None), 60);
    let strict = ISSUER.replace("algorithms", "leeway: 0s, algorithms");
    assert_eq!(ttl(&strict, "", None), 0);
    assert_eq!(ttl(&strict, "", Some(600)), 300);
    assert_eq!(ttl(ISSUER, "", Some(60)), 60);
    assert_eq!(ttl(ISSUER, "", Some(86_400)), TTL_S_MAX);
    assert_eq!(ttl(ISSUER, "edge: {pass: {lifetime: 1min}}", None), 30);
    let keys = "  bucket_keys: environment\n  api_keys: {file: keys}";
    assert_eq!(ttl(keys, "", None), 300);
}
