//! Settings → MCP Setup → Access Tokens → one of them: what is known of it, its successor, and its end.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::DateTime;
use serde::Deserialize;

use super::super::notice::Notice;
use super::new::{MadeToken, crumbs, sign};
use super::{LastUse, TokenRow};
use crate::access::Subject;
use crate::app::App;
use crate::credentials::personal_tokens::{self, NewToken};
use crate::credentials::replace::Overlap;
use crate::credentials::{PersonalToken, State, personal_token};
use crate::db::{self, Connection};
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Paid, Refusal, SignedIn, see_other, urls};
use crate::types::PersonalTokenId;
use crate::web::components::{Choice, Crumb};
use crate::web::confirm::ConfirmPage;
use crate::web::shell::{Menu, Shell};

/// What *Revoke token* sends.
#[derive(Debug, Deserialize)]
pub struct RevokeForm {}

impl Fields for RevokeForm {}

/// What *Rotate token* sends.
#[derive(Debug, Deserialize)]
pub struct RotateForm {
    /// For how many days the old one goes on.
    overlap: i64,
}

impl Fields for RotateForm {}

/// `GET /settings/tokens/{id}`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
) -> Result<Page<OnePage>, PageError> {
    let page = async {
        let token = seen(&app, &signed_in, &id).await?;
        let (mut conn, now) = (app.db.read().await?, app.clock.now());
        let mut notices = Notice::of(&mut conn, [token.id.0], now).await.map_err(db::Error::from)?;
        Ok(OnePage::new(&app, &signed_in, &token, notices.remove(&token.id.0)))
    };
    page.await.map(Page).map_err(|refusal: Refusal| refusal.to(&request))
}

/// `GET /settings/tokens/{id}/revoke`: asks first, and says what stops.
pub async fn confirm_revoke(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
) -> Result<Page<ConfirmPage>, PageError> {
    let token = seen(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let (site, now) = (Site::of(&app.config.server.public_url), app.clock.now());
    let name = Foreign::new(token.name.as_str());
    let used = LastUse::of(&token, now).map_or_else(
        || "It has never been used.".to_owned(),
        |used| format!("It was last used {}, from {} by {}.", used.at.relative, used.address, used.client),
    );
    Ok(Page(ConfirmPage {
        shell: Shell::of(&app, &signed_in, Menu::AccessTokens),
        above: crumbs(&site),
        question: format!("Revoke “{name}”?"),
        stops: vec!["Whatever uses this token gets 401 from now on, for good.".to_owned(), used],
        stays: vec!["Your other tokens are not touched.".to_owned()],
        action: site.access_token_revoke(&token.id.to_string()),
        fields: Vec::new(),
        button: "Revoke token",
        site,
    }))
}

/// `POST /settings/tokens/{id}/revoke`: ends it, at once and for good.
pub async fn revoke(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
    PageForm(RevokeForm {}): PageForm<RevokeForm>,
) -> Result<HttpResponse, PageError> {
    let refused = |refusal: Refusal| refusal.to(&request);
    let token = seen(&app, &signed_in, &id).await.map_err(refused)?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, subject(&signed_in).id());
    let verb = async |conn: &mut Connection| personal_tokens::revoke(conn, &terms, token.id).await;
    app.cut(verb).await.map_err(|error| refused(error.into()))?;
    Ok(see_other(&app.at(urls::ACCESS_TOKENS)).finish())
}

