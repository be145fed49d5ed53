//! The issuer over real sockets: keys that rotate, and every fault as its client sees it.
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tollgate_testkit::{Algorithm, Fault, Issuer, replace_claim, sign_hs256};

use crate::client::{self, Connection, get};

/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

async fn published(issuer: &Issuer) -> Vec<String> {
    let answer = get(&issuer.jwks_url()).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn discovery_leads_to_the_key_set() {
    let issuer = Issuer::start().unwrap();
    let address = format!("{}/.well-known/openid-configuration", issuer.url());
    let document = get(&address).await.unwrap().json();
    assert_eq!(document["issuer"], issuer.url());
    assert_eq!(document["jwks_uri"], issuer.jwks_url());
    assert_eq!(get(&issuer.jwks_url()).await.unwrap().json(), issuer.jwks());
    assert_eq!((issuer.discovery_fetches(), issuer.jwks_fetches()), (1, 1));
}

#[tokio::test]
async fn a_token_carries_what_its_builder_was_told() {
    let issuer = Issuer::start().unwrap();
    let token = issuer
        .token("alice")
        .account("acme")
        .plan("pro")
        .issued_at(1_000)
        .ttl(Duration::from_secs(60))
        .claim("scope", "orders")
        .without_claim("jti")
        .header("typ", "at+jwt")
        .mint();
    assert_eq!(
        part(&token, 1),
        json!({
            "iss": issuer.url(), "aud": Issuer::AUDIENCE, "sub": "alice", "accountId": "acme",
            "plan": "pro", "iat": 1000, "exp": 1060, "scope": "orders",
        })
    );
    assert_eq!(
        part(&token, 0),
        json!({ "alg": "EdDSA", "kid": "eddsa-1", "typ": "at+jwt" })
    );
}

#[tokio::test]
async fn a_refreshed_token_differs_in_bytes_and_agrees_in_subject() {
    let issuer = Issuer::start().unwrap();
    let (first, second) = (issuer.token("alice").mint(), issuer.token("alice").mint());
    assert_ne!(first, second);
    assert_eq!(part(&first, 1)["sub"], part(&second, 1)["sub"]);
}

#[tokio::test]
async fn a_forgery_keeps_the_kid_and_a_changed_claim_keeps_the_signature() {
    let issuer = Issuer::start().unwrap();
    let token = issuer.token("alice").claim("jti", "1").issued_at(1_000);
    let forged = issuer
        .token("alice")
        .claim("jti", "1")
        .issued_at(1_000)
        .forged()
        .mint();
    let token = token.mint();
    assert_eq!(part(&token, 0), part(&forged, 0));
    assert_eq!(part(&token, 1), part(&forged, 1));
    assert_ne!(token.rsplit('.').next(), forged.rsplit('.').next());

    let changed = replace_claim(&token, "sub", "bob");
    assert_eq!(part(&changed, 1)["sub"], "bob");
    assert_eq!(token.rsplit('.').next(), changed.rsplit('.').next());
}

#[tokio::test]
async fn rotation_replaces_one_algorithms_keys_and_keeps_the_others() {
    let issuer = Issuer::start().unwrap();
    assert_eq!(published(&issuer).await, ["eddsa-1", "es256-2"]);
    assert_eq!(issuer.rotate(Algorithm::EdDsa), "eddsa-3");
    assert_eq!(published(&issuer).await, ["es256-2", "eddsa-3"]);
    assert_eq!(part(&issuer.token("a").mint(), 0)["kid"], "eddsa-3");
    let old = issuer.token("a").kid("eddsa-1").mint();
    assert_eq!(part(&old, 0)["kid"], "eddsa-1");
    assert!(issuer.retire("es256-2") && !issuer.retire("none"));
    assert_eq!(published(&issuer).await, ["eddsa-3"]);
}

#[tokio::test]
async fn a_hidden_key_signs_only_when_named_until_it_is_published() {
    let issuer = Issuer::start().unwrap();
    let hidden = issuer.add_hidden_key(Algorithm::EdDsa);
    assert_eq!(part(&issuer.token("a").mint(), 0)["kid"], "eddsa-1");
    assert_eq!(
        part(&issuer.token("a").kid(&hidden).mint(), 0)["kid"],
        hidden
    );
    assert!(!published(&issuer).await.contains(&hidden));
    assert!(issuer.publish(&hidden));
    assert!(published(&issuer).await.contains(&hidden));
}

#[tokio::test]
async fn an_algorithm_without_a_key_gets_one_at_its_first_token() {
    let issuer = Issuer::start().unwrap();
    let token = issuer.token("a").algorithm(Algorithm::Rs256).mint();
    assert_eq!(part(&token, 0)["alg"], "RS256");
    assert_eq!(published(&issuer).await, ["eddsa-1", "es256-2", "rs256-3"]);
}

#[tokio::test]
async fn faults_switch_on_and_off() {
    let issuer = Issuer::start().unwrap();
    let fetch = || async { get(&issuer.jwks_url()).await.unwrap() };

    assert!(issuer.set_fault(Fault::Status(500)));
    assert_eq!(fetch().await.status, StatusCode::INTERNAL_SERVER_ERROR);
    issuer.set_fault(Fault::garbage());
    assert!(fetch().await.body.starts_with(b"<html>"));
    issuer.set_fault(Fault::EmptySet);
    assert_eq!(fetch().await.json(), json!({ "keys": [] }));
    issuer.set_fault(Fault::Oversize(1_000_000));
    assert_eq!(fetch().await.body.len(), 1_000_000);
    issuer.set_fault(Fault::Redirect("file:///etc/passwd".to_owned()));
    let redirect = fetch().await;
    assert_eq!(redirect.status, StatusCode::FOUND);
    assert_eq!(redirect.headers[header::LOCATION], "file:///etc/passwd");
    issuer.set_fault(Fault::OtherIssuer("https://evil.example".to_owned()));
    let address = format!("{}/.well-known/openid-configuration", issuer.url());
    let discovery = get(&address).await.unwrap().json();
    assert_eq!(discovery["issuer"], "https://evil.example");

    issuer.set_fault(Fault::None);
    issuer.set_max_age(Some(0));
    let well = fetch().await;
    assert_eq!(well.headers[header::CACHE_CONTROL], "max-age=0");
    assert_eq!(well.json(), issuer.jwks());
    assert_eq!(issuer.jwks_fetches(), 6);
}

#[tokio::test]
async fn a_slow_document_arrives_whole_in_the_end_byte_by_byte() {
    let issuer = Issuer::with_keys(&[]).unwrap();
    issuer.set_fault(Fault::SlowDrip);
    let answer = tokio::time::timeout(PATIENCE, get(&issuer.jwks_url())).await;
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer.json(), json!({ "keys": [] }));
    assert!(answer.frames >= 5, "{} frames", answer.frames);
}

