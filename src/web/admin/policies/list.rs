//! Administration → Policies: all of them, and documents of other systems.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::by;
use crate::app::App;
use crate::db;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::upload::Upload;
use crate::http::{Administrator, Fresh, PageError, Refusal, SignedIn};
use crate::policies::dialect::{self, Import};
use crate::policies::import::Imported;
use crate::policies::{Listing, Policy, import, policy};
use crate::types::PolicyId;
use crate::web::components::Errors;
use crate::web::shell::{Menu, Shell};

/// `GET /admin/policies`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
) -> Result<Page<PoliciesPage>, PageError> {
    page(&app, &signed_in).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
}

/// `POST /admin/policies`: takes in a document, pasted or as a file; everything in it or nothing.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(Administrator(signed_in)): Fresh<Administrator>,
    upload: Upload,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let document = match upload.file("file") {
            Some(file) => String::from_utf8_lossy(file).into_owned(),
            None => upload.text("document").to_owned(),
        };
        let imported = match dialect::read(&document, None, Listing::Tools) {
            Ok(read) => take_in(&app, &request, &signed_in, &read).await?,
            Err(fault) => {
                let errors = Errors::one("document", format!("{fault}."));
                return Ok(PoliciesPage { errors, document, ..page(&app, &signed_in).await? });
            }
        };
        Ok(PoliciesPage {
            imported: imported.words().lines().map(Foreign::passage).collect(),
            ..page(&app, &signed_in).await?
        })
    };
    let shown: Result<PoliciesPage, db::Error> = done.await;
    shown.map(|page| Page(page).into_response()).map_err(|error| Refusal::from(error).to(&request))
}

async fn take_in(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    document: &Import,
) -> Result<Imported, db::Error> {
    let origin = origin_of(request);
    let by = by(app, signed_in, &origin);
    app.rule(async |conn| import::import(conn, document, by).await).await
}

async fn page(app: &App, signed_in: &SignedIn) -> Result<PoliciesPage, db::Error> {
    let all = policy::all(&mut *app.db.read().await?).await?;
    let site = Site::of(&app.config.server.public_url);
    let rows = all.iter().map(|policy| PolicyRow::of(policy, &site)).collect();
    Ok(PoliciesPage::new(site, Shell::of(app, signed_in, Menu::Policies), rows))
}

/// All policies.
#[derive(Clone, Debug, Template)]
#[template(path = "admin/policies/list.html")]
pub struct PoliciesPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The policies, by name.
    pub rows: Vec<PolicyRow>,
    /// What was typed.
    pub document: String,
    /// What is wrong with it.
    pub errors: Errors,
    /// What an import did.
    pub imported: Vec<Foreign>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct PolicyRow {
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: Foreign,
    /// What it is for.
    pub description: Foreign,
    /// Whom.
    pub groups: Vec<Foreign>,
    /// How many rules it has.
    pub rules: usize,
}

impl PolicyRow {
    fn of(policy: &Policy, site: &Site) -> Self {
        Self {
            href: site.policy(policy.id),
            name: Foreign::new(&policy.draft.name),
            description: Foreign::passage(&policy.draft.description),
            groups: policy.draft.groups.iter().map(|group| Foreign::new(group)).collect(),
            rules: policy.draft.rules.len(),
        }
    }
}

impl PoliciesPage {
    fn new(site: Site, shell: Shell, rows: Vec<PolicyRow>) -> Self {
        Self { site, shell, rows, document: String::new(), errors: Errors::none(), imported: Vec::new() }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let row = |name: Foreign, groups: &[&str], rules| PolicyRow {
            href: Site::sample().policy(PolicyId::fresh()),
            name,
            description: Foreign::passage("What analysts may do"),
            groups: groups.iter().map(|group| Foreign::new(group)).collect(),
            rules,
        };
        let rows = vec![
            row(
                Foreign::new("mcp-servers-restricted/execute"),
                &["mcp-registry-developer", "mcp-servers-restricted"],
                2,
            ),
            row(Foreign::hostile_sample(), &[], 0),
        ];
        let page = |rows| Self::new(Site::sample(), Shell::sample(Menu::Policies), rows);
        let errors =
            Errors::one("document", "/server_access/0/servr: this field is not known here; is it \"server\"?.");
        vec![
            page(Vec::new()),
            page(rows.clone()),
            Self { errors, document: "{\"server_access\": [</textarea>".to_owned(), ..page(rows.clone()) },
            Self { imported: vec![Foreign::passage("made public-mcp-users")], ..page(rows) },
        ]
    }
}

impl View for PoliciesPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
