//! The private database dies, or is taken away, while somebody uses it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::db::connect::Connector;
use portcullis::db::embedded::Embedded;

use super::serve::{Server, command, free_port, home};
use super::{assert_refused, text};
use crate::support::cluster::settings;

fn within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
    true
}

fn cluster(home: &Path) -> PathBuf {
    home.join("data/postgres")
}

/// The number of the server's process.
fn postmaster(home: &Path) -> String {
    let note = fs::read_to_string(cluster(home).join("postmaster.pid")).unwrap();
    note.lines().next().unwrap().to_owned()
}

fn kill_postmaster(home: &Path) {
    assert!(Command::new("kill").args(["-KILL", &postmaster(home)]).status().unwrap().success());
}

/// Nothing of PostgreSQL's works in the cluster any more.
fn assert_no_orphan(home: &Path) {
    let cluster = cluster(home);
    let orphans = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes.filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == cluster)).count()
    };
    assert!(within(Duration::from_secs(5), || orphans() == 0), "{} processes are left", orphans());
}

/// Without its configuration PostgreSQL does not start.
struct Sabotage(PathBuf);

impl Sabotage {
    fn of(home: &Path) -> Self {
        let file = cluster(home).join("postgresql.conf");
        fs::rename(&file, file.with_extension("away")).unwrap();
        Self(file)
    }

    fn undo(self) {
        fs::rename(self.0.with_extension("away"), self.0).unwrap();
    }
}

#[test]
fn a_killed_database_comes_back_under_the_running_server() {
    let (home, port) = (home(), free_port());
    let (server, name) = (Server::start(home.path(), port), format!("localhost:{port}"));
    server.become_ready(&name);
    let link = server.banner["setup_link"].as_str().unwrap();
    let link = link.split_once(&name).unwrap().1.to_owned();
    assert!(server.get(&link, &name).starts_with("HTTP/1.1 200"));

    let (before, sabotage) = (postmaster(home.path()), Sabotage::of(home.path()));
    kill_postmaster(home.path());
    assert!(within(Duration::from_secs(2), || server.get("/readyz", &name).starts_with("HTTP/1.1 503")));
    let page = server.get(&link, &name).to_lowercase();
    assert!(page.starts_with("http/1.1 503") && page.contains("\r\nretry-after: "), "{page}");
    sabotage.undo();

    server.become_ready(&name);
    assert_ne!(postmaster(home.path()), before);
    assert!(server.get(&link, &name).starts_with("HTTP/1.1 200"), "it serves as before");
    assert!(server.signal("-TERM").success());
    assert_no_orphan(home.path());
}

#[test]
fn a_database_that_keeps_dying_ends_the_server_with_the_reason() {
    let (home, port) = (home(), free_port());
    let log = home.path().join("stderr");
    let mut serve = command(home.path(), port);
    serve.stderr(File::create(&log).unwrap());
    let server = Server::run(serve, port);
    let sabotage = Sabotage::of(home.path());
    kill_postmaster(home.path());
    assert_eq!(server.end().code(), Some(1));
    let said = fs::read_to_string(&log).unwrap();
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("portcullis: PostgreSQL keeps ending by itself"), "{said}");
    assert!(last.contains("postgresql.conf"), "the end of its log is quoted: {said}");
    assert_no_orphan(home.path());

    sabotage.undo();
    assert!(command(home.path(), port).arg("migrate").output().unwrap().status.success(), "nothing is left locked");
}

/// Holds a lock that every verb needs, in a session of its own.
async fn hold_up_verbs(attached: &Embedded) -> diesel_async::AsyncPgConnection {
    let mut conn = Connector::new(attached.url()).unwrap().connect().await.unwrap();
    conn.batch_execute("BEGIN; LOCK TABLE installation").await.unwrap();
    conn
}

async fn somebody_waits(conn: &mut diesel_async::AsyncPgConnection) -> bool {
    diesel::sql_query("SELECT 1 FROM pg_locks WHERE NOT granted").execute(conn).await.unwrap() > 0
}

#[test]
fn a_server_told_to_stop_does_not_wait_for_the_verbs_beside_it() {
    let (home, port) = (home(), free_port());
    let server = Server::start(home.path(), port);
    let attached = Embedded::attach_or_start(&settings(&home.path().join("data"))).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut conn = runtime.block_on(hold_up_verbs(&attached));
    let mut verb = command(home.path(), port);
    let verb = verb.args(["key", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(within(Duration::from_secs(10), || runtime.block_on(somebody_waits(&mut conn))));

    assert!(server.signal("-TERM").success());
    assert_refused(&verb.wait_with_output().unwrap(), 1, "");
    assert_no_orphan(home.path());

    // One that attached still holds on; that stops nobody.
    let again = Server::start(home.path(), port);
    let listed = command(home.path(), port).args(["key", "list"]).output().unwrap();
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    assert!(again.signal("-TERM").success());
    assert_no_orphan(home.path());
}
