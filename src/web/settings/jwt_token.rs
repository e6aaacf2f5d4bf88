//! Settings → Get JWT Token: a short-lived access token for the person's own use, and the end of each.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::grant::Grant;
use crate::grants::own_token::{self, Made, Wish};
use crate::grants::sign::SigningError;
use crate::http::form::Fields;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Paid, Refusal, SignedIn, see_other, urls};
use crate::types::{GrantId, Scope, SubjectId, known_scopes as known};
use crate::web::components::Choice;
use crate::web::shell::Shell;
use crate::web::words::{self, Moment};

/// What people choose from, as far as the operator allows.
const LIFETIMES: [TimeDelta; 4] =
    [TimeDelta::minutes(15), TimeDelta::hours(1), TimeDelta::hours(8), TimeDelta::hours(24)];
/// What is chosen to begin with.
const USUAL: TimeDelta = TimeDelta::hours(1);

/// What *Get token* sends.
#[derive(Debug, Deserialize)]
pub struct TokenForm {
    /// Drawn when the form was shown: sent twice, it makes one token.
    request: GrantId,
    #[serde(default)]
    scope: String,
    /// In seconds.
    lifetime: i64,
}

impl Fields for TokenForm {
    const LISTS: &'static [&'static str] = &["scope"];
}

/// What *Revoke* sends.
#[derive(Debug, Deserialize)]
pub struct RevokeForm {
    token: GrantId,
}

impl Fields for RevokeForm {}

/// What *Download* sends.
#[derive(Debug, Deserialize)]
pub struct FileForm {
    access_token: String,
}

impl Fields for FileForm {}

/// What is in the file: what the command line reads as `--token-file`.
#[derive(Serialize)]
struct TokenFile<'a> {
    access_token: &'a str,
}

