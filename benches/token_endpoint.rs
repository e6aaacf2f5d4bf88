//! What the authorization server costs: tokens and introspections for each second of processor time, side by side with
//! `oidc-provider` (Node), a bare handler that only signs, and the signing limit of the core.
//!
//! Each server is a process of its own on one core, the clients and PostgreSQL are on another, and rounds alternate. What is
//! counted is the processor time that the server's process used, so nobody has to keep it busy; a second column adds what
//! PostgreSQL used for it. The peer keeps everything in its memory; we keep clients and refresh tokens in PostgreSQL, with
//! `fsync`, and write an audit event for every token.
//!
//! `make bench` runs it: `cargo bench --bench token_endpoint`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement that cannot go on stops")]

mod load;
mod processes;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use actix_web::{HttpServer, web};
use portcullis::app::App;
use portcullis::audit::Origin;
use portcullis::config::Config;
use portcullis::crypto::jwt::{self, SigningKey, TokenType};
use portcullis::crypto::{PlainToken, TokenKind};
use portcullis::db::{Connection, Db, migrations};
use portcullis::grants::client::{self, ClientOptions, ClientOrigin, NewClient};
use portcullis::grants::client_metadata::{ApplicationType, AuthMethod};
use portcullis::grants::grant::{self, Grant};
use portcullis::grants::rotate;
use portcullis::http::urls;
use portcullis::identity::add_person::{AddPerson, NewPerson, add_person};
use portcullis::identity::service_account;
use portcullis::places::place;
use portcullis::types::{Algorithm, DEFAULT_WORKSPACE, GrantId, Scope, ServiceAccountId, UserId, Words, known_scopes};
use processes::{Process, SERVERS, config, cpu_time, on_core, open, say, serve_gate};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Connections that are kept alive, each with one request under way.
const CONNECTIONS: usize = 16;
/// How often each target has its turn.
const ROUNDS: usize = 5;
/// How long a turn takes.
const TURN: Duration = Duration::from_secs(3);

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["gate", port, database] => serve_gate(port.parse().unwrap(), database),
        ["bare"] => serve_bare(),
        ["inner", ..] => measure(),
        _ => processes::measure_apart(),
    }
}

// The servers ---------------------------------------------------------------------------------------------------------

/// A handler that does nothing but sign an access token's worth of claims.
fn serve_bare() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = jwt::generate(Algorithm::Es256).unwrap();
    let key = Arc::new(SigningKey::new(&key.kid, Algorithm::Es256, &key.private_jwk).unwrap());
    let app = move || {
        let key = Arc::clone(&key);
        actix_web::App::new().route("/", web::post().to(move || answer(Arc::clone(&key))))
    };
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(app).workers(1).tcp_nodelay(true).disable_signals().listen(listener).unwrap();
        say(&json!({ "port": port }));
        server.run().await.unwrap();
    });
}

