//! The timeline of authorization attempts: what each answer of the endpoints on the way means, noted as it goes out.
//!
//! One watcher stands around those routes and reads answers as a client would: status, `Location`, error. A handler that
//! knows more says so by [`about`] or [`because`]. No secret is noted, and an attempt is told by its code challenge.

use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::client_address::ClientAddress;
use super::limit::{Budget, Network};
use super::origin::origin_of;
use super::params::Params;
use super::return_to::ReturnTo;
use super::signed_in::Visitor;
use super::urls;
use crate::app::App;
use crate::clock::Clock;
use crate::crypto::{PlainToken, TokenKind};
use crate::grants::authorization_code;
use crate::grants::flow_step::{FlowOutcome, FlowStage, FlowStep};
use crate::types::UserId;

/// How much anybody can make us note (`decisions` 46). What is beyond it happens all the same, and is not noted.
pub struct FlowLimits {
    networks: Budget<Network>,
    strangers: Budget<()>,
    people: Budget<UserId>,
}

impl FlowLimits {
    /// Nothing has been noted yet.
    pub fn new(clock: &Clock) -> Self {
        Self {
            // A person who tries again and again leaves half a dozen steps each time.
            networks: Budget::new(60, Duration::from_secs(30), clock),
            // All strangers together: 600 rows an hour from a node, some 100,000 in the week for which they are kept.
            strangers: Budget::new(600, Duration::from_secs(6), clock),
            people: Budget::new(120, Duration::from_secs(10), clock),
        }
    }

    fn allow(&self, person: Option<UserId>, request: &HttpRequest) -> bool {
        match person {
            Some(user) => self.people.spend(&user).is_ok(),
            None => {
                let network = Network::from(ClientAddress::of(request).0);
                self.networks.spend(&network).is_ok() && self.strangers.spend(&()).is_ok()
            }
        }
    }
}

/// What a handler knows of the attempt.
#[derive(Clone, Debug, Default)]
struct Attempt {
    client_id: Option<String>,
    code_challenge: Option<String>,
}

/// Why a request was refused, where the answer itself is a page.
struct Why(String);

/// A token request: what it was for.
struct Redemption {
    grant_type: String,
    code: Option<PlainToken>,
}

/// Says whose attempt a request belongs to.
pub fn about(request: &HttpRequest, client_id: &str, code_challenge: Option<&str>) {
    let attempt = Attempt { client_id: Some(client_id.to_owned()), code_challenge: code_challenge.map(str::to_owned) };
    request.extensions_mut().insert(attempt);
}

/// Says why a request is refused.
pub fn because(request: &HttpRequest, why: String) {
    request.extensions_mut().insert(Why(why));
}

/// Says what a token request is for. Of its secrets only the code is held, until the answer has gone out.
pub fn redeems(request: &HttpRequest, params: &Params) {
    let challenge = params.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let grant_type = params.get("grant_type").unwrap_or_default().to_owned();
    let code = params.get("code").and_then(|code| PlainToken::parse(TokenKind::Code, code));
    let client_id = params.get("client_id").map(str::to_owned);
    request.extensions_mut().insert(Redemption { grant_type, code });
    request.extensions_mut().insert(Attempt { client_id, code_challenge: challenge });
}

/// Says which client authenticated.
pub fn client(request: &HttpRequest, client_id: &str) {
    let mut extensions = request.extensions_mut();
    let attempt = extensions.get::<Attempt>().cloned().unwrap_or_default();
    extensions.insert(Attempt { client_id: Some(client_id.to_owned()), ..attempt });
}

/// Stands around a route of the way to a connection, and notes how each request ended.
pub async fn watch<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let response = next.call(request).await?;
    if let (Some(app), Some(limits)) = (
        response.request().app_data::<Data<App>>().cloned(),
        response.request().app_data::<Data<FlowLimits>>().cloned(),
    ) {
        note(&app, &limits, &response).await;
    }
    Ok(response)
}

async fn note<B>(app: &App, limits: &FlowLimits, response: &ServiceResponse<B>) {
    let request = response.request();
    let Some((stage, outcome)) = judge(app, response) else { return };
    let person = match request.extensions().get::<Visitor>() {
        Some(Visitor::SignedIn(signed_in)) => Some(signed_in.person.id),
        Some(Visitor::Stranger(_)) | None => None,
    };
    // Nobody redeems a code without a person who allowed it, and that person has paid.
    let is_earned = stage == FlowStage::Token && outcome == FlowOutcome::Done;
    if !is_earned && !limits.allow(person, request) {
        return;
    }
    let attempt = attempt(app, stage, &outcome, request).await;
    let (client_id, challenge) = (attempt.client_id.as_deref(), attempt.code_challenge.as_deref());
    let about = (&*app.keys, client_id, challenge);
    let step = FlowStep::new((stage, outcome), about, origin_of(request), app.clock.now());
    app.timeline.note(FlowStep { user_id: person, ..step });
}

