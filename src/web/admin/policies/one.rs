//! Administration → Policies → one of them: its rules as a table, and as the text that they are edited in.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::{by, words};
use crate::app::App;
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Administrator, Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::policies::save::{self, Saved};
use crate::policies::{Draft, Effect, Listing, Pattern, Policy, Reading, Rule, policy};
use crate::types::PolicyId;
use crate::web::components::{Badge, Crumb, Errors, Pager, Tone, Toolbar, link};
use crate::web::confirm::ConfirmPage;
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};

/// Its rules. A denial wins wherever it stands, so they have one order, that of the document.
const LIST: List = List {
    label: "Search rules",
    nouns: ["rule", "rules"],
    sorts: &[],
    shows: &[("", "All"), ("allow", "Allow"), ("deny", "Deny")],
    on_a_page: 50,
};
/// Where there are so few, there is nothing to search.
const FEW: usize = 5;

/// What the forms of the page send.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PolicyForm {
    act: Act,
    #[serde(default)]
    document: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    #[default]
    Save,
    Remove,
}

impl Fields for PolicyForm {}

/// `GET /admin/policies/{id}`: the policy, or the question before it is removed.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    Administrator(signed_in): Administrator,
    fresh: Result<Fresh<SignedIn>, PageError>,
    id: Path<String>,
    asked: Asked,
) -> Result<HttpResponse, PageError> {
    let is_removed = !asked.get("remove").is_empty();
    if is_removed {
        fresh?;
    }
    let shown = async {
        let found = found(&app, &id).await?;
        let (site, shell) = (Site::of(&app.config.server.public_url), Shell::of(&app, &signed_in, Menu::Policies));
        Ok(match is_removed {
            true => Page(question(site, shell, &found)).into_response(),
            false => Page(PolicyPage::new(site, shell, &found, &asked)).into_response(),
        })
    };
    shown.await.map_err(|refusal: Refusal| refusal.to(&request))
}

/// `POST /admin/policies/{id}`: saves or removes it. What cannot be saved is shown again as it was typed.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(Administrator(signed_in)): Fresh<Administrator>,
    id: Path<String>,
    PageForm(form): PageForm<PolicyForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let found = found(&app, &id).await?;
        let problem = match form.act {
            Act::Remove => {
                let origin = origin_of(&request);
                let by = by(&app, &signed_in, &origin);
                app.rule(async |conn| save::remove(conn, found.id, by).await).await?;
                return Ok(see_other(&app.at(urls::POLICIES)).finish());
            }
            Act::Save => save_it(&app, &request, &signed_in, &found, &form.document).await?,
        };
        let site = Site::of(&app.config.server.public_url);
        Ok(match problem {
            None => {
                let here = app.at(&urls::POLICY.replace("{id}", &found.id.to_string()));
                see_other(&link(&here, &[("saved", "yes")])).finish()
            }
            Some(problem) => {
                let shell = Shell::of(&app, &signed_in, Menu::Policies);
                let page = PolicyPage::new(site, shell, &found, &Asked::default());
                let errors = Errors::one("document", problem);
                Page(PolicyPage { errors, document: form.document.clone(), ..page }).into_response()
            }
        })
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

async fn found(app: &App, id: &str) -> Result<Policy, Refusal> {
    let id: PolicyId = id.parse().map_err(|_| Refusal::NotFound)?;
    let found = policy::find(&mut *app.db.read().await?, id).await.map_err(db::Error::from)?;
    found.ok_or(Refusal::NotFound)
}

/// What is wrong with what was typed; nothing, once it is saved.
async fn save_it(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    found: &Policy,
    document: &str,
) -> Result<Option<String>, Refusal> {
    let value = match serde_json::from_str(document) {
        Ok(value) => value,
        Err(error) => return Ok(Some(format!("This is no JSON: {error}."))),
    };
    let draft = match Draft::read(&Reading::of(&value)) {
        Ok(draft) => draft,
        Err(fault) => return Ok(Some(format!("{fault}."))),
    };
    let origin = origin_of(request);
    let by = by(app, signed_in, &origin);
    match app.rule(async |conn| save::change(conn, found.id, &draft, by).await).await? {
        Saved::Made(_) | Saved::Changed(_) => Ok(None),
        Saved::Taken => Ok(Some(format!("There is already a policy with the name {:?}.", draft.name))),
        Saved::Gone => Err(Refusal::NotFound),
    }
}

fn question(site: Site, shell: Shell, policy: &Policy) -> ConfirmPage {
    let (name, here) = (Foreign::new(&policy.draft.name), site.policy(policy.id));
    let groups = policy.draft.groups.join(", ");
    ConfirmPage {
        above: vec![
            Crumb { href: site.policies(), label: "Policies".to_owned() },
            Crumb { href: here.clone(), label: name.to_string() },
        ],
        site,
        shell,
        question: format!("Remove the policy {name}?"),
        stops: vec![match groups.is_empty() {
            true => "It is for no group, so nobody loses anything.".to_owned(),
            false => format!("What it allows stops at once for {groups}, and what it denies is denied no more."),
        }],
        stays: vec!["The groups and who is in them.".to_owned()],
        action: here,
        fields: vec![("act", "remove".to_owned())],
        button: "Remove policy",
    }
}

