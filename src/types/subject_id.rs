//! Who a token is about, as its `sub` says it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{PlaceId, ServiceAccountId, UserId};

/// The `sub` of our tokens: a person's plain id, or `service:` and the id of a service account. The two can never be mixed
/// up (RFC 9700 §4.15). A workspace has no tokens, only keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectId {
    /// A person.
    Person(UserId),
    /// A program that acts for itself.
    Service(ServiceAccountId),
    /// A workspace, by a key of its own.
    Workspace(PlaceId),
}

const SERVICE: &str = "service:";
const WORKSPACE: &str = "workspace:";

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => id.fmt(f),
            Self::Service(id) => write!(f, "{SERVICE}{id}"),
            Self::Workspace(id) => write!(f, "{WORKSPACE}{id}"),
        }
    }
}

impl FromStr for SubjectId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        match (text.strip_prefix(SERVICE), text.strip_prefix(WORKSPACE)) {
            (Some(id), _) => id.parse().map(Self::Service),
            (_, Some(id)) => id.parse().map(Self::Workspace),
            (None, None) => text.parse().map(Self::Person),
        }
    }
}

impl Serialize for SubjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SubjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_is_never_taken_for_a_person_with_the_same_id() {
        let person = SubjectId::Person(UserId::fresh());
        let SubjectId::Person(UserId(id)) = person else { unreachable!() };
        let service = SubjectId::Service(ServiceAccountId(id));
        let workspace = SubjectId::Workspace(PlaceId(id));
        assert_ne!(person.to_string(), service.to_string());
        for subject in [person, service, workspace] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        for bad in ["service:", "service", "service: ", "Service:x", "workspace:", ""] {
            assert!(bad.parse::<SubjectId>().is_err(), "{bad:?}");
        }
    }
}
