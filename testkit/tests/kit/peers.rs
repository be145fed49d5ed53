//! Real peers: each starts, does its part, and is gone afterwards. `cargo xtask setup` installs them.

use std::net::TcpStream;
use std::time::Duration;

use tollgate_testkit::peers::{
    Load, Peer, Tool, bearer_script, browse, free_address, haproxy, nginx, nginx_json_origin,
};
use tollgate_testkit::{Algorithm, Issuer};

use crate::client::{Answer, Connection};

fn wrk(peer: &Peer, script: &str, files: &[(&str, &str)]) -> tollgate_testkit::peers::LoadReport {
    let load = Load {
        url: &peer.url(),
        connections: 4,
        seconds: 2,
        script,
        files,
    };
    load.run().unwrap()
}

#[test]
fn wrk_measures_nginx_and_both_are_gone_afterwards() {
    let origin = nginx_json_origin().unwrap();
    let report = wrk(&origin, "", &[]);
    assert!(report.requests > 100, "{report:?}");
    assert_eq!((report.refused, report.socket_errors), (0, 0));
    assert!(report.p50_us <= report.p99_us && report.p99_us <= report.max_us);
    assert!(
        origin.cpu_us() > 0,
        "the worker's time counts, not the master's alone"
    );
    let address = origin.address();
    drop(origin);
    assert!(TcpStream::connect(address).is_err());
}

/// Runs a script in a browser, with a limit in seconds.
fn in_browser(script: &str, seconds: u64) -> Result<serde_json::Value, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.cjs");
    std::fs::write(&path, script).unwrap();
    let html = "<meta http-equiv=content-security-policy content=\"style-src 'none'\"><title>a</title>\
        <img><p style='color: red'>b</p><script>nothing()</script>";
    let input = serde_json::json!({ "html": html });
    let limit = Duration::from_secs(seconds);
    browse(&path, &input, limit).map_err(|error| error.to_string())
}

#[test]
fn a_browser_shows_a_page_and_says_what_is_wrong_with_it() {
    let script = "module.exports = async ({ newPage, look }, { html }) => {
        const page = await newPage({ scheme: 'dark' });
        await page.goto(`data:text/html,${encodeURIComponent(html)}`);
        const dark = await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches);
        const rules = (await look(page)).map((line) => line.split(':')[0]);
        return { title: await page.title(), dark, rules, complaints: page.complaints };
    };";
    let found = in_browser(script, 180).unwrap();
    assert_eq!(
        (&found["title"], &found["dark"]),
        (&"a".into(), &true.into())
    );
    let rules = found["rules"].as_array().unwrap();
    assert!(rules.contains(&"image-alt".into()), "{found}");
    let complaints = found["complaints"].to_string();
    for word in ["Content Security Policy", "ReferenceError"] {
        assert!(complaints.contains(word), "{found}");
    }
}

#[test]
fn a_script_that_fails_or_never_ends_is_reported_in_its_words() {
    let failed = in_browser(
        "module.exports = () => { throw new Error('as it is'); };",
        180,
    );
    assert!(failed.unwrap_err().contains("as it is"));
    let endless = in_browser(
        "module.exports = () => new Promise(() => setInterval(() => {}, 1e6));",
        3,
    );
    assert!(endless.unwrap_err().contains("not done within 3 s"));
}

#[test]
fn a_configuration_that_nginx_refuses_is_reported_in_its_words() {
    let error = nginx("no_such_directive;", free_address().unwrap()).unwrap_err();
    assert!(error.to_string().contains("no_such_directive"), "{error}");
}

#[tokio::test]
async fn haproxy_verifies_our_tokens_with_our_pem() {
    let origin = nginx_json_origin().unwrap();
    let issuer = Issuer::with_keys(&[Algorithm::Rs256]).unwrap();
    let address = free_address().unwrap();
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         frontend fe\n  bind {address}\n  http-request set-var(txn.bearer) http_auth_bearer\n\
         \x20 http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(\"RS256\",\"key.pem\") 1 }}\n\
         \x20 default_backend be\nbackend be\n  server s1 {}\n",
        origin.address()
    );
    let pem = issuer.current_key(None).public_pem();
    let proxy = haproxy(&config, &[("key.pem", &pem)], address).unwrap();

    let good = issuer.token("alice").mint();
    let forged = issuer.token("alice").forged().mint();
    let mut connection = Connection::open(proxy.address()).await;
    for (token, status) in [(&good, 200), (&forged, 401)] {
        let request = http::Request::get("/orders/1")
            .header("host", "origin")
            .header("authorization", format!("Bearer {token}"))
            .body(http_body_util::Full::default())
            .unwrap();
        let response = connection.send(request).await.unwrap();
        assert_eq!(Answer::read(response).await.unwrap().status, status);
    }

    let tokens = format!("{good}\n");
    let report = wrk(
        &proxy,
        &bearer_script(&["/orders/1", "/items"]),
        &[("tokens.txt", &tokens)],
    );
    assert!(report.requests > 100, "{report:?}");
    assert_eq!(report.refused, 0);
}

#[test]
fn versions_of_the_peers_are_told() {
    for (tool, word) in [("nginx", "nginx"), ("haproxy", "HAProxy")] {
        let version = Tool::find(tool).unwrap().version();
        assert!(version.contains(word), "{version}");
    }
}
