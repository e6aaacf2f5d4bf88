//! Small types whose constructor is the rule they are under.

mod acr;
mod algorithm;
mod class;
mod client_id;
mod ids;
mod key_tag;
mod logo;
mod networks;
mod numeric_date;
mod permissions;
mod place_name;
mod public_url;
mod redirect_uri;
mod response_mode;
mod scope;
mod subject_id;
mod words;
mod workspace;

pub use acr::Acr;
pub use algorithm::Algorithm;
pub use class::{Class, ClassError};
pub use client_id::{ClientIdUrl, ClientIdUrlError};
pub use ids::{
    ApiKeyId, ClientSecretId, FlowId, GrantId, GroupId, InitialAccessTokenId, PasskeyId, PendingRequestId,
    PersonalTokenId, PlaceId, PolicyId, PushedRequestId, ServerId, ServiceAccountId, SessionId, UserId,
};
pub use key_tag::{KeyTag, KeyTagError};
pub use logo::{Logo, LogoError, LogoFormat};
pub use networks::{Networks, NetworksError};
pub use numeric_date::NumericDate;
pub use permissions::{Permissions, PermissionsError, Thing, Verb};
pub use place_name::{PlaceName, PlaceNameError};
pub use public_url::{PublicUrl, PublicUrlError};
pub use redirect_uri::{RedirectTarget, RedirectUri, RedirectUriError};
pub use response_mode::ResponseMode;
pub use scope::{Scope, ScopeError, known as known_scopes};
pub use subject_id::SubjectId;
pub use words::Words;
pub use workspace::DEFAULT_WORKSPACE;
