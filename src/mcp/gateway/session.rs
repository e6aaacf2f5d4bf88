//! Sessions of the earlier era (MCP 2025-11-25, Streamable HTTP §"Session Management"): a server's own id in an envelope that only
//! we can make and open, bound to whoever began it (`decisions` 24). Any node opens it, and none has to remember it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use crate::access::Principal;
use crate::crypto::{Label, RootKeys};
use crate::types::{ServerId, SubjectId};
use crate::upstreams::Server;

/// For so long a session can be continued.
const LIFETIME: TimeDelta = TimeDelta::hours(24);
/// As many opened envelopes are remembered.
const REMEMBERED: u64 = 50_000;
/// The longest id of a server's session.
const LONGEST: usize = 1024;

/// What is in an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// The server's own id of it.
    id: String,
    server: ServerId,
    /// Where the server was: another that moves in under its name is told no id of it.
    url: String,
    subject: SubjectId,
    client: String,
    until: i64,
}

impl Session {
    /// The server's own id of it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// True for the session of this caller with this server.
    fn is_of(&self, principal: &Principal, server: &Server, now: DateTime<Utc>) -> bool {
        self.server == server.id
            && self.url == server.upstream.url
            && self.subject == principal.subject.id()
            && self.client == principal.credential.client_id()
            && now.timestamp() < self.until
    }
}

/// The envelopes that this node has opened: opening one takes longer than everything else that a call takes.
pub struct Sessions(Cache<String, Arc<Session>>);

impl Default for Sessions {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Sessions {
    /// The envelope for a session that a server has begun with this caller; `None` for an id that is no id of a session.
    pub(super) fn seal(
        &self,
        keys: &RootKeys,
        id: &str,
        principal: &Principal,
        server: &Server,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let is_visible = |byte: u8| matches!(byte, 0x21..=0x7e);
        if id.is_empty() || id.len() > LONGEST || !id.bytes().all(is_visible) {
            return None;
        }
        let session = Session {
            id: id.to_owned(),
            server: server.id,
            url: server.upstream.url.clone(),
            subject: principal.subject.id(),
            client: principal.credential.client_id().to_owned(),
            until: (now + LIFETIME).timestamp(),
        };
        let sealed = keys.seal(Label::McpSession, &session).ok()?;
        self.0.insert(sealed.clone(), Arc::new(session));
        Some(sealed)
    }

    /// The session of this caller with this server that is in an envelope, if it is in there.
    pub(super) fn open(
        &self,
        keys: &RootKeys,
        sealed: &str,
        principal: &Principal,
        server: &Server,
        now: DateTime<Utc>,
    ) -> Option<Arc<Session>> {
        let session = match self.0.get(sealed) {
            Some(session) => session,
            None => {
                let session: Arc<Session> = Arc::new(keys.open(Label::McpSession, sealed).ok()?);
                self.0.insert(sealed.to_owned(), Arc::clone(&session));
                session
            }
        };
        session.is_of(principal, server, now).then_some(session)
    }
}
