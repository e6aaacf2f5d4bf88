//! An installation of its own for a test: the whole product, served on loopback, with a clock that the test moves.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use portcullis::app::{App, Parts};
use portcullis::audit::Origin;
use portcullis::clock::Clock;
use portcullis::config::Config;
use portcullis::crypto::{PasswordHash, Passwords, Random, RootKeys};
use portcullis::db::{Connection, Db, QueryResult};
use portcullis::grants::client::{self, ClientOptions, ClientOrigin, NewClient};
use portcullis::grants::client_metadata::{ApplicationType, AuthMethod};
use portcullis::http::urls;
use portcullis::identity::add_person::{AddPerson, NewPerson, add_person};
use portcullis::identity::disable::disable;
use portcullis::server;
use portcullis::types::{Scope, Words, known_scopes};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, oneshot};

use super::cluster::{TestDatabase, create_database};
use super::relay::Relay;
use super::witness::Witness;
use super::{Answer, Browser, Client};

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";
const ROOT_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Where nobody listens.
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/none";

/// An installation with one node. What can be asked of the node can be asked of it.
pub struct TestApp(Node);

/// One server process of an installation. Cheap to clone; it stops with its last clone.
#[derive(Clone)]
pub struct Node(Arc<Running>);

struct Running {
    app: Arc<App>,
    address: SocketAddr,
    installation: Arc<Installation>,
    _until_dropped: oneshot::Sender<()>,
}

/// What all nodes share. With its last node gone, it looks for secrets where none may be.
struct Installation {
    config: Config,
    clock: Clock,
    keys: Arc<RootKeys>,
    http: reqwest::Client,
    witness: Witness,
    db: Db,
    database: TestDatabase,
    /// What its nodes' pools go through.
    relay: Option<Relay>,
}

impl TestApp {
    /// An installation as it comes.
    pub async fn start() -> Self {
        Self::configured(|_| {}).await
    }

    /// An installation with other settings.
    pub async fn configured(configure: impl FnOnce(&mut Config)) -> Self {
        Self::before(create_database(), None, configure).await
    }

    /// An installation whose statements are written down.
    pub async fn overheard() -> Self {
        let database = create_database();
        let relay = Relay::before(&database.url).await;
        Self::before(database, Some(relay), |_| {}).await
    }

    async fn before(database: TestDatabase, relay: Option<Relay>, configure: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut config = Config::default();
        config.server.bind = listener.local_addr().unwrap();
        config.server.public_url = format!("http://localhost:{}", config.server.bind.port()).parse().unwrap();
        config.server.workers = Some(1);
        configure(&mut config);
        let installation = Installation {
            config,
            clock: Clock::adjustable(),
            keys: Arc::new(ROOT_KEY.parse::<RootKeys>().unwrap()),
            http: http_client(None),
            witness: Witness::new(),
            db: database.open(),
            database,
            relay,
        };
        installation.witness.note(PASSWORD);
        let direct = installation.database.url.clone();
        Self(Node::start(Arc::new(installation), listener, direct).await)
    }

    /// Another node of the same installation.
    pub async fn second_node(&self) -> Node {
        self.node_that_listens_at(self.database().url.clone()).await
    }

    /// Stops its node, which nobody else may hold any more, and starts another at the same address.
    pub async fn restart(self) -> Self {
        let Running { app, address, installation, .. } = &*self.0.0;
        let (old, address, installation) = (Arc::downgrade(app), *address, Arc::clone(installation));
        assert_eq!(Arc::strong_count(&self.0.0), 1, "somebody still holds the node");
        drop(self);
        let since = Instant::now();
        let listener = loop {
            match TcpListener::bind(address) {
                Ok(listener) if old.strong_count() == 0 => break listener,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(since.elapsed() < Duration::from_secs(30), "it does not stop");
        };
        let direct = installation.database.url.clone();
        Self(Node::start(installation, listener, direct).await)
    }

    /// Another node, which hears what the others change by another way to the database.
    pub async fn node_that_listens_at(&self, direct: SecretString) -> Node {
        let installation = Arc::clone(&self.0.0.installation);
        Node::start(installation, TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), direct).await
    }

    /// Another node, which reaches the database but never hears what the others changed.
    pub async fn deaf_node(&self) -> Node {
        self.node_that_listens_at(NOWHERE.into()).await
    }
}

