//! Who is at the browser: somebody signed in, or a stranger.

use std::borrow::Borrow;

use actix_web::cookie::Cookie;
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use subtle::ConstantTimeEq;

use super::cookies;
use super::refusal::{PageError, Refusal};
use super::return_to::ReturnTo;
use super::urls;
use crate::app::App;
use crate::crypto::{Label, Random, RootKeys};
use crate::db;
use crate::grants::authorize::Respondent;
use crate::identity::recognise::recognise;
use crate::identity::totp::Totp;
use crate::identity::{Person, Session, two_step};
use crate::places::{Place, Tree};
use crate::types::{Acr, DEFAULT_WORKSPACE, PlaceId, PublicUrl};

/// A live session and its person. A handler that takes one cannot run without.
///
/// A page that is asked for without a session answers 303 to sign-in, with the way back; a form answers 403.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Current facts of the person.
    pub person: Person,
    /// The workspace that the browser says it shows. It decides nothing but that.
    chosen: Option<PlaceId>,
}

/// Somebody signed in who administers this installation. Anybody else who is signed in gets a page with 403.
#[derive(Clone, Debug)]
pub struct Administrator(pub SignedIn);

/// Somebody who proved who they are a short while ago (`PORTCULLIS_CONFIRM_AFTER`), by both steps if they have two-step
/// sign-in on: for whatever an intruder at a browser left open would do first.
///
/// Anybody else goes through *Confirm it is you* and comes back to the same page. A form is still taken for as long again,
/// so that what was typed on a page that was opened in time is not lost.
#[derive(Clone, Debug)]
pub struct Fresh<T = SignedIn>(pub T);

/// Somebody who adds a second factor: [`Fresh`], or just signed in and let in nowhere else before they have one.
#[derive(Clone, Debug)]
pub struct Enrolling {
    /// Who, in which session.
    pub signed_in: SignedIn,
    /// To whom the forms are shown: a stranger, while nothing else is open to them.
    pub visitor: Visitor,
}

/// Whoever is at the browser.
#[derive(Clone, Debug)]
pub enum Visitor {
    /// Somebody who is signed in.
    SignedIn(Box<SignedIn>),
    /// Somebody who is not.
    Stranger(Stranger),
}

/// A browser without a session, told from others by a random cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    value: String,
    is_new: bool,
}

impl SignedIn {
    /// The person as one who answers an authorization request.
    pub fn respondent(&self) -> Respondent {
        Respondent {
            user: self.person.id,
            rights: self.person.rights(),
            session: self.session.id,
            authenticated_at: self.session.authenticated_at,
            amr: self.session.amr.clone(),
        }
    }

    /// False for a session of somebody who must have a second factor here and did not use one: it is nobody's, but for
    /// getting one.
    fn is_admitted(&self, app: &App) -> bool {
        Acr::of(&self.session.amr) == Acr::MultiFactor || !app.config.second_factor.applies_to(self.person.is_admin)
    }

    /// The workspaces that they may work in, by title: those that they are in, and every one for a system administrator.
    pub fn workspaces<'t>(&self, tree: &'t Tree) -> Vec<&'t Place> {
        let theirs = |place: &&Place| self.person.is_admin || self.person.workspaces.role_in(place.id).is_some();
        tree.workspaces().into_iter().filter(theirs).collect()
    }

    /// The workspace that the pages of settings show: the one that was chosen, while they may work in it; else the one that
    /// everybody has, or else the first.
    pub fn workspace<'t>(&self, tree: &'t Tree) -> Option<&'t Place> {
        let theirs = self.workspaces(tree);
        let chosen = theirs.iter().find(|place| Some(place.id) == self.chosen);
        let usual = || theirs.iter().find(|place| place.name.as_str() == DEFAULT_WORKSPACE);
        chosen.or_else(usual).or_else(|| theirs.first()).copied()
    }

    /// The CSRF token for the forms of this session.
    pub fn csrf_token(&self, keys: &RootKeys) -> String {
        URL_SAFE_NO_PAD.encode(keys.mac(Label::Csrf, &self.subject()))
    }

    fn subject(&self) -> [&[u8]; 2] {
        [b"session", self.session.id.0.as_bytes()]
    }
}

impl Stranger {
    /// The stranger of that cookie, or a new one.
    fn of(request: &HttpRequest, public_url: &PublicUrl, random: &Random) -> Self {
        let cookie = request.cookie(cookies::visitor_name(public_url)).map(|cookie| cookie.value().to_owned());
        let is_ours = |value: &String| URL_SAFE_NO_PAD.decode(value).is_ok_and(|bytes| bytes.len() == 32);
        match cookie.filter(is_ours) {
            Some(value) => Self { value, is_new: false },
            None => Self { value: URL_SAFE_NO_PAD.encode(random.bytes::<32>()), is_new: true },
        }
    }

    /// The cookie that its next page must set, unless it has it already.
    pub fn cookie(&self, public_url: &PublicUrl) -> Option<Cookie<'static>> {
        self.is_new.then(|| cookies::visitor(public_url, &self.value))
    }

    fn subject(&self) -> [&[u8]; 2] {
        [b"stranger", self.value.as_bytes()]
    }
}

