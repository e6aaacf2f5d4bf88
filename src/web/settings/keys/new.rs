//! Settings → MCP Setup → API Keys → Create Key. The key is shown once, in the answer to the form.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::{chosen_workspace, crumbs, subject};
use crate::access::scoping::{Maker, Purpose};
use crate::access::{Subject, key_making};
use crate::app::App;
use crate::credentials::issue::{Issued, NewKey, issue};
use crate::credentials::{CredentialName, Rate};
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Paid, Refusal, SignedIn, see_other, urls};
use crate::identity::service_account;
use crate::types::{ApiKeyId, Networks, PlaceId, SubjectId};
use crate::web::components::{Choice, Crumb, Errors};
use crate::web::scoping::{ScopingFields, ScopingView};
use crate::web::shell::{Menu, Shell};
use crate::web::snippets::{McpClient, Way};

/// What leads here.
#[derive(Debug, Default, Deserialize)]
pub struct NewQuery {
    /// `personal` for somebody's own MCP client, `ci` for pipelines and scripts.
    #[serde(default)]
    preset: String,
}

/// What *Create Key* sends.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NewKeyForm {
    /// Names the key to be: the form, sent twice, makes one.
    #[serde(default)]
    key: String,
    #[serde(default)]
    name: String,
    /// `me`, `workspace`, or the id of an M2M account.
    #[serde(default)]
    owner: String,
    /// Days, or `never`.
    #[serde(default)]
    expiration: String,
    #[serde(default)]
    networks: String,
    #[serde(default)]
    rate: String,
    /// *Scope* and *Permissions*.
    #[serde(flatten)]
    scoping: ScopingFields,
}

impl Fields for NewKeyForm {
    const LISTS: &'static [&'static str] = ScopingFields::LISTS;
}

/// `GET /settings/keys/new`.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    query: Query<NewQuery>,
) -> Result<Page<NewKeyPage>, PageError> {
    let page = async {
        let form = NewKeyForm::blank(chosen_workspace(&signed_in, &*app.tree().await?), &query.preset);
        NewKeyPage::new(&app, &signed_in, &form, Errors::none()).await
    };
    page.await.map(Page).map_err(|error: db::Error| Refusal::from(error).to(&request))
}

/// `POST /settings/keys/new`: the key, shown this once.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Paid(signed_in): Paid,
    PageForm(form): PageForm<NewKeyForm>,
) -> Result<HttpResponse, PageError> {
    make(&app, &request, &signed_in, &form).await.map_err(|refusal| refusal.to(&request))
}

async fn make(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    form: &NewKeyForm,
) -> Result<HttpResponse, Refusal> {
    if form.scoping.looks() {
        return Ok(Page(NewKeyPage::new(app, signed_in, form, Errors::none()).await?).into_response());
    }
    let new = match judged(app, signed_in, form).await? {
        Ok(new) => new,
        Err(errors) => return Ok(Page(NewKeyPage::new(app, signed_in, form, errors).await?).into_response()),
    };
    let id = form.key.parse().unwrap_or_else(|_| ApiKeyId::fresh());
    let origin = origin_of(request);
    let terms = app.credential_terms(&origin, subject(signed_in).id());
    Ok(match app.db.write(async |conn| issue(conn, &terms, id, &new).await).await? {
        Ok(Some(issued)) => Page(MadePage::new(app, signed_in, &issued)).into_response(),
        Err(full) => {
            let errors = Errors::one("name", sentence(&full));
            Page(NewKeyPage::new(app, signed_in, form, errors).await?).into_response()
        }
        // The page was loaded again: the key is there, and nobody can show it any more.
        Ok(None) => see_other(&app.at(urls::KEYS)).finish(),
    })
}

