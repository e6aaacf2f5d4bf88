//! The embedded PostgreSQL: quick, private, alone, and never the worse for a crash.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use portcullis::crypto::{Random, RootKeys};
use portcullis::db::connect::{ConnectError, Connector};
use portcullis::db::embedded::{Embedded, EmbeddedError, EmbeddedSettings, install_hint, root_key};
use secrecy::{ExposeSecret, SecretString};

use crate::support::cluster::settings;

const NOBODY: u32 = 65534;

/// Starts the program itself on `data`, and waits until its private server is ready: the two processes.
fn start_program(data: &Path) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.arg("serve").env("PORTCULLIS_DATA_DIR", data).env("PORTCULLIS_BIND", "127.0.0.1:0");
    let program = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid_file = data.join("postgres/postmaster.pid");
    let lines = || fs::read_to_string(&pid_file).unwrap_or_default();
    let is_ready = || lines().lines().nth(7).is_some_and(|state| state.trim() == "ready");
    assert!(within(Duration::from_secs(60), is_ready), "the program starts");
    let pid = lines().lines().next().unwrap().to_owned();
    (program, pid)
}

fn within(patience: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
    true
}

fn am_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn runs(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[tokio::main(flavor = "current_thread")]
async fn execute(url: &SecretString, statement: &str) -> Result<(), ConnectError> {
    let mut conn = Connector::new(url)?.connect().await?;
    conn.batch_execute(statement).await.unwrap();
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn text(url: &SecretString, query: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let mut conn = Connector::new(url).unwrap().connect().await.unwrap();
    diesel::sql_query(query).get_result::<Row>(&mut conn).await.unwrap().text
}

const KEEP: &str = "CREATE TABLE kept (text TEXT); INSERT INTO kept VALUES ('here')";

fn kept(url: &SecretString) -> String {
    text(url, "SELECT text FROM kept")
}

#[test]
fn a_first_start_makes_everything_and_a_second_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let durable = EmbeddedSettings { fsync: true, ..settings(&dir.path().join("data")) };
    let mut server = Embedded::serve(&durable).unwrap();
    execute(server.url(), KEEP).unwrap();
    assert_eq!(text(server.url(), "SELECT current_setting('fsync') AS text"), "on");
    let pid = server.pid().unwrap().to_string();
    server.stop();
    assert!(!runs(&pid));

    let server = Embedded::serve(&durable).unwrap();
    assert_eq!(kept(server.url()), "here");
}

#[test]
fn nobody_else_on_the_machine_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let server = Embedded::serve(&settings(dir.path())).unwrap();
    assert_eq!(text(server.url(), "SELECT current_setting('listen_addresses') AS text"), "", "no TCP");
    let method = text(server.url(), "SELECT string_agg(DISTINCT auth_method, ' ') AS text FROM pg_hba_file_rules");
    assert_eq!(method, "scram-sha-256");
    assert!(
        text(server.url(), "SELECT rolpassword AS text FROM pg_authid WHERE rolname = 'portcullis'")
            .starts_with("SCRAM-SHA-256$")
    );
    for (path, mode) in [
        (server.socket_dir().to_owned(), 0o700),
        (server.cluster_dir().to_owned(), 0o700),
        (dir.path().join("postgres.password"), 0o600),
        (dir.path().join("postgres.log"), 0o600),
    ] {
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, mode, "{}", path.display());
    }
    let password = fs::read_to_string(dir.path().join("postgres.password")).unwrap();
    let guess = server.url().expose_secret().replace(password.trim(), "guess");
    assert!(matches!(execute(&guess.into(), "SELECT 1"), Err(ConnectError::Refused(_))));
}

#[test]
fn a_second_serve_is_refused_and_told_who_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let server = Embedded::serve(&settings(dir.path())).unwrap();
    let refused = Embedded::serve(&settings(dir.path())).err().unwrap();
    assert!(matches!(&refused, EmbeddedError::AlreadyServed { pid, .. } if *pid == Some(std::process::id())));
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    execute(server.url(), "SELECT 1").unwrap();
}

