//! Between a node and its database: passes everything on, and writes down which statements are executed.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio_postgres::config::{Config, Host};

/// A relay to one database, which runs until its runtime ends.
pub struct Relay {
    /// Where it is to be reached.
    pub url: SecretString,
    executed: Executed,
}

/// Each statement with the number of the connection that it came by.
type Executed = Arc<Mutex<Vec<(usize, String)>>>;

/// What the clock asks for every few seconds, whoever else asks for what.
const CLOCK: [&str; 2] = ["\"sessions\"", "\"logout_notices\""];

impl Relay {
    /// Listens before the database of that URL, which is at a Unix socket.
    pub async fn before(database: &SecretString) -> Self {
        let config: Config = database.expose_secret().parse().unwrap();
        let [Host::Unix(directory)] = config.get_hosts() else { panic!("a Unix socket") };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let socket = directory.join(format!(".s.PGSQL.{port}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (user, password) = (config.get_user().unwrap(), config.get_password().unwrap());
        let (password, name) = (std::str::from_utf8(password).unwrap(), config.get_dbname().unwrap());
        let url = url(listener.local_addr().unwrap(), user, password, name);
        let executed = Arc::default();
        tokio::spawn(serve(listener, socket, Arc::clone(&executed)));
        Self { url, executed }
    }

    /// The statements that were executed since the last time, but for the transactions of the clock.
    pub fn executed(&self) -> Vec<String> {
        let mut executed = Vec::new();
        let mut open = HashMap::<usize, Vec<String>>::new();
        for (connection, statement) in std::mem::take(&mut *self.executed.lock().unwrap()) {
            let transaction = open.entry(connection).or_default();
            transaction.push(statement);
            let is_open = transaction[0] == "BEGIN" && transaction.last().is_none_or(|last| last != "COMMIT");
            if !is_open {
                executed.extend(open.remove(&connection));
            }
        }
        executed.extend(open.into_values());
        let by_the_clock = |statement: &String| CLOCK.iter().any(|table| statement.contains(table));
        executed.retain(|transaction| !transaction.iter().any(by_the_clock));
        executed.concat()
    }
}

fn url(address: SocketAddr, user: &str, password: &str, database: &str) -> SecretString {
    format!("postgres://{user}:{password}@{address}/{database}?sslmode=disable").into()
}

async fn serve(listener: TcpListener, socket: PathBuf, executed: Executed) {
    let mut connection = 0;
    while let Ok((client, _)) = listener.accept().await {
        client.set_nodelay(true).unwrap();
        let server = UnixStream::connect(&socket).await.unwrap();
        let ((from_client, mut to_client), (mut from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::spawn(listen(connection, from_client, to_server, Arc::clone(&executed)));
        connection += 1;
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    }
}

/// Passes on what a client says (PostgreSQL's protocol, "Message Flow") and notes what it executes: `Parse` gives a statement
/// its name, `Bind` uses it, and `Query` is executed at once.
async fn listen(
    connection: usize,
    mut client: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    executed: Executed,
) -> std::io::Result<()> {
    let execute = |statement: String| executed.lock().unwrap().push((connection, statement));
    let mut statements = HashMap::new();
    let mut start_up = vec![0; 4];
    client.read_exact(&mut start_up).await?;
    let length = u32::from_be_bytes(start_up[..].try_into().unwrap()) as usize;
    start_up.resize(length, 0);
    client.read_exact(&mut start_up[4..]).await?;
    server.write_all(&start_up).await?;
    loop {
        let mut message = vec![0; 5];
        client.read_exact(&mut message).await?;
        let length = u32::from_be_bytes(message[1..].try_into().unwrap()) as usize;
        message.resize(length + 1, 0);
        client.read_exact(&mut message[5..]).await?;
        let mut words = message[5..].split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut next = || words.next().unwrap_or_default();
        match message[0] {
            b'P' => drop(statements.insert(next(), next())),
            b'Q' => execute(next()),
            b'B' => {
                let _portal = next();
                execute(statements.get(&next()).cloned().unwrap_or_default());
            }
            _ => {}
        }
        server.write_all(&message).await?;
    }
}
