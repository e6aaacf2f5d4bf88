//! The secrets of a client: the newest, and those that it replaced and that are good for a while.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::{above, changeable};
use crate::app::App;
use crate::db::{self, Connection};
use crate::grants::client::Listed;
use crate::grants::client_secret;
use crate::grants::rotate_secret::{RotateSecret, end_replaced_secret, rotate_secret};
use crate::http::form::Fields;
use crate::http::making::MakingLimits;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Refusal, SignedIn, once, see_other, urls};
use crate::types::{ClientSecretId, SubjectId};
use crate::web::components::{Choice, Crumb};
use crate::web::shell::{Menu, Shell};
use crate::web::words::{self, Moment};

/// How long the old secret may stay good.
const OVERLAPS: [TimeDelta; 5] =
    [TimeDelta::zero(), TimeDelta::hours(1), TimeDelta::days(1), TimeDelta::days(3), TimeDelta::days(7)];
/// The one that is proposed.
const USUAL_OVERLAP: TimeDelta = TimeDelta::days(1);

/// What the buttons send.
#[derive(Debug, Default, Deserialize)]
pub struct SecretsForm {
    /// Names the replacement, so that one form makes one.
    #[serde(default)]
    form: String,
    /// Seconds for which the old secret stays good.
    #[serde(default)]
    overlap: String,
    /// The old secret that ends.
    #[serde(default)]
    end: Option<ClientSecretId>,
}

impl Fields for SecretsForm {}