impl Visitor {
    /// The CSRF token for the forms that this visitor is shown.
    pub fn csrf_token(&self, keys: &RootKeys) -> String {
        match self {
            Self::SignedIn(signed_in) => signed_in.csrf_token(keys),
            Self::Stranger(stranger) => URL_SAFE_NO_PAD.encode(keys.mac(Label::Csrf, &stranger.subject())),
        }
    }

    /// True when `token` is one that this visitor was shown. Constant time.
    pub fn was_shown(&self, keys: &RootKeys, token: &str) -> bool {
        let subject = match self {
            Self::SignedIn(signed_in) => signed_in.subject(),
            Self::Stranger(stranger) => stranger.subject(),
        };
        let Ok(presented) = URL_SAFE_NO_PAD.decode(token) else { return false };
        keys.macs(Label::Csrf, &subject).any(|mac| mac.ct_eq(&presented).into())
    }

    /// The cookie that the next page must set, if any.
    pub fn cookie(&self, public_url: &PublicUrl) -> Option<Cookie<'static>> {
        match self {
            Self::SignedIn(_) => None,
            Self::Stranger(stranger) => stranger.cookie(public_url),
        }
    }

    /// The session, if there is one.
    pub fn signed_in(&self) -> Option<&SignedIn> {
        match self {
            Self::SignedIn(signed_in) => Some(signed_in),
            Self::Stranger(_) => None,
        }
    }

    /// Whoever sent this request; looked up once for each request.
    pub(super) async fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        if let Some(known) = request.extensions().get::<Self>() {
            return Ok(known.clone());
        }
        let app = app_of(request)?;
        let public_url = &app.config.server.public_url;
        let visitor = match Self::recognised(&app, request).await?.filter(|signed_in| signed_in.is_admitted(&app)) {
            Some(signed_in) => Self::SignedIn(Box::new(signed_in)),
            None => Self::Stranger(Stranger::of(request, public_url, &app.random)),
        };
        request.extensions_mut().insert(visitor.clone());
        Ok(visitor)
    }

    async fn recognised(app: &App, request: &HttpRequest) -> Result<Option<SignedIn>, Refusal> {
        let Some(token) = cookies::presented(request, &app.config.server.public_url) else { return Ok(None) };
        let (hashes, idle, now) = (app.keys.hashes(&token), app.config.lifetimes.session_idle, app.clock.now());
        let mut conn = app.db.read().await?;
        let found = recognise(&mut conn, &hashes, idle, now).await.map_err(db::Error::from)?;
        Ok(found.map(|(session, person)| {
            let chosen = cookies::workspace(request, &app.config.server.public_url);
            SignedIn { session, person, chosen }
        }))
    }
}

/// The stranger that this browser was before it had a session: pages that it opened then are still open.
pub(super) fn former_stranger(request: &HttpRequest, app: &App) -> Option<Visitor> {
    let stranger = Stranger::of(request, &app.config.server.public_url, &app.random);
    (!stranger.is_new).then_some(Visitor::Stranger(stranger))
}

/// What the server was built with.
pub(super) fn app_of(request: &HttpRequest) -> Result<Data<App>, Refusal> {
    request.app_data::<Data<App>>().cloned().ok_or(Refusal::Internal)
}

impl FromRequest for Visitor {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { Self::of(&request).await.map_err(|refusal| refusal.to(&request)) }.boxed_local()
    }
}

impl FromRequest for SignedIn {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            match Visitor::of(&request).await {
                Ok(Visitor::SignedIn(signed_in)) => Ok(*signed_in),
                Ok(Visitor::Stranger(_)) => Err(sign_in_first(&request).to(&request)),
                Err(refusal) => Err(refusal.to(&request)),
            }
        }
        .boxed_local()
    }
}

impl FromRequest for Administrator {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (signed_in, request) = (SignedIn::from_request(request, payload), request.clone());
        async move {
            let signed_in = signed_in.await?;
            match signed_in.person.is_admin {
                true => Ok(Self(signed_in)),
                false => Err(Refusal::NotAdministrator.to(&request)),
            }
        }
        .boxed_local()
    }
}

impl<T> FromRequest for Fresh<T>
where
    T: FromRequest<Error = PageError> + Borrow<SignedIn> + 'static,
{
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (who, request) = (T::from_request(request, payload), request.clone());
        async move {
            let who = who.await?;
            match confirm_first(&request, who.borrow()).await {
                Ok(()) => Ok(Self(who)),
                Err(refusal) => Err(refusal.to(&request)),
            }
        }
        .boxed_local()
    }
}

impl FromRequest for Enrolling {
    type Error = PageError;
    type Future = LocalBoxFuture<'static, Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { enrolling(&request).await.map_err(|refusal| refusal.to(&request)) }.boxed_local()
    }
}

