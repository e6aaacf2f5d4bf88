//! How a registered server is spoken to: what the gateway alone knows of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::crypto::{Label, RootKeys};
use crate::types::Class;

/// Where a server lives, what proves us to it, and what its tools do.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// Where it lives; empty for one that is a program of its own.
    pub url: String,
    /// Which of the operator's commands starts it, where it is one.
    pub command: Option<String>,
    /// What proves us to it.
    pub auth: Auth,
    /// Headers of callers that reach it beside those of MCP, in lower case.
    pub forwarded_headers: Vec<String>,
    /// True when a system administrator entered its URL, so that it may lead to private addresses (`decisions` 20).
    pub may_be_inside: bool,
    /// The tools that it is known to have, by name.
    pub tools: BTreeMap<String, Offered>,
}

/// A tool as a server offers it.
#[derive(Clone, Debug)]
pub struct Offered {
    /// What calling it does to the world.
    pub class: Class,
    /// As the server describes it.
    pub definition: Arc<Value>,
}

impl Upstream {
    /// What calling that tool does. One that the server has not listed yet is taken at its worst.
    pub fn class_of(&self, tool: &str) -> Class {
        self.tools.get(tool).map_or(Class::Delete, |tool| tool.class)
    }
}

/// What proves us to a server.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// A header whose value an administrator entered.
    Header {
        /// Its name, in lower case.
        name: String,
        /// Its value.
        value: SecretString,
    },
    /// The `Authorization` header that a caller sends along, beside our own credential in `X-Authorization` (`decisions` 9).
    Passthrough,
    /// A header whose value cannot be opened any more, since its root key is gone: the server cannot be spoken to.
    Lost,
}

impl Auth {
    /// True where both prove the same: nothing has been exchanged.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header { name, value }, Self::Header { name: other_name, value: other_value }) => {
                let (value, other) = (value.expose_secret().as_bytes(), other_value.expose_secret().as_bytes());
                name == other_name && bool::from(value.ct_eq(other))
            }
            (Self::None, Self::None) | (Self::Passthrough, Self::Passthrough) | (Self::Lost, Self::Lost) => true,
            (Self::None | Self::Header { .. } | Self::Passthrough | Self::Lost, _) => false,
        }
    }

    /// As the columns of the table say.
    pub(super) fn of(mode: &str, header: Option<String>, sealed: Option<&str>, keys: &RootKeys) -> Self {
        match (mode, header, sealed) {
            ("passthrough", ..) => Self::Passthrough,
            ("header", Some(name), Some(sealed)) => match keys.open::<String>(Label::ServerAuth, sealed) {
                Ok(value) => Self::Header { name, value: value.into() },
                Err(_) => Self::Lost,
            },
            _ => Self::None,
        }
    }
}
