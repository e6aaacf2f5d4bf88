//! `portcullis serve`: from settings to a listening server, and back to silence.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::first_administrator;
use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::app::{App, Parts};
use crate::config::{Config, Loaded, ServerConfig};
use crate::crypto::PlainToken;
use crate::http::urls;
use crate::server;

/// Serves until SIGINT or SIGTERM. Requests under way then get time to end, unless the signal is repeated, and after them the
/// private database stops.
pub fn run(loaded: &Loaded, json: bool) -> Result<Report, Failure> {
    server::log::start(&loaded.config.log);
    installation::with(loaded.config.clone(), Role::Server, async |open| {
        open.prepare().await?;
        let setup_link = first_administrator::ensure(&open).await?;
        let listeners = listen(&open.config.server)?;
        let app = app(&open).await?;
        banner(&open, setup_link.as_ref()).write(json);
        let (asked, insisted) = (asked_to_stop(1)?, asked_to_stop(2)?);
        tokio::select! {
            served = server::run(app, listeners, asked) => served.map_err(Failure::refused)?,
            () = insisted => {}
        }
        Ok(Report::silent())
    })
}

/// What requests may reach.
async fn app(open: &Installation) -> Result<Arc<App>, Failure> {
    let parts = Parts {
        config: open.config.clone(),
        db: open.db.clone(),
        keys: open.keys.clone(),
        clock: open.clock.clone(),
        random: open.random.clone(),
    };
    App::open(parts).await.map(Arc::new).map_err(Failure::refused)
}

/// Listens where we are told to. `localhost` means 127.0.0.1 to some programs and [::1] to others, so the default is both.
fn listen(server: &ServerConfig) -> Result<Vec<TcpListener>, Failure> {
    let first = TcpListener::bind(server.bind).map_err(|error| taken(server.bind, &error))?;
    let mut listeners = vec![first];
    if server.bind.ip() == Ipv4Addr::LOCALHOST {
        let twin = SocketAddr::from((Ipv6Addr::LOCALHOST, listeners[0].local_addr().map_err(Failure::refused)?.port()));
        match TcpListener::bind(twin) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(taken(twin, &error)),
            Err(error) => tracing::debug!(%error, "no IPv6 here"),
        }
    }
    Ok(listeners)
}

/// Why we cannot listen, and what to do.
fn taken(address: SocketAddr, error: &io::Error) -> Failure {
    let other = SocketAddr::new(address.ip(), address.port().checked_add(1).unwrap_or(8080));
    Failure::refused(match error.kind() {
        ErrorKind::AddrInUse => format!(
            "{address} is in use: stop the program that listens there, or choose another address, such as PORTCULLIS_BIND={other}"
        ),
        ErrorKind::PermissionDenied => {
            format!("{address} may not be used without privileges: choose a port above 1023 with PORTCULLIS_BIND")
        }
        _ => format!("PORTCULLIS_BIND is {address}, where this machine cannot listen: {error}"),
    })
}

/// Ends when somebody has asked us to `times` times.
fn asked_to_stop(times: usize) -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::refused)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::refused)?;
    Ok(async move {
        for _ in 0..times {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        tracing::info!("{}", if times > 1 { "stopping at once" } else { "stopping" });
    })
}

/// What the operator needs next.
fn banner(open: &Installation, setup_link: Option<&PlainToken>) -> Report {
    let Config { server, admin, database, .. } = &open.config;
    let url = server.public_url.issuer();
    let mcp = server.public_url.at(urls::MCP);
    let claude = format!("claude mcp add --transport http portcullis {mcp}");
    let setup_link = setup_link.map(|link| urls::setup_link(&server.public_url, link));
    let mut words = format!("Portcullis {} is ready: {url}\n\n", env!("CARGO_PKG_VERSION"));
    if let Some(link) = &setup_link {
        words += &format!("  First sign-in   {link}\n");
        words += &format!("                  (works once: choose the password of {:?} there)\n", admin.username);
    }
    words += &format!("  MCP clients     {mcp}\n");
    words += &format!("  Claude Code     {claude}\n");
    if open.is_embedded {
        words += &format!("  Data            {}\n", database.data_dir.display());
    }
    let mut facts = json!({ "url": url, "bind": server.bind, "mcp": mcp });
    if let (Some(link), Value::Object(facts)) = (setup_link, &mut facts) {
        facts.insert("setup_link".to_owned(), link.into());
    }
    Report::new(words, facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(bind: &str) -> ServerConfig {
        ServerConfig { bind: bind.parse().unwrap(), ..Config::default().server }
    }

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = holder.local_addr().unwrap();
        let failure = format!("{:?}", listen(&server(&address.to_string())).unwrap_err());
        assert!(failure.contains(&format!("{address} is in use")) && failure.contains("PORTCULLIS_BIND="), "{failure}");
    }

    #[test]
    fn the_default_address_listens_on_both_loopbacks() {
        let listeners = listen(&server("127.0.0.1:0")).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        if let Some(second) = listeners.get(1) {
            assert_eq!(second.local_addr().unwrap(), SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
        }
        assert_eq!(listen(&server("127.0.0.2:0")).unwrap().len(), 1);
    }
}