/// `GET /settings/clients/{id}/secrets`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
) -> Result<Page<SecretsPage>, PageError> {
    let known = changeable(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let page = show(&app, &signed_in, &known, Said::Nothing).await;
    page.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /settings/clients/{id}/secrets`: another secret, shown this once; or the end of an old one.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    Fresh(signed_in): Fresh<SignedIn>,
    PageForm(form): PageForm<SecretsForm>,
) -> Result<HttpResponse, PageError> {
    let known = changeable(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let said = match form.end {
        Some(secret) => end(&app, &request, &signed_in, &id, secret).await,
        None => rotate(&app, &request, &signed_in, &id, &form).await,
    };
    let said = said.map_err(|refusal| refusal.to(&request))?;
    if matches!(said, Said::Nothing) {
        return Ok(see_other(&app.at(&urls::CLIENT_SECRETS.replace("{id}", &id))).finish());
    }
    let page = show(&app, &signed_in, &known, said).await.map_err(|error| Refusal::from(error).to(&request))?;
    Ok(Page(page).into_response())
}

/// What is said above the list.
#[derive(Clone, Debug)]
enum Said {
    Nothing,
    Secret(String),
    Problem(&'static str),
}

async fn end(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    id: &str,
    secret: ClientSecretId,
) -> Result<Said, Refusal> {
    let origin = origin_of(request);
    let (terms, by) = (app.terms(&origin), Some(signed_in.person.id));
    let verb = async |conn: &mut Connection| end_replaced_secret(conn, &terms, by, id, secret).await;
    app.cut(verb).await?;
    Ok(Said::Nothing)
}

async fn rotate(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    id: &str,
    form: &SecretsForm,
) -> Result<Said, Refusal> {
    let overlap = form.overlap.parse().ok().and_then(TimeDelta::try_seconds);
    let overlap = overlap.filter(|overlap| OVERLAPS.contains(overlap)).ok_or(Refusal::BadForm("no such overlap"))?;
    let replacement = ClientSecretId(once::id_of(app, signed_in, id, &form.form));
    MakingLimits::of(request)?.credential(SubjectId::Person(signed_in.person.id))?;
    let origin = origin_of(request);
    let (terms, by) = (app.terms(&origin), Some(signed_in.person.id));
    let verb = async |conn: &mut Connection| rotate_secret(conn, &terms, by, id, overlap, replacement).await;
    match app.cut(verb).await? {
        RotateSecret::Rotated { secret, .. } => Ok(Said::Secret(secret.reveal().to_owned())),
        RotateSecret::Already => Ok(Said::Nothing),
        RotateSecret::TooMany => {
            Ok(Said::Problem("Several old secrets are still good. End one of them before you make another."))
        }
        RotateSecret::NoSecret => Ok(Said::Problem("This client proves who it is without a secret.")),
        RotateSecret::BadOverlap => Err(Refusal::BadForm("no such overlap")),
        RotateSecret::Gone => Err(Refusal::NotFound),
    }
}

async fn show(app: &App, signed_in: &SignedIn, known: &Listed, said: Said) -> Result<SecretsPage, db::Error> {
    let site = Site::of(&app.config.server.public_url);
    let (client, now) = (&known.client, app.clock.now());
    let mut conn = app.db.read().await?;
    let replaced = client_secret::good(&mut conn, &client.id, now).await?;
    let newest = client_secret::last_replaced(&mut conn, &client.id).await?.unwrap_or(client.created_at);
    let (secret, problem) = match said {
        Said::Nothing => (None, None),
        Said::Secret(secret) => (Some(secret), None),
        Said::Problem(problem) => (None, Some(problem)),
    };
    let row = |old: &client_secret::ReplacedSecret| OldSecret {
        id: old.id.to_string(),
        made: Moment::new(old.made_at, now),
        ends: Moment::new(old.expires_at, now),
    };
    Ok(SecretsPage {
        above: above(&site, Some(known)),
        name: Foreign::new(&client.name),
        action: site.of_client(urls::CLIENT_SECRETS, &client.id),
        form: once::fresh(app),
        has_secret: client.secret_hash.is_some(),
        newest: Moment::new(newest, now),
        old: replaced.iter().map(row).collect(),
        overlaps: overlaps(),
        secret,
        problem,
        shell: Shell::of(app, signed_in, Menu::Clients),
        site,
    })
}

fn overlaps() -> Vec<Choice> {
    let words = |overlap: TimeDelta| match overlap.is_zero() {
        true => "Not at all: it stops at once".to_owned(),
        false => words::length(overlap),
    };
    let choice = |overlap: TimeDelta| {
        Choice::new(overlap.num_seconds().to_string(), words(overlap)).chosen(overlap == USUAL_OVERLAP)
    };
    OVERLAPS.into_iter().map(choice).collect()
}

/// The secrets, none of which can be seen but one that was made just now.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/clients/secrets.html")]
pub struct SecretsPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub above: Vec<Crumb>,
    /// What the client is called.
    pub name: Foreign,
    /// Where the forms are sent.
    pub action: String,
    /// Names the next replacement.
    pub form: String,
    /// True when it has a secret at all.
    pub has_secret: bool,
    /// Since when the newest is so.
    pub newest: Moment,
    /// Those that it replaced and that are still good, the latest first.
    pub old: Vec<OldSecret>,
    /// How long the present one could stay good.
    pub overlaps: Vec<Choice>,
    /// The secret that was made just now, on this one page and never again.
    pub secret: Option<String>,
    /// Why there is none.
    pub problem: Option<&'static str>,
}

/// An old secret that is still good.
#[derive(Clone, Debug)]
pub struct OldSecret {
    /// Names it.
    pub id: String,
    /// When it was made.
    pub made: Moment,
    /// When it stops.
    pub ends: Moment,
}

impl SecretsPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::<Utc>::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let at = |hours| Moment::new(now + TimeDelta::hours(hours), now);
        let (site, id) = (Site::sample(), "01936a5e7c1d7f3a9d7e2b7f1f0f6c55");
        let plain = Self {
            above: above(&site, None),
            name: Foreign::new("Team notes"),
            action: site.of_client(urls::CLIENT_SECRETS, id),
            form: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            has_secret: true,
            newest: at(-24 * 200),
            old: Vec::new(),
            overlaps: overlaps(),
            secret: None,
            problem: None,
            shell: Shell::sample(Menu::Clients),
            site,
        };
        let old =
            OldSecret { id: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned(), made: at(-24 * 200), ends: at(24) };
        let rotated = Self {
            newest: at(0),
            old: vec![old],
            secret: Some("pclx_sampleSampleSampleSampleSampleSampleSample".to_owned()),
            ..plain.clone()
        };
        let full = Self {
            name: Foreign::hostile_sample(),
            secret: None,
            problem: Some("Several old secrets are still good. End one of them before you make another."),
            ..rotated.clone()
        };
        let none = Self { has_secret: false, ..plain.clone() };
        vec![plain, rotated, full, none]
    }
}

impl View for SecretsPage {}
