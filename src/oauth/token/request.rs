//! A token request: a client that has proved who it is and its form, or a workload whose assertion proves that for itself.

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use futures_util::stream;

use super::GrantType;
use crate::app::App;
use crate::grants::client::Client;
use crate::http::params::Params;
use crate::oauth::client_request::{ClientRequest, is_form, not_whole};
use crate::oauth::error::Error;
use crate::oauth::possession::{presented_key, proved_key};

/// What a client sends to the token endpoint.
pub enum TokenRequest {
    /// A client that authenticated.
    Client(Box<ClientRequest>),
    /// Nobody: for assertions that need no client (RFC 7523 §3.1: client authentication is optional).
    Anonymous {
        /// The form.
        params: Params,
        /// The thumbprint of the key that it has proved to hold (RFC 9449 §5).
        proof_key: Option<String>,
    },
}

impl TokenRequest {
    fn of(request: ClientRequest) -> Self {
        Self::Client(Box::new(request))
    }

    /// The client, if one authenticated.
    pub fn client(&self) -> Option<&Client> {
        match self {
            Self::Client(request) => Some(&request.client),
            Self::Anonymous { .. } => None,
        }
    }

    /// The key that it has proved to hold: what it gets is bound to it.
    pub fn proof_key(&self) -> Option<&str> {
        match self {
            Self::Client(request) => request.proof_key.as_deref(),
            Self::Anonymous { proof_key, .. } => proof_key.as_deref(),
        }
    }

    /// Uses up the proof of possession in the request, if it has one.
    pub async fn prove_possession(&mut self, app: &App, request: &HttpRequest) -> Result<(), Error> {
        match self {
            Self::Client(form) => form.proof_key = proved_key(app, request, &form.client).await?,
            Self::Anonymous { proof_key, .. } => *proof_key = presented_key(app, request, None).await?,
        }
        Ok(())
    }

    /// The form.
    pub fn params(&self) -> &Params {
        match self {
            Self::Client(request) => &request.params,
            Self::Anonymous { params, .. } => params,
        }
    }
}

impl FromRequest for TokenRequest {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if request.headers().contains_key(AUTHORIZATION) || !is_form(&request) {
                return ClientRequest::from_request(&request, &mut payload).await.map(Self::of);
            }
            let body = Bytes::from_request(&request, &mut payload).await.map_err(|error| not_whole(&error))?;
            if let Some(params) = anonymous(&body) {
                return Ok(Self::Anonymous { params, proof_key: None });
            }
            let again = stream::iter([Ok::<_, PayloadError>(body)]);
            let mut payload: Payload = Payload::Stream { payload: Box::pin(again) };
            ClientRequest::from_request(&request, &mut payload).await.map(Self::of)
        })
    }
}

/// The form of an assertion grant in which nobody says who they are. Whoever does, has to prove it.
fn anonymous(body: &[u8]) -> Option<Params> {
    if !body.windows(10).any(|text| text == b"jwt-bearer") {
        return None;
    }
    let params = Params::parse(body);
    let says_nothing = ["client_id", "client_secret", "client_assertion", "client_assertion_type"]
        .into_iter()
        .all(|name| params.all(name).is_empty());
    let is_assertion = params.get("grant_type") == Some(GrantType::JwtBearer.name());
    (says_nothing && is_assertion && params.flaw().is_none()).then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_assertion_grant_goes_without_a_client() {
        let bearer = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=x";
        assert!(anonymous(bearer.as_bytes()).is_some());
        for more in ["client_id=a", "client_secret=b", "client_assertion=c", "grant_type=x", "assertion=y", "x=%00"] {
            assert!(anonymous(format!("{bearer}&{more}").as_bytes()).is_none(), "{more}");
        }
        assert!(anonymous(b"grant_type=refresh_token&refresh_token=jwt-bearer").is_none());
    }
}
