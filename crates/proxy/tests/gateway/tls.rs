//! TLS on both sides: ALPN, versions, certificates replaced while connections stand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tollgate_engine::limiter::{Clock, SystemClock};
use tollgate_engine::policy::{ClientAuth, ClientAuthority, Tls};
use tollgate_proxy::{Offers, ServerTls};

use crate::harness::{Gateway, Setup, within};
use crate::origin::Origin;

/// A certificate in files that last as long as this.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(name: &str) -> Files {
        let files = Files {
            folder: tempfile::tempdir().unwrap(),
        };
        files.renew(name);
        files
    }

    /// Writes a new self-signed certificate.
    fn renew(&self, name: &str) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        std::fs::write(self.cert(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.cert()).unwrap()
    }

    fn tls(&self) -> Tls {
        Tls {
            cert: self.cert(),
            key: self.key(),
            clients: None,
        }
    }

    fn server(&self) -> Arc<ServerTls> {
        ServerTls::load(&self.tls(), Offers::Http).unwrap()
    }

    /// Of a client that trusts the certificate as it is now.
    fn trust(&self, alpn: &str, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        config
    }

    async fn connect(
        &self,
        gateway: &Gateway,
        alpn: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        connect(gateway, &Arc::new(self.trust(alpn, versions))).await
    }
}

async fn connect(
    gateway: &Gateway,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(gateway.address).await?;
    let name = ServerName::try_from("gateway.example").unwrap();
    let connector = TlsConnector::from(Arc::clone(config));
    within("a handshake", connector.connect(name, stream)).await
}

const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

fn behind(files: &Files, origin: &Origin, policy: &str) -> Gateway {
    Gateway::start(Setup {
        tls: Some(files.server()),
        ..Setup::before(origin.address, policy)
    })
}