async fn answer(key: Arc<SigningKey>) -> web::Json<Value> {
    let claims = json!({
        "iss": "http://localhost:8080", "sub": "service:01a1fc5d-88d3-74f4-b087-6e6a84433f30", "aud": "http://localhost:8080",
        "exp": 1_795_238_950, "iat": 1_795_235_350, "jti": "01a1fc5d-8984-7230-b66a-1ff9a7841a9c", "client_id": "machine",
        "scope": "mcp:read", "scopes": ["mcp:read"], "token_use": "access",
    });
    let token = key.sign(TokenType::AccessToken, &claims).unwrap();
    web::Json(json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": "mcp:read" }))
}

// The measurement -------------------------------------------------------------------------------------------------------

/// A request, said over and over on each connection.
struct Target {
    name: &'static str,
    address: SocketAddr,
    process: u32,
    /// The path, and the form of each connection. A `refresh_token` in it is replaced by the one that was answered.
    path: &'static str,
    forms: Vec<String>,
}

fn measure() {
    let data = tempfile::tempdir().unwrap();
    let embedded = processes::postgres(data.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let table = runtime.block_on(compare(embedded.url().expose_secret()));
    io::stdout().write_all(table.as_bytes()).unwrap();
}

async fn compare(database: &str) -> String {
    let port = processes::free_port();
    let ours = seed(config(port, database)).await;
    let this = env::current_exe().unwrap();
    let gate = Process::start(SERVERS, &this, &["gate", &port.to_string(), database]);
    let bare = Process::start(SERVERS, &this, &["bare"]);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let peer = Process::start(
        SERVERS,
        &root.join("tests/node_modules/.bin/node"),
        &[root.join("benches/peer/oidc-provider.mjs").to_str().unwrap(), &CONNECTIONS.to_string()],
    );
    let signing = openssl_signatures();
    let mut targets = targets(&ours, &gate, &bare, &peer);
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut turns = Vec::new();
        for target in &mut targets {
            turns.push(turn(target).await);
        }
        if round > 0 {
            rounds.push(turns);
        }
    }
    describe(&targets, &rounds, signing)
}

fn targets(ours: &Seeds, gate: &Process, bare: &Process, peer: &Process) -> Vec<Target> {
    let secret = peer.says["secret"].as_str().unwrap();
    let same = |form: String| vec![form; CONNECTIONS];
    let refreshes = |client: &str, secret: &str, tokens: Vec<&str>| {
        let form =
            |token| format!("grant_type=refresh_token&client_id={client}&client_secret={secret}&refresh_token={token}");
        tokens.into_iter().map(form).collect::<Vec<_>>()
    };
    let target = |name, server: &Process, path, forms| Target {
        name,
        address: server.address(),
        process: server.id(),
        path,
        forms,
    };
    let machine = |secret: &str| {
        format!("grant_type=client_credentials&client_id=machine&client_secret={secret}&scope=mcp%3Aread")
    };
    let introspection = |secret: &str, token: &str| format!("client_id=app&client_secret={secret}&token={token}");
    let peers: Vec<&str> =
        peer.says["refresh"].as_array().unwrap().iter().map(|token| token.as_str().unwrap()).collect();
    let peers_access = peer.says["access"].as_str().unwrap();
    vec![
        target("a bare handler that signs", bare, "/", same(String::new())),
        target("client credentials, oidc-provider", peer, "/token", same(machine(secret))),
        target("client credentials, Portcullis", gate, urls::TOKEN, same(machine(&ours.machine))),
        target("refresh, oidc-provider", peer, "/token", refreshes("app", secret, peers)),
        target(
            "refresh, Portcullis",
            gate,
            urls::TOKEN,
            refreshes("app", &ours.app, ours.refresh.iter().map(String::as_str).collect()),
        ),
        target("introspection, oidc-provider", peer, "/token/introspection", same(introspection(secret, peers_access))),
        target("introspection, Portcullis", gate, "/oauth/introspect", same(introspection(&ours.app, &ours.access))),
    ]
}

/// What one turn of a target came to.
struct Turn {
    /// Answers for each second of the server's processor time.
    of_server: f64,
    /// The same with PostgreSQL's processor time.
    of_all: f64,
}

async fn turn(target: &mut Target) -> Turn {
    let (server, postgres) = (cpu_time(target.process), postgres_cpu_time());
    let until = Instant::now() + TURN;
    let connections: Vec<_> =
        target.forms.iter().map(|form| connection(target.address, target.path, form.clone(), until)).collect();
    let mut answers = 0;
    let done = futures_util::future::join_all(connections).await;
    for (form, (count, last)) in target.forms.iter_mut().zip(done) {
        answers += count;
        *form = last;
    }
    let server = cpu_time(target.process) - server;
    let postgres = postgres_cpu_time() - postgres;
    Turn { of_server: f64::from(answers) / server, of_all: f64::from(answers) / (server + postgres) }
}

/// One connection, one request after the other until the time is up: how many answers, and the form to go on with.
async fn connection(address: SocketAddr, path: &str, mut form: String, until: Instant) -> (u32, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut answers, mut buffer) = (0, vec![0; 16 * 1024]);
    while Instant::now() < until {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            address.port(),
            form.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let length = load::read_answer(&mut stream, &mut buffer).await;
        answers += 1;
        if let Some((before, _)) = form.split_once("&refresh_token=") {
            let answer = std::str::from_utf8(&buffer[..length]).unwrap();
            let (_, rest) = answer.split_once(r#""refresh_token":""#).expect("a successor");
            form = format!("{before}&refresh_token={}", rest.split('"').next().unwrap());
        }
    }
    (answers, form)
}

/// Processor time of every PostgreSQL process on this machine: there is one server while this runs.
fn postgres_cpu_time() -> f64 {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_postgres =
        |process: &u32| fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "postgres");
    processes
        .filter(is_postgres)
        .filter(|process| Path::new(&format!("/proc/{process}/stat")).exists())
        .map(cpu_time)
        .sum()
}

