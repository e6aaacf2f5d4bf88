//! One throwaway PostgreSQL for the whole test process, and a database of its own for each test.
//!
//! The cluster forgets durability (`fsync` off), and every test's database is a copy of a template that was migrated once.
//! When the process ends, in whatever way, the kernel stops the server and a watcher removes the files.

use std::ops::Deref;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use diesel_async::SimpleAsyncConnection;
use portcullis::audit::months;
use portcullis::clock::Clock;
use portcullis::crypto::Random;
use portcullis::db::connect::Connector;
use portcullis::db::embedded::{Embedded, EmbeddedSettings};
use portcullis::db::{Db, migrations};
use secrecy::SecretString;

const TEMPLATE: &str = "template_of_tests";

/// A migrated database that one test has to itself; dropped with this value.
pub struct TestDatabase {
    name: String,
    /// Where it is.
    pub url: SecretString,
    is_closed: AtomicBool,
}

impl TestDatabase {
    /// A handle with a small pool.
    pub fn open(&self) -> Db {
        Db::new(&self.url, &self.url, 4).unwrap()
    }

    /// Takes the database away: every connection ends, and no new one is let in.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let name = &self.name;
        cluster().ask(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).unwrap();
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        cluster().ask(end).unwrap();
    }

    /// Brings it back.
    pub fn reopen(&self) {
        cluster().ask(format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name)).unwrap();
        self.is_closed.store(false, Ordering::SeqCst);
    }

    /// False between [`close`](Self::close) and [`reopen`](Self::reopen).
    pub fn is_open(&self) -> bool {
        !self.is_closed.load(Ordering::SeqCst)
    }
}

impl Deref for TestDatabase {
    type Target = SecretString;

    fn deref(&self) -> &SecretString {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // Nobody waits for it.
        let _ignored = cluster().drops.send(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// A migrated database for the calling test. It blocks a little, on any runtime or none.
pub fn create_database() -> TestDatabase {
    create_from(TEMPLATE)
}

/// The same without any schema.
pub fn create_empty_database() -> TestDatabase {
    create_from("template0")
}

fn create_from(template: &str) -> TestDatabase {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let cluster = cluster();
    cluster.ask(format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
    TestDatabase { url: cluster.embedded.url_for(&name).unwrap(), name, is_closed: AtomicBool::new(false) }
}

/// Settings for an embedded database under `data_dir` that forgets durability.
pub fn settings(data_dir: &Path) -> EmbeddedSettings {
    EmbeddedSettings {
        data_dir: data_dir.to_owned(),
        postgres_bin: None,
        search_path: std::env::var_os("PATH"),
        fsync: false,
        random: Random::system(),
    }
}

/// Statements for the administrator's connection, each with where its outcome goes.
type Errand = (String, mpsc::Sender<Result<(), String>>);

struct Cluster {
    embedded: Embedded,
    errands: mpsc::Sender<Errand>,
    drops: mpsc::Sender<String>,
    /// Closed by the kernel when this process ends: the watcher waits for that.
    _watched: ChildStdin,
}

impl Cluster {
    fn ask(&self, statement: String) -> Result<(), String> {
        let (reply, outcome) = mpsc::channel();
        let errand = (statement, reply);
        self.errands.send(errand).map_err(|error| error.to_string())?;
        outcome.recv().map_err(|error| error.to_string())?
    }
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let dir = tempfile::Builder::new().prefix("portcullis-cluster-").tempdir().unwrap().keep();
        let watched = watch(&dir);
        let embedded = Embedded::serve(&settings(&dir)).unwrap();
        let (admin, template) = (embedded.url_for("postgres").unwrap(), embedded.url_for(TEMPLATE).unwrap());
        let ((errands, taken), (drops, dropped)) = (mpsc::channel(), mpsc::channel());
        let (admin, taken) = (Arc::new(admin), Arc::new(Mutex::new(taken)));
        let first = Arc::clone(&admin);
        std::thread::spawn(move || make_template(&first, &template)).join().expect("the template is made");
        for _ in 0..ADMINISTRATORS {
            let (admin, taken) = (Arc::clone(&admin), Arc::clone(&taken));
            std::thread::spawn(move || run_errands(&admin, &taken));
        }
        std::thread::spawn(move || drop_databases(&admin, &dropped));
        Cluster { embedded, errands, drops, _watched: watched }
    })
}

/// Copies of the template that are made at the same time: one after the other, they would be what tests wait for.
const ADMINISTRATORS: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn make_template(admin: &SecretString, template: &SecretString) {
    let mut conn = Connector::new(admin).unwrap().connect().await.unwrap();
    conn.batch_execute(&format!("CREATE DATABASE {TEMPLATE} TEMPLATE template0")).await.unwrap();
    let db = Db::new(template, template, 1).unwrap();
    migrations::run(&db).await.unwrap();
    // What an hour later would be there.
    db.rebuild(async |conn| months::prepare(conn, Clock::system().now()).await).await.unwrap();
}

/// An administrator, who does one errand after the other.
#[tokio::main(flavor = "current_thread")]
async fn run_errands(admin: &SecretString, errands: &Mutex<mpsc::Receiver<Errand>>) {
    let mut conn = Connector::new(admin).unwrap().connect().await.unwrap();
    loop {
        let errand = errands.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((statement, reply)) = errand else { return };
        let _gone = reply.send(conn.batch_execute(&statement).await.map_err(|error| error.to_string()));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn drop_databases(admin: &SecretString, statements: &mpsc::Receiver<String>) {
    let mut conn = Connector::new(admin).unwrap().connect().await.unwrap();
    while let Ok(statement) = statements.recv() {
        let _gone = conn.batch_execute(&statement).await;
    }
}

/// Starts a process that removes `dir` once this one is gone, however it went. It holds none of our output open, and
/// Ctrl-C does not reach it.
fn watch(dir: &Path) -> ChildStdin {
    let script = r#"
        read -r never
        pid=$(head -n 1 "$1/postgres/postmaster.pid" 2>/dev/null)
        tries=0
        while [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
        rm -rf "$1"
    "#;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "watcher"]).arg(dir).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap().stdin.take().unwrap()
}