/// What the form asks for, or what is wrong with it.
async fn judged(app: &App, signed_in: &SignedIn, form: &NewKeyForm) -> Result<Result<NewKey, Errors>, db::Error> {
    let (mut errors, maker, tree) = (Errors::none(), subject(signed_in), app.tree().await?);
    let workspace = chosen_workspace(signed_in, &tree);
    let name = form.name.parse::<CredentialName>().map_err(|why| errors.add("name", sentence(&why))).ok();
    let scoping = form.scoping.judge(&maker, Purpose::Standing, &tree);
    let scoping = scoping.map_err(|why| errors.add(why.field, why.words)).ok();
    let expires_at = expiry(&form.expiration, app.clock.now());
    if expires_at.is_none() {
        errors.add("expiration", "Choose one of the times of this list.");
    }
    let networks = form.networks.parse::<Networks>().map_err(|why| errors.add("networks", sentence(&why))).ok();
    let rate = rate(&form.rate).map_err(|why| errors.add("rate", why)).ok();
    let home = scoping.as_ref().and_then(|scoping| key_making::home(&scoping.reach, workspace, &tree));
    let owner = match home {
        Some(home) => owner(app, &maker, &form.owner, home).await?,
        None => None,
    };
    if let (Some(scoping), Some(home)) = (&scoping, home) {
        let judged = owner.as_ref().map(|owner| {
            key_making::judge(&Maker::in_person(&maker), owner, home, scoping, &tree).map_err(|why| sentence(&why))
        });
        if let Some(Err(why)) = judged {
            errors.add("owner", why);
        } else if judged.is_none() {
            errors.add("owner", "Choose one of the owners of this list.");
        }
    }
    let (Some(name), Some(scoping), Some(expires_at), Some(networks), Some(rate), Some(workspace), Some(owner)) =
        (name, scoping, expires_at, networks, rate, home, owner)
    else {
        return Ok(Err(errors));
    };
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    let (reach, permissions) = (scoping.reach, scoping.permissions);
    Ok(Ok(NewKey { name, workspace, owner: owner.id(), reach, permissions, expires_at, networks, rate }))
}

/// Whose the key is to be.
async fn owner(app: &App, maker: &Subject, said: &str, home: PlaceId) -> Result<Option<Subject>, db::Error> {
    let id = match said {
        "" | "me" => return Ok(Some(maker.clone())),
        "workspace" => SubjectId::Workspace(home),
        account => match account.parse() {
            Ok(id) => SubjectId::Service(id),
            Err(_) => return Ok(None),
        },
    };
    let mut conn = app.db.read().await?;
    Ok(Subject::find(&mut conn, id).await?)
}

/// When a key ends that is made now: `Some(None)` for never.
fn expiry(said: &str, now: DateTime<Utc>) -> Option<Option<DateTime<Utc>>> {
    let (_, days, _) = EXPIRATIONS.into_iter().find(|(value, ..)| *value == said)?;
    Some(days.map(|days| now + TimeDelta::days(days)))
}

fn rate(said: &str) -> Result<Option<Rate>, String> {
    match said.trim() {
        "" => Ok(None),
        calls => match calls.parse().map(Rate::new) {
            Ok(Ok(rate)) => Ok(Some(rate)),
            _ => Err("Enter a number of calls a minute, from 1 to 100000, or nothing.".to_owned()),
        },
    }
}

/// An error as a sentence beside its field.
fn sentence(why: &impl std::fmt::Display) -> String {
    let words = why.to_string();
    let mut letters = words.chars();
    let capital = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{capital}{}.", letters.as_str())
}

/// What one can choose, in days.
const EXPIRATIONS: [(&str, Option<i64>, &str); 5] = [
    ("never", None, "Never"),
    ("7", Some(7), "7 days"),
    ("30", Some(30), "30 days"),
    ("90", Some(90), "90 days"),
    ("365", Some(365), "1 year"),
];

fn expirations(chosen: &str) -> Vec<Choice> {
    let words = |label: &str| if label == "Never" { "until you revoke it".to_owned() } else { format!("for {label}") };
    EXPIRATIONS.map(|(value, _, label)| Choice::new(value, label).words(words(label)).chosen(value == chosen)).to_vec()
}

