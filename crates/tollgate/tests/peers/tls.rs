//! TLS at the gateway's own listener: protocols by ALPN, old versions, a certificate renewed
//! under open connections.

use std::io::Read;
use std::process::Stdio;

use reqwest::blocking::{Client, ClientBuilder, Response};
use reqwest::tls::TlsInfo;
use reqwest::{Certificate as Trusted, Version};
use tollgate_testkit::Origin;
use tollgate_testkit::peers::Signal;

use crate::client::{bearer, curl, curl_sees};
use crate::front::{CERT_FILE, Certificate, Front, KEY_FILE};

const GENEROUS: &str = "
routes: [GET /orders, GET /stream]
plans:
  standard: {limits: [{name: burst, rate: 100/s}]}
default_plan: standard
";
/// Large enough that most of it is still at the origin when the first bytes are here.
const DOWNLOAD_BYTES: u64 = 256 << 20;

/// A client that trusts this certificate and no other.
fn trusting(certificate: &Certificate) -> ClientBuilder {
    let trusted = Trusted::from_pem(certificate.cert.as_bytes()).unwrap();
    Client::builder()
        .no_proxy()
        .tls_certs_only([trusted])
        .tls_info(true)
}

fn get(front: &Front, client: &Client, path: &str) -> reqwest::Result<Response> {
    client
        .get(front.tls_url(path))
        .bearer_auth(front.token("visitor"))
        .send()
}

/// Whether the connection of this answer was opened with this certificate.
fn shown(answer: &Response, certificate: &Certificate) -> bool {
    let info = answer.extensions().get::<TlsInfo>().unwrap();
    let pem = rustls_pem(&certificate.cert);
    info.peer_certificate() == Some(pem.as_slice())
}

fn rustls_pem(pem: &str) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

fn write_files(front: &Front, files: &[(&str, &str)]) {
    for (name, content) in files {
        std::fs::write(front.gateway.folder().join(name), content).unwrap();
    }
}

fn replace(front: &Front, cert: &str, key: &str) {
    write_files(front, &[(CERT_FILE, cert), (KEY_FILE, key)]);
    front.gateway.signal(Signal::HUP);
}

fn eventually_shown(front: &Front, certificate: &Certificate) {
    front.eventually("the new certificate is shown", || {
        let client = trusting(certificate).build().unwrap();
        get(front, &client, "/orders").is_ok_and(|answer| shown(&answer, certificate))
    });
}

#[test]
fn alpn_gives_each_client_the_protocol_it_asks_for() {
    let origin = Origin::start().unwrap();
    let certificate = Certificate::make();
    let front = Front::with_tls(origin.url(), GENEROUS, &certificate);
    let ca = front.ca_file();
    let authorization = bearer(&front.token("visitor"));
    let url = front.tls_url("/orders");
    for (options, version) in [
        (&["--http2"][..], "2"),
        (&["--http1.1"], "1.1"),
        // Without ALPN it is HTTP/1.1.
        (&["--no-alpn"], "1.1"),
        (&["--http2", "--tls-max", "1.2"], "2"),
    ] {
        let rest = ["--cacert", ca.to_str().unwrap(), "-H", &authorization, &url];
        let seen = curl_sees(&[options, &rest].concat());
        assert_eq!(
            (seen.status, seen.version.as_str()),
            (200, version),
            "{options:?}"
        );
    }
}

#[test]
fn case_118_tls_1_1_is_refused_by_the_gateway() {
    let origin = Origin::start().unwrap();
    let front = Front::with_tls(origin.url(), GENEROUS, &Certificate::make());
    let handshake = |options: &[&str]| {
        let mut command = curl();
        command
            .args(["--insecure", "--verbose", "--output", "/dev/null"])
            .args(options)
            .arg(front.tls_url("/orders"))
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    // OpenSSL itself must be talked into offering it.
    let old = [
        "--tlsv1.0",
        "--tls-max",
        "1.1",
        "--ciphers",
        "DEFAULT@SECLEVEL=0",
    ];
    let (served, words) = handshake(&old);
    assert!(
        !served && words.contains("TLSv1.1 (OUT), TLS handshake, Client hello"),
        "{words}"
    );
    assert!(
        words.contains("TLSv1.1 (IN), TLS alert"),
        "refused by somebody else: {words}"
    );
    let (served, words) = handshake(&["--tls-max", "1.2"]);
    assert!(served && words.contains("TLSv1.2"), "{words}");
}

#[test]
fn case_118_a_renewed_certificate_is_shown_to_the_next_and_breaks_off_nobody() {
    let origin = Origin::start().unwrap();
    let (old, new) = (Certificate::make(), Certificate::make());
    let front = Front::with_tls(origin.url(), GENEROUS, &old);
    // Each is in the middle of a download; each trusts the old certificate only.
    let clients = [
        trusting(&old).http1_only().build().unwrap(),
        trusting(&old).http2_prior_knowledge().build().unwrap(),
    ];
    let mut downloads: Vec<Response> = clients
        .iter()
        .map(|client| get(&front, client, &format!("/stream?bytes={DOWNLOAD_BYTES}")).unwrap())
        .collect();
    assert_eq!(downloads[0].version(), Version::HTTP_11);
    assert_eq!(downloads[1].version(), Version::HTTP_2);
    let mut first = [0; 1 << 20];
    for download in &mut downloads {
        assert!(shown(download, &old));
        download.read_exact(&mut first).unwrap();
    }

    replace(&front, &new.cert, &new.key);
    eventually_shown(&front, &new);
    let late = trusting(&old).build().unwrap();
    assert!(
        get(&front, &late, "/orders").is_err(),
        "the old certificate is still shown"
    );

    for (client, mut download) in clients.iter().zip(downloads) {
        let rest = std::io::copy(&mut download, &mut std::io::sink()).unwrap();
        assert_eq!(rest, DOWNLOAD_BYTES - first.len() as u64);
        // And again on the same connection: a new one would show what this client does not trust.
        let answer = get(&front, client, "/orders").unwrap();
        assert!(answer.status() == 200 && shown(&answer, &old));
    }
}

#[test]
fn a_certificate_that_cannot_be_read_leaves_the_old_one_in_use_and_is_told() {
    let origin = Origin::start().unwrap();
    let (old, new) = (Certificate::make(), Certificate::make());
    let front = Front::with_tls(origin.url(), GENEROUS, &old);
    // A key that belongs to another certificate.
    replace(&front, &old.cert, &new.key);
    front.eventually("the failure is told", || {
        front.gateway.output().contains("certificate not reloaded")
    });
    let client = trusting(&old).build().unwrap();
    let answer = get(&front, &client, "/orders").unwrap();
    assert!(answer.status() == 200 && shown(&answer, &old));
}

#[test]
fn a_renewed_certificate_needs_no_signal_and_no_good_policy() {
    let origin = Origin::start().unwrap();
    let new = Certificate::make();
    let front = Front::with_tls(origin.url(), GENEROUS, &Certificate::make());
    write_files(&front, &[("tollgate.yaml", "tollgate: none\n")]);
    front.eventually("the policy is refused", || {
        front.gateway.output().contains("policy not reloaded")
    });
    write_files(&front, &[(CERT_FILE, &new.cert), (KEY_FILE, &new.key)]);
    eventually_shown(&front, &new);
}
