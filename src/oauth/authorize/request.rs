//! An authorization request in two stages, as two types: until client and redirect URI are known, errors are pages; from
//! then on they go back to the client (RFC 6749 §4.1.2.1).

use crate::app::App;
use crate::audit::Origin;
use crate::db;
use crate::errands::client_metadata::{self, Lookup};
use crate::grants::client::Client;
use crate::http::params::Params;

/// A request of which client and redirect URI are known: errors may go there.
pub struct Trusted<'a> {
    /// Who asks.
    pub client: Client,
    /// Where the answer goes, to the byte.
    pub redirect_uri: String,
    /// Everything that was sent.
    pub params: &'a Params,
}

impl Trusted<'_> {
    /// Handed back untouched.
    pub fn state(&self) -> Option<&str> {
        self.params.get("state")
    }
}

/// How far the first stage came.
pub enum FirstStage<'a> {
    /// Errors may go to the client from here on.
    Trusted(Box<Trusted<'a>>),
    /// The client's document has to be fetched, which waits for somebody to sign in.
    AfterSignIn,
    /// There is nowhere to send an error to.
    Untrusted(Untrusted),
}

/// Why a request is answered by a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// A parameter came twice, or the client is not named.
    #[error("{0}")]
    Malformed(String),
    /// No such client.
    #[error("No client of this id is registered here")]
    UnknownClient(String),
    /// Its metadata document is no good.
    #[error("Its metadata document cannot be used: {1}")]
    BadDocument(String, String),
    /// A client of ours, but not a redirect URI of its.
    #[error("The redirect_uri is not one that this client registered")]
    BadRedirect(String),
}

/// Finds client and redirect URI.
pub async fn first_stage<'a>(
    app: &App,
    params: &'a Params,
    somebody_is_signed_in: bool,
    origin: &Origin,
) -> Result<FirstStage<'a>, db::Error> {
    use FirstStage::{AfterSignIn, Untrusted as No};
    if let Some(flaw) = params.flaw() {
        return Ok(No(Untrusted::Malformed(flaw.to_string())));
    }
    let Some(client_id) = params.get("client_id") else {
        return Ok(No(Untrusted::Malformed("It names no client (client_id).".to_owned())));
    };
    let client = match client_metadata::look_up(app, client_id, somebody_is_signed_in, origin).await? {
        Lookup::Known(client) => *client,
        Lookup::Unknown => return Ok(No(Untrusted::UnknownClient(client_id.to_owned()))),
        Lookup::NotFetched => return Ok(AfterSignIn),
        Lookup::Refused(why) => return Ok(No(Untrusted::BadDocument(client_id.to_owned(), why))),
    };
    let Some(redirect_uri) = client.redirect_to(params.get("redirect_uri")).map(str::to_owned) else {
        return Ok(No(Untrusted::BadRedirect(client.name)));
    };
    Ok(FirstStage::Trusted(Box::new(Trusted { client, redirect_uri, params })))
}