/// `GET /settings/tokens/{id}/rotate`.
pub async fn confirm_rotate(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    id: Path<String>,
) -> Result<Page<RotatePage>, PageError> {
    let token = own(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    Ok(Page(RotatePage::new(&app, &signed_in, &token)))
}

/// `POST /settings/tokens/{id}/rotate`: the successor, shown this once.
pub async fn rotate(
    app: Data<App>,
    request: HttpRequest,
    Paid(signed_in): Paid,
    id: Path<String>,
    PageForm(form): PageForm<RotateForm>,
) -> Result<Page<RotatePage>, PageError> {
    rotated(&app, &request, &signed_in, &id, &form).await.map(Page).map_err(|refusal| refusal.to(&request))
}

async fn rotated(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    id: &str,
    form: &RotateForm,
) -> Result<RotatePage, Refusal> {
    let token = own(app, signed_in, id).await?;
    let overlap = Overlap::days(form.overlap).map_err(|_| Refusal::BadForm("an overlap that is none"))?;
    let most = app.config.lifetimes.personal_token;
    let new = NewToken::like(&token, most, &app.random, app.clock.now());
    let signed = sign(app, &new)?;
    let origin = origin_of(request);
    let terms = app.credential_terms(&origin, subject(signed_in).id());
    let verb =
        async |conn: &mut Connection| personal_tokens::rotate(conn, &terms, token.id, overlap, (&new, &signed)).await;
    let page = RotatePage::new(app, signed_in, &token);
    Ok(match app.cut(verb).await? {
        Ok(true) => RotatePage { made: Some(MadeToken::new(app, &new, &signed)), ..page },
        Err(_) => return Err(Refusal::Full),
        Ok(false) => RotatePage { is_over: true, ..page },
    })
}

fn subject(signed_in: &SignedIn) -> Subject {
    Subject::Person(Arc::new(signed_in.person.clone()))
}

/// The token of that id, for its owner and for system administrators; nobody else learns that it is there.
async fn seen(app: &App, signed_in: &SignedIn, id: &str) -> Result<PersonalToken, Refusal> {
    let id: PersonalTokenId = id.parse().map_err(|_| Refusal::NotFound)?;
    let mut conn = app.db.read().await?;
    let found = personal_token::find(&mut conn, id).await.map_err(db::Error::from)?;
    let person = &signed_in.person;
    found.filter(|token| token.user_id == person.id || person.is_admin).ok_or(Refusal::NotFound)
}

/// The token of that id, for its owner alone: whoever has its successor is that person.
async fn own(app: &App, signed_in: &SignedIn, id: &str) -> Result<PersonalToken, Refusal> {
    let token = seen(app, signed_in, id).await?;
    if token.user_id == signed_in.person.id { Ok(token) } else { Err(Refusal::NotFound) }
}

/// What is known of a token.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/tokens/one.html")]
pub struct OnePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// What lists show of it.
    pub row: TokenRow,
    /// Its `jti`.
    pub jti: String,
    /// What it opens.
    pub audience: String,
    /// The one server that it is for, if it is for one.
    pub server: Option<String>,
    /// True when it can be rotated: it works, has no successor and is the person's own.
    pub rotates: bool,
}

impl OnePage {
    fn new(app: &App, signed_in: &SignedIn, token: &PersonalToken, notice: Option<Notice>) -> Self {
        let (site, now) = (Site::of(&app.config.server.public_url), app.clock.now());
        let servers = app.servers.enabled();
        let server = token.server_id.map(|id| {
            let known = servers.iter().find(|server| server.id == id);
            known.map_or_else(|| "a server that is not there any more".to_owned(), |server| server.name.clone())
        });
        let is_own = token.user_id == signed_in.person.id;
        Self {
            shell: Shell::of(app, signed_in, Menu::AccessTokens),
            crumbs: crumbs(&site),
            row: TokenRow::new(app, token, notice, now),
            jti: token.jti.clone(),
            audience: token.audience.clone(),
            server,
            rotates: is_own && token.state(now) == State::Active && token.replaced_by.is_none(),
            site,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let site = Site::sample();
        let active = Self {
            shell: Shell::sample(Menu::AccessTokens),
            crumbs: crumbs(&site),
            row: TokenRow::sample(now),
            jti: "pat_0b1c2d3e4f5061728394a5b6c7d8e9f0".to_owned(),
            audience: "https://gate.example.com".to_owned(),
            server: Some("time".to_owned()),
            rotates: true,
            site,
        };
        let row = TokenRow { name: Foreign::hostile_sample(), used: None, ended: true, ..TokenRow::sample(now) };
        let ended = Self { row, server: None, rotates: false, ..active.clone() };
        vec![active, ended]
    }
}

impl View for OnePage {}

/// The successor of a token: when the old one ends, and the new one.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/tokens/rotate.html")]
pub struct RotatePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// Names the old one in URLs.
    pub id: String,
    /// What its owner calls it.
    pub name: Foreign,
    /// How long the old one goes on.
    pub overlaps: Vec<Choice>,
    /// The successor.
    pub made: Option<MadeToken>,
    /// True when it works no more, or was rotated before.
    pub is_over: bool,
}

impl RotatePage {
    fn new(app: &App, signed_in: &SignedIn, token: &PersonalToken) -> Self {
        let site = Site::of(&app.config.server.public_url);
        Self {
            shell: Shell::of(app, signed_in, Menu::AccessTokens),
            crumbs: crumbs(&site),
            id: token.id.to_string(),
            name: Foreign::new(token.name.as_str()),
            overlaps: overlaps(),
            made: None,
            is_over: token.state(app.clock.now()) != State::Active || token.replaced_by.is_some(),
            site,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        let form = Self {
            shell: Shell::sample(Menu::AccessTokens),
            crumbs: crumbs(&site),
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(),
            name: Foreign::hostile_sample(),
            overlaps: overlaps(),
            made: None,
            is_over: false,
            site,
        };
        let made = Self { made: Some(MadeToken::sample()), ..form.clone() };
        vec![form.clone(), made, Self { is_over: true, ..form }]
    }
}

impl View for RotatePage {}

fn overlaps() -> Vec<Choice> {
    [("0", "At once"), ("1", "In 1 day"), ("3", "In 3 days"), ("7", "In 7 days")]
        .map(|(days, label)| Choice::new(days, label).chosen(days == "1"))
        .to_vec()
}