impl Deref for TestApp {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Node {
    /// Serves on a thread of its own, as a process would: nothing that a test does holds it up.
    async fn start(installation: Arc<Installation>, listener: TcpListener, direct: SecretString) -> Self {
        let address = listener.local_addr().unwrap();
        let (ready, opened) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let parts = Parts {
            config: installation.config.clone(),
            db: Db::new(installation.relay.as_ref().map_or(&installation.database.url, |relay| &relay.url), &direct, 8)
                .unwrap(),
            keys: Arc::clone(&installation.keys),
            clock: installation.clock.clone(),
            random: Random::system(),
        };
        thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = Arc::new(App::open(parts).await.unwrap());
                if ready.send(Arc::clone(&app)).is_ok() {
                    server::run(app, vec![listener], async { drop(stopped.await) }).await.unwrap();
                }
            });
        });
        let app = opened.await.expect("the installation opens");
        Self(Arc::new(Running { app, address, installation, _until_dropped: stop }))
    }

    /// The application itself.
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// Everybody's time.
    pub fn clock(&self) -> &Clock {
        &self.0.installation.clock
    }

    pub fn issuer(&self) -> &str {
        self.0.app.issuer()
    }

    /// The absolute URL of a path.
    pub fn at(&self, path: &str) -> String {
        self.0.app.at(path)
    }

    /// The database, past the server.
    pub fn db(&self) -> &Db {
        &self.0.installation.db
    }

    /// The database itself.
    pub fn database(&self) -> &TestDatabase {
        &self.0.installation.database
    }

    /// What the nodes of an installation that is [`overheard`](TestApp::overheard) asked the database since the last time; the
    /// listening connection goes another way.
    pub fn asked(&self) -> Vec<String> {
        self.relay().executed()
    }

    /// What the pools of an installation that is [`overheard`](TestApp::overheard) go through.
    pub fn relay(&self) -> &Relay {
        self.0.installation.relay.as_ref().expect("a relay")
    }

    /// Runs a verb in a transaction, past the server.
    pub async fn write<T>(&self, verb: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>) -> T {
        self.db().write(verb).await.unwrap()
    }

    /// The details of every audit event of that name, oldest first.
    pub async fn events(&self, name: &str) -> Vec<Value> {
        use diesel::prelude::*;
        use diesel_async::RunQueryDsl;
        use portcullis::schema::audit_events as table;
        self.app().audit.write(&self.app().db).await.unwrap();
        let mut conn = self.db().read().await.unwrap();
        let query = table::table.filter(table::event.eq(name)).order((table::at, table::id)).select(table::detail);
        query.load(&mut conn).await.unwrap()
    }

    /// Remembers a secret that must never be stored or logged.
    pub fn is_secret(&self, secret: &str) {
        self.0.installation.witness.note(secret);
    }

    /// Fails when a secret of this installation is in there.
    pub fn finds_no_secret_in(&self, text: &str) {
        self.0.installation.witness.find_none_in(text);
    }

    /// A request to this node under the installation's name, whatever port the node has.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.request_by(&self.0.installation.http, method, url)
    }

    /// The same from elsewhere.
    pub fn request_by(&self, http: &reqwest::Client, method: Method, url: &str) -> RequestBuilder {
        let path = url.strip_prefix(self.issuer()).unwrap_or(url);
        assert!(path.starts_with('/'), "{url} is not ours");
        let name = self.issuer().trim_start_matches("http://");
        http.request(method, format!("http://{}{path}", self.0.address)).header(HOST, name)
    }

    /// Sends a request and checks what must hold of every answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.text().await.unwrap() };
        answer.check();
        self.0.installation.witness.read(&answer);
        answer
    }

    pub async fn get(&self, url: &str) -> Answer {
        self.send(self.request(Method::GET, url)).await
    }

    pub async fn post_form<N: AsRef<str>, V: AsRef<str>>(&self, url: &str, fields: &[(N, V)]) -> Answer {
        self.send(with_form(self.request(Method::POST, url), fields)).await
    }

    pub async fn post_json(&self, url: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, url).header(CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string())).await
    }

    /// Calls a harmless tool: is this token good?
    pub async fn call_mcp(&self, token: &str) -> Answer {
        self.call_tool(token, "list_services", json!({})).await
    }

    /// Waits until the token is dead here, and fails after two seconds (`decisions` 3).
    pub async fn sees_the_end_of(&self, token: &str) {
        let since = Instant::now();
        while self.call_mcp(token).await.status == 200 {
            assert!(since.elapsed() < Duration::from_secs(2), "it still works");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.call_mcp(token).await.assert(401);
    }

    /// Waits until what is asked is answered so, and fails after two seconds (`decisions` 3).
    pub async fn becomes(&self, ask: impl AsyncFn() -> Answer, status: u16) {
        let since = Instant::now();
        while ask().await.status != status {
            assert!(since.elapsed() < Duration::from_secs(2), "it does not become {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Calls a tool.
    pub async fn call_tool(&self, token: &str, tool: &str, arguments: Value) -> Answer {
        let request = self.mcp_request(tool, arguments).header(AUTHORIZATION, format!("Bearer {token}"));
        self.send(request).await
    }

    /// A tool call as it must be, but for its credential.
    pub fn mcp_request(&self, tool: &str, arguments: Value) -> RequestBuilder {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        self.request(Method::POST, urls::MCP)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
            .body(body.to_string())
    }

    /// Somebody new, who has [`PASSWORD`] and sits at a browser that has never been here.
    pub async fn person(&self, username: &str) -> Browser {
        self.add(NewPerson { username: username.to_owned(), ..NewPerson::default() }).await
    }

    /// The same with more said about them.
    pub async fn add(&self, person: NewPerson) -> Browser {
        let person = NewPerson { password: Some(password_hash().await), ..person };
        let (username, now) = (person.username.clone(), self.clock().now());
        match self.write(async |conn| add_person(conn, person, &Origin::operator(), now).await).await {
            AddPerson::Added(user) => Browser::of(self, &username, user.id),
            AddPerson::Refused(refusal) => panic!("{refusal}"),
        }
    }

    /// Disables somebody, as the operator does on the machine itself.
    pub async fn disable(&self, person: &Browser) {
        let (user, now) = (person.user, self.clock().now());
        self.write(async |conn| disable(conn, user, &Origin::operator(), now).await).await;
    }

    /// A public client on somebody's own computer that has just registered itself.
    pub async fn client(&self) -> Client {
        Client::register(self, json!({})).await
    }

    /// A public client that an administrator vouches for.
    pub async fn vouched_client(&self, id: &str, redirect_uri: &str) -> Client {
        let client = NewClient {
            id: id.to_owned(),
            origin: ClientOrigin::Administrator,
            name: "Vouched client".to_owned(),
            secret: None,
            auth_method: AuthMethod::None,
            application_type: ApplicationType::Web,
            redirect_uris: vec![redirect_uri.parse().unwrap()],
            grant_types: Words::from_iter(["authorization_code", "refresh_token"]),
            scope: Scope::of(&known_scopes::ALL),
            metadata: json!({}),
            metadata_hash: [1; 32],
            created_from: None,
            fresh_until: None,
            options: ClientOptions::default(),
        };
        let now = self.clock().now();
        self.write(async |conn| client::insert(conn, &client, now).await).await;
        Client::known(self, id, redirect_uri)
    }

    /// A client with a secret, registered by itself.
    pub async fn confidential_client(&self) -> Client {
        let says = json!({
            "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic",
        });
        Client::register(self, says).await
    }

    /// Lets an administrator say that a client is this resource.
    pub async fn make_resource_server(&self, client: &Client, resource: &str) {
        use diesel::prelude::*;
        use diesel_async::RunQueryDsl;
        use portcullis::schema::clients as table;
        let says = (table::origin.eq("administrator"), table::resource_identifier.eq(resource));
        let change = diesel::update(table::table.find(&client.id)).set(says);
        self.write(async |conn| change.execute(conn).await).await;
        self.app().access.forget_clients();
    }

    /// Lets a client get tokens with DPoP alone.
    pub async fn require_dpop(&self, client: &Client) {
        use diesel::prelude::*;
        use diesel_async::RunQueryDsl;
        use portcullis::schema::clients as table;
        let change = diesel::update(table::table.find(&client.id)).set(table::dpop_bound_access_tokens.eq(true));
        self.write(async |conn| change.execute(conn).await).await;
        self.app().access.forget_clients();
    }

    /// Lets a client be another than it was.
    pub async fn change_metadata(&self, client: &str) {
        use diesel::prelude::*;
        use diesel_async::RunQueryDsl;
        use portcullis::schema::clients as table;
        let change = diesel::update(table::table.find(client)).set(table::metadata_hash.eq(vec![2; 32]));
        self.write(async |conn| change.execute(conn).await).await;
        self.app().access.forget_clients();
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if !thread::panicking() && self.database.is_open() {
            self.witness.search(&self.database.url);
        }
    }
}

/// A form as browsers send it.
pub fn with_form<N: AsRef<str>, V: AsRef<str>>(request: RequestBuilder, fields: &[(N, V)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// A client that does exactly what it is told, from one address of this machine.
pub fn http_client(from: Option<IpAddr>) -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy();
    client.redirect(reqwest::redirect::Policy::none()).local_address(from).build().unwrap()
}

/// Hashed once for all tests: it is meant to take long.
async fn password_hash() -> PasswordHash {
    static HASH: OnceCell<PasswordHash> = OnceCell::const_new();
    let hash = async || Passwords::new(2, Random::system()).hash(PASSWORD.into()).await.unwrap();
    HASH.get_or_init(hash).await.clone()
}