async fn get(stream: &mut TlsStream<TcpStream>) -> String {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: gateway.example:443\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok") {
        within("the answer", stream.read_buf(&mut answer))
            .await
            .unwrap();
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn alpn_chooses_the_protocol_and_the_origin_hears_of_tls() {
    let files = Files::new("gateway.example");
    let origin = Origin::start().await;
    let gateway = behind(&files, &origin, "");
    let mut h1 = files.connect(&gateway, "http/1.1", &BOTH).await.unwrap();
    assert!(get(&mut h1).await.starts_with("HTTP/1.1 200 OK"));
    let got = &origin.received()[0];
    assert_eq!(got.field("x-forwarded-proto"), Some("https"));
    assert_eq!(got.field("host"), Some("gateway.example"));
    let h2 = files.connect(&gateway, "h2", &BOTH).await.unwrap();
    assert_eq!(h2.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut handle, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(h2))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://gateway.example/")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let answer = handle.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
}

#[tokio::test]
async fn case_118_versions_before_1_2_and_clients_that_do_not_shake_hands() {
    let files = Files::new("gateway.example");
    let origin = Origin::start().await;
    let gateway = behind(&files, &origin, "");
    for version in BOTH {
        let mut stream = files
            .connect(&gateway, "http/1.1", &[version])
            .await
            .unwrap();
        assert!(get(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    }
    // A ClientHello of TLS 1.0, as far as it matters: record and hello version 3.1.
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let mut old = TcpStream::connect(gateway.address).await.unwrap();
    old.write_all(&hello).await.unwrap();
    let mut answer = Vec::new();
    let _ = within("an alert", old.read_to_end(&mut answer)).await;
    assert_eq!(answer.first(), Some(&21), "an alert record");
    // Cleartext, and silence.
    let mut plain = TcpStream::connect(gateway.address).await.unwrap();
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = within("the end", plain.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"));
    let impatient = behind(&files, &origin, "timeouts: {handshake: 100ms}");
    let mut silent = TcpStream::connect(impatient.address).await.unwrap();
    assert_eq!(
        within("the end", silent.read(&mut [0; 1]))
            .await
            .unwrap_or(0),
        0
    );
    assert_eq!(origin.received().len(), 2);
}

#[tokio::test]
async fn case_118_a_new_certificate_is_served_without_a_drop() {
    let files = Files::new("gateway.example");
    let origin = Origin::start().await;
    let server = files.server();
    let gateway = Gateway::start(Setup {
        tls: Some(Arc::clone(&server)),
        ..Setup::before(origin.address, "")
    });
    let mut old = files.connect(&gateway, "http/1.1", &BOTH).await.unwrap();
    assert!(get(&mut old).await.starts_with("HTTP/1.1 200 OK"));
    files.renew("gateway.example");
    // Until told, the gateway serves the old one, which nobody trusts any more.
    assert!(files.connect(&gateway, "http/1.1", &BOTH).await.is_err());
    server.reload().unwrap();
    let mut new = files.connect(&gateway, "http/1.1", &BOTH).await.unwrap();
    assert!(get(&mut new).await.starts_with("HTTP/1.1 200 OK"));
    assert!(
        get(&mut old).await.starts_with("HTTP/1.1 200 OK"),
        "the old connection stands"
    );
    // A bad file leaves the good one in force.
    std::fs::write(files.key(), "not a key").unwrap();
    assert!(server.reload().unwrap_err().to_string().contains("key.pem"));
    assert!(files.connect(&gateway, "http/1.1", &BOTH).await.is_ok());
}

#[tokio::test]
async fn who_does_not_speak_what_is_offered_is_told_in_the_handshake() {
    let files = Files::new("gateway.example");
    let origin = Origin::start().await;
    for offers in [Offers::Http, Offers::Http2] {
        let gateway = Gateway::start(Setup {
            tls: Some(ServerTls::load(&files.tls(), offers).unwrap()),
            ..Setup::before(origin.address, "")
        });
        assert!(files.connect(&gateway, "h2", &BOTH).await.is_ok());
        let shaken = files.connect(&gateway, "http/1.1", &BOTH).await;
        assert_eq!(shaken.is_ok(), offers == Offers::Http, "{shaken:?}");
    }
}

#[tokio::test]
async fn no_session_is_resumed_where_clients_are_known_by_certificate() {
    let files = Files::new("gateway.example");
    let origin = Origin::start().await;
    let clients = ClientAuthority {
        ca: files.cert(),
        auth: ClientAuth::Optional,
    };
    for version in BOTH {
        for (clients, kind) in [
            (None, HandshakeKind::Resumed),
            // Resumed, it would be let in by what was verified then.
            (Some(clients.clone()), HandshakeKind::Full),
        ] {
            let tls = Tls {
                clients,
                ..files.tls()
            };
            let gateway = Gateway::start(Setup {
                tls: Some(ServerTls::load(&tls, Offers::Http).unwrap()),
                ..Setup::before(origin.address, "")
            });
            let config = Arc::new(files.trust("http/1.1", &[version]));
            let mut first = connect(&gateway, &config).await.unwrap();
            get(&mut first).await;
            let second = connect(&gateway, &config).await.unwrap();
            assert_eq!(second.get_ref().1.handshake_kind(), Some(kind));
        }
    }
}

/// A gateway whose clients show a certificate that lasts `seconds` from now, and such a client's
/// connections; `None` where this machine took longer to connect.
async fn short_lived(
    origin: &Origin,
    seconds: u64,
) -> Option<(Gateway, [TlsStream<TcpStream>; 2])> {
    let files = Files::new("gateway.example");
    let now = Duration::from_millis(SystemClock::default().now().unix_ms);
    let mut params = rcgen::CertificateParams::default();
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + Duration::from_secs(seconds);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let ca = files.folder.path().join("clients.pem");
    std::fs::write(&ca, made.pem()).unwrap();
    let clients = Some(ClientAuthority {
        ca,
        auth: ClientAuth::Required,
    });
    let tls = Tls {
        clients,
        ..files.tls()
    };
    let gateway = Gateway::start(Setup {
        tls: Some(ServerTls::load(&tls, Offers::Http).unwrap()),
        ..Setup::before(origin.address, "")
    });
    let mut streams = Vec::new();
    for alpn in ["http/1.1", "h2"] {
        let mut config = files.trust(alpn, &[&rustls::version::TLS12]);
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let chosen = rustls::sign::CertifiedKey::from_der(
            vec![made.der().clone()],
            key,
            config.crypto_provider(),
        );
        let chosen = rustls::sign::SingleCertAndKey::from(chosen.unwrap());
        config.client_auth_cert_resolver = Arc::new(chosen);
        streams.push(connect(&gateway, &Arc::new(config)).await.ok()?);
    }
    Some((gateway, streams.try_into().ok()?))
}

#[tokio::test]
async fn a_connection_is_asked_to_end_when_its_client_s_certificate_does() {
    let origin = Origin::start().await;
    let made = match short_lived(&origin, 3).await {
        None => short_lived(&origin, 15).await,
        made => made,
    };
    let (_gateway, [mut h1, h2]) = made.expect("handshakes within 15 s");
    let (_handle, connection) = hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(h2),
    )
    .await
    .unwrap();
    // Neither was idle for so long that it would end of itself.
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        assert_eq!(h1.read(&mut [0; 1]).await.unwrap_or(0), 0);
        connection.await
    });
    ended.await.unwrap().expect("a GOAWAY, not a reset");
}

#[tokio::test]
async fn certificates_that_cannot_be_used_say_why() {
    let (one, two) = (Files::new("a.example"), Files::new("b.example"));
    let load = |cert: PathBuf, key: PathBuf| {
        let clients = None;
        ServerTls::load(&Tls { cert, key, clients }, Offers::Http).unwrap_err()
    };
    let missing = load(one.folder.path().join("none.pem"), one.key());
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    let swapped = load(one.key(), one.key());
    assert!(swapped.to_string().contains("no certificate"), "{swapped}");
    let other = load(one.cert(), two.key());
    assert!(
        other.to_string().contains("cannot use the certificate"),
        "{other}"
    );
}

#[tokio::test]
async fn the_origin_is_spoken_to_over_tls_and_must_be_whom_it_claims() {
    let files = Files::new("localhost");
    let key = rustls::pki_types::PrivateKeyDer::from_pem_file(files.key()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![files.der()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust us fails here; the next may.
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let alpn = stream
                .get_ref()
                .1
                .alpn_protocol()
                .unwrap_or_default()
                .to_vec();
            let service = hyper::service::service_fn(move |_| {
                let alpn = Bytes::from(alpn.clone());
                async {
                    Ok::<_, std::convert::Infallible>(http::Response::new(
                        http_body_util::Full::new(alpn),
                    ))
                }
            });
            tokio::spawn(async move {
                hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            });
        }
    });
    let gateway = |protocol: &str, ca: Option<PathBuf>| {
        let ca = ca.map_or(String::new(), |file| format!(", ca: {}", file.display()));
        Gateway::start(Setup {
            origin: format!(
                "{{urls: \"https://localhost:{}\", protocol: {protocol}{ca}}}",
                address.port()
            ),
            ..Setup::before(address, "")
        })
    };
    for (protocol, alpn) in [("http1", "http/1.1"), ("http2", "h2")] {
        let trusting = gateway(protocol, Some(files.cert()));
        let answer =
            crate::client::ask(trusting.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, alpn));
    }
    let wary = gateway("http1", None);
    let answer = crate::client::ask(wary.address, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(answer.status, 502);
}