/// ES256 signatures a second on the servers' core, by `openssl speed`.
fn openssl_signatures() -> Option<f64> {
    let arguments = ["speed", "-seconds", "2", "ecdsap256"];
    let output = on_core(SERVERS, Path::new("openssl"), &arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().rfind(|line| line.contains("nistp256"))?;
    line.split_whitespace().rev().nth(1)?.parse().ok()
}

fn describe(targets: &[Target], rounds: &[Vec<Turn>], signing: Option<f64>) -> String {
    let mut table = format!(
        "{}; each server on one core, {CONNECTIONS} connections from another, {ROUNDS} rounds of {} s; medians\n\n",
        load::machine(),
        TURN.as_secs()
    );
    table += "| | for each CPU second | with PostgreSQL's | of the peer | of the bare handler |\n|---|---:|---:|---:|---:|\n";
    if let Some(signing) = signing {
        writeln!(table, "| ES256 signatures, `openssl speed` | {signing:.0} | | | |").unwrap();
    }
    for (at, target) in targets.iter().enumerate() {
        let of = |value: &dyn Fn(&[Turn]) -> f64| load::median(rounds.iter().map(|turns| value(turns)).collect());
        let (server, all) = (of(&|turns| turns[at].of_server), of(&|turns| turns[at].of_all));
        let bare = of(&|turns| turns[at].of_server / turns[0].of_server);
        let peer = match target.name.ends_with("Portcullis") {
            true => format!("{:.2}", of(&|turns| turns[at].of_server / turns[at - 1].of_server)),
            false => String::new(),
        };
        let all = if target.name.ends_with("Portcullis") { format!("{all:.0}") } else { String::new() };
        writeln!(table, "| {} | {server:.0} | {all} | {peer} | {bare:.2} |", target.name).unwrap();
    }
    table
}

// What is there before it begins ------------------------------------------------------------------------------------------

struct Seeds {
    machine: String,
    app: String,
    access: String,
    refresh: Vec<String>,
}

async fn seed(config: Config) -> Seeds {
    let url = config.database.url.clone().unwrap();
    migrations::run(&Db::new(&url, &url, 2).unwrap()).await.unwrap();
    let app = open(config).await;
    let origin = Origin::operator();
    let now = app.clock.now();
    let verb = async |conn: &mut Connection| {
        let there = place::workspace(conn, DEFAULT_WORKSPACE).await?.expect("the workspace that everybody has").id;
        let account = service_account::insert(conn, "machine", "", there, &[], now).await?.expect("a service account");
        let person = NewPerson { username: "ada".to_owned(), ..NewPerson::default() };
        let AddPerson::Added(user) = add_person(conn, person, &origin, now).await? else { panic!("a person") };
        Ok((account, user.id))
    };
    let (account, user) = app.db.write(verb).await.unwrap();
    let machine = confidential(&app, "machine", "client_credentials", Some(account)).await;
    let secret = confidential(&app, "app", "authorization_code refresh_token", None).await;
    let mut refresh = Vec::new();
    for _ in 0..CONNECTIONS {
        refresh.push(family(&app, user).await.reveal().to_owned());
    }
    let access = access_token(&app, user).await;
    Seeds { machine, app: secret, access, refresh }
}

/// A client with a secret: the secret.
async fn confidential(app: &App, id: &str, grants: &str, service_account_id: Option<ServiceAccountId>) -> String {
    let secret = PlainToken::fresh(TokenKind::ClientSecret, &app.random);
    let client = NewClient {
        id: id.to_owned(),
        origin: ClientOrigin::Administrator,
        name: id.to_owned(),
        secret: Some((app.keys.hash(&secret), app.keys.version())),
        auth_method: AuthMethod::SecretPost,
        application_type: ApplicationType::Web,
        redirect_uris: vec!["https://app.example/cb".parse().unwrap()],
        grant_types: Words::from_iter(grants.split(' ')),
        scope: Scope::of(&known_scopes::ALL),
        metadata: json!({}),
        metadata_hash: [0; 32],
        created_from: None,
        fresh_until: None,
        options: ClientOptions { service_account_id, ..ClientOptions::default() },
    };
    app.db.write(async |conn| client::insert(conn, &client, app.clock.now()).await).await.unwrap();
    secret.reveal().to_owned()
}

fn granted(app: &App, user: UserId) -> Grant {
    let now = app.clock.now();
    Grant {
        id: GrantId::fresh(),
        user_id: user,
        client_id: "app".to_owned(),
        resource: app.at(urls::MCP),
        scope: Scope::of(&[known_scopes::MCP_READ]),
        session_id: None,
        authenticated_at: now,
        amr: Words::from_iter(["pwd"]),
        created_at: now,
        last_used_at: now,
        expires_at: now + app.config.lifetimes.grant,
        ended_at: None,
        end_reason: None,
        dpop_jkt: None,
    }
}

/// A grant with a refresh token.
async fn family(app: &App, user: UserId) -> PlainToken {
    let (grant, origin) = (granted(app, user), Origin::operator());
    let terms = app.terms(&origin);
    let verb = async |conn: &mut Connection| {
        grant::insert(conn, &grant).await?;
        rotate::begin_family(conn, &terms, &grant).await
    };
    app.db.write(verb).await.unwrap()
}

/// An access token of a live grant.
async fn access_token(app: &App, user: UserId) -> String {
    let grant = granted(app, user);
    app.db.write(async |conn| grant::insert(conn, &grant).await).await.unwrap();
    let now = app.clock.now().timestamp();
    let claims = json!({
        "iss": app.issuer(), "sub": user, "aud": grant.resource, "exp": now + 3600, "iat": now, "jti": "bench",
        "client_id": "app", "scope": grant.scope, "scopes": ["mcp:read"], "token_use": "access", "grant_id": grant.id,
        "auth_time": now, "amr": ["pwd"],
    });
    let claims = serde_json::from_value(claims).unwrap();
    app.signing.access_token(&claims).unwrap()
}
