//! The networks from which a credential may be used.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Networks, kept as one text with spaces between; anywhere, when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct Networks(Vec<IpNet>);

/// The text is no list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworksError {
    /// This word of it is neither an address nor a network.
    #[error("{0:?} is neither an address nor a network such as 192.0.2.0/24")]
    NotANetwork(String),
    /// More than anybody reads.
    #[error("at most 50 networks")]
    TooMany,
}

/// As many as one credential may have.
const MOST: usize = 50;

impl Networks {
    /// True when this address lies in one of them, or there is none.
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }

    /// True when any address will do.
    pub fn is_anywhere(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Networks {
    type Err = NetworksError;

    /// Addresses and networks, with spaces, commas or new lines between.
    fn from_str(text: &str) -> Result<Self, NetworksError> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let network = |word: &str| {
            let found = word.parse::<IpNet>().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
            // What stands behind the prefix says nothing: 192.0.2.7/24 is 192.0.2.0/24.
            found.map(|network| network.trunc()).map_err(|_| NetworksError::NotANetwork(word.to_owned()))
        };
        let networks: Vec<IpNet> = words.map(network).collect::<Result<_, _>>()?;
        if networks.len() > MOST { Err(NetworksError::TooMany) } else { Ok(Self(networks)) }
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, network) in self.0.iter().enumerate() {
            let space = if place > 0 { " " } else { "" };
            match network.prefix_len() == network.max_prefix_len() {
                true => write!(f, "{space}{}", network.addr())?,
                false => write!(f, "{space}{network}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Networks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words.join(" ").parse().map_err(serde::de::Error::custom)
    }
}

impl ToSql<Text, Pg> for Networks {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <str as ToSql<Text, Pg>>::to_sql(&self.to_string(), &mut out.reborrow())
    }
}

impl FromSql<Text, Pg> for Networks {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(<String as FromSql<Text, Pg>>::from_sql(value)?.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_are_written_and_hold_their_addresses() {
        let networks: Networks = "192.0.2.7/24, 2001:db8::/32\n203.0.113.9".parse().unwrap();
        assert_eq!(networks.to_string(), "192.0.2.0/24 2001:db8::/32 203.0.113.9");
        assert_eq!(networks.to_string().parse(), Ok(networks.clone()));
        for (address, allowed) in [
            ("192.0.2.255", true),
            ("::ffff:192.0.2.1", true),
            ("2001:db8:1::1", true),
            ("203.0.113.9", true),
            ("203.0.113.10", false),
            ("2001:db9::1", false),
        ] {
            assert_eq!(networks.allow(address.parse().unwrap()), allowed, "{address}");
        }
        assert!(Networks::default().allow("203.0.113.10".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in ["192.0.2.0/33", "localhost", "192.0.2", "::g", "*"] {
            assert_eq!(bad.parse::<Networks>(), Err(NetworksError::NotANetwork(bad.to_owned())));
        }
        assert_eq!("192.0.2.1 ".repeat(51).parse::<Networks>(), Err(NetworksError::TooMany));
    }
}
