//! How often somebody may make credentials, and have pictures looked at: a session or a program that runs wild fills no table
//! and sends us nowhere a thousand times.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::limit::{Budget, Wait};
use super::refusal::{PageError, Refusal};
use super::signed_in::{Fresh, SignedIn};
use crate::clock::Clock;
use crate::types::SubjectId;

/// What each person, account and workspace may still make; pages and the management API share it.
pub struct MakingLimits {
    credentials: Budget<SubjectId>,
    logos: Budget<SubjectId>,
}

impl MakingLimits {
    /// Nobody has made anything yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            // A script that sets up a fleet makes dozens at once; nobody needs thousands a day.
            credentials: Budget::new(60, Duration::from_secs(10), clock),
            logos: Budget::new(20, Duration::from_secs(30), clock),
        }
    }

    /// Those of the server that this request came to.
    pub fn of(request: &HttpRequest) -> Result<&Self, Refusal> {
        request.app_data::<Data<Self>>().map(|limits| &***limits).ok_or(Refusal::Internal)
    }

    /// Pays for a key, a token, a client or a secret: a new one, or one that takes another's place.
    pub fn credential(&self, by: SubjectId) -> Result<(), Wait> {
        self.credentials.spend(&by)
    }

    /// Pays for a picture, which is fetched or read.
    pub fn logo(&self, by: SubjectId) -> Result<(), Wait> {
        self.logos.spend(&by)
    }
}

/// Somebody who may make a credential now: [`Fresh`], and it is not more than their share.
#[derive(Clone, Debug)]
pub struct Paid(pub SignedIn);

impl FromRequest for Paid {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (who, request) = (Fresh::<SignedIn>::from_request(request, payload), request.clone());
        async move {
            let Fresh(signed_in) = who.await?;
            let paid = || Ok(MakingLimits::of(&request)?.credential(SubjectId::Person(signed_in.person.id))?);
            paid().map_err(|refusal: Refusal| refusal.to(&request))?;
            Ok(Self(signed_in))
        }
        .boxed_local()
    }
}
