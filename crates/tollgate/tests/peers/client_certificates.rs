//! Callers who are known by the certificate that they show: curl (OpenSSL) and reqwest (rustls) as
//! clients, authorities made here.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd,
};
use reqwest::blocking::{Client, Response};
use reqwest::{Certificate as Trusted, Identity};
use serde_json::Value;
use tollgate_testkit::Origin;
use tollgate_testkit::peers::Signal;

use crate::client::{Seen, bearer, curl, curl_sees};
use crate::front::{CLIENT_CA_FILE, Certificate, Front};

/// Three requests a user, then no more.
const STRICT: &str = "  client_certificates: {plan: services}
routes: [GET /headers]
plans:
  standard: {limits: [{name: burst, rate: 100/s}]}
  services: {limits: [{name: burst, rate: 1/1h, burst: 3}]}
default_plan: standard
";
const ORDERS: &str = "spiffe://example.org/orders";
const BILLING: &str = "spiffe://example.org/billing";

/// An authority whose certificates a gateway may accept.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn make() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key in one PEM text.
    fn issue(&self, subject: &str) -> String {
        self.issue_until(subject, 2099)
    }

    fn issue_until(&self, subject: &str, year: i32) -> String {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(subject.try_into().unwrap())];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        self.sign(&params)
    }

    /// One that has no name of the kind that the policy asks for.
    fn issue_without_uri(&self) -> String {
        self.sign(&CertificateParams::new(["orders.example.org".to_owned()]).unwrap())
    }

    fn sign(&self, params: &CertificateParams) -> String {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.0).unwrap();
        format!("{}{}", signed.pem(), key.serialize_pem())
    }
}

/// A gateway that asks for certificates of one authority, and what belongs to it.
struct Setting {
    origin: Origin,
    authority: Authority,
    shown: Certificate,
    front: Front,
}

impl Setting {
    fn new(client_auth: &str, rest: &str) -> Setting {
        let origin = Origin::start().unwrap();
        let (authority, shown) = (Authority::make(), Certificate::make());
        let ca = authority.pem();
        let front = Front::with_client_ca(origin.url(), rest, &shown, &ca, client_auth);
        Setting {
            origin,
            authority,
            shown,
            front,
        }
    }

    /// A file of this certificate and key, for curl.
    fn file(&self, name: &str, pem: &str) -> PathBuf {
        let path = self.front.gateway.folder().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    }

