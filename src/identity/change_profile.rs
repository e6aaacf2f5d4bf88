//! Somebody changes what they are called and where mail reaches them.

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use serde_json::json;

use super::User;
use super::add_person::{Refusal, display_name, email};
use crate::audit::{self, Entry, Event, Origin};
use crate::db::Connection;
use crate::types::UserId;

/// What somebody says about themselves, as they typed it.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The name to be shown by.
    pub display_name: String,
    /// The email address; empty for none.
    pub email: String,
}

/// How changing a profile ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeProfile {
    /// It says so now.
    Changed,
    /// Nothing was changed.
    Refused(Refusal),
}

/// Changes a person's profile. The audit trail tells which parts, not from what to what.
pub async fn change_profile(
    conn: &mut Connection,
    user: UserId,
    profile: Profile,
    origin: &Origin,
    now: DateTime<Utc>,
) -> QueryResult<ChangeProfile> {
    let (name, address) = match judge(&profile) {
        Ok(judged) => judged,
        Err(refusal) => return Ok(ChangeProfile::Refused(refusal)),
    };
    let Some(before) = User::hold(conn, user).await? else { return Ok(ChangeProfile::Changed) };
    let changes = [("display_name", before.display_name != name), ("email", before.email != address)];
    let changed: Vec<&str> = changes.into_iter().filter(|(_, changed)| *changed).map(|(part, _)| part).collect();
    if !changed.is_empty() {
        let is_own = before.email_is_own || before.email != address;
        User::set_profile(conn, user, &name, (address.as_deref(), is_own)).await?;
        let entry = Entry::new(Event::ProfileChanged).user(user).detail(json!({ "changed": changed }));
        audit::record(conn, entry, origin, now).await?;
    }
    Ok(ChangeProfile::Changed)
}

fn judge(profile: &Profile) -> Result<(String, Option<String>), Refusal> {
    let address = profile.email.trim();
    let address = (!address.is_empty()).then(|| email(address.to_owned())).transpose()?;
    Ok((display_name(&profile.display_name)?, address))
}