#[test]
fn a_verb_attaches_to_a_running_server_and_leaves_it_running() {
    let dir = tempfile::tempdir().unwrap();
    let server = Embedded::serve(&settings(dir.path())).unwrap();
    let verb = Embedded::attach_or_start(&settings(dir.path())).unwrap();
    assert_eq!(verb.pid(), None);
    execute(verb.url(), KEEP).unwrap();
    drop(verb);
    assert_eq!(kept(server.url()), "here");
}

#[test]
fn a_verb_alone_starts_the_server_and_stops_it_only_when_other_verbs_are_done() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let mut first = Embedded::attach_or_start(&settings).unwrap();
    let pid = first.pid().unwrap().to_string();
    let second = Embedded::attach_or_start(&settings).unwrap();
    let stopping = std::thread::spawn(move || first.stop());
    sleep(Duration::from_millis(200));
    execute(second.url(), "SELECT 1").unwrap();
    assert!(runs(&pid));
    drop(second);
    stopping.join().unwrap();
    assert!(!runs(&pid));
}

#[test]
fn a_killed_server_leaves_no_orphan_and_good_data() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let data = dir.path().join("data");
    let (mut program, pid) = start_program(&data);
    let verb = Embedded::attach_or_start(&settings(&data)).unwrap();
    execute(verb.url(), KEEP).unwrap();
    drop(verb);

    program.kill().unwrap();
    program.wait().unwrap();
    assert!(within(Duration::from_secs(10), || !runs(&pid)), "PostgreSQL outlived its supervisor");
    let server = Embedded::serve(&settings(&data)).unwrap();
    assert_eq!(kept(server.url()), "here");
}

#[test]
fn after_a_crash_of_everything_the_next_start_recovers() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let data = dir.path().join("data");
    let (mut program, pid) = start_program(&data);
    let verb = Embedded::attach_or_start(&settings(&data)).unwrap();
    execute(verb.url(), KEEP).unwrap();

    let killed = Command::new("kill").args(["-KILL", &pid, &program.id().to_string()]).status().unwrap();
    assert!(killed.success());
    program.wait().unwrap();
    drop(verb);
    let server = Embedded::serve(&settings(&data)).unwrap();
    assert_eq!(kept(server.url()), "here");
}

#[test]
fn a_number_that_now_belongs_to_a_stranger_does_not_stop_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Embedded::serve(&settings(dir.path())).unwrap();
    let cluster = server.cluster_dir().to_owned();
    server.stop();
    let owner = fs::metadata(&cluster).unwrap();
    let mut stranger = Command::new("sleep");
    stranger.arg("60");
    if am_root() {
        stranger.uid(owner.uid()).gid(owner.gid());
    }
    let mut stranger = stranger.spawn().unwrap();
    let note = format!("{}\n{}\n", stranger.id(), cluster.display());
    fs::create_dir(server.socket_dir()).unwrap();
    fs::write(server.socket_dir().join(".s.PGSQL.5432.lock"), &note).unwrap();
    fs::write(cluster.join("postmaster.pid"), &note).unwrap();
    let started = Embedded::serve(&settings(dir.path()));
    let lives = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    started.unwrap();
    assert!(lives, "a stranger's process was stopped");
}

#[test]
fn a_start_that_was_killed_half_way_through_is_repeated() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("postgres.new")).unwrap();
    fs::write(dir.path().join("postgres.new/PG_VERSION"), "15\n").unwrap();
    fs::write(dir.path().join("postgres.password"), "half").unwrap();
    let server = Embedded::serve(&settings(dir.path())).unwrap();
    execute(server.url(), "SELECT 1").unwrap();
}

/// A data directory whose path is too long for a socket, so that its socket is under `/tmp`, where strangers write too.
fn long_data_dir(base: &Path) -> PathBuf {
    fs::set_permissions(base, Permissions::from_mode(0o755)).unwrap();
    let dir = base.join("a-rather-long-name".repeat(6));
    fs::create_dir(&dir).unwrap();
    dir
}