    /// One request by curl on a connection of its own.
    fn curl(&self, certificate: Option<&str>, options: &[&str]) -> Seen {
        let arguments = self.arguments(certificate, options);
        curl_sees(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whether curl gets no answer, because the gateway's alert ends the handshake.
    fn is_refused(&self, certificate: Option<&str>, options: &[&str]) -> bool {
        let mut command = curl();
        command
            .arg("--verbose")
            .args(self.arguments(certificate, options))
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        !output.status.success() && words.contains("(IN), TLS alert")
    }

    fn arguments(&self, certificate: Option<&str>, options: &[&str]) -> Vec<String> {
        let ca = self.front.ca_file().display().to_string();
        let mut arguments = vec!["--cacert".to_owned(), ca];
        if let Some(pem) = certificate {
            let file = self.file("client.pem", pem).display().to_string();
            arguments.extend(["--cert".to_owned(), file]);
        }
        arguments.extend(options.iter().map(|&option| option.to_owned()));
        arguments.push(self.front.tls_url("/headers"));
        arguments
    }

    /// A reqwest client that shows this certificate; with `idle` it keeps its connections.
    fn client(&self, pem: &str, idle: usize) -> Client {
        let trusted = Trusted::from_pem(self.shown.cert.as_bytes()).unwrap();
        Client::builder()
            .no_proxy()
            .tls_certs_only([trusted])
            .identity(Identity::from_pem(pem.as_bytes()).unwrap())
            .pool_max_idle_per_host(idle)
            .pool_idle_timeout(Duration::from_secs(60))
            .build()
            .unwrap()
    }

    fn get(&self, client: &Client) -> reqwest::Result<Response> {
        client.get(self.front.tls_url("/headers")).send()
    }
}

/// A field as it reached the origin.
fn at_origin(seen: &Seen, name: &str) -> Value {
    seen.json()["headers"][name].clone()
}

#[test]
fn a_client_with_a_certificate_is_a_user_on_every_protocol_with_one_bucket() {
    let setting = Setting::new("required", STRICT);
    // Renewed in between: another certificate, the same subject.
    let (orders, renewed) = (
        setting.authority.issue(ORDERS),
        setting.authority.issue(ORDERS),
    );
    for (certificate, options) in [
        (&orders, &["--http1.1"][..]),
        (&orders, &["--http2"]),
        (&renewed, &["--http2", "--tls-max", "1.2"]),
    ] {
        let seen = setting.curl(Some(certificate), options);
        assert_eq!(seen.status, 200, "{options:?}: {seen:?}");
        let told = at_origin(&seen, "x-tollgate-subject");
        assert!(told.to_string().contains(ORDERS), "{seen:?}");
        assert!(
            at_origin(&seen, "x-tollgate-plan")
                .to_string()
                .contains("services")
        );
    }
    for certificate in [&orders, &renewed] {
        assert_eq!(setting.curl(Some(certificate), &[]).status, 429);
    }
    let billing = setting.authority.issue(BILLING);
    assert_eq!(setting.curl(Some(&billing), &["--http2"]).status, 200);
}

#[test]
fn a_required_certificate_is_shown_or_there_is_no_connection() {
    let setting = Setting::new("required", STRICT);
    for tls in ["1.2", "1.3"] {
        assert!(setting.is_refused(None, &["--tls-max", tls]), "TLS {tls}");
    }
    // A token opens no door that the certificate does.
    let authorization = bearer(&setting.front.token("visitor"));
    assert!(setting.is_refused(None, &["-H", &authorization]));
    assert_eq!(setting.origin.hits_total(), 0);
}

#[test]
fn where_it_is_optional_whoever_shows_none_is_401_or_anonymous() {
    let setting = Setting::new("optional", STRICT);
    let seen = setting.curl(None, &["--http2"]);
    assert_eq!(seen.status, 401);
    assert_eq!(
        seen.header("www-authenticate"),
        Some("Bearer realm=\"tollgate\"")
    );
    let orders = setting.authority.issue(ORDERS);
    assert_eq!(setting.curl(Some(&orders), &[]).status, 200);

    let with_anonymous = format!("  anonymous: {{plan: standard}}\n{STRICT}");
    let setting = Setting::new("optional", &with_anonymous);
    let seen = setting.curl(None, &[]);
    assert_eq!(seen.status, 200);
    assert!(at_origin(&seen, "x-tollgate-subject").is_null(), "{seen:?}");
}

#[test]
fn a_certificate_of_another_authority_or_time_is_refused_even_where_none_is_needed() {
    for client_auth in ["required", "optional"] {
        let setting = Setting::new(client_auth, STRICT);
        let foreign = Authority::make().issue(ORDERS);
        let expired = setting.authority.issue_until(ORDERS, 2021);
        for tls in ["1.2", "1.3"] {
            let options = ["--tls-max", tls];
            assert!(
                setting.is_refused(Some(&foreign), &options),
                "{client_auth} {tls}"
            );
            assert!(
                setting.is_refused(Some(&expired), &options),
                "{client_auth} {tls}"
            );
        }
        let good = setting.authority.issue(ORDERS);
        assert_eq!(setting.curl(Some(&good), &[]).status, 200);
    }
}

#[test]
fn a_token_beside_the_certificate_says_who_calls() {
    let setting = Setting::new("required", STRICT);
    let orders = setting.authority.issue(ORDERS);
    let authorization = bearer(&setting.front.token("visitor"));
    for protocol in ["--http1.1", "--http2"] {
        let seen = setting.curl(Some(&orders), &[protocol, "-H", &authorization]);
        assert_eq!(seen.status, 200);
        let told = at_origin(&seen, "x-tollgate-subject").to_string();
        assert!(told.contains("visitor") && !told.contains(ORDERS), "{told}");
        let bad = bearer("a.b.c");
        let seen = setting.curl(Some(&orders), &[protocol, "-H", &bad]);
        assert_eq!(seen.status, 401);
    }
}

#[test]
fn a_certificate_without_a_subject_is_as_none_and_shows_in_the_metrics() {
    let setting = Setting::new("required", STRICT);
    let nameless = setting.authority.issue_without_uri();
    assert_eq!(setting.curl(Some(&nameless), &[]).status, 401);
    let orders = setting.authority.issue(ORDERS);
    assert_eq!(setting.curl(Some(&orders), &[]).status, 200);
    let metrics = setting.front.admin("/metrics").text().unwrap();
    for reason in ["no_subject", "valid"] {
        let line = format!("tollgate_client_certificates_total{{reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert!(!metrics.contains(ORDERS));
}

#[test]
fn a_new_authority_counts_from_the_next_handshake_on_and_breaks_off_nobody() {
    let generous = STRICT.replace("rate: 1/1h, burst: 3", "rate: 1000/s");
    let setting = Setting::new("required", &generous);
    let new = Authority::make();
    let old_pem = setting.authority.issue(ORDERS);
    let (keeps, returns) = (setting.client(&old_pem, 1), setting.client(&old_pem, 0));
    for client in [&keeps, &returns, &returns] {
        assert_eq!(setting.get(client).unwrap().status(), 200);
    }
    std::fs::write(
        setting.front.gateway.folder().join(CLIENT_CA_FILE),
        new.pem(),
    )
    .unwrap();
    setting.front.gateway.signal(Signal::HUP);
    let new_pem = new.issue(BILLING);
    setting
        .front
        .eventually("the new authority is accepted", || {
            setting
                .get(&setting.client(&new_pem, 0))
                .is_ok_and(|answer| answer.status() == 200)
        });
    // The open connection goes on. One who comes again, with all that a session left in memory,
    // is a stranger.
    assert_eq!(setting.get(&keeps).unwrap().status(), 200);
    assert!(setting.get(&returns).is_err());
    assert!(setting.get(&setting.client(&old_pem, 0)).is_err());
}

#[test]
fn an_authority_that_cannot_be_read_leaves_the_old_one_in_use_and_is_told() {
    let setting = Setting::new("required", STRICT);
    let path = setting.front.gateway.folder().join(CLIENT_CA_FILE);
    std::fs::write(path, "no certificate").unwrap();
    setting.front.eventually("the failure is told", || {
        setting.front.gateway.output().contains("clients.pem")
    });
    let orders = setting.authority.issue(ORDERS);
    assert_eq!(setting.curl(Some(&orders), &[]).status, 200);
}
