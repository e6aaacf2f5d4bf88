//! A stranger's web server: it publishes client metadata documents, and knows how often somebody came.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::client::CALLBACK;

/// A web server on this machine.
pub struct Documents(MockServer);

impl Documents {
    /// One that publishes the usual document of one client at every path.
    pub async fn start() -> Self {
        let documents = Self(MockServer::start().await);
        documents.publish(documents.usual()).await;
        documents
    }

    /// The `client_id`: where the document is.
    pub fn client_id(&self) -> String {
        format!("{}/client.json", self.0.uri())
    }

    /// What is usually published.
    pub fn usual(&self) -> Value {
        document(&self.client_id())
    }

    /// Publishes a document, and forgets who came.
    pub async fn publish(&self, document: Value) {
        self.answer(ResponseTemplate::new(200).set_body_json(document)).await;
    }

    /// Answers with anything at all, and forgets who came.
    pub async fn answer(&self, answer: ResponseTemplate) {
        self.0.reset().await;
        Mock::given(method("GET")).respond_with(answer).mount(&self.0).await;
    }

    /// How often somebody came.
    pub async fn visits(&self) -> usize {
        self.0.received_requests().await.unwrap_or_default().len()
    }
}

/// The document of a public client on somebody's own computer.
pub fn document(client_id: &str) -> Value {
    json!({
        "client_id": client_id,
        "client_name": "Document client",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    })
}

/// The certificate authority that signed the certificate of [`serve_by_tls`].
pub fn authority() -> PathBuf {
    fixture("authority.pem")
}

/// Publishes the usual document by TLS, under a name that is certified: its `client_id`.
pub fn serve_by_tls() -> String {
    let certificate = CertificateDer::from_pem_file(fixture("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let id = format!("https://localhost:{}/client.json", listener.local_addr().unwrap().port());
    let body = document(&id).to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let _read = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
            let _written = write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}");
            stream.conn.send_close_notify();
            let _flushed = stream.flush();
        }
    });
    id
}

/// A port on every local address at which nobody may ever knock, and how often somebody did.
pub fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let (port, knocks) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&knocks);
    thread::spawn(move || {
        for _knock in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, knocks)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/net/fixtures").join(name)
}
