//! `portcullis bootstrap`: what an installation needs before anybody can use it.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::first_administrator;
use super::installation::{self, Installation, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::http::urls;
use crate::policies::dialect::{self, Import};
use crate::policies::save::{self, By};
use crate::policies::seeds::ADMINISTRATORS;
use crate::policies::{Listing, import};

/// What to begin with.
#[derive(Debug, Args)]
pub struct Bootstrap {
    /// Object ID of the Entra group whose members may do everything
    #[arg(long, value_name = "ID")]
    entra_group_id: Option<String>,
    /// Take what registry-admins may do from this file, in any dialect
    #[arg(long, value_name = "FILE")]
    registry_admins: Option<PathBuf>,
}

impl Bootstrap {
    /// Does it; doing it again changes nothing.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let document = self.registry_admins.as_ref().map(read).transpose()?;
        installation::with(config, Role::Verb, async |open| {
            let migrations = open.prepare().await?;
            self.administrators(&open, document).await?;
            let link = first_administrator::ensure(&open).await?;
            let link = link.map(|link| urls::setup_link(&open.config.server.public_url, &link));
            let facts = json!({ "migrations": migrations, "setup_link": link });
            let first = link.map(|link| format!("\nFirst sign-in: {link}")).unwrap_or_default();
            Ok(Report::new(format!("the installation is ready{first}"), facts))
        })
    }

    async fn administrators(&self, open: &Installation, document: Option<Import>) -> Result<(), Failure> {
        let origin = Origin::operator();
        let by = By { user: None, origin: &origin, now: open.clock.now() };
        let wrote = open.db.write(async |conn| {
            if let Some(document) = &document {
                import::import(conn, document, by).await?;
            }
            match &self.entra_group_id {
                Some(group) => save::map(conn, ADMINISTRATORS, (group, true), by).await,
                None => Ok(true),
            }
        });
        match wrote.await.map_err(Failure::refused)? {
            true => Ok(()),
            false => Err(Failure::refused(format!("there is no policy {ADMINISTRATORS:?} any more"))),
        }
    }
}

/// A file that says what registry-admins may do, and nothing else.
fn read(path: &PathBuf) -> Result<Import, Failure> {
    let named = |what: String| Failure::refused(format!("{}: {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let document = dialect::read(&text, None, Listing::Tools).map_err(|fault| named(fault.to_string()))?;
    match document.drafts.iter().all(|draft| draft.name == ADMINISTRATORS) {
        true => Ok(document),
        false => Err(named(format!("it must say what {ADMINISTRATORS:?} may do, and nothing else"))),
    }
}
