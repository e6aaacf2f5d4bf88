//! A line between a node and its database that falls silent in one direction: what the node says arrives, and nothing comes back.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The line. Both ends stay open, whatever happens on it.
pub struct HalfOpen {
    url: SecretString,
    is_silent: Arc<AtomicBool>,
}

impl HalfOpen {
    /// A line to a database that is reached by a Unix socket.
    pub fn to(database: &SecretString) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (socket, url) = detour(database, port);
        let is_silent = Arc::new(AtomicBool::new(false));
        let silence = Arc::clone(&is_silent);
        thread::spawn(move || {
            for node in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                carry(node, server, &silence);
            }
        });
        Self { url, is_silent }
    }

    /// The database at the other end of the line.
    pub fn url(&self) -> SecretString {
        self.url.clone()
    }

    /// From now on nothing comes back, on connections that are open and on new ones.
    pub fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }
}

/// The socket of a database, and the database's URL by way of a port of ours.
fn detour(database: &SecretString, port: u16) -> (PathBuf, SecretString) {
    let url = Url::parse(database.expose_secret()).unwrap();
    let dir = url.query_pairs().find(|(name, _)| name == "host").unwrap().1.into_owned();
    let mut there = url.clone();
    let kept: Vec<_> = url.query_pairs().filter(|(name, _)| name != "host").collect();
    there
        .query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .append_pair("host", "127.0.0.1")
        .append_pair("port", &port.to_string());
    (PathBuf::from(dir).join(".s.PGSQL.5432"), there.to_string().into())
}

fn carry(node: TcpStream, server: UnixStream, silence: &Arc<AtomicBool>) {
    let (mut from_node, mut to_server) = (node.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let _ended = std::io::copy(&mut from_node, &mut to_server);
        let _closed = to_server.shutdown(Shutdown::Both);
    });
    let (mut from_server, mut to_node, silence) = (server, node, Arc::clone(silence));
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = from_server.read(&mut bytes) {
            let is_lost = silence.load(Ordering::SeqCst);
            if !is_lost && to_node.write_all(&bytes[..length]).is_err() {
                return;
            }
        }
        // A line that is silent does not say that it has ended, either: the node's end stays open for as long as it likes.
        if !silence.load(Ordering::SeqCst) {
            let _closed = to_node.shutdown(Shutdown::Both);
        }
        let _until_the_node_leaves = to_node.read(&mut bytes);
    });
}
