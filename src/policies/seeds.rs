//! VERB: the groups and policies that every installation begins with. They are written once; from then on they are the
//! administrator's to change and to remove.

use diesel::QueryResult;

use super::dialect::{self, Import};
use super::reading::Fault;
use super::rule::Listing;
use super::save::{self, By};
use super::{EVERYONE, WORKSPACE};
use crate::db::{Connection, installation};
use crate::identity::Group;

/// The policy of those who may do everything.
pub const ADMINISTRATORS: &str = "registry-admins";

/// The documents, in the dialects of the systems that they come from.
const DOCUMENTS: [&str; 2] = [include_str!("seeds/registry-admins.json"), include_str!("seeds/scopes.yml")];

/// What they say.
pub fn documents() -> Result<Vec<Import>, Fault> {
    DOCUMENTS.iter().map(|text| dialect::read(text, None, Listing::Tools)).collect()
}

/// Writes them, unless that has been done before. What has one of their names already stays as it is.
pub async fn plant(conn: &mut Connection, by: By<'_>) -> QueryResult<bool> {
    if !installation::claim_seeding(conn, by.now).await? {
        return Ok(false);
    }
    let imports = documents().map_err(|fault| diesel::result::Error::QueryBuilderError(Box::new(fault)))?;
    for draft in imports.iter().flat_map(|import| &import.drafts) {
        save::make(conn, draft, by).await?;
        make_groups(conn, &draft.groups, by).await?;
    }
    Ok(true)
}

/// Makes those of these groups that are not there; answers which it made. Those that nobody is put into are none.
pub async fn make_groups(conn: &mut Connection, names: &[String], by: By<'_>) -> QueryResult<Vec<String>> {
    let mut made = Vec::new();
    for name in names.iter().filter(|name| *name != EVERYONE && !name.starts_with(WORKSPACE)) {
        if Group::insert(conn, name, "", by.now).await?.is_some() {
            made.push(name.clone());
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::pattern::any_matches;

    #[test]
    fn the_seeds_are_what_moved_installations_know_and_read_never_calls() {
        let imports = documents().unwrap();
        let drafts: Vec<_> = imports.iter().flat_map(|import| &import.drafts).collect();
        for name in [
            ADMINISTRATORS,
            "mcp-registry-admin",
            "mcp-registry-user",
            "mcp-registry-developer",
            "mcp-registry-operator",
            "mcp-servers-unrestricted/read",
            "mcp-servers-unrestricted/execute",
            "mcp-servers-restricted/read",
            "mcp-servers-restricted/execute",
        ] {
            assert!(drafts.iter().any(|draft| draft.name == name), "{name}");
        }
        assert!(imports.iter().all(|import| import.given.is_empty()));
        for draft in drafts.iter().filter(|draft| draft.name.ends_with("/read")) {
            assert!(!draft.rules.iter().any(|rule| any_matches(&rule.methods, "tools/call")), "{}", draft.name);
        }
    }
}
