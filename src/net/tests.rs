//! The attacks of strangers who name URLs, each against a listener that must not notice.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const LIMIT: usize = 5 * 1024;

/// Answers each lookup with the next list, and the last list for ever.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Resolver for Scripted {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        Ok(self.answers[turn].clone())
    }
}

fn net(allow_loopback_clients: bool, answers: &[&[&str]]) -> (Net, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let answers = answers.iter().map(|list| list.iter().map(|text| text.parse().unwrap()).collect()).collect();
    let config = OutboundConfig { allow_loopback_clients, ..OutboundConfig::default() };
    let resolver = Box::new(Scripted { answers, asked: asked.clone() });
    (Net::with(&config, resolver, Duration::from_millis(700)).unwrap(), asked)
}

/// A listener on every local address that remembers whether anyone came.
async fn canary() -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let disturbed = Arc::new(AtomicBool::new(false));
    let flag = disturbed.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            flag.store(true, Ordering::SeqCst);
        }
    });
    (port, disturbed)
}

/// A server that says `head` and then one byte of a body every 50 ms.
async fn dripping(head: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(head.as_bytes()).await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    port
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/c.json")).respond_with(answer).mount(&server).await;
    server
}

async fn from_loopback(server: &MockServer) -> Result<Fetched, NetError> {
    net(true, &[&[]]).0.get(Purpose::ClientDocument, &format!("{}/c.json", server.uri()), LIMIT).await
}

#[tokio::test]
async fn a_document_arrives_with_what_its_reader_needs() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(200).set_body_raw("{}", "application/json").insert_header("cache-control", "max-age=90");
    let asks_plainly = Mock::given(method("GET")).and(header("accept-encoding", "identity"));
    asks_plainly.respond_with(answer).mount(&server).await;
    let fetched = from_loopback(&server).await.unwrap();
    assert!(fetched.is_json());
    assert_eq!((fetched.body.as_slice(), fetched.fresh_for().as_secs()), (&b"{}"[..], 90));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (port, disturbed) = canary().await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://127.0.0.1:{port}/secret");
        let server = serving(ResponseTemplate::new(status).insert_header("location", location)).await;
        assert_eq!(from_loopback(&server).await, Err(NetError::Status(status)));
    }
    assert!(!disturbed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn only_200_is_a_success() {
    for status in [201, 204, 206, 404, 500] {
        let server = serving(ResponseTemplate::new(status)).await;
        assert_eq!(from_loopback(&server).await, Err(NetError::Status(status)));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_cut_off() {
    assert_eq!(
        from_loopback(&serving(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; LIMIT])).await)
            .await
            .unwrap()
            .body
            .len(),
        LIMIT
    );
    let server = serving(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; LIMIT + 1])).await;
    assert_eq!(from_loopback(&server).await, Err(NetError::TooLarge));
}

#[tokio::test]
async fn a_body_that_hides_its_length_is_cut_off_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/c.json", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    assert_eq!(net(true, &[&[]]).0.get(Purpose::ClientDocument, &url, LIMIT).await, Err(NetError::TooLarge));
}

#[tokio::test]
async fn a_drip_fed_answer_ends_in_time() {
    for head in ["", "HTTP/1.1 200 OK\r\nX-Slow: ", "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"] {
        let url = format!("http://127.0.0.1:{}/c.json", dripping(head).await);
        let fetched = net(true, &[&[]]).0.get(Purpose::ClientDocument, &url, LIMIT).await;
        assert!(matches!(fetched, Err(NetError::TimedOut | NetError::Unreachable)), "{head:?}: {fetched:?}");
    }
}

#[tokio::test]
async fn a_gzip_bomb_is_never_opened() {
    let bomb =
        ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(vec![0x1f, 0x8b, 8, 0]);
    assert_eq!(from_loopback(&serving(bomb).await).await, Err(NetError::Compressed));
}

