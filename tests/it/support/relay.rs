//! Between a node and its database: passes everything on, unless there is to be trouble, and writes down which statements are
//! executed.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio_postgres::config::{Config, Host};

/// A relay to one database, which runs until its runtime ends.
pub struct Relay {
    /// Where it is to be reached.
    pub url: SecretString,
    executed: Executed,
    trouble: watch::Sender<Trouble>,
}

/// What goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Trouble {
    #[default]
    None,
    /// What the node says arrives, and nothing comes back; both ends stay open.
    Silence,
    /// The answer to the next statement with these words will be slow.
    SlowNext(&'static str),
    /// It is: nothing comes back on that connection.
    Slow(usize),
    /// Every statement with these words loses its connection.
    Loses(&'static str),
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
        let (executed, trouble) = (Arc::default(), watch::Sender::default());
        tokio::spawn(serve(listener, socket, Arc::clone(&executed), trouble.clone()));
        Self { url, executed, trouble }
    }

    /// From now on nothing comes back, on connections that are open and on new ones.
    pub fn fall_silent(&self) {
        self.trouble.send_replace(Trouble::Silence);
    }

    /// The next statement with these words is executed, and its answer comes when all is [`well`](Self::be_well) again.
    pub fn be_slow_to_answer(&self, words: &'static str) {
        self.trouble.send_replace(Trouble::SlowNext(words));
    }

    /// Waits until somebody waits for that answer.
    pub async fn is_waited_for(&self) {
        let slow = |trouble: &Trouble| matches!(trouble, Trouble::Slow(_));
        assert!(self.trouble.subscribe().wait_for(slow).await.is_ok());
    }

    /// From now on every statement with these words fails, and its connection with it.
    pub fn lose(&self, words: &'static str) {
        self.trouble.send_replace(Trouble::Loses(words));
    }

    /// Ends all trouble.
    pub fn be_well(&self) {
        self.trouble.send_replace(Trouble::None);
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

async fn serve(listener: TcpListener, socket: PathBuf, executed: Executed, trouble: watch::Sender<Trouble>) {
    let mut connection = 0;
    while let Ok((client, _)) = listener.accept().await {
        client.set_nodelay(true).unwrap();
        let Ok(server) = UnixStream::connect(&socket).await else { continue };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::spawn(listen(connection, from_client, to_server, Arc::clone(&executed), trouble.clone()));
        tokio::spawn(answer(connection, from_server, to_client, trouble.subscribe()));
        connection += 1;
    }
}

/// Passes on what a server answers, in its time.
async fn answer(
    connection: usize,
    mut server: impl AsyncRead + Unpin,
    mut client: impl AsyncWrite + Unpin,
    mut trouble: watch::Receiver<Trouble>,
) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = server.read(&mut bytes).await?;
        let calm = trouble.wait_for(|trouble| *trouble != Trouble::Slow(connection)).await;
        let is_silent = calm.is_ok_and(|trouble| *trouble == Trouble::Silence);
        match length {
            // A line that is silent does not say that it has ended, either.
            0 if is_silent => std::future::pending().await,
            0 => return Ok(()),
            _ if is_silent => {}
            _ => client.write_all(&bytes[..length]).await?,
        }
    }
}

/// Passes on what a client says (PostgreSQL's protocol, "Message Flow") and notes what it executes: `Parse` gives a statement
/// its name, `Bind` uses it, and `Query` is executed at once.
async fn listen(
    connection: usize,
    mut client: impl AsyncRead + Unpin,
    mut server: impl AsyncWrite + Unpin,
    executed: Executed,
    trouble: watch::Sender<Trouble>,
) -> std::io::Result<()> {
    let execute = |statement: String| {
        let becomes_slow = |trouble: &mut Trouble| {
            let is_it = matches!(trouble, Trouble::SlowNext(words) if statement.contains(*words));
            if is_it {
                *trouble = Trouble::Slow(connection);
            }
            is_it
        };
        trouble.send_if_modified(becomes_slow);
        let is_lost = matches!(*trouble.borrow(), Trouble::Loses(words) if statement.contains(words));
        executed.lock().unwrap().push((connection, statement));
        if is_lost { Err(std::io::ErrorKind::ConnectionReset) } else { Ok(()) }
    };
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
            b'Q' => execute(next())?,
            b'B' => {
                let _portal = next();
                execute(statements.get(&next()).cloned().unwrap_or_default())?;
            }
            _ => {}
        }
        server.write_all(&message).await?;
    }
}
