//! Small types whose constructor is the rule they are under.

mod algorithm;
mod client_id;
mod ids;
mod public_url;
mod redirect_uri;
mod scope;
mod words;

pub use algorithm::Algorithm;
pub use client_id::{ClientIdUrl, ClientIdUrlError};
pub use ids::{GrantId, GroupId, PendingRequestId, SessionId, UserId};
pub use public_url::{PublicUrl, PublicUrlError};
pub use redirect_uri::{RedirectTarget, RedirectUri, RedirectUriError};
pub use scope::{Scope, ScopeError, known as known_scopes};
pub use words::Words;
