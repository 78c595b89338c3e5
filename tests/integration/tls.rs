//! HTTPS: who is spoken with, what is said to those who speak plainly, and certificates that change.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use epochd::api::tls::{Tls, healthcheck};
use epochd::config::{Settings, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, generate_simple_self_signed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{TestApp, eventually};

const GET: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// A folder of certificates.
struct Certificates(tempfile::TempDir);

/// A certificate and its key, in PEM.
type Pair = (String, String);

fn for_localhost() -> Pair {
    let made = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

impl Certificates {
    fn of_service((certificate, key): &Pair) -> Self {
        let folder = Certificates(tempfile::tempdir().expect("a temporary folder"));
        folder.put("cert", certificate);
        folder.put("key", key);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).expect("a mode");
    }

    fn files(&self) -> TlsFiles {
        TlsFiles { certificate: Some(self.path("cert")), key: Some(self.path("key")), client_authorities: None }
    }
}

async fn service_with(files: TlsFiles) -> TestApp {
    TestApp::with(|settings| settings.tls = files).await
}

/// A client that trusts the certificate `trusted`, and shows `own` if it is asked.
fn client(trusted: &str, own: Option<&Pair>, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).expect("PEM")).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_protocol_versions(versions).expect("known versions").with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM")];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
    })
}

/// What the service answers to `GET`.
async fn ask(service: &TestApp, client: &Arc<ClientConfig>) -> std::io::Result<String> {
    let stream = TcpStream::connect(service.address()).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(client.clone()).connect(name, stream).await?;
    stream.write_all(GET).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply)
}

fn is_alive(reply: &std::io::Result<String>) -> bool {
    reply.as_ref().is_ok_and(|reply| reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("{\"status\":\"ok\"}\n"))
}

/// What the command line says that asks the service and trusts these certificates.
async fn commanded(url: &str, trusted: Option<PathBuf>) -> (Option<i32>, String) {
    commanded_with(url, trusted.into_iter().flat_map(|file| ["--ca".into(), file]).collect()).await
}

