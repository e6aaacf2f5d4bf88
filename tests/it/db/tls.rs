//! `sslmode` means what it means to libpq, and whatever goes wrong at start is said clearly.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel_async::RunQueryDsl;
use portcullis::db::connect::{ConnectError, Connector};
use portcullis::db::embedded::Embedded;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::support::cluster;

/// A PostgreSQL that speaks TLS on TCP, with a certificate for `localhost` from a root of its own.
struct TlsServer {
    dir: TempDir,
    process: Child,
    port: u16,
    password: String,
}

impl TlsServer {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut embedded = Embedded::serve(&cluster::settings(dir.path())).unwrap();
        let url = url::Url::parse(embedded.url().expose_secret()).unwrap();
        let password = url.query_pairs().find(|(key, _)| key == "password").unwrap().1.into_owned();
        embedded.stop();
        let data = embedded.cluster_dir();
        make_certificates(data);
        fs::copy(data.join("ca.pem"), dir.path().join("ca.pem")).unwrap();

        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let owner = fs::metadata(data).unwrap();
        let mut command = Command::new(embedded.bin_dir().unwrap().join("postgres"));
        command.arg("-D").arg(data).args(["-h", "127.0.0.1", "-k", "", "-p", &port.to_string()]);
        command.args([
            "-c",
            "ssl=on",
            "-c",
            "ssl_cert_file=server.pem",
            "-c",
            "ssl_key_file=server.key",
            "-c",
            "fsync=off",
        ]);
        command.current_dir(data).stdout(Stdio::null()).stderr(Stdio::null());
        if owner.uid() != fs::metadata("/proc/self").unwrap().uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let server = Self { process: command.spawn().unwrap(), dir, port, password };
        let connector = Connector::new(&server.url("127.0.0.1", "sslmode=disable").into()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while connector.check().await.is_err() {
            assert!(Instant::now() < deadline, "the server gets ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    fn url(&self, host: &str, query: &str) -> String {
        format!("postgres://portcullis:{}@{host}:{}/portcullis?hostaddr=127.0.0.1&{query}", self.password, self.port)
    }

    fn root(&self) -> String {
        format!("sslrootcert={}", self.dir.path().join("ca.pem").display())
    }

    /// Connects and tells whether the wire is encrypted, as the server sees it.
    async fn encrypted(&self, host: &str, query: &str) -> Result<bool, ConnectError> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Bool)]
            ssl: bool,
        }
        let mut conn = Connector::new(&self.url(host, query).into())?.connect().await?;
        let query = diesel::sql_query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
        Ok(query.get_result::<Row>(&mut conn).await.unwrap().ssl)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        let _status = Command::new("kill").args(["-INT", &pid]).status();
        let _status = self.process.wait();
    }
}

/// `ca.pem`, and `server.pem` with its key, in `dir`, readable for its owner.
fn make_certificates(dir: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output();
        let output = output.expect("the openssl program is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    fs::write(dir.join("names.cnf"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=root"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names.cnf -out server.pem",
    );
    let owner = fs::metadata(dir).unwrap();
    for file in ["server.key", "server.pem"] {
        chown(dir.join(file), Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(dir.join(file), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test]
async fn sslmode_decides_what_is_encrypted_and_what_is_checked() {
    let server = TlsServer::start().await;
    let root = server.root();

    assert!(!server.encrypted("localhost", "sslmode=disable").await.unwrap());
    assert!(server.encrypted("localhost", "sslmode=prefer").await.unwrap());
    assert!(server.encrypted("localhost", "").await.unwrap(), "prefer is the default");
    assert!(server.encrypted("wrong.example", "sslmode=require").await.unwrap(), "require checks nothing, like libpq");
    assert!(server.encrypted("localhost", &format!("sslmode=verify-full&{root}")).await.unwrap());
    assert!(server.encrypted("wrong.example", &format!("sslmode=verify-ca&{root}")).await.unwrap());

    // A server in the middle, with a certificate that it made itself.
    for query in ["sslmode=verify-full", "sslmode=verify-ca"] {
        let refused = server.encrypted("localhost", query).await;
        assert!(matches!(refused, Err(ConnectError::Tls(_) | ConnectError::Roots(_))), "{query}: {refused:?}");
    }
    // One with a good certificate for another name.
    let refused = server.encrypted("wrong.example", &format!("sslmode=verify-full&{root}")).await;
    assert!(matches!(refused, Err(ConnectError::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn what_is_wrong_at_start_is_told_apart() {
    let server = TlsServer::start().await;
    let good = server.url("localhost", "sslmode=require");
    let check = async |url: String| Connector::new(&url.into())?.check().await;

    check(good.clone()).await.unwrap();
    let wrong_password = check(good.replace(&server.password, "wrong")).await;
    assert!(matches!(&wrong_password, Err(ConnectError::Refused(said)) if !said.contains(&server.password)));
    let no_database = check(good.replace("/portcullis?", "/nowhere?")).await;
    assert!(matches!(no_database, Err(ConnectError::Missing(_))), "{no_database:?}");
    let no_root = check(format!("{good}&sslrootcert=/nowhere.pem")).await;
    assert!(matches!(no_root, Err(ConnectError::Roots(_))), "{no_root:?}");
    let no_url = check("localhost:5432".to_owned()).await;
    assert!(matches!(no_url, Err(ConnectError::Url(_))), "{no_url:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_does_not_hold_us_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u:p@{}/db?connect_timeout=1", silent.local_addr().unwrap());
    let began = Instant::now();
    let refused = Connector::new(&url.into()).unwrap().check().await;
    assert!(matches!(refused, Err(ConnectError::Unreachable { .. })), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(4));
}