/// One policy.
#[derive(Clone, Debug, Template)]
#[template(path = "admin/policies/one.html")]
pub struct PolicyPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The page above.
    pub above: Vec<Crumb>,
    /// This page.
    pub href: String,
    /// Its name.
    pub name: Foreign,
    /// What it is for.
    pub description: Option<Foreign>,
    /// Whom.
    pub groups: Vec<Foreign>,
    /// Above its rules, where there are enough of them to be searched.
    pub toolbar: Option<Toolbar>,
    /// Its rules.
    pub rules: Vec<RuleRow>,
    /// Below them.
    pub pager: Pager,
    /// True when it has none.
    pub is_empty: bool,
    /// What is kept for another system.
    pub kept: Vec<Foreign>,
    /// It as text, or what was typed.
    pub document: String,
    /// What is wrong with that.
    pub errors: Errors,
    /// True right after it was saved.
    pub is_saved: bool,
    /// Where *Remove policy* leads.
    pub remove: String,
    /// The same on the command line.
    pub command: String,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct RuleRow {
    /// The how manieth it is.
    pub place: usize,
    /// What it does.
    pub effect: Badge,
    /// Where.
    pub server: Foreign,
    /// Which methods.
    pub methods: Foreign,
    /// About what: a word, and names.
    pub about: Vec<(&'static str, Foreign)>,
}

impl RuleRow {
    fn of(place: usize, rule: &Rule) -> Self {
        let effect = match rule.effect {
            Effect::Allow => Badge::new(Tone::Good, "Allows"),
            Effect::Deny => Badge::new(Tone::Bad, "Denies"),
        };
        let named = [("Tools", &rule.tools), ("Prompts", &rule.prompts), ("Resources", &rule.resources)];
        let named = named.into_iter().filter(|(_, list)| !list.is_empty());
        let named = named.map(|(word, list)| (word, Foreign::passage(&words(list))));
        let shown = (rule.list == Listing::All).then(|| ("Lists", Foreign::new("every tool")));
        let when = rule.condition.as_deref().map(|condition| ("When", Foreign::passage(condition)));
        Self {
            place: place + 1,
            effect,
            server: Foreign::new(rule.server.as_str()),
            methods: Foreign::passage(&words(&rule.methods)),
            about: named.chain(shown).chain(when).collect(),
        }
    }
}

/// The rules that are looked for, each with the how manieth it is.
fn chosen<'r>(asked: &Asked, rules: &'r [Rule]) -> Vec<(usize, &'r Rule)> {
    let show = LIST.show(asked);
    let is_meant = |(_, rule): &(usize, &'r Rule)| {
        let effect = if rule.effect == Effect::Allow { "allow" } else { "deny" };
        let named = [&rule.methods, &rule.tools, &rule.prompts, &rule.resources].into_iter().flatten();
        let texts = std::iter::once(&rule.server).chain(named).map(Pattern::as_str);
        (show.is_empty() || show == effect) && asked.finds(texts.chain(rule.condition.as_deref()))
    };
    rules.iter().enumerate().filter(is_meant).collect()
}

impl PolicyPage {
    fn new(site: Site, shell: Shell, policy: &Policy, asked: &Asked) -> Self {
        let (draft, href) = (&policy.draft, site.policy(policy.id));
        let (shown, pager) = LIST.page(asked, &href, chosen(asked, &draft.rules));
        let toolbar = (draft.rules.len() > FEW).then(|| LIST.toolbar(asked, &href));
        Self {
            above: vec![Crumb { href: site.policies(), label: "Policies".to_owned() }],
            site,
            shell,
            remove: link(&href, &[("remove", "yes")]),
            href,
            name: Foreign::new(&draft.name),
            description: (!draft.description.is_empty()).then(|| Foreign::passage(&draft.description)),
            groups: draft.groups.iter().map(|group| Foreign::new(group)).collect(),
            toolbar,
            rules: shown.into_iter().map(|(place, rule)| RuleRow::of(place, rule)).collect(),
            pager,
            is_empty: draft.rules.is_empty(),
            kept: draft.permissions.keys().map(|name| Foreign::new(name)).collect(),
            document: format!("{:#}", draft.in_own_words()),
            errors: Errors::none(),
            is_saved: !asked.get("saved").is_empty(),
            command: format!("portcullis policy export '{}'", draft.name.replace('\'', "'\\''")),
        }
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let document = serde_json::json!({
            "name": "careful-analysts", "description": "What analysts may do", "groups": ["analysts", "workspace:acme"],
            "rules": [
                { "server": "warehouse", "methods": ["tools/list", "tools/call"], "tools": ["query", "export_*"], "list": "all" },
                { "server": "warehouse", "methods": ["tools/call"], "tools": ["update"], "condition": "arguments.limit <= 100" },
                { "effect": "deny", "server": "*", "methods": ["*"], "tools": ["drop_*"], "prompts": ["</td><script>"] },
            ],
            "permissions": { "ui_permissions": { "list_service": ["all"] } },
        });
        let policy = |draft: Draft| Policy {
            id: PolicyId::fresh(),
            draft,
            created_at: chrono::DateTime::UNIX_EPOCH,
            changed_at: chrono::DateTime::UNIX_EPOCH,
        };
        let full = policy(Draft::read(&Reading::of(&document)).unwrap_or_default());
        let empty = policy(Draft { name: "empty".to_owned(), ..Draft::default() });
        let plain = Asked::default();
        let page = |policy: &Policy| Self::new(Site::sample(), Shell::sample(Menu::Policies), policy, &plain);
        let errors = Errors::one("document", "/rules/0/effect: an effect is allow or deny.");
        vec![
            page(&full),
            page(&empty),
            Self { is_saved: true, ..page(&full) },
            Self { errors, document: "</textarea>{".to_owned(), ..page(&full) },
        ]
    }
}

impl View for PolicyPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
