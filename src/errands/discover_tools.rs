//! ERRAND: ask a registered server which tools it has, and write down what it answered.

pub(super) mod legacy;
pub(super) mod line;
mod modern;
mod old_sse;
mod stdio;
mod two_way;

use std::time::Duration;

use url::Url;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, StdioConfig};
use crate::crypto::RootKeys;
use crate::db::{self, Db};
use crate::net::{Net, NetError, Purpose};
use crate::places::Actor;
use crate::types::{PublicUrl, ServerId};
use crate::upstreams::note_tools::{Found, Noted, note_tools};
use crate::upstreams::register::Said;
use crate::upstreams::{Auth, Flaw, Refusal, STDIO, Upstream, server};
use line::{Line, Trouble};

/// For all that is asked of one server. A single answer has less.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the errand takes along.
#[derive(Clone)]
pub struct Way<'a> {
    /// Where it is written down.
    db: &'a Db,
    /// What opens the secrets.
    keys: &'a RootKeys,
    /// The way out.
    net: Net,
    /// The time.
    clock: &'a Clock,
    /// Where we are ourselves.
    own: &'a PublicUrl,
    /// Which programs may be started.
    programs: &'a StdioConfig,
}

impl<'a> Way<'a> {
    /// With what requests have.
    pub fn of(app: &'a App) -> Self {
        let own = &app.config.server.public_url;
        let programs = &app.config.stdio;
        Self { db: &app.db, keys: &app.keys, net: app.net.clone(), clock: &app.clock, own, programs }
    }

    /// With what an operator's verb has. The error is a sentence for them.
    pub fn prepared((db, keys, clock): (&'a Db, &'a RootKeys, &'a Clock), config: &'a Config) -> Result<Self, String> {
        let net = Net::new(&config.outbound).map_err(|error| error.to_string())?;
        Ok(Self { db, keys, net, clock, own: &config.server.public_url, programs: &config.stdio })
    }

    /// Refuses what can be known beforehand to lead nowhere. The rest of what is wrong is for the verb to say.
    pub fn foresee(&self, actor: Actor, said: &Said) -> Result<(), Refusal> {
        said.url.as_deref().map_or(Ok(()), |url| self.foresee_url(actor, url))?;
        said.command.as_deref().map_or(Ok(()), |command| self.foresee_command(actor, command.trim()))
    }

    /// Refuses a command that no operator allows. Which there are is for those alone who may use them.
    fn foresee_command(&self, actor: Actor, command: &str) -> Result<(), Refusal> {
        let programs = &self.programs.programs;
        if !actor.is_above() || programs.contains_key(command) {
            return Ok(());
        }
        let names: Vec<&str> = programs.keys().map(String::as_str).collect();
        let words = match names.is_empty() {
            true => "servers that are programs of their own (stdio) are off until the operator allows a command: \
                     a table [stdio.NAME] in portcullis.toml"
                .to_owned(),
            false => format!("the operator allows no command {command:?}; there is {}", names.join(", ")),
        };
        Err(Flaw::new("command", words).into())
    }

    /// Refuses a URL of which it can be known beforehand that nobody ever goes there for this actor, and our own, from which a
    /// call would come back to us without end.
    fn foresee_url(&self, actor: Actor, url: &str) -> Result<(), Refusal> {
        if Url::parse(url.trim()).is_ok_and(|url| url.origin().ascii_serialization() == self.own.origin()) {
            return Err(Flaw::new("url", "the URL is this gateway's own").into());
        }
        let words = match self.net.foresee(purpose(actor.is_above()), url.trim()) {
            Ok(()) => return Ok(()),
            Err(NetError::ForbiddenAddress) if actor.is_above() => {
                "the URL leads to an address that is never spoken to: link-local, multicast, or where clouds hand out credentials"
            }
            Err(NetError::ForbiddenAddress) => {
                "the URL leads into the inner network; only a system administrator registers servers there"
            }
            Err(_) => return Ok(()),
        };
        Err(Flaw::new("url", words).into())
    }
}

/// Where requests to a server may go: inside only where a system administrator entered its URL (`decisions` 20).
pub fn purpose(may_be_inside: bool) -> Purpose {
    if may_be_inside { Purpose::AdministratorEndpoint } else { Purpose::LinkedEndpoint }
}

/// Asks a server, switched on or not, and writes down how it is and what it has; nothing where there is no such server.
pub async fn discover(way: &Way<'_>, id: ServerId) -> Result<Option<Noted>, db::Error> {
    let dialled = {
        let mut conn = way.db.read().await?;
        server::dialled(&mut conn, id, way.keys).await?
    };
    let Some((transport, upstream)) = dialled else { return Ok(None) };
    let found = ask(way, &transport, &upstream).await;
    let now = way.clock.now();
    way.db.write(async |conn| note_tools(conn, id, (&upstream.url, found), now).await).await
}

async fn ask(way: &Way<'_>, transport: &str, upstream: &Upstream) -> Found {
    if matches!(upstream.auth, Auth::Lost) {
        let why = "the value of its header cannot be opened any more, since its root key is gone: enter it again";
        return Found::Failed(why.to_owned());
    }
    let line = Line::to(&way.net, purpose(upstream.may_be_inside), upstream);
    let asked = async {
        match transport {
            "sse" => old_sse::tools(&line).await,
            STDIO => stdio::tools(way.programs, upstream.command.as_deref().unwrap_or_default()).await,
            _ => match legacy::tools(&line).await {
                Err(trouble) if trouble.may_be_of_another_era() => modern::tools(&line).await.map_err(|_| trouble),
                outcome => outcome,
            },
        }
    };
    match tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(Trouble::Net(NetError::TimedOut))) {
        Ok(tools) => Found::Tools(tools),
        Err(Trouble::Status(401 | 403)) if matches!(upstream.auth, Auth::Passthrough) => Found::Unsaid(
            "it answers callers with a credential of their own, so it cannot be asked by itself".to_owned(),
        ),
        Err(trouble) => Found::Failed(trouble.to_string()),
    }
}
