//! The edge vocabulary that the faces share.

pub mod assets;
pub mod authorization_response;
pub mod begun;
pub mod caller;
pub mod challenge;
pub mod client_address;
pub mod cookies;
pub mod cross_origin;
pub mod device_limits;
pub mod dpop;
pub mod entrusted;
pub mod flow;
pub mod form;
pub mod hints;
pub mod limit;
pub mod logout_request;
pub mod making;
pub mod no_store;
pub mod once;
pub mod origin;
pub mod page;
pub mod params;
pub mod refusal;
pub mod request_id;
pub mod return_to;
mod see_other;
pub mod signed_in;
pub mod simulate;
pub mod upload;
pub mod urls;

pub use client_address::{AtBrowser, ClientAddress};
pub use form::PageForm;
pub use making::Paid;
pub use refusal::{PageError, Refusal};
pub use see_other::see_other;
pub use signed_in::{Administrator, Enrolling, Fresh, SignedIn, Stranger, Visitor};
