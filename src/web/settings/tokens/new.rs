//! Settings → MCP Setup → Access Tokens → New token. The token is shown once, in the answer to the form.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;
use chrono::TimeDelta;
use serde::Deserialize;

use crate::access::Subject;
use crate::access::make_token::{self, Installation, Refusal as Why, Wanted, WantedServer};
use crate::access::scoping::{Maker, Purpose};
use crate::app::App;
use crate::credentials::personal_tokens::{self, NewToken};
use crate::crypto::PlainToken;
use crate::db;
use crate::grants::sign::SigningError;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Paid, Refusal, SignedIn, urls};
use crate::places::Place;
use crate::types::{PersonalTokenId, Scope, known_scopes as known};
use crate::upstreams::server;
use crate::web::components::{Choice, Crumb, Errors};
use crate::web::scoping::{ScopingFields, ScopingView};
use crate::web::shell::{Menu, Shell};
use crate::web::words;

/// What *Create Token* sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewTokenForm {
    /// Drawn when the form was shown: sent twice, it makes one token.
    #[serde(default)]
    request: String,
    #[serde(default)]
    name: String,
    /// OAuth scopes.
    #[serde(default)]
    scopes: String,
    #[serde(default)]
    server: String,
    /// Days, or `never`.
    #[serde(default)]
    expiration: String,
    /// The places.
    #[serde(flatten)]
    places: ScopingFields,
}

impl Fields for NewTokenForm {
    const LISTS: &'static [&'static str] = &["scope", "scopes"];
}