#[tokio::test]
async fn no_packet_reaches_an_address_that_is_not_public() {
    let (port, disturbed) = canary().await;
    let (net, asked) = net(false, &[&["127.0.0.1"]]);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "localhost",
    ] {
        let url = format!("https://{host}:{port}/c.json");
        assert_eq!(net.get(Purpose::ClientDocument, &url, LIMIT).await, Err(NetError::ForbiddenAddress), "{host}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "only localhost is a name");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!disturbed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_name_with_one_private_address_is_refused_as_a_whole() {
    let (port, disturbed) = canary().await;
    let url = format!("https://client.example:{port}/c.json");
    for answer in [&["127.0.0.1"][..], &["1.1.1.1", "127.0.0.1"], &["2606:4700::1", "::ffff:127.0.0.1"]] {
        // Loopback is allowed by its own names only.
        for allow_loopback in [false, true] {
            let (net, _) = net(allow_loopback, &[answer]);
            assert_eq!(net.get(Purpose::ClientDocument, &url, LIMIT).await, Err(NetError::ForbiddenAddress));
        }
    }
    assert_eq!(net(false, &[&[]]).0.get(Purpose::ClientDocument, &url, LIMIT).await, Err(NetError::Unresolvable));
    assert!(!disturbed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn dns_rebinding_gets_no_second_lookup() {
    let server = serving(ResponseTemplate::new(200).set_body_string("first")).await;
    let (net, asked) = net(false, &[&["127.0.0.1"], &["169.254.169.254"]]);
    let url = format!("http://upstream.example:{}/c.json", server.address().port());
    let fetched = net.get(Purpose::AdministratorEndpoint, &url, LIMIT).await.unwrap();
    assert_eq!((fetched.body.as_slice(), asked.load(Ordering::SeqCst)), (&b"first"[..], 1));
    assert_eq!(net.get(Purpose::AdministratorEndpoint, &url, LIMIT).await, Err(NetError::ForbiddenAddress));
}

#[tokio::test]
async fn strangers_need_tls_and_bring_no_passwords() {
    let (net, asked) = net(false, &[&["1.1.1.1"]]);
    for (url, why) in [
        ("http://client.example/c.json", NetError::NotHttps),
        ("http://127.0.0.1/c.json", NetError::NotHttps),
        ("ftp://client.example/c.json", NetError::BadUrl),
        ("file:///etc/passwd", NetError::BadUrl),
        ("https://user:password@client.example/c.json", NetError::BadUrl),
        ("not a url", NetError::BadUrl),
    ] {
        assert_eq!(net.get(Purpose::ClientDocument, url, LIMIT).await, Err(why), "{url}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_flood_for_one_host_runs_out_of_budget_and_leaves_others_theirs() {
    let (net, asked) = net(false, &[&["127.0.0.1"]]);
    let mut refused = 0;
    for number in 0..40 {
        let url = format!("https://victim.example/{number}");
        refused += usize::from(matches!(
            net.get(Purpose::ClientDocument, &url, LIMIT).await,
            Err(NetError::OverBudget { .. })
        ));
    }
    assert_eq!((refused, asked.load(Ordering::SeqCst)), (30, 10));
    let other = net.get(Purpose::ClientDocument, "https://other.example/c", LIMIT).await;
    assert_eq!(other, Err(NetError::ForbiddenAddress), "not over budget");
}

#[tokio::test]
async fn a_victim_with_many_names_is_one_victim() {
    let (net, _) = net(true, &[&["127.0.0.1"]]);
    let (port, _) = canary().await;
    let mut refused = 0;
    for host in ["localhost", "127.0.0.1"].repeat(8) {
        let url = format!("http://{host}:{port}/c");
        let request = net.get(Purpose::ClientDocument, &url, LIMIT);
        let outcome = tokio::time::timeout(Duration::from_millis(20), request).await;
        refused += usize::from(matches!(outcome, Ok(Err(NetError::OverBudget { .. }))));
    }
    assert_eq!(refused, 6, "16 requests under two names, 10 for one address");
}

/// Denial of service: people who have logos fetched and strangers who register clients take nothing from each other.
#[tokio::test]
async fn logos_are_fetched_whatever_strangers_ask_for_and_the_other_way_round() {
    for (flooding, other) in
        [(Purpose::ClientDocument, Purpose::ClientLogo), (Purpose::ClientLogo, Purpose::ClientDocument)]
    {
        let (net, _) = net(false, &[&["127.0.0.1"]]);
        let url = "https://app.example/x";
        for _ in 0..10 {
            assert_eq!(net.get(flooding, url, LIMIT).await, Err(NetError::ForbiddenAddress));
        }
        assert!(matches!(net.get(flooding, url, LIMIT).await, Err(NetError::OverBudget { .. })), "{flooding:?}");
        assert_eq!(net.get(other, url, LIMIT).await, Err(NetError::ForbiddenAddress), "{other:?} is not over budget");
    }
}

/// Denial of service: strangers use up all that is theirs, and what an administrator entered is read as before.
#[tokio::test]
async fn no_stranger_starves_the_keys_that_an_administrator_entered() {
    let server = serving(ResponseTemplate::new(200).set_body_string("keys")).await;
    let (net, _) = net(true, &[&["127.0.0.1"]]);
    let keys = format!("http://localhost:{}/c.json", server.address().port());
    for _ in 0..20 {
        let _spent = net.get(Purpose::ClientDocument, &keys, LIMIT).await;
    }
    assert!(matches!(net.get(Purpose::ClientDocument, &keys, LIMIT).await, Err(NetError::OverBudget { .. })));
    for number in 0..200 {
        let _spent = net.0.budget.pay_address(format!("198.51.100.{number}").parse().unwrap());
    }
    let read = async |url: &str| net.get(Purpose::AdministratorKeys, url, LIMIT).await;
    for _ in 0..10 {
        assert_eq!(read(&keys).await.unwrap().body, b"keys");
    }
    assert!(matches!(read(&keys).await, Err(NetError::OverBudget { .. })), "nobody makes us read it without end");
    assert_eq!(read(&format!("{keys}?of=another")).await.unwrap().body, b"keys");
    assert_eq!(read("http://169.254.169.254/keys").await, Err(NetError::ForbiddenAddress));
}

/// The status, header lines and body of an answer that is no document, without following where it leads.
#[tokio::test]
async fn an_exchange_brings_home_whatever_was_said_and_goes_no_further() {
    let (port, disturbed) = canary().await;
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(307)
        .insert_header("location", format!("http://127.0.0.1:{port}/").as_str())
        .append_header("www-authenticate", "Basic realm=\"a\"")
        .append_header("www-authenticate", "Bearer realm=\"b\"")
        .set_body_string("said");
    let asked = Mock::given(method("POST")).and(header("accept", "text/html")).and(header("x-test", "1"));
    asked.respond_with(answer).mount(&server).await;
    let request = Request::post(&server.uri(), "application/json", "{}".to_owned());
    let request = request.with("accept", "text/html").with("x-test", "1");
    let (net, _) = net(false, &[&[]]);
    let exchange = net.exchange(Purpose::AdministratorEndpoint, &request, LIMIT).await.unwrap();
    assert_eq!((exchange.status, exchange.body.as_slice(), exchange.is_whole), (307, &b"said"[..], true));
    assert_eq!(exchange.header("www-authenticate").unwrap(), "Basic realm=\"a\", Bearer realm=\"b\"");
    assert!(!disturbed.load(Ordering::SeqCst));
}

#[tokio::test]
async fn an_exchange_keeps_the_limits_of_a_fetch() {
    let (net, _) = net(false, &[&["127.0.0.1"]]);
    let ask = async |url: &str| net.exchange(Purpose::AdministratorEndpoint, &Request::get(url), LIMIT).await;
    let long = serving(ResponseTemplate::new(500).set_body_bytes(vec![b'x'; LIMIT + 1])).await;
    let seen = ask(&format!("{}/c.json", long.uri())).await.unwrap();
    assert_eq!((seen.status, seen.is_whole), (500, false));
    assert!(seen.body.len() <= LIMIT);
    let drip = dripping("HTTP/1.1 401 Unauthorized\r\nContent-Length: 4000\r\n\r\n").await;
    let slow = ask(&format!("http://127.0.0.1:{drip}/")).await;
    assert!(matches!(slow, Err(NetError::TimedOut | NetError::Unreachable)), "{slow:?}");
    let stream = dripping("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n").await;
    let seen = ask(&format!("http://127.0.0.1:{stream}/")).await.unwrap();
    assert_eq!((seen.status, seen.is_whole), (200, false), "a stream has no end to wait for");
    for (purpose, url) in [
        (Purpose::AdministratorEndpoint, "http://169.254.169.254/latest/meta-data"),
        (Purpose::ClientDocument, "https://127.0.0.1/"),
        (Purpose::ClientLogo, "https://127.0.0.1/"),
        (Purpose::LinkedEndpoint, "https://10.0.0.1/"),
    ] {
        let refused = net.exchange(purpose, &Request::get(url), LIMIT).await;
        assert_eq!(refused, Err(NetError::ForbiddenAddress), "{url}");
    }
}

/// A server with a certificate for `localhost` that the authority in `fixtures` signed; its key is public, and guards nothing.
fn tls_server() -> u16 {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use std::io::{Read, Write};

    let certificate = CertificateDer::from_pem_slice(include_bytes!("fixtures/localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/localhost.key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let config = Arc::new(config);
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            if stream.read(&mut [0; 1024]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
                let _ = stream.flush();
            }
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_counts_for_its_own_name_and_only_if_we_know_who_signed_it() {
    let port = tls_server();
    let outcome = async |extra: bool, host: &str| {
        let extra_ca_file =
            extra.then(|| concat!(env!("CARGO_MANIFEST_DIR"), "/src/net/fixtures/authority.pem").into());
        let config = OutboundConfig { allow_loopback_clients: true, extra_ca_file, ..OutboundConfig::default() };
        let resolver = Scripted { answers: vec![vec![[127, 0, 0, 1].into()]], asked: Arc::default() };
        let net = Net::with(&config, Box::new(resolver), TOTAL).unwrap();
        net.get(Purpose::AdministratorEndpoint, &format!("https://{host}:{port}/"), LIMIT)
            .await
            .map(|fetched| fetched.body)
    };
    assert_eq!(outcome(true, "localhost").await, Ok(b"{}".to_vec()));
    assert_eq!(outcome(false, "localhost").await, Err(NetError::Unreachable));
    assert_eq!(outcome(true, "other.example").await, Err(NetError::Unreachable));
}

#[test]
fn an_extra_ca_file_without_certificates_is_a_mistake() {
    for path in ["/does/not/exist.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
        let config = OutboundConfig { extra_ca_file: Some(path.into()), ..OutboundConfig::default() };
        assert!(matches!(Net::new(&config), Err(NetSetupError::ExtraCaFile(_))), "{path}");
    }
}
