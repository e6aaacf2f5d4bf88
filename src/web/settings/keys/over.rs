//! Settings → MCP Setup → API Keys → one of them: its end, and its successor.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::{LastUse, MadePage, crumbs, subject, visible};
use crate::access::key_making;
use crate::access::scoping::Maker;
use crate::app::App;
use crate::credentials::replace::{self as verbs, Overlap};
use crate::credentials::{ApiKey, revoke as ending};
use crate::db::Connection;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Paid, Refusal, SignedIn, see_other, urls};
use crate::web::components::{Choice, Crumb, link};
use crate::web::confirm::ConfirmPage;
use crate::web::shell::{Menu, Shell};

/// What a confirmation sends: nothing but that it was confirmed.
#[derive(Debug, Deserialize)]
pub struct ConfirmedForm {}

impl Fields for ConfirmedForm {}

/// What *Rotate key* sends.
#[derive(Debug, Deserialize)]
pub struct RotateForm {
    /// For how many days the old one goes on.
    overlap: i64,
}

impl Fields for RotateForm {}

/// `GET /settings/keys/{id}/revoke`: asks first, and says what stops.
pub async fn confirm_revoke(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
) -> Result<Page<ConfirmPage>, PageError> {
    let key = visible(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let site = Site::of(&app.config.server.public_url);
    let action = site.key_revoke(&key.id.to_string());
    Ok(Page(ConfirmPage {
        question: format!("Revoke “{}”?", Foreign::new(key.name.as_str())),
        stops: stops(&app, &key),
        stays: vec!["Your other keys are not touched.".to_owned()],
        button: "Revoke key",
        ..asked(&app, &signed_in, site, action)
    }))
}

/// `POST /settings/keys/{id}/revoke`: ends it, at once and for good.
pub async fn revoke(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
    PageForm(ConfirmedForm {}): PageForm<ConfirmedForm>,
) -> Result<HttpResponse, PageError> {
    let refused = |refusal: Refusal| refusal.to(&request);
    let key = visible(&app, &signed_in, &id).await.map_err(refused)?;
    let origin = origin_of(&request);
    let terms = app.credential_terms(&origin, subject(&signed_in).id());
    let verb = async |conn: &mut Connection| ending::revoke(conn, &terms, key.id).await;
    app.cut(verb).await.map_err(|error| refused(error.into()))?;
    Ok(see_other(&link(&app.at(urls::KEYS), &[("revoked", &key.id.to_string())])).finish())
}

/// `GET /settings/keys/{id}/replace`: asks first, and says what stops.
pub async fn confirm_replace(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    id: Path<String>,
) -> Result<Page<ConfirmPage>, PageError> {
    let key = renewable(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    let site = Site::of(&app.config.server.public_url);
    let action = site.key_replace(&key.id.to_string());
    Ok(Page(ConfirmPage {
        question: format!("Replace “{}”?", Foreign::new(key.name.as_str())),
        stops: stops(&app, &key),
        stays: vec!["A new key has the same name, scope, permissions and lifetime.".to_owned()],
        button: "Replace key",
        ..asked(&app, &signed_in, site, action)
    }))
}

/// `POST /settings/keys/{id}/replace`: the successor, shown this once.
pub async fn replace(
    app: Data<App>,
    request: HttpRequest,
    Paid(signed_in): Paid,
    id: Path<String>,
    PageForm(ConfirmedForm {}): PageForm<ConfirmedForm>,
) -> Result<HttpResponse, PageError> {
    let renewed = renew(&app, &request, &signed_in, &id, None).await;
    renewed.map_err(|refusal| refusal.to(&request))
}

/// `GET /settings/keys/{id}/rotate`.
pub async fn confirm_rotate(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    id: Path<String>,
) -> Result<Page<RotatePage>, PageError> {
    let key = renewable(&app, &signed_in, &id).await.map_err(|refusal| refusal.to(&request))?;
    Ok(Page(RotatePage::new(&app, &signed_in, &key)))
}

/// `POST /settings/keys/{id}/rotate`: the successor, shown this once.
pub async fn rotate(
    app: Data<App>,
    request: HttpRequest,
    Paid(signed_in): Paid,
    id: Path<String>,
    PageForm(form): PageForm<RotateForm>,
) -> Result<HttpResponse, PageError> {
    let overlap = Overlap::days(form.overlap).map_err(|_| Refusal::BadForm("an overlap that is none"));
    let renewed = async { renew(&app, &request, &signed_in, &id, Some(overlap?)).await };
    renewed.await.map_err(|refusal| refusal.to(&request))
}

/// Makes the successor. A form that is sent twice makes one: the second time its page shows what the first did.
async fn renew(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    id: &str,
    overlap: Option<Overlap>,
) -> Result<HttpResponse, Refusal> {
    let key = renewable(app, signed_in, id).await?;
    let origin = origin_of(request);
    let terms = app.credential_terms(&origin, subject(signed_in).id());
    let verb = async |conn: &mut Connection| match overlap {
        Some(overlap) => verbs::rotate(conn, &terms, key.id, overlap).await,
        None => verbs::replace(conn, &terms, key.id).await,
    };
    Ok(match app.cut(verb).await? {
        Ok(Some(issued)) => Page(MadePage::new(app, signed_in, &issued)).into_response(),
        Err(_) => return Err(Refusal::Full),
        Ok(None) => see_other(&app.at(&urls::KEY.replace("{id}", &key.id.to_string()))).finish(),
    })
}

/// The key of that id, if the person may have its successor; of any other nobody learns whether it is there.
async fn renewable(app: &App, signed_in: &SignedIn, id: &str) -> Result<ApiKey, Refusal> {
    let key = visible(app, signed_in, id).await?;
    let subject = subject(signed_in);
    match key_making::judge_again(&Maker::in_person(&subject), &key, &*app.tree().await?) {
        Ok(()) if !key.was_revoked_by_another(signed_in.person.id) => Ok(key),
        Ok(()) | Err(_) => Err(Refusal::NotFound),
    }
}

/// What stops with a key.
fn stops(app: &App, key: &ApiKey) -> Vec<String> {
    let used = LastUse::of(key, app.clock.now()).map_or_else(
        || "It has never been used.".to_owned(),
        |used| format!("It was last used {}, from {} by {}.", used.at.relative, used.address, used.client),
    );
    vec![format!("Whatever uses the key {} gets 401 from now on, for good.", key.prefix), used]
}

/// A confirmation that says nothing yet.
fn asked(app: &App, signed_in: &SignedIn, site: Site, action: String) -> ConfirmPage {
    ConfirmPage {
        shell: Shell::of(app, signed_in, Menu::ApiKeys),
        above: crumbs(&site),
        question: String::new(),
        stops: Vec::new(),
        stays: Vec::new(),
        action,
        fields: Vec::new(),
        button: "",
        site,
    }
}

/// How long the old key goes on.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/keys/rotate.html")]
pub struct RotatePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// Names the key.
    pub id: String,
    /// What its maker calls it.
    pub name: Foreign,
    /// How long it can go on.
    pub overlaps: Vec<Choice>,
    /// The same on the command line.
    pub command: String,
}

impl RotatePage {
    fn new(app: &App, signed_in: &SignedIn, key: &ApiKey) -> Self {
        let site = Site::of(&app.config.server.public_url);
        Self {
            shell: Shell::of(app, signed_in, Menu::ApiKeys),
            crumbs: crumbs(&site),
            id: key.id.to_string(),
            name: Foreign::new(key.name.as_str()),
            overlaps: overlaps(),
            command: format!("portcullis api-key-rotate {} --overlap 1d", key.id),
            site,
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let (site, id) = (Site::sample(), "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned());
        let page = |name| Self {
            shell: Shell::sample(Menu::ApiKeys),
            crumbs: crumbs(&site),
            command: format!("portcullis api-key-rotate {id} --overlap 1d"),
            overlaps: overlaps(),
            id: id.clone(),
            site: site.clone(),
            name,
        };
        vec![page(Foreign::new("CI/CD Pipeline")), page(Foreign::hostile_sample())]
    }
}

impl View for RotatePage {}

fn overlaps() -> Vec<Choice> {
    let known = [("0", "At once"), ("1", "After 1 day"), ("3", "After 3 days"), ("7", "After 7 days")];
    known.map(|(value, label)| Choice::new(value, label).chosen(value == "1")).to_vec()
}