/// `GET /settings/token`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
) -> Result<Page<TokenPage>, PageError> {
    let page = TokenPage::of(&app, &signed_in).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/token`: the same page, with the token in it this once.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Paid(signed_in): Paid,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Page<TokenPage>, PageError> {
    make(&app, &request, &signed_in, &form).await.map(Page).map_err(|refusal| refusal.to(&request))
}

/// `POST /settings/token/revoke`: ends one of the tokens, at once.
pub async fn revoke(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    PageForm(form): PageForm<RevokeForm>,
) -> Result<HttpResponse, PageError> {
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let user = signed_in.person.id;
    let verb = async |conn: &mut Connection| own_token::end(conn, &terms, user, form.token).await;
    match app.cut(verb).await.map_err(|error| Refusal::from(error).to(&request))? {
        true => Ok(see_other(&app.at(urls::JWT_TOKEN)).finish()),
        false => Err(Refusal::NotFound.to(&request)),
    }
}

/// `POST /settings/token/file`: the token that was just shown, as a file. Nothing that is not such a token of this person
/// comes back.
pub async fn file(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    PageForm(FileForm { access_token }): PageForm<FileForm>,
) -> Result<HttpResponse, PageError> {
    let claims = app.access.verified_claims(&app.signing, &access_token);
    let subject = SubjectId::Person(signed_in.person.id);
    if !claims.is_some_and(|claims| claims.sub == subject && claims.client_id == own_token::CLIENT) {
        return Err(Refusal::BadForm("not a token that was made here").to(&request));
    }
    Ok(HttpResponse::Ok()
        .no_store()
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"portcullis-token.json\""))
        .json(TokenFile { access_token: &access_token }))
}

async fn make(app: &App, request: &HttpRequest, signed_in: &SignedIn, form: &TokenForm) -> Result<TokenPage, Refusal> {
    let scope: Scope = form.scope.parse().map_err(|_| Refusal::BadForm("a scope that is none"))?;
    let lifetime = LIFETIMES.into_iter().find(|lifetime| lifetime.num_seconds() == form.lifetime);
    let lifetime = lifetime.unwrap_or(app.config.lifetimes.own_token);
    let audience = app.gateway_audience().to_owned();
    let wish = Wish { id: form.request, scope, audience, lifetime };
    let origin = origin_of(request);
    let (terms, person, who) = (app.terms(&origin), &signed_in.person, signed_in.respondent());
    let made = app.db.write(async |conn| own_token::make(conn, &terms, person, &who, wish).await).await?;
    let page = TokenPage::of(app, signed_in).await?;
    Ok(match made {
        Made::Grant(grant) => TokenPage { made: Some(MadeToken::sign(app, &grant, signed_in)?), ..page },
        Made::Before => TokenPage { made_before: true, ..page },
        Made::SwitchedOff => TokenPage { is_off: true, ..page },
        Made::Full => TokenPage { is_full: true, ..page },
    })
}

/// The form, the token that it just made, and those that still work.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/jwt_token.html")]
pub struct TokenPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The token that was just made.
    pub made: Option<MadeToken>,
    /// True when the form was sent a second time.
    pub made_before: bool,
    /// True when an administrator does not let people make such tokens.
    pub is_off: bool,
    /// True when there are as many already as there can be.
    pub is_full: bool,
    /// Names what the form will make.
    pub request: String,
    /// What the token may do.
    pub scopes: Vec<Choice>,
    /// How long.
    pub lifetimes: Vec<Choice>,
    /// What was made and still works.
    pub tokens: Vec<TokenRow>,
    /// What the management API is asked, as an example.
    pub api: String,
}

/// A token, shown once.
#[derive(Clone, Debug)]
pub struct MadeToken {
    /// The token itself.
    pub token: String,
    /// When it ends.
    pub ends: Moment,
}

/// A token that still works.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// What *Revoke* sends.
    pub id: String,
    /// What it may do.
    pub scope: String,
    /// When it was made.
    pub made: Moment,
    /// When it ends.
    pub ends: Moment,
}

impl MadeToken {
    fn sign(app: &App, grant: &Grant, signed_in: &SignedIn) -> Result<Self, Refusal> {
        let claims = own_token::claims(app.issuer(), grant, &signed_in.person);
        let token = app.signing.access_token(&claims).map_err(|error: SigningError| {
            tracing::error!(%error, "a token could not be signed");
            Refusal::Internal
        })?;
        Ok(Self { token, ends: Moment::new(grant.expires_at, grant.created_at) })
    }
}

impl TokenPage {
    async fn of(app: &App, signed_in: &SignedIn) -> Result<Self, db::Error> {
        let now = app.clock.now();
        let mut conn = app.db.read().await?;
        let grants = own_token::of_user(&mut conn, signed_in.person.id, now).await?;
        let row = |grant: &Grant| TokenRow {
            id: grant.id.to_string(),
            scope: grant.scope.to_string(),
            made: Moment::new(grant.created_at, now),
            ends: Moment::new(grant.expires_at, now),
        };
        Ok(Self {
            site: Site::of(&app.config.server.public_url),
            shell: Shell::of(app, signed_in, None),
            made: None,
            made_before: false,
            is_off: false,
            is_full: false,
            request: GrantId::fresh().to_string(),
            scopes: scopes(&own_token::offered(&signed_in.person)),
            lifetimes: lifetimes(app.config.lifetimes.own_token),
            tokens: grants.iter().map(row).collect(),
            api: app.at(urls::API_MCP_SERVERS),
        })
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let ends = Moment::new(now + USUAL, now);
        let row = TokenRow {
            id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(),
            scope: "groups mcp:read mcp:write".to_owned(),
            made: Moment::new(now, now),
            ends: ends.clone(),
        };
        let empty = Self {
            site: Site::sample(),
            shell: Shell::sample(None),
            made: None,
            made_before: false,
            is_off: false,
            is_full: false,
            request: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56".to_owned(),
            scopes: scopes(&Scope::of(&known::FOR_PROGRAMS)),
            lifetimes: lifetimes(TimeDelta::hours(8)),
            tokens: Vec::new(),
            api: "https://gate.example.com/gate/api/v1/mcp-servers".to_owned(),
        };
        let made = MadeToken { token: "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2FtcGxl".to_owned(), ends };
        let hostile = TokenRow { scope: Foreign::hostile_sample().to_string(), ..row.clone() };
        vec![
            empty.clone(),
            Self { made: Some(made), tokens: vec![row.clone()], ..empty.clone() },
            Self { made_before: true, tokens: vec![row, hostile], ..empty.clone() },
            Self { is_off: true, ..empty.clone() },
            Self { is_full: true, ..empty },
        ]
    }
}

impl View for TokenPage {}

/// A box for each token of the scope but `groups`, which is always part of it. What destroys is for people to tick.
fn scopes(offered: &Scope) -> Vec<Choice> {
    let shown = known::ALL.into_iter().filter(|token| offered.has(token) && *token != known::GROUPS);
    shown
        .map(|token| {
            let said = words::scope(token);
            let detail = format!("{} {}", said.detail, said.token);
            Choice::new(token, said.words).detail(detail).chosen(token != known::MCP_DELETE)
        })
        .collect()
}

/// The usual lifetimes up to the most that is allowed, and that.
fn lifetimes(most: TimeDelta) -> Vec<Choice> {
    let mut all: Vec<TimeDelta> = LIFETIMES.into_iter().filter(|lifetime| *lifetime < most).collect();
    all.push(most);
    let chosen = all.iter().copied().filter(|lifetime| *lifetime <= USUAL).max().unwrap_or(most);
    all.into_iter()
        .map(|lifetime| {
            Choice::new(lifetime.num_seconds().to_string(), words::length(lifetime)).chosen(lifetime == chosen)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_end_with_what_the_operator_allows() {
        for (most, labels, chosen) in [
            (TimeDelta::hours(8), &["15 minutes", "1 hour", "8 hours"][..], "1 hour"),
            (TimeDelta::hours(24), &["15 minutes", "1 hour", "8 hours", "1 day"], "1 hour"),
            (TimeDelta::minutes(5), &["5 minutes"], "5 minutes"),
            (TimeDelta::minutes(30), &["15 minutes", "30 minutes"], "30 minutes"),
        ] {
            let choices = lifetimes(most);
            assert_eq!(choices.iter().map(|choice| choice.label.as_str()).collect::<Vec<_>>(), labels);
            assert_eq!(choices.iter().find(|choice| choice.chosen).unwrap().label, chosen);
        }
    }
}