#[tokio::test]
async fn a_hanging_issuer_takes_the_request_and_says_nothing() {
    let issuer = Issuer::start().unwrap();
    issuer.set_fault(Fault::Hang);
    let asked = tokio::spawn(get_owned(issuer.jwks_url()));
    while issuer.jwks_fetches() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!asked.is_finished());
    // Its end breaks the connection: nothing was ever answered.
    drop(issuer);
    let answer = tokio::time::timeout(PATIENCE, asked).await.unwrap();
    assert!(answer.unwrap().is_err());
}

#[tokio::test]
async fn going_down_breaks_open_connections_and_coming_back_keeps_the_address() {
    let issuer = Issuer::start().unwrap();
    let mut connection = Connection::open(issuer.address()).await;
    assert_eq!(
        connection
            .get("/.well-known/jwks.json")
            .await
            .unwrap()
            .status,
        200
    );
    assert!(issuer.set_fault(Fault::Down));
    assert!(connection.get("/.well-known/jwks.json").await.is_err());
    assert!(get(&issuer.jwks_url()).await.is_err());
    assert!(issuer.set_fault(Fault::None));
    assert_eq!(get(&issuer.jwks_url()).await.unwrap().status, 200);
    assert_eq!(issuer.connections(), 2);
}

#[test]
fn a_shared_secret_signs_with_hmac_sha256() {
    // Computed with Python's hmac module.
    let token = sign_hs256(b"Jefe", &json!({ "alg": "HS256" }), &json!({ "sub": "a" }));
    assert_eq!(
        token,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.iE5WWWVW_KjuMNEA8Ax9BvvBPjh7fDdbD6mFPIDLF2I"
    );
}

async fn get_owned(url: String) -> Result<client::Answer, client::Broken> {
    get(&url).await
}