#[test]
fn a_socket_directory_that_a_stranger_made_first_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let data = long_data_dir(base.path());
    let mut server = Embedded::serve(&settings(&data)).unwrap();
    execute(server.url(), "SELECT 1").unwrap();
    let socket_dir = server.socket_dir().to_owned();
    assert!(socket_dir.starts_with("/tmp"));
    server.stop();
    assert!(!socket_dir.exists(), "it is not left behind");

    // Squatting: whoever owns the directory could put a server of their own there and be told our password.
    let attempt = || Embedded::serve(&settings(&data)).err().unwrap();
    symlink(base.path(), &socket_dir).unwrap();
    let linked = attempt();
    fs::remove_file(&socket_dir).unwrap();
    fs::create_dir(&socket_dir).unwrap();
    fs::set_permissions(&socket_dir, Permissions::from_mode(0o777)).unwrap();
    let open = attempt();
    fs::set_permissions(&socket_dir, Permissions::from_mode(0o700)).unwrap();
    let foreign = am_root().then(|| {
        chown(&socket_dir, Some(NOBODY), Some(NOBODY)).unwrap();
        attempt()
    });
    fs::remove_dir(&socket_dir).unwrap();
    for refused in [linked, open].into_iter().chain(foreign) {
        assert!(matches!(refused, EmbeddedError::Trap { .. }), "{refused}");
    }
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let refused = Embedded::serve(&settings(&dir.path().join("file/data"))).err().unwrap();
    assert!(matches!(refused, EmbeddedError::DataDir { .. }), "{refused}");
    assert!(refused.to_string().contains("file/data"), "{refused}");
}

#[test]
fn as_root_data_under_a_private_home_moves_to_where_the_database_can_reach_it() {
    if !am_root() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    let data = home.path().join("data");
    let server = Embedded::serve(&settings(&data)).unwrap();
    execute(server.url(), KEEP).unwrap();
    let base = server.cluster_dir().parent().unwrap().to_owned();
    assert!(base.starts_with("/var/lib/portcullis"), "{}", base.display());
    drop(server);
    let again = Embedded::serve(&settings(&data)).unwrap();
    let found = kept(again.url());
    drop(again);
    fs::remove_dir_all(&base).unwrap();
    let _in_use = fs::remove_dir(base.parent().unwrap());
    assert_eq!(found, "here");
}

#[test]
fn a_cluster_of_another_version_is_left_alone_and_the_way_out_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Embedded::serve(&settings(dir.path())).unwrap();
    server.stop();
    let version = server.cluster_dir().join("PG_VERSION");
    fs::write(&version, "12\n").unwrap();
    let refused = Embedded::serve(&settings(dir.path())).err().unwrap();
    assert!(matches!(&refused, EmbeddedError::OtherVersion { major, .. } if major == "12"), "{refused}");
    assert!(refused.to_string().contains("pg_dumpall"), "{refused}");
    assert_eq!(fs::read_to_string(version).unwrap(), "12\n");
}

#[test]
fn a_directory_without_postgresql_is_named_and_the_hint_is_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = EmbeddedSettings { postgres_bin: Some(dir.path().join("bin")), ..settings(dir.path()) };
    let refused = Embedded::serve(&elsewhere).err().unwrap();
    assert!(matches!(refused, EmbeddedError::NotThere { .. }), "{refused}");
    assert!(!install_hint().is_empty() && !install_hint().contains('\n'));
}

#[test]
fn a_root_key_is_made_once_and_kept_to_ourselves() {
    let dir = tempfile::tempdir().unwrap();
    let racing: Vec<_> = (0..8)
        .map(|_| {
            let dir = dir.path().to_owned();
            std::thread::spawn(move || root_key(&dir, &Random::system()).unwrap().expose_secret().to_owned())
        })
        .collect();
    let keys: Vec<String> = racing.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "one key, whoever came first");
    let key = root_key(dir.path(), &Random::system()).unwrap();
    assert_eq!(key.expose_secret(), keys[0]);
    RootKeys::parse(&key).unwrap();

    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, [OsStr::new("secret.key")], "no draft is left");
    let file = dir.path().join("secret.key");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(root_key(dir.path(), &Random::system()), Err(EmbeddedError::Exposed { .. })));
}