impl NewKeyForm {
    /// A form that gives the least, for what it was opened for.
    fn blank(workspace: Option<PlaceId>, preset: &str) -> Self {
        let (name, expiration, rate) = match preset {
            "ci" => ("CI/CD Pipeline", "30", "120"),
            "personal" => ("My MCP client", "90", ""),
            _ => ("", "90", ""),
        };
        Self {
            key: ApiKeyId::fresh().to_string(),
            name: name.to_owned(),
            owner: "me".to_owned(),
            expiration: expiration.to_owned(),
            networks: String::new(),
            rate: rate.to_owned(),
            scoping: workspace.map(ScopingFields::starting_at).unwrap_or_default(),
        }
    }
}

/// The form.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/keys/new.html")]
pub struct NewKeyPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// What is wrong.
    pub errors: Errors,
    /// Names the key to be.
    pub key: String,
    /// What the person typed.
    pub name: String,
    /// Whose it can be; with one choice there is nothing to ask.
    pub owners: Vec<Choice>,
    /// *Scope* and *Permissions*.
    pub scoping: ScopingView,
    /// How long it works.
    pub expirations: Vec<Choice>,
    /// From where it may be used.
    pub networks: String,
    /// How often.
    pub rate: String,
    /// True when something of *Advanced* is filled in or wrong.
    pub is_advanced: bool,
    /// The same on the command line.
    pub command: String,
    /// The same over the API.
    pub request: String,
}

impl NewKeyPage {
    async fn new(app: &App, signed_in: &SignedIn, form: &NewKeyForm, errors: Errors) -> Result<Self, db::Error> {
        let site = Site::of(&app.config.server.public_url);
        let shell = Shell::of(app, signed_in, Menu::ApiKeys);
        let place = shell.workspace().map_or("WORKSPACE", |workspace| &workspace.name).to_owned();
        let username = &signed_in.person.username;
        Ok(Self {
            crumbs: crumbs(&site),
            key: form.key.clone(),
            name: form.name.clone(),
            owners: owners(app, signed_in, &form.owner).await?,
            scoping: ScopingView::of(app, &subject(signed_in), Purpose::Standing, &form.scoping).await?,
            expirations: expirations(&form.expiration),
            networks: form.networks.clone(),
            rate: form.rate.clone(),
            is_advanced: !form.networks.is_empty() || !form.rate.is_empty(),
            command: format!("portcullis api-key-create --name NAME --owner {username} --scope {place} --expires 90d"),
            request: format!(
                "curl -X POST -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/json\" {} \\\n  -d '{{\"name\": \"NAME\", \"scope\": [\"{place}\"], \"permissions\": \"read\"}}'",
                app.at(urls::API_KEYS)
            ),
            errors,
            shell,
            site,
        })
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let site = Site::sample();
        let blank = Self {
            shell: Shell::sample(Menu::ApiKeys),
            crumbs: crumbs(&site),
            errors: Errors::none(),
            key: "01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c56".to_owned(),
            name: String::new(),
            owners: vec![Choice::new("me", "You").chosen(true)],
            scoping: ScopingView::sample(),
            expirations: expirations("90"),
            networks: String::new(),
            rate: String::new(),
            is_advanced: false,
            command: "portcullis api-key-create --name NAME --owner alice --scope mcp-gateway --expires 90d".to_owned(),
            request: "curl -X POST https://gate.example.com/gate/api/v1/api-keys".to_owned(),
            site,
        };
        let mut errors = Errors::one("name", "Give it a name, such as what will use it and where.");
        errors.add("networks", "\"<b>\" is neither an address nor a network such as 192.0.2.0/24.");
        let wrong = Self {
            errors,
            name: "\"><script>alert(1)</script>".to_owned(),
            owners: vec![
                Choice::new("me", "You"),
                Choice::new("workspace", Foreign::hostile_sample().to_string()).chosen(true),
            ],
            scoping: ScopingView::hostile_sample(),
            networks: "</textarea><script>alert(1)</script>".to_owned(),
            rate: "60".to_owned(),
            is_advanced: true,
            ..blank.clone()
        };
        vec![blank, wrong]
    }
}

