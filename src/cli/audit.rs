//! `portcullis audit …`: who did what.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::pin;

use clap::{Args, Subcommand, ValueEnum};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::audit::search::{Found, Key, Order, Recorded, Search};
use crate::audit::{self, Entry, Origin, Outcome};
use crate::config::Config;
use crate::http::page::Foreign;
use crate::http::trail::{self, Format, Names};

/// What to do with the trail.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Look something up, newest first
    Search(Box<Find>),
    /// Write a copy of it, or of a part, oldest first
    Export(Box<Export>),
}

/// What is looked for: everything that is said must hold.
#[derive(Debug, Args)]
struct Filters {
    /// Not before this time, in UTC, such as 2026-11-29T10:30 or 2026-11-29; or how long ago, such as 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The name of an event, or what names begin with, such as gateway.
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// How it ended: done or refused
    #[arg(long)]
    outcome: Option<String>,
    /// By or about this person or program; the id of one that is gone
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// With this client
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// At this server
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// From this address
    #[arg(long, value_name = "IP")]
    address: Option<String>,
    /// In the request of this id
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// With these words in the detail
    #[arg(long, value_name = "TEXT")]
    words: Option<String>,
}

/// What to look up, and how much of it.
#[derive(Debug, Args)]
pub struct Find {
    #[command(flatten)]
    filters: Filters,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// After this place in the trail, which the page before ended with
    #[arg(long, value_name = "PLACE")]
    after: Option<Key>,
}

/// What to copy, and where to.
#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    filters: Filters,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Word::Ndjson)]
    format: Word,
    /// A file, which must not be there yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Word {
    Ndjson,
    Csv,
}

impl From<Word> for Format {
    fn from(word: Word) -> Self {
        match word {
            Word::Ndjson => Self::Ndjson,
            Word::Csv => Self::Csv,
        }
    }
}

impl Audit {
    /// Does it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            match self {
                Self::Search(verb) => verb.run(&open).await,
                Self::Export(verb) => verb.run(&open).await,
            }
        })
    }
}

impl Filters {
    async fn search(&self, open: &Installation) -> Result<Search, Failure> {
        let said = |name: &str| match name {
            "since" => self.since.as_deref(),
            "until" => self.until.as_deref(),
            "event" => self.event.as_deref(),
            "outcome" => self.outcome.as_deref(),
            "user" => self.user.as_deref(),
            "client" => self.client.as_deref(),
            "server" => self.server.as_deref(),
            "address" => self.address.as_deref(),
            "request_id" => self.request_id.as_deref(),
            "q" => self.words.as_deref(),
            _ => None,
        };
        let mut conn = open.db.read().await.map_err(Failure::refused)?;
        let read = trail::read(&mut conn, said, open.clock.now()).await.map_err(Failure::refused)?;
        read.map_err(|wrong| Failure::usage(wrong.words))
    }
}

impl Find {
    async fn run(&self, open: &Installation) -> Result<Report, Failure> {
        let search = self.filters.search(open).await?;
        let most = usize::from(self.limit);
        let page = (Order::NewestFirst, self.after, most + 1);
        let found = search.page(&open.db, page, trail::PATIENCE).await.map_err(Failure::refused)?;
        let Found::Page(mut found) = found else { return Err(Failure::refused(trail::TOO_MUCH)) };
        note(open, trail::looked_up(&search, None, None)).await?;
        let goes_on = found.len() > most;
        found.truncate(most);
        let mut conn = open.db.read().await.map_err(Failure::refused)?;
        let names = Names::of(&mut conn, &found).await.map_err(Failure::refused)?;
        let next = found.last().filter(|_| goes_on).map(|last| last.key().to_string());
        let mut words: Vec<String> = found.iter().map(|event| line(event, &names)).collect();
        words.extend(next.iter().map(|next| format!("there is more: --after {next}")));
        let items: Vec<Value> = found.iter().map(|event| trail::item(event, &names)).collect();
        let mut facts = json!({ "items": items });
        if let Some(next) = next {
            facts["next"] = next.into();
        }
        Ok(Report::new(words.join("\n"), facts))
    }
}

impl Export {
    async fn run(&self, open: &Installation) -> Result<Report, Failure> {
        let search = self.filters.search(open).await?;
        note(open, trail::looked_up(&search, None, Some(self.format.into()))).await?;
        match &self.file {
            None => self.write(open, search, io::stdout()).await.map(|()| Report::silent()),
            Some(path) => {
                let named = |error: io::Error| Failure::refused(format!("{}: {error}", path.display()));
                let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(named)?;
                let written = self.write(open, search, io::BufWriter::new(file)).await;
                written.inspect_err(|_| forget(path))?;
                let facts = json!({ "file": path.display().to_string() });
                Ok(Report::new(format!("the copy is in {}", path.display()), facts))
            }
        }
    }

    /// Whoever closed the pipe has seen enough.
    async fn write(&self, open: &Installation, search: Search, mut to: impl Write) -> Result<(), Failure> {
        let search = trail::narrowed_to_now(search, open.clock.now());
        let mut copy = pin!(trail::copy(open.db.clone(), search, self.format.into()));
        while let Some(piece) = copy.try_next().await.map_err(Failure::refused)? {
            match to.write_all(piece.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                written => written.map_err(Failure::refused)?,
            }
        }
        to.flush().map_err(Failure::refused)
    }
}

/// A copy that is not whole is none.
fn forget(path: &Path) {
    let _ignored = fs::remove_file(path);
}

async fn note(open: &Installation, entry: Entry) -> Result<(), Failure> {
    let (origin, now) = (Origin::operator(), open.clock.now());
    let noted = open.db.write_once(async |conn| audit::record(conn, entry, &origin, now).await).await;
    noted.map_err(Failure::refused)
}

/// An event in a line.
fn line(event: &Recorded, names: &Names) -> String {
    let mark = if event.outcome() == Outcome::Refused { "!" } else { " " };
    // Some of it was chosen by strangers, and a terminal does what it reads.
    let shown = |text: Option<&str>| text.map_or("-".to_owned(), |text| Foreign::passage(text).to_string());
    let (who, client) = (shown(names.who(event)), shown(event.client_id.as_deref()));
    let (address, detail) = (shown(event.address.as_deref()), Foreign::passage(&event.detail.to_string()));
    format!("{} {mark} {}  {who}  {client}  {address}  {detail}", event.at.format("%Y-%m-%d %H:%M:%S"), event.event)
}
