//! Servers as processes of their own on one core, with clients and PostgreSQL on the other: what is counted is the processor
//! time that a server's process used, so nobody has to keep it busy.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::{env, fs, io};

use portcullis::app::{App, Parts};
use portcullis::clock::Clock;
use portcullis::config::Config;
use portcullis::crypto::{Random, RootKeys};
use portcullis::db::Db;
use portcullis::db::embedded::{Embedded, EmbeddedSettings};
use portcullis::server;
use secrecy::SecretString;
use serde_json::{Value, json};

const ROOT_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The core that only the server which is measured is on.
pub const SERVERS: usize = 0;
/// The core of everything else.
pub const OTHERS: usize = 1;

/// A program on one core. Its log goes where it costs what writing costs and no more.
pub fn on_core(core: usize, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program).args(arguments);
    command
}

/// Measures in a process that stays off the servers' core, and PostgreSQL with it.
pub fn measure_apart() {
    let this = env::current_exe().unwrap();
    assert!(on_core(OTHERS, &this, &["inner"]).status().unwrap().success(), "the measurement failed");
}

/// A private PostgreSQL in that directory.
pub fn postgres(data: &Path) -> Embedded {
    let settings = EmbeddedSettings {
        data_dir: data.to_owned(),
        postgres_bin: None,
        search_path: env::var_os("PATH"),
        fsync: true,
        random: Random::system(),
    };
    Embedded::serve(&settings).unwrap()
}

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The product on that port, with that database.
pub fn config(port: u16, database: &str) -> Config {
    let mut config = Config::default();
    config.server.bind = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    config.server.public_url = format!("http://localhost:{port}").parse().unwrap();
    config.server.workers = Some(1);
    config.database.url = Some(SecretString::from(database.to_owned()));
    config
}

/// The application, which does not serve yet.
pub async fn open(config: Config) -> App {
    let url = config.database.url.clone().unwrap();
    let db = Db::new(&url, &url, config.database.pool).unwrap();
    let keys = Arc::new(ROOT_KEY.parse::<RootKeys>().unwrap());
    let parts = Parts { config, db, keys, clock: Clock::system(), random: Random::system() };
    App::open(parts).await.unwrap()
}

/// The whole product, as it comes, with its log.
pub fn serve_gate(port: u16, database: &str) {
    let config = config(port, database);
    server::log::start(&config.log);
    let listener = TcpListener::bind(config.server.bind).unwrap();
    actix_web::rt::System::new().block_on(async {
        let app = Arc::new(open(config).await);
        say(&json!({ "port": port }));
        server::run(app, vec![listener], std::future::pending()).await.unwrap();
    });
}

/// Tells whoever started this process what it has to know.
pub fn say(line: &Value) {
    let mut out = io::stdout();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// A process that serves, which ends with this value.
pub struct Process {
    process: Child,
    /// What it said of itself when it was ready.
    pub says: Value,
}

impl Process {
    /// Starts one and waits until it says where it is.
    pub fn start(core: usize, program: &Path, arguments: &[&str]) -> Self {
        let mut command = on_core(core, program, arguments);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("taskset");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // Whatever else it prints, the line that counts is an object with its port.
        let read = |line: String| serde_json::from_str::<Value>(&line).ok().filter(|says| says["port"].is_u64());
        let says = lines.map_while(Result::ok).find_map(read);
        Self { process, says: says.unwrap_or_else(|| panic!("{} did not start", program.display())) }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        let port = self.says["port"].as_u64().unwrap();
        SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Seconds of processor time that a process has used, its threads together.
pub fn cpu_time(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("this benchmark needs Linux");
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u32 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum();
    // A tick is a hundredth of a second on every Linux (sysconf(_SC_CLK_TCK)).
    f64::from(ticks) / 100.0
}
