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
use crate::policies::{Draft, Listing, Policy, import, policy};
use crate::types::PolicyId;
use crate::web::components::{Errors, Pager, Toolbar};
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};

const LIST: List = List {
    label: "Search policies",
    nouns: ["policy", "policies"],
    sorts: &[("name", "By name"), ("changed", "Last changed first")],
    shows: &[("", "All"), ("nobody", "For nobody")],
    on_a_page: 50,
};

/// `GET /admin/policies`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
    asked: Asked,
) -> Result<Page<PoliciesPage>, PageError> {
    page(&app, &signed_in, &asked).await.map(Page).map_err(|error| Refusal::from(error).to(&request))
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
                return Ok(PoliciesPage { errors, document, ..page(&app, &signed_in, &Asked::default()).await? });
            }
        };
        Ok(PoliciesPage {
            imported: imported.words().lines().map(Foreign::passage).collect(),
            ..page(&app, &signed_in, &Asked::default()).await?
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

async fn page(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<PoliciesPage, db::Error> {
    let all = policy::all(&mut *app.db.read().await?).await?;
    let (site, is_empty) = (Site::of(&app.config.server.public_url), all.is_empty());
    let (shown, pager) = LIST.page(asked, &site.policies(), chosen(asked, all));
    let rows = shown.iter().map(|policy| PolicyRow::of(policy, &site)).collect();
    let page = PoliciesPage::new(site, Shell::of(app, signed_in, Menu::Policies), asked, rows);
    Ok(PoliciesPage { pager, is_empty, ..page })
}

/// Those that are looked for, by their names, whom they are for and at which servers, in the order that is asked for.
fn chosen(asked: &Asked, mut all: Vec<Policy>) -> Vec<Policy> {
    all.retain(|policy| {
        let Draft { name, description, groups, rules, .. } = &policy.draft;
        let texts = [name, description].into_iter().chain(groups).map(String::as_str);
        let is_shown = LIST.show(asked).is_empty() || groups.is_empty();
        is_shown && asked.finds(texts.chain(rules.iter().map(|rule| rule.server.as_str())))
    });
    if LIST.sort(asked) == "changed" {
        all.sort_by_key(|policy| std::cmp::Reverse(policy.changed_at));
    }
    all
}

/// All policies.
#[derive(Clone, Debug, Template)]
#[template(path = "admin/policies/list.html")]
pub struct PoliciesPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// Above the list.
    pub toolbar: Toolbar,
    /// The policies, by name unless another order is asked for.
    pub rows: Vec<PolicyRow>,
    /// Below the list.
    pub pager: Pager,
    /// True when there is none at all.
    pub is_empty: bool,
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
    /// What it is for, if somebody said.
    pub description: Option<Foreign>,
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
            description: (!policy.draft.description.is_empty()).then(|| Foreign::passage(&policy.draft.description)),
            groups: policy.draft.groups.iter().map(|group| Foreign::new(group)).collect(),
            rules: policy.draft.rules.len(),
        }
    }
}

impl PoliciesPage {
    fn new(site: Site, shell: Shell, asked: &Asked, rows: Vec<PolicyRow>) -> Self {
        Self {
            toolbar: LIST.toolbar(asked, &site.policies()),
            pager: LIST.pager(asked, &site.policies(), LIST.part(asked, rows.len())),
            is_empty: rows.is_empty(),
            site,
            shell,
            rows,
            document: String::new(),
            errors: Errors::none(),
            imported: Vec::new(),
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let row = |name: Foreign, groups: &[&str], rules| PolicyRow {
            href: Site::sample().policy(PolicyId::fresh()),
            name,
            description: Some(Foreign::passage("What analysts may do")),
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
        let plain = Asked::default();
        let page = |rows| Self::new(Site::sample(), Shell::sample(Menu::Policies), &plain, rows);
        let errors =
            Errors::one("document", "/server_access/0/servr: this field is not known here; is it \"server\"?.");
        vec![
            page(Vec::new()),
            Self { is_empty: false, ..page(Vec::new()) },
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
