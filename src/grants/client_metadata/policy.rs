//! What the operator lets strangers register.

use crate::config::Config;
use crate::types::{RedirectTarget, RedirectUri, Scope};

/// What the operator lets clients register that nobody vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Hosts at which redirect URIs may be, besides loopback; any when there is none.
    pub redirect_hosts: Vec<String>,
    /// Private-use schemes of redirect URIs; any that is safe when there is none.
    pub schemes: Vec<String>,
    /// What such a client may ever be granted.
    pub ceiling: Scope,
    /// True when documents and keys may be on this machine itself.
    pub allows_loopback: bool,
}

impl Policy {
    /// What the operator decided.
    pub fn of(config: &Config) -> Self {
        let registration = &config.registration;
        Self {
            redirect_hosts: registration.redirect_hosts.clone(),
            schemes: registration.schemes.clone(),
            ceiling: registration.scope.clone(),
            allows_loopback: config.outbound.allow_loopback_clients,
        }
    }

    /// True for a redirect URI at an allowed place. The person's own machine always is one.
    pub(super) fn allows(&self, uri: &RedirectUri) -> bool {
        let is_among = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        match uri.target() {
            RedirectTarget::Web { host } => is_among(&self.redirect_hosts, &host),
            RedirectTarget::PrivateScheme { scheme } => is_among(&self.schemes, &scheme),
            RedirectTarget::Loopback => true,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::of(&Config::default())
    }
}
