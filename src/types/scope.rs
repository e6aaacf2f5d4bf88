//! OAuth scopes (RFC 6749 §3.3), with the hierarchy that our own have.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The scopes that mean something here.
pub mod known {
    /// Sign a person in (OpenID Connect Core §3.1.2.1).
    pub const OPENID: &str = "openid";
    /// The person's email address.
    pub const EMAIL: &str = "email";
    /// The person's name.
    pub const PROFILE: &str = "profile";
    /// The groups the person is in.
    pub const GROUPS: &str = "groups";
    /// Stay connected while the person is away (OpenID Connect Core §11).
    pub const OFFLINE_ACCESS: &str = "offline_access";
    /// List, read, and call tools classed read-only.
    pub const MCP_READ: &str = "mcp:read";
    /// Call tools that change things.
    pub const MCP_WRITE: &str = "mcp:write";
    /// Call tools that destroy things.
    pub const MCP_DELETE: &str = "mcp:delete";
    /// See the configuration.
    pub const MGMT_READ: &str = "mgmt.read";
    /// Change the configuration.
    pub const MGMT_WRITE: &str = "mgmt.write";
    /// Administer people, clients and keys.
    pub const MGMT_ADMIN: &str = "mgmt.admin";

    /// Every scope there is, in the order in which people read them.
    pub const ALL: [&str; 11] = [
        OPENID,
        EMAIL,
        PROFILE,
        GROUPS,
        OFFLINE_ACCESS,
        MCP_READ,
        MCP_WRITE,
        MCP_DELETE,
        MGMT_READ,
        MGMT_WRITE,
        MGMT_ADMIN,
    ];

    /// What a program that acts for itself may have: nothing that is about a person.
    pub const FOR_PROGRAMS: [&str; 7] = [GROUPS, MCP_READ, MCP_WRITE, MCP_DELETE, MGMT_READ, MGMT_WRITE, MGMT_ADMIN];

    /// What a client that registered itself may be granted: no management.
    pub const SELF_REGISTERED: [&str; 8] =
        [OPENID, EMAIL, PROFILE, GROUPS, OFFLINE_ACCESS, MCP_READ, MCP_WRITE, MCP_DELETE];
}

/// A set of scope tokens, written in sorted order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Scope(BTreeSet<String>);

/// The text is not a scope (RFC 6749 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is made of printable characters without quotes or backslashes")]
pub struct ScopeError;

impl Scope {
    /// No scope at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// The scope of these tokens, which are known to be well formed.
    pub fn of(tokens: &[&str]) -> Self {
        Self(tokens.iter().map(|token| (*token).to_owned()).collect())
    }

