//! `portcullis group-create`: people and programs can be put into it from then on.

use clap::Args;
use serde_json::json;

use super::installation::{self, Role};
use super::outcome::{Failure, Report};
use crate::audit::Origin;
use crate::config::Config;
use crate::identity::add_group::{AddGroup, add_group};

/// Which group.
#[derive(Debug, Args)]
pub struct CreateGroup {
    /// Its name
    #[arg(required_unless_present = "named")]
    name: Option<String>,
    /// The same as an option
    #[arg(long = "name", id = "named", value_name = "NAME", conflicts_with = "name")]
    named: Option<String>,
    /// What it is for
    #[arg(long, default_value = "", hide_default_value = true)]
    description: String,
}

impl CreateGroup {
    /// Makes it.
    pub fn run(self, config: Config) -> Result<Report, Failure> {
        let name = self.name.or(self.named).unwrap_or_default();
        installation::with(config, Role::Verb, async |open| {
            open.prepare().await?;
            let (origin, now) = (Origin::operator(), open.clock.now());
            let added = open.db.write(async |conn| add_group(conn, &name, &self.description, &origin, now).await);
            match added.await.map_err(Failure::refused)? {
                AddGroup::Added(group) => {
                    let facts = json!({ "id": group.id, "name": group.name, "description": group.description });
                    Ok(Report::new(format!("made the group {}", group.name), facts))
                }
                AddGroup::Refused(refusal) => Err(Failure::refused(refusal)),
            }
        })
    }
}
