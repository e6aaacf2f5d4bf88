//! What a credential may do to each kind of thing, beside its scope.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scope::{Scope, known};

/// A kind of thing that can be used or managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// Tools, prompts and resources of MCP servers.
    Tools,
    /// Registered MCP servers.
    Servers,
    /// Workspaces, projects, folders and who is in them.
    Places,
    /// API keys and access tokens.
    Keys,
    /// OAuth clients.
    Clients,
    /// People, groups and M2M accounts.
    People,
    /// Access policies.
    Policies,
    /// The audit trail.
    Audit,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Look.
    Read,
    /// Make and change.
    Write,
    /// Remove and destroy.
    Delete,
}

impl Thing {
    /// All, in the order in which people read them.
    pub const ALL: [Self; 8] = [
        Self::Tools,
        Self::Servers,
        Self::Places,
        Self::Keys,
        Self::Clients,
        Self::People,
        Self::Policies,
        Self::Audit,
    ];

    /// Its word in permissions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Servers => "servers",
            Self::Places => "places",
            Self::Keys => "keys",
            Self::Clients => "clients",
            Self::People => "people",
            Self::Policies => "policies",
            Self::Audit => "audit",
        }
    }

    /// What can be done to it.
    pub fn verbs(self) -> &'static [Verb] {
        match self {
            Self::Audit => &[Verb::Read],
            _ => &Verb::ALL,
        }
    }

    /// The scope token that doing it takes: people are administered, servers and places are managed, tools are used.
    pub fn scope(self, verb: Verb) -> &'static str {
        match (self, verb) {
            (Self::Tools, Verb::Read) => known::MCP_READ,
            (Self::Tools, Verb::Write) => known::MCP_WRITE,
            (Self::Tools, Verb::Delete) => known::MCP_DELETE,
            (Self::Audit, _) => known::MGMT_ADMIN,
            (_, Verb::Read) => known::MGMT_READ,
            (Self::Servers | Self::Places, Verb::Write | Verb::Delete) => known::MGMT_WRITE,
            (Self::Keys | Self::Clients | Self::People | Self::Policies, Verb::Write | Verb::Delete) => {
                known::MGMT_ADMIN
            }
        }
    }
}

impl Verb {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Delete];

    /// Its word in permissions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// A set of things and what may be done to each: `tools:read tools:write servers:read`.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Permissions(BTreeSet<(Thing, Verb)>);

/// A word that is no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no permission: a permission is a thing and a verb, such as tools:read or servers:write")]
pub struct PermissionsError(String);

impl Permissions {
    /// What *read* stands for where people choose between read and write: use tools that look, see servers and places.
    pub fn read() -> Self {
        [(Thing::Tools, Verb::Read), (Thing::Servers, Verb::Read), (Thing::Places, Verb::Read)].into_iter().collect()
    }

    /// What *write* stands for: the same, and what changes things but destroys nothing.
    pub fn write() -> Self {
        let more = [(Thing::Tools, Verb::Write), (Thing::Servers, Verb::Write), (Thing::Places, Verb::Write)];
        Self::read().0.into_iter().chain(more).collect()
    }

    /// Everything there is.
    pub fn all() -> Self {
        Thing::ALL.into_iter().flat_map(|thing| thing.verbs().iter().map(move |verb| (thing, *verb))).collect()
    }

    /// True when this may be done to that.
    pub fn allow(&self, thing: Thing, verb: Verb) -> bool {
        self.0.contains(&(thing, verb))
    }

    /// What both allow.
    pub fn within(&self, other: &Self) -> Self {
        self.pairs().filter(|(thing, verb)| other.allow(*thing, *verb)).collect()
    }

    /// True when nothing at all may be done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each thing and what may be done to it.
    pub fn pairs(&self) -> impl Iterator<Item = (Thing, Verb)> {
        self.0.iter().copied()
    }

    /// True when these are all that a scope token, with those below it, is for.
    pub fn exhaust(&self, token: &str) -> bool {
        let scope = Scope::of(&[token]);
        let opened = Self::all().pairs().filter(|(thing, verb)| scope.grants(thing.scope(*verb))).collect::<Self>();
        opened.pairs().all(|(thing, verb)| self.allow(thing, verb))
    }

    /// The scope that they need: the ceiling of a credential that has these permissions.
    pub fn scope(&self) -> Scope {
        let tokens: Vec<&str> = self.pairs().map(|(thing, verb)| thing.scope(verb)).collect();
        Scope::of(&tokens)
    }
}

impl FromIterator<(Thing, Verb)> for Permissions {
    fn from_iter<I: IntoIterator<Item = (Thing, Verb)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl FromStr for Permissions {
    type Err = PermissionsError;

    fn from_str(text: &str) -> Result<Self, PermissionsError> {
        let pair = |word: &str| {
            let (thing, verb) = word.split_once(':')?;
            let thing = Thing::ALL.into_iter().find(|known| known.name() == thing)?;
            let verb = thing.verbs().iter().copied().find(|known| known.name() == verb)?;
            Some((thing, verb))
        };
        text.split_whitespace().map(|word| pair(word).ok_or_else(|| PermissionsError(word.to_owned()))).collect()
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (thing, verb)) in self.pairs().enumerate() {
            let space = if place > 0 { " " } else { "" };
            write!(f, "{space}{}:{}", thing.name(), verb.name())?;
        }
        Ok(())
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.pairs().map(|(thing, verb)| format!("{}:{}", thing.name(), verb.name())))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words.join(" ").parse().map_err(serde::de::Error::custom)
    }
}

impl ToSql<Text, Pg> for Permissions {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(&self.to_string(), &mut out.reborrow())
    }
}

impl FromSql<Text, Pg> for Permissions {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(<String as FromSql<Text, Pg>>::from_sql(value)?.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_read_as_they_are_written() {
        for permissions in [Permissions::read(), Permissions::write(), Permissions::all(), Permissions::default()] {
            assert_eq!(permissions.to_string().parse(), Ok(permissions));
        }
        for bad in ["tools", "tools:", ":read", "tools:execute", "Tools:read", "audit:write", "tools:read,tools:write"]
        {
            assert_eq!(bad.parse::<Permissions>(), Err(PermissionsError(bad.to_owned())));
        }
    }

    #[test]
    fn the_scope_of_permissions_covers_each_of_them_and_no_more_than_is_needed() {
        for (permissions, scope) in [
            (Permissions::read(), "mcp:read mgmt.read"),
            (Permissions::write(), "mcp:read mcp:write mgmt.read mgmt.write"),
            ("keys:write".parse().unwrap(), "mgmt.admin"),
            ("audit:read".parse().unwrap(), "mgmt.admin"),
            ("tools:delete".parse().unwrap(), "mcp:delete"),
            (Permissions::default(), ""),
        ] {
            assert_eq!(permissions.scope().to_string(), scope);
        }
    }
}