/// `GET /settings/tokens/new`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
) -> Result<Page<NewTokenPage>, PageError> {
    let page = NewTokenPage::blank(&app, &signed_in).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/tokens/new`: the same page, with the token in it this once.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Paid(signed_in): Paid,
    PageForm(form): PageForm<NewTokenForm>,
) -> Result<Page<NewTokenPage>, PageError> {
    make(&app, &request, &signed_in, &form).await.map(Page).map_err(|refusal| refusal.to(&request))
}

async fn make(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    form: &NewTokenForm,
) -> Result<NewTokenPage, Refusal> {
    if form.places.looks() {
        return Ok(NewTokenPage::new(app, signed_in, form, Errors::none()).await?);
    }
    let new = match judged(app, signed_in, form).await? {
        Ok(new) => new,
        Err(errors) => return Ok(NewTokenPage::new(app, signed_in, form, errors).await?),
    };
    let token = sign(app, &new)?;
    let origin = origin_of(request);
    let subject = Subject::Person(Arc::new(signed_in.person.clone()));
    let terms = app.credential_terms(&origin, subject.id());
    let made = app.db.write(async |conn| personal_tokens::issue(conn, &terms, &new, &token).await).await?;
    let blank = NewTokenPage::blank(app, signed_in).await?;
    Ok(match made {
        Err(full) => NewTokenPage::new(app, signed_in, form, Errors::one("name", sentence(&full))).await?,
        Ok(true) => NewTokenPage { made: Some(MadeToken::new(app, &new, &token)), ..blank },
        Ok(false) => NewTokenPage { made_before: true, ..blank },
    })
}

/// Signs a token that is about to be stored.
pub(super) fn sign(app: &App, new: &NewToken) -> Result<PlainToken, Refusal> {
    make_token::sign(&app.signing, app.issuer(), new).map_err(|error: SigningError| {
        tracing::error!(%error, "a token could not be signed");
        Refusal::Internal
    })
}

async fn judged(app: &App, signed_in: &SignedIn, form: &NewTokenForm) -> Result<Result<NewToken, Errors>, db::Error> {
    let subject = Subject::Person(Arc::new(signed_in.person.clone()));
    let maker = Maker::in_person(&subject);
    let (tree, servers) = (app.tree().await?, app.enabled_servers().await?);
    let here = Installation {
        tree: &tree,
        most: app.config.lifetimes.personal_token,
        audience: app.gateway_audience(),
        random: &app.random,
        now: app.clock.now(),
    };
    let server = Some(form.server.clone()).filter(|written| !written.is_empty());
    let wanted = Wanted {
        id: form.request.parse().unwrap_or_else(|_| PersonalTokenId::fresh()),
        owner: signed_in.person.id,
        name: form.name.clone(),
        scope: form.scopes.clone(),
        places: form.places.places(),
        server: server.map(|written| WantedServer { found: server::enabled_as(&servers, &written), written }),
        lifetime: form.expiration.parse().ok().and_then(TimeDelta::try_days),
    };
    Ok(make_token::judge(&maker, wanted, &here).map_err(|why| errors(&why)))
}

/// What is wrong, beside its field.
fn errors(why: &Why) -> Errors {
    let field = match why {
        Why::Name(_) => "name",
        Why::NoScope | Why::Scope(_) => "scopes",
        Why::Places(_) => "scope",
        Why::Server(_) => "server",
        Why::MustExpire(_) | Why::TooLong(_) | Why::NoTime => "expiration",
    };
    Errors::one(field, sentence(why))
}

/// A reason as people read it.
fn sentence(why: &dyn std::fmt::Display) -> String {
    let words = why.to_string();
    let mut letters = words.chars();
    let capital = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{capital}{}.", letters.as_str())
}

impl NewTokenForm {
    /// A form that gives the least: to look, in the workspace that the page shows, for 90 days.
    fn blank(here: Option<&Place>) -> Self {
        let first = here.map(|place| ScopingFields::starting_at(place.id));
        Self {
            request: PersonalTokenId::fresh().to_string(),
            scopes: known::MCP_READ.to_owned(),
            expiration: "90".to_owned(),
            places: first.unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// The form, or the token that it just made.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/tokens/new.html")]
pub struct NewTokenPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// What is wrong.
    pub errors: Errors,
    /// The token that was just made.
    pub made: Option<MadeToken>,
    /// True when the form was sent a second time.
    pub made_before: bool,
    /// Names what the form will make.
    pub request: String,
    /// What the person typed.
    pub name: Foreign,
    /// What it may do.
    pub scopes: Vec<Choice>,
    /// Where.
    pub places: ScopingView,
    /// For which server.
    pub servers: Vec<Choice>,
    /// How long.
    pub expirations: Vec<Choice>,
    /// The same on the command line.
    pub command: String,
}

/// A token, shown once.
#[derive(Clone, Debug)]
pub struct MadeToken {
    /// What its owner calls it.
    pub name: Foreign,
    /// The token itself.
    pub token: String,
    /// A call with it.
    pub example: String,
}

impl MadeToken {
    /// What is shown of a token that was just stored.
    pub(super) fn new(app: &App, new: &NewToken, token: &PlainToken) -> Self {
        let token = token.reveal().to_owned();
        let example = example(&token, &app.at(urls::API_MCP_SERVERS));
        Self { name: Foreign::new(new.name.as_str()), token, example }
    }

    /// A token for samples.
    pub(super) fn sample() -> Self {
        let token = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhdCtqd3QifQ.eyJ0b2tlbl90eXBlIjoicGF0In0.c2FtcGxl".to_owned();
        let example = example(&token, "https://gate.example.com/gate/api/v1/mcp-servers");
        Self { name: Foreign::new("Nightly report"), token, example }
    }
}

fn example(token: &str, url: &str) -> String {
    format!("curl -H \"Authorization: Bearer {token}\" \\\n  {url}")
}

impl NewTokenPage {
    async fn blank(app: &App, signed_in: &SignedIn) -> Result<Self, db::Error> {
        let tree = app.tree().await?;
        let form = NewTokenForm::blank(signed_in.workspace(&tree));
        Self::new(app, signed_in, &form, Errors::none()).await
    }

    async fn new(app: &App, signed_in: &SignedIn, form: &NewTokenForm, errors: Errors) -> Result<Self, db::Error> {
        let subject = Subject::Person(Arc::new(signed_in.person.clone()));
        let maker = Maker::in_person(&subject);
        let servers = app.enabled_servers().await?;
        let seen = servers.iter().filter(|server| maker.reaches(&server.place));
        let choices = seen.map(|server| {
            Choice::new(&server.name, Foreign::new(&server.name).to_string()).chosen(form.server == server.name)
        });
        let any = Choice::new("", "Every server there").chosen(form.server.is_empty());
        let site = Site::of(&app.config.server.public_url);
        Ok(Self {
            shell: Shell::of(app, signed_in, Menu::AccessTokens),
            crumbs: crumbs(&site),
            errors,
            made: None,
            made_before: false,
            request: form.request.clone(),
            name: Foreign::new(&form.name),
            scopes: scopes(&make_token::offered(&maker), &form.scopes),
            places: ScopingView::of(app, &subject, Purpose::Standing, &form.places).await?,
            servers: std::iter::once(any).chain(choices).collect(),
            expirations: expirations(app.config.lifetimes.personal_token, &form.expiration),
            command: format!("portcullis token-create --user {} --name NAME", signed_in.person.username),
            site,
        })
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        let offered = Scope::of(&known::FOR_PROGRAMS);
        let blank = Self {
            shell: Shell::sample(Menu::AccessTokens),
            crumbs: crumbs(&site),
            errors: Errors::none(),
            made: None,
            made_before: false,
            request: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56".to_owned(),
            name: Foreign::new(""),
            scopes: scopes(&offered, known::MCP_READ),
            places: ScopingView::sample(),
            servers: vec![Choice::new("", "Every server there").chosen(true), Choice::new("time", "time")],
            expirations: expirations(None, "90"),
            command: "portcullis token-create --user alice --name NAME".to_owned(),
            site,
        };
        let wrong = Self {
            errors: errors(&Why::NoScope),
            name: Foreign::hostile_sample(),
            places: ScopingView::hostile_sample(),
            expirations: expirations(Some(TimeDelta::days(60)), "never"),
            ..blank.clone()
        };
        let made = Self { made: Some(MadeToken::sample()), ..blank.clone() };
        vec![blank.clone(), wrong, made, Self { made_before: true, ..blank }]
    }
}

impl View for NewTokenPage {}

/// The page above.
pub(super) fn crumbs(site: &Site) -> Vec<Crumb> {
    vec![Crumb { href: site.access_tokens(), label: "Access Tokens".to_owned() }]
}

fn scopes(offered: &Scope, chosen: &str) -> Vec<Choice> {
    let shown = known::ALL.into_iter().filter(|token| offered.has(token));
    shown
        .map(|token| {
            let said = words::scope(token);
            let is_chosen = chosen.split_whitespace().any(|one| one == token);
            Choice::new(token, said.words).detail(format!("{} {}", said.detail, said.token)).chosen(is_chosen)
        })
        .collect()
}

/// The lifetimes that the operator allows.
fn expirations(most: Option<TimeDelta>, chosen: &str) -> Vec<Choice> {
    let usual = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "1 year")];
    let days = most.map_or(i64::MAX, |most| most.num_days());
    let mut choices: Vec<Choice> = match most {
        Some(_) => Vec::new(),
        None => vec![Choice::new("never", "Never").words("without an end")],
    };
    choices.extend(
        usual
            .iter()
            .filter(|(length, _)| *length <= days)
            .map(|(length, label)| Choice::new(length.to_string(), *label).words(format!("for {label}"))),
    );
    if most.is_some() && usual.iter().all(|(length, _)| *length != days) {
        choices.push(Choice::new(days.to_string(), words::length(TimeDelta::days(days))));
    }
    let chosen = choices.iter().position(|choice| choice.value == chosen).unwrap_or(choices.len().saturating_sub(1));
    choices.into_iter().enumerate().map(|(place, choice)| choice.chosen(place == chosen)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_takes_away_what_is_longer() {
        for (most, values, chosen) in [
            (None, &["never", "7", "30", "90", "365"][..], "90"),
            (Some(90), &["7", "30", "90"], "90"),
            (Some(60), &["7", "30", "60"], "60"),
            (Some(3), &["3"], "3"),
        ] {
            let choices = expirations(most.map(TimeDelta::days), "90");
            assert_eq!(choices.iter().map(|choice| choice.value.as_str()).collect::<Vec<_>>(), values);
            assert_eq!(choices.iter().find(|choice| choice.chosen).unwrap().value, chosen);
        }
    }
}