/// Which step this was, and how it ended; `None` for what is no step of an attempt.
fn judge<B>(app: &App, response: &ServiceResponse<B>) -> Option<(FlowStage, FlowOutcome)> {
    let request = response.request();
    let path = request.path().strip_prefix(app.config.server.public_url.base_path())?;
    match (path, request.method()) {
        (urls::AUTHORIZE | urls::AUTHORIZE_GUESS, &Method::GET) => {
            Some((FlowStage::Authorization, on_the_way(app, response)))
        }
        (urls::REGISTER | urls::REGISTER_GUESS, &Method::POST) => Some((FlowStage::Registration, ended(response))),
        (urls::TOKEN | urls::TOKEN_GUESS, &Method::POST) => {
            let outcome = ended(response);
            let is_code = request.extensions().get::<Redemption>().is_some_and(|one| one.grant_type == CODE);
            // A refresh that works, or a program that acts for itself, is no attempt of anybody.
            (outcome != FlowOutcome::Done || is_code).then_some((FlowStage::Token, outcome))
        }
        (urls::LOGIN, &Method::POST) => {
            asked_before_sign_in(app, request)?;
            Some((FlowStage::SignIn, on_the_way(app, response)))
        }
        (urls::LOGIN_CODE | urls::LOGIN_PASSKEY, &Method::POST) => {
            asked_before_sign_in(app, request)?;
            Some((FlowStage::SignIn, ended(response)))
        }
        (urls::CONSENT, &Method::POST) => Some((FlowStage::Consent, on_the_way(app, response))),
        _ => None,
    }
}

const CODE: &str = "authorization_code";

/// Where the browser is sent: on to a page of ours, or back to the client with a code or an error.
fn on_the_way<B>(app: &App, response: &ServiceResponse<B>) -> FlowOutcome {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
    if location.is_empty() {
        return ended(response);
    }
    if location.starts_with(&app.at(urls::LOGIN_CODE)) {
        return FlowOutcome::Waiting("The second step is asked for");
    }
    if location.starts_with(&app.at(urls::LOGIN)) {
        return FlowOutcome::Waiting("The person has to sign in");
    }
    if location.starts_with(&app.at(urls::CONSENT)) {
        return FlowOutcome::Waiting("The person is asked");
    }
    let url = Url::parse(location).ok();
    let said = |name: &str| {
        let mut pairs = url.iter().flat_map(Url::query_pairs);
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    match said("error") {
        Some(error) => FlowOutcome::Refused(format!("{error}: {}", said("error_description").unwrap_or_default())),
        None => FlowOutcome::Done,
    }
}

/// An answer that stays here: good, or refused for the reason that was given.
fn ended<B>(response: &ServiceResponse<B>) -> FlowOutcome {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return FlowOutcome::Done;
    }
    let given = response.request().extensions().get::<Why>().map(|why| why.0.clone());
    let error = || response.response().error().map(ToString::to_string);
    FlowOutcome::Refused(given.or_else(error).unwrap_or_else(|| format!("answered {status}")))
}

/// Whose attempt it is: what the handler said, else what the request says.
async fn attempt(app: &App, stage: FlowStage, outcome: &FlowOutcome, request: &HttpRequest) -> Attempt {
    if stage == FlowStage::Token
        && *outcome != FlowOutcome::Done
        && let Some(known) = presented(app, request).await
    {
        return known;
    }
    if let Some(known) = request.extensions().get::<Attempt>() {
        return known.clone();
    }
    match stage {
        FlowStage::Authorization => in_query(request.query_string()),
        FlowStage::SignIn => asked_before_sign_in(app, request).unwrap_or_default(),
        _ => Attempt::default(),
    }
}

/// The attempt that a presented code belongs to, whoever presents it with whatever verifier.
async fn presented(app: &App, request: &HttpRequest) -> Option<Attempt> {
    let hashes = request.extensions().get::<Redemption>()?.code.as_ref().map(|code| app.keys.hashes(code))?;
    let mut conn = app.db.read().await.ok()?;
    let code = authorization_code::find(&mut conn, &hashes).await.ok()??;
    Some(Attempt { client_id: Some(code.client_id), code_challenge: Some(code.code_challenge) })
}

/// The authorization request that a sign-in page leads back to.
fn asked_before_sign_in(app: &App, request: &HttpRequest) -> Option<Attempt> {
    let public_url = &app.config.server.public_url;
    let sealed = form_urlencoded::parse(request.query_string().as_bytes()).find(|(name, _)| name == "return_to")?.1;
    let target = ReturnTo::open(public_url, &app.keys, &sealed, app.clock.now())?.url(public_url);
    let query = target.strip_prefix(&app.at(urls::AUTHORIZE))?.strip_prefix('?')?;
    Some(in_query(query))
}

fn in_query(query: &str) -> Attempt {
    let params = Params::parse(query.as_bytes());
    let said = |name| params.get(name).map(str::to_owned);
    Attempt { client_id: said("client_id"), code_challenge: said("code_challenge") }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use chrono::TimeDelta;

    use super::*;

    fn from(address: &str) -> HttpRequest {
        TestRequest::default().peer_addr(format!("{address}:1").parse().unwrap()).to_http_request()
    }

    /// Denial of service: the table grows by a known amount at most, from however many addresses.
    #[test]
    fn all_strangers_together_are_noted_up_to_a_limit_and_people_apart_from_them() {
        let clock = Clock::adjustable();
        let limits = FlowLimits::new(&clock);
        let requests = || (0..100_u32).flat_map(|n| std::iter::repeat_n(from(&format!("198.51.{n}.1")), 50));
        let noted = |limits: &FlowLimits| requests().filter(|request| limits.allow(None, request)).count();
        assert_eq!(noted(&limits), 600);
        let person = UserId::fresh();
        assert_eq!((0..500).filter(|_| limits.allow(Some(person), &from("198.51.1.1"))).count(), 120);
        clock.advance(TimeDelta::hours(1));
        assert_eq!(noted(&limits), 600);
    }

    #[test]
    fn one_network_leaves_the_others_room() {
        let limits = FlowLimits::new(&Clock::adjustable());
        assert_eq!((0..500).filter(|_| limits.allow(None, &from("203.0.113.9"))).count(), 60);
        assert!(limits.allow(None, &from("203.0.113.10")));
    }
}