/// Who has a second factor already proves it before they add another: it must not be enough to know their password.
async fn enrolling(request: &HttpRequest) -> Result<Enrolling, Refusal> {
    let app = app_of(request)?;
    let visitor = Visitor::of(request).await?;
    let signed_in = match &visitor {
        Visitor::SignedIn(signed_in) => (**signed_in).clone(),
        Visitor::Stranger(_) => {
            let half = Visitor::recognised(&app, request).await?.ok_or_else(|| sign_in_first(request))?;
            let mut conn = app.db.read().await?;
            if two_step::has_any(&mut conn, half.person.id).await.map_err(db::Error::from)? {
                return Err(sign_in_first(request));
            }
            half
        }
    };
    match (confirm_first(request, &signed_in).await, &visitor) {
        (Ok(()), _) => Ok(Enrolling { signed_in, visitor }),
        (Err(confirm), Visitor::SignedIn(_)) => Err(confirm),
        (Err(_), Visitor::Stranger(_)) => Err(sign_in_first(request)),
    }
}

impl Borrow<SignedIn> for Administrator {
    fn borrow(&self) -> &SignedIn {
        &self.0
    }
}

/// The way through *Confirm it is you*, unless this session's person proved who they are a short while ago, and by all that
/// they prove it by now.
async fn confirm_first(request: &HttpRequest, signed_in: &SignedIn) -> Result<(), Refusal> {
    let app = app_of(request)?;
    let allowed = match *request.method() {
        Method::GET | Method::HEAD => app.config.lifetimes.confirm_after,
        _ => app.config.lifetimes.confirm_after * 2,
    };
    let is_fresh = app.clock.now() - signed_in.session.authenticated_at <= allowed;
    match is_fresh && !falls_short(&app, signed_in).await? {
        true => Ok(()),
        false => Err(Refusal::Confirm { location: by_way_of(&app, request, ReturnTo::confirm_url, urls::CONFIRM) }),
    }
}

/// True for a session that a password alone began, of somebody whom that no longer signs in. (Where second factors are
/// demanded nobody is admitted without.)
async fn falls_short(app: &App, signed_in: &SignedIn) -> Result<bool, Refusal> {
    if Acr::of(&signed_in.session.amr) == Acr::MultiFactor {
        return Ok(false);
    }
    let mut conn = app.db.read().await?;
    Ok(Totp::of(&mut conn, signed_in.person.id).await.map_err(db::Error::from)?.is_some())
}

/// 303 for a page, so that the browser comes back to it; 403 for a form, which is not sent again by itself.
fn sign_in_first(request: &HttpRequest) -> Refusal {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Refusal::SignedOut;
    }
    let Ok(app) = app_of(request) else { return Refusal::Internal };
    Refusal::SignIn { location: by_way_of(&app, request, ReturnTo::login_url, urls::LOGIN) }
}

/// The URL of a page that leads back to where this request went; without a way back where that is too long to carry.
fn by_way_of(
    app: &App,
    request: &HttpRequest,
    page: impl FnOnce(&ReturnTo, &PublicUrl, &RootKeys, DateTime<Utc>) -> String,
    plain: &str,
) -> String {
    let public_url = &app.config.server.public_url;
    let here = request.uri().path_and_query().map_or("/", |here| here.as_str());
    let expires = app.clock.now() + app.config.lifetimes.pending_request;
    match ReturnTo::new(public_url, here) {
        Some(target) => page(&target, public_url, &app.keys, expires),
        None => public_url.at(plain),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn stranger(cookie: Option<&str>) -> Stranger {
        let mut request = TestRequest::default();
        if let Some(value) = cookie {
            request = request.cookie(Cookie::new("portcullis_csrf", value.to_owned()));
        }
        Stranger::of(&request.to_http_request(), &"http://localhost:8080".parse().unwrap(), &Random::system())
    }

    #[test]
    fn a_token_is_good_for_the_browser_that_was_shown_it_and_no_other() {
        let keys: RootKeys = OLD.parse().unwrap();
        let (mine, theirs) = (Visitor::Stranger(stranger(None)), Visitor::Stranger(stranger(None)));
        let token = mine.csrf_token(&keys);
        assert!(mine.was_shown(&keys, &token));
        assert!(!theirs.was_shown(&keys, &token), "an attacker's own token");
        for bad in ["", "AAAA", &token[1..], &format!("{token}A"), &token.to_lowercase()] {
            assert!(!mine.was_shown(&keys, bad), "{bad:?}");
        }
        let rotated: RootKeys = format!("{NEW},{OLD}").parse().unwrap();
        assert!(mine.was_shown(&rotated, &token), "a page that was open during a key rotation");
        assert!(!mine.was_shown(&NEW.parse().unwrap(), &token));
    }

    #[test]
    fn a_stranger_keeps_its_cookie_and_cannot_choose_a_weak_one() {
        let first = stranger(None);
        let again = stranger(Some(&first.value));
        assert!(first.is_new && !again.is_new && again.value == first.value);
        for bad in ["", "x", "AAAA", &"A".repeat(4000)] {
            assert!(stranger(Some(bad)).is_new, "{bad:?}");
        }
    }
}