    /// True when there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in sorted order.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// True when `token` itself is among ours.
    pub fn has(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// True when one of ours is `token` or stands above it.
    pub fn grants(&self, token: &str) -> bool {
        self.0.iter().any(|own| own == token || implied_by(own).contains(&token))
    }

    /// True when every token of `wanted` is granted by ours.
    pub fn covers(&self, wanted: &Scope) -> bool {
        wanted.tokens().all(|token| self.grants(token))
    }

    /// Our tokens and all they imply.
    pub fn expanded(&self) -> Scope {
        let implied = self.0.iter().flat_map(|token| implied_by(token)).map(|token| (*token).to_owned());
        Self(self.0.iter().cloned().chain(implied).collect())
    }

    /// The tokens of both.
    pub fn union(&self, other: &Scope) -> Scope {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Our tokens that `ceiling` grants.
    pub fn within(&self, ceiling: &Scope) -> Scope {
        Self(self.0.iter().filter(|token| ceiling.grants(token)).cloned().collect())
    }

    /// Our tokens that are no scope that means anything here by itself: names of policies, which only narrow (`decisions` 10).
    pub fn policies(&self) -> Scope {
        self.filtered(|token| !known::ALL.contains(&token))
    }

    /// The same, with what `all` has for MCP servers where it names nothing but policies: they narrow that.
    pub fn with_what_is_narrowed(&self, all: &Scope) -> Scope {
        let says_only_policies = !self.is_empty() && *self == self.policies();
        if says_only_policies { self.union(&all.filtered(|token| token.starts_with("mcp:"))) } else { self.clone() }
    }

    /// Our tokens for which `keep` holds.
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Scope {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }
}

/// The tokens below `token` in its hierarchy.
fn implied_by(token: &str) -> &'static [&'static str] {
    match token {
        known::MCP_DELETE => &[known::MCP_WRITE, known::MCP_READ],
        known::MCP_WRITE => &[known::MCP_READ],
        known::MGMT_ADMIN => &[known::MGMT_WRITE, known::MGMT_READ],
        known::MGMT_WRITE => &[known::MGMT_READ],
        _ => &[],
    }
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`
fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let tokens: BTreeSet<String> = text.split(' ').filter(|token| !token.is_empty()).map(str::to_owned).collect();
        if tokens.iter().all(|token| token.bytes().all(is_scope_character)) {
            Ok(Self(tokens))
        } else {
            Err(ScopeError)
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, token) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ToSql<Text, Pg> for Scope {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(&self.to_string(), &mut out.reborrow())
    }
}

impl FromSql<Text, Pg> for Scope {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(<String as FromSql<Text, Pg>>::from_sql(value)?.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn a_higher_scope_covers_the_lower_ones_and_never_the_reverse() {
        assert!(scope("mcp:delete").covers(&scope("mcp:read mcp:write")));
        assert!(scope("mgmt.admin").covers(&scope("mgmt.read mgmt.write")));
        assert!(!scope("mcp:read").covers(&scope("mcp:write")));
        assert!(!scope("mcp:delete").covers(&scope("mgmt.read")));
    }

    #[test]
    fn a_quote_a_backslash_or_a_control_character_is_no_scope() {
        for text in ["a\"b", "a\\b", "a\tb", "a\u{7f}", "ü"] {
            assert_eq!(text.parse::<Scope>(), Err(ScopeError), "{text:?}");
        }
    }

    #[test]
    fn a_scope_is_written_once_and_sorted() {
        assert_eq!(scope(" b a  b ").to_string(), "a b");
    }

    #[test]
    fn names_of_policies_narrow_what_there_is_for_servers() {
        let all = scope("groups mcp:read mcp:write mgmt.read");
        for (asked, meant) in [
            ("a/execute", "a/execute mcp:read mcp:write"),
            ("a/execute b", "a/execute b mcp:read mcp:write"),
            ("a/execute mcp:read", "a/execute mcp:read"),
            ("a/execute mgmt.read", "a/execute mgmt.read"),
            ("mcp:read", "mcp:read"),
            ("", ""),
        ] {
            assert_eq!(scope(asked).with_what_is_narrowed(&all), scope(meant), "{asked:?}");
        }
        assert_eq!(scope("a/execute mcp:read").policies(), scope("a/execute"));
        assert_eq!(
            scope("a/execute").with_what_is_narrowed(&scope("groups")),
            scope("a/execute"),
            "nothing comes of nothing"
        );
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        proptest::sample::subsequence([&known::ALL[..], &["files", "x"]].concat(), 0..8)
            .prop_map(|tokens| Scope::of(&tokens))
    }

    proptest! {
        #[test]
        fn covering_is_an_order(a in any_scope(), b in any_scope(), c in any_scope()) {
            prop_assert!(a.covers(&a) && a.covers(&Scope::none()));
            prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
            prop_assert_eq!(a.covers(&b), b.expanded().tokens().all(|token| a.expanded().has(token)));
        }

        #[test]
        fn a_ceiling_is_never_passed_and_takes_nothing_beneath_it(a in any_scope(), ceiling in any_scope()) {
            let within = a.within(&ceiling);
            prop_assert!(ceiling.covers(&within) && a.covers(&within));
            prop_assert_eq!(within.within(&ceiling), within.clone());
            prop_assert_eq!(ceiling.covers(&a), within == a);
        }

        #[test]
        fn a_union_is_the_least_that_covers_both(a in any_scope(), b in any_scope(), c in any_scope()) {
            let union = a.union(&b);
            prop_assert!(union.covers(&a) && union.covers(&b));
            prop_assert_eq!(c.covers(&union), c.covers(&a) && c.covers(&b));
            prop_assert_eq!(union.clone(), b.union(&a));
            prop_assert_eq!(union.union(&c), a.union(&b.union(&c)));
        }

        #[test]
        fn expanding_changes_no_right(a in any_scope(), b in any_scope()) {
            prop_assert_eq!(a.expanded().expanded(), a.expanded());
            prop_assert_eq!(a.covers(&b), a.expanded().covers(&b));
        }

        #[test]
        fn what_is_written_reads_as_itself(a in any_scope()) {
            prop_assert_eq!(a.to_string().parse::<Scope>(), Ok(a));
        }
    }
}