impl View for NewKeyPage {}

/// Whose a key can be: one's own, and the workspace's and its accounts' for those who manage it.
async fn owners(app: &App, signed_in: &SignedIn, chosen: &str) -> Result<Vec<Choice>, db::Error> {
    let mut owners = vec![Choice::new("me", "You")];
    let (person, tree) = (&signed_in.person, app.tree().await?);
    let workspace = chosen_workspace(signed_in, &tree);
    let managed = workspace.filter(|workspace| person.is_admin || person.workspaces.manages(*workspace));
    if let Some(workspace) = managed {
        let title = tree.get(workspace).map_or_else(String::new, |place| Foreign::new(&place.title).to_string());
        owners.push(Choice::new("workspace", format!("{title} (the workspace itself)")));
        let mut conn = app.db.read().await?;
        for (id, name) in service_account::of_workspace(&mut conn, workspace).await? {
            owners.push(Choice::new(id.to_string(), format!("{} (M2M account)", Foreign::new(&name))));
        }
    }
    let at = owners.iter().position(|owner| owner.value == chosen).unwrap_or(0);
    Ok(owners.into_iter().enumerate().map(|(place, owner)| owner.chosen(place == at)).collect())
}

/// A key that was made a moment ago.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/keys/made.html")]
pub struct MadePage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above.
    pub crumbs: Vec<Crumb>,
    /// What its maker calls it.
    pub name: Foreign,
    /// The key, on this one page and never again.
    pub secret: String,
    /// What is copied where.
    pub snippets: Vec<Snippet>,
}

/// What one program is told, with the key in it.
#[derive(Clone, Debug)]
pub struct Snippet {
    /// Names it on the page.
    pub id: String,
    /// The program.
    pub client: &'static str,
    /// Where the text goes.
    pub place: &'static str,
    /// The text.
    pub code: String,
}

impl MadePage {
    /// The page of a key that was just made.
    pub fn new(app: &App, signed_in: &SignedIn, issued: &Issued) -> Self {
        let site = Site::of(&app.config.server.public_url);
        let shell = Shell::of(app, signed_in, Menu::ApiKeys);
        Self::with(site, shell, Foreign::new(issued.key.name.as_str()), issued.secret.reveal())
    }

    fn with(site: Site, shell: Shell, name: Foreign, secret: &str) -> Self {
        let clients = [McpClient::ClaudeCode, McpClient::ClaudeDesktop, McpClient::Other, McpClient::Script];
        let snippets = clients.into_iter().flat_map(|client| {
            let blocks = client.setup(Way::ApiKey, &site.mcp).blocks;
            blocks.into_iter().take(1).map(move |block| Snippet {
                id: format!("key-for-{}", client.id()),
                client: client.name(),
                place: block.place,
                code: block.with_key(secret).code,
            })
        });
        let snippets = snippets.collect();
        Self { crumbs: crumbs(&site), snippets, secret: secret.to_owned(), name, shell, site }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let secret = "pcl_4vJx0sampleSampleSampleSampleSampleSampleSample9QzK";
        let page = |name| Self::with(Site::sample(), Shell::sample(Menu::ApiKeys), name, secret);
        vec![page(Foreign::new("CI/CD Pipeline")), page(Foreign::hostile_sample())]
    }
}

impl View for MadePage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_as_the_list_says_and_no_other_time_is_taken() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(expiry("never", now), Some(None));
        for days in [7, 30, 90, 365] {
            assert_eq!(expiry(&days.to_string(), now), Some(Some(now + TimeDelta::days(days))));
        }
        for other in ["", "0", "-1", "91", "Never", "99999"] {
            assert_eq!(expiry(other, now), None, "{other:?}");
        }
        assert!(expirations("90").iter().any(|choice| choice.chosen && choice.label == "90 days"));
    }
}