async fn commanded_with(url: &str, options: Vec<PathBuf>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.args(["models", "--url", url]).env_remove("EPOCHD_KEY");
    command.args(options);
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn the_command_line_says_what_is_wrong_with_a_certificate() {
    let certificates = Certificates::of_service(&for_localhost());
    let service = service_with(certificates.files()).await;
    let url = format!("https://localhost:{}", service.address().port());
    assert_eq!(commanded(&url, Some(certificates.path("cert"))).await.0, Some(0));
    let (status, told) = commanded(&url, None).await;
    assert!(status == Some(1) && told.contains("no authority that is known") && told.contains("--ca FILE"), "{told}");

    // As `openssl req -x509` makes it by itself.
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    let certificates = Certificates::of_service(&(certificate.pem(), key.serialize_pem()));
    let service = service_with(certificates.files()).await;
    let url = format!("https://localhost:{}", service.address().port());
    let (status, told) = commanded(&url, Some(certificates.path("cert"))).await;
    assert!(status == Some(1) && told.contains("-addext basicConstraints=critical,CA:FALSE"), "{told}");

    let plain = TestApp::start().await;
    let port = plain.address().port();
    let (status, told) = commanded(&format!("https://localhost:{port}"), None).await;
    assert!(status == Some(1) && told.contains(&format!("ask it by --url http://localhost:{port}/")), "{told}");
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_keep_their_connections() {
    let pair = for_localhost();
    let certificates = Certificates::of_service(&pair);
    let service = service_with(certificates.files()).await;
    for version in [&TLS12, &TLS13] {
        let reply = ask(&service, &client(&pair.0, None, &[version])).await;
        assert!(is_alive(&reply), "{reply:?}");
    }
    let stream = TcpStream::connect(service.address()).await.expect("a connection");
    let connector = TlsConnector::from(client(&pair.0, None, &[&TLS13]));
    let mut stream = connector.connect("localhost".try_into().expect("a name"), stream).await.expect("a handshake");
    for _ in 0..2 {
        stream.write_all(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
        let mut reply = vec![0; 12];
        stream.read_exact(&mut reply).await.expect("a reply");
        assert_eq!(reply, b"HTTP/1.1 404");
        while !reply.ends_with(b"}\n") {
            reply.push(stream.read_u8().await.expect("the rest"));
        }
    }
    // What hyper refuses is told over TLS as well.
    stream.write_all(b"nonsense\r\n\r\n").await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a refusal");
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.contains("malformed_request"), "{reply}");
    let stranger = client(&for_localhost().0, None, &[&TLS13]);
    assert!(ask(&service, &stranger).await.is_err(), "the certificate is the one that was set");
}

#[tokio::test]
async fn http_2_is_agreed_on_in_the_handshake() {
    let pair = for_localhost();
    let certificates = Certificates::of_service(&pair);
    let service = service_with(certificates.files()).await;
    for (offered, agreed) in
        [(&["h2", "http/1.1"][..], Some(&b"h2"[..])), (&["http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let mut config = (*client(&pair.0, None, &[&TLS13])).clone();
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let config = Arc::new(config);
        if agreed != Some(b"h2") {
            assert!(is_alive(&ask(&service, &config).await), "{offered:?}");
            continue;
        }
        let stream = TcpStream::connect(service.address()).await.expect("a connection");
        let connector = TlsConnector::from(config);
        let stream = connector.connect("localhost".try_into().expect("a name"), stream).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        let request = axum::http::Request::get("https://localhost/livez").body(()).expect("a request");
        let (reply, _) = client.ready().await.expect("open").send_request(request, true).expect("a stream");
        assert_eq!(reply.await.expect("a reply").status(), 200);
    }
}

/// What a client that speaks no TLS is answered.
async fn plainly(service: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut reply = String::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut reply));
    end.await.expect("an end").expect("text");
    reply
}

#[tokio::test]
async fn who_speaks_plain_http_is_told_so() {
    let certificates = Certificates::of_service(&for_localhost());
    let service = service_with(certificates.files()).await;
    let reply = plainly(&service, GET).await;
    assert!(reply.starts_with("HTTP/1.1 400 ") && reply.contains("this port speaks TLS: use https://"), "{reply}");
    assert!(reply.contains("content-type: application/problem+json") && reply.contains("x-request-id"), "{reply}");
}

#[tokio::test]
async fn a_handshake_has_the_time_of_a_head_and_gives_its_place_back() {
    let certificates = Certificates::of_service(&for_localhost());
    let service = TestApp::with(|settings| {
        settings.tls = certificates.files();
        settings.head_timeout = Duration::from_millis(300);
    })
    .await;
    // Nothing, and a record that never becomes whole.
    assert_eq!(plainly(&service, b"").await, "");
    assert_eq!(plainly(&service, &[22, 3, 1, 2, 0, 1]).await, "");
    let cut = || service.app.meters.connections_cut.with_label_values(&["handshake"]).get();
    eventually("both are counted, and hold no place", || async {
        cut() == 2 && service.app.meters.connections.get() == 0
    })
    .await;
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_wrong_one_is_not() {
    let (first, second) = (for_localhost(), for_localhost());
    let certificates = Certificates::of_service(&first);
    let service = service_with(certificates.files()).await;
    let (old, new) = (client(&first.0, None, &[&TLS13]), client(&second.0, None, &[&TLS13]));
    // Half of a change: the key is still that of the first.
    certificates.put("cert", &second.0);
    // Longer than it takes to notice.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(is_alive(&ask(&service, &old).await) && !is_alive(&ask(&service, &new).await), "the old pair stays");
    certificates.put("key", &second.1);
    eventually("the new pair serves", || async { is_alive(&ask(&service, &new).await) }).await;
    assert!(!is_alive(&ask(&service, &old).await));
}

#[tokio::test]
async fn metrics_say_when_the_certificate_ends() {
    let until = |year| {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        params.not_after = rcgen::date_time_ymd(year, 3, 1);
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    };
    let certificates = Certificates::of_service(&until(2041));
    let service = service_with(certificates.files()).await;
    let end = || service.app.meters.certificate_end.get();
    let seconds = |day: &str| day.parse::<jiff::Timestamp>().expect("a time").as_second();
    eventually("it is told", || async { end() == seconds("2041-03-01T00:00:00Z") }).await;
    let (certificate, key) = until(2042);
    certificates.put("cert", &certificate);
    certificates.put("key", &key);
    eventually("the new one's", || async { end() == seconds("2042-03-01T00:00:00Z") }).await;
    assert_eq!(TestApp::start().await.app.meters.certificate_end.get(), 0, "without TLS");
}

#[tokio::test]
async fn clients_need_a_certificate_of_the_authority() {
    let authority_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).expect("a certificate");
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["client".to_owned()]).expect("a name");
    let member = (params.signed_by(&key, &issuer).expect("a certificate").pem(), key.serialize_pem());

    let pair = for_localhost();
    let certificates = Certificates::of_service(&pair);
    certificates.put("ca", &authority.pem());
    let files = TlsFiles { client_authorities: Some(certificates.path("ca")), ..certificates.files() };
    let service = service_with(files.clone()).await;
    for versions in [&TLS12, &TLS13] {
        assert!(is_alive(&ask(&service, &client(&pair.0, Some(&member), &[versions])).await), "a member is served");
        for stranger in [None, Some(&for_localhost())] {
            let reply = ask(&service, &client(&pair.0, stranger, &[versions])).await;
            assert!(!is_alive(&reply), "{reply:?}");
        }
    }
    // The commands show one that they are given.
    let stranger = for_localhost();
    for (name, text) in [("member", &member.0), ("key of member", &member.1), ("both", &(member.0.clone() + &member.1))]
    {
        certificates.put(name, text);
    }
    certificates.put("stranger", &(stranger.0 + &stranger.1));
    let url = format!("https://localhost:{}", service.address().port());
    let commanded = |options: &[&str]| {
        let of = |option: &&str| if option.starts_with('-') { (*option).into() } else { certificates.path(option) };
        commanded_with(&url, ["--ca", "cert"].iter().chain(options).map(of).collect())
    };
    assert_eq!(commanded(&["--client-cert", "member", "--client-key", "key of member"]).await.0, Some(0));
    assert_eq!(commanded(&["--client-cert", "both"]).await.0, Some(0));
    // Whether the refusal is read, or writing fails before, is a matter of chance.
    for (options, said) in [
        (&[][..], "give one by --client-cert FILE"),
        (&["--client-cert", "stranger"], "does not trust the certificate of --client-cert"),
    ] {
        let (_, told) = commanded(options).await;
        assert!(told.contains(said), "{told}");
    }
    for (options, status, said) in [
        (&["--client-cert", "member"], 2, "or the key in another file by --client-key"),
        (&["--client-key", "key of member"], 2, "--client-cert"),
    ] {
        let (ended, told) = commanded(options).await;
        assert!(ended == Some(status) && told.contains(said), "{options:?}: {ended:?} {told}");
    }
    // The health check shows the service's own certificate.
    assert_eq!(healthy(&service, &files).await, "200");
    let without = healthy(&service, &TlsFiles { client_authorities: None, ..files }).await;
    assert_ne!(without, "200", "it has to show one");
}

/// What `epochd healthcheck` sees.
async fn healthy(service: &TestApp, tls: &TlsFiles) -> String {
    let settings = Settings { listen: service.address(), tls: tls.clone(), ..service.settings.clone() };
    let asked = tokio::task::spawn_blocking(move || healthcheck::ask_ready(&settings)).await.expect("no panic");
    asked.unwrap_or_else(|error| error.to_string())
}

#[tokio::test]
async fn the_health_check_follows() {
    let certificates = Certificates::of_service(&for_localhost());
    let service = service_with(certificates.files()).await;
    assert_eq!(healthy(&service, &certificates.files()).await, "200");
    let plain = TestApp::with(|settings| settings.browsers.allowed_hosts = vec!["epochd.internal".into()]).await;
    assert_eq!(healthy(&plain, &TlsFiles::default()).await, "200");
}

/// What is said of files that cannot be used.
fn refused(files: &TlsFiles) -> String {
    Tls::of(files).err().expect("they cannot be used").to_string()
}

#[test]
fn what_is_wrong_with_a_file_is_said_at_start() {
    let pair = for_localhost();
    let certificates = Certificates::of_service(&pair);
    let files = certificates.files();
    assert!(
        Tls::of(&files).is_ok_and(|tls| tls.is_some()) && Tls::of(&TlsFiles::default()).is_ok_and(|tls| tls.is_none())
    );
    let with = |name: &str, text: &str| {
        certificates.put("wrong", text);
        let wrong = Some(certificates.path("wrong"));
        match name {
            "cert" => refused(&TlsFiles { certificate: wrong, ..files.clone() }),
            "key" => refused(&TlsFiles { key: wrong, ..files.clone() }),
            _ => refused(&TlsFiles { client_authorities: wrong, ..files.clone() }),
        }
    };
    assert!(with("cert", &pair.1).contains("holds no certificate"));
    assert!(with("key", &pair.0).contains("holds no private key"));
    let other = with("key", &for_localhost().1);
    assert!(other.contains("cannot be used together"), "{other}");
    assert!(with("ca", "").contains("--tls-client-ca") && with("ca", "").contains("holds no certificate"));
    let missing = TlsFiles { key: Some(Path::new("/nowhere/key").into()), ..files.clone() };
    assert!(refused(&missing).contains("/nowhere/key cannot be read"));
    for message in [with("key", &pair.1[..100]), with("cert", &pair.0[..100]), other] {
        assert!(!message.contains(&pair.1[40..60]), "no part of a key is shown: {message}");
    }
}

#[tokio::test]
async fn one_connection_too_many_is_told_over_tls() {
    let pair = for_localhost();
    let certificates = Certificates::of_service(&pair);
    let service = TestApp::with(|settings| {
        settings.tls = certificates.files();
        settings.max_connections = Some(1);
    })
    .await;
    let client = client(&pair.0, None, &[&TLS13]);
    let connector = TlsConnector::from(client.clone());
    let stream = TcpStream::connect(service.address()).await.expect("a connection");
    let mut kept = connector.connect("localhost".try_into().expect("a name"), stream).await.expect("a handshake");
    kept.write_all(b"POST /datasets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n").await.expect("sent");
    for offered in [&["h2", "http/1.1"][..], &[]] {
        let mut client = (*client).clone();
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let reply = ask(&service, &Arc::new(client)).await.expect("a reply");
        assert!(reply.starts_with("HTTP/1.1 429 ") && reply.contains("--max-connections"), "{reply}");
    }
    // Who says nothing is waited for, and holds up nobody.
    let _silent = TcpStream::connect(service.address()).await.expect("a connection");
    let reply = ask(&service, &client).await.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 429 "), "{reply}");
    drop(kept);
    eventually("its place is free", || async { service.app.meters.connections.get() == 0 }).await;
    assert!(is_alive(&ask(&service, &client).await));
}
