//! Settings → Workspaces → a workspace: who is in it.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::new::sentence;
use super::{Done, Head, Part, Seen};
use crate::app::App;
use crate::db;
use crate::http::form::Fields;
use crate::http::origin::origin_of;
use crate::http::page::{Foreign, Page, Site, View};
use crate::http::{Fresh, PageError, PageForm, Refusal, SignedIn, see_other, urls};
use crate::identity::membership::{self, Membership};
use crate::places::member::{self, Member, Sought};
use crate::places::{Actor, Role};
use crate::types::UserId;
use crate::web::components::{Choice, Crumb, Errors, Pager, Toolbar, link};
use crate::web::confirm::ConfirmPage;
use crate::web::list::{Asked, List};
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

const LIST: List = List {
    label: "Search members",
    nouns: ["member", "members"],
    sorts: &[("name", "By user name"), ("role", "Owners first"), ("newest", "Newest first")],
    shows: &[("", "All"), ("owner", "Owners"), ("admin", "Admins"), ("member", "Members"), ("disabled", "Disabled")],
    on_a_page: 50,
};

/// What the forms of the page send.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MembersForm {
    act: Act,
    #[serde(default)]
    username: String,
    user: Option<UserId>,
    #[serde(default)]
    role: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    #[default]
    Add,
    Change,
    Remove,
}

impl Fields for MembersForm {}

/// `GET /settings/workspaces/{workspace}`: the members, or the question before one is removed.
pub async fn get(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    fresh: Result<Fresh<SignedIn>, PageError>,
    name: Path<String>,
    asked: Asked,
) -> Result<HttpResponse, PageError> {
    // Somebody about whom *Remove* was pressed.
    let leaves = asked.id::<UserId>("remove");
    if leaves.is_some() {
        fresh?;
    }
    let shown = async {
        let seen = Seen::of(&app, &signed_in, &name).await?;
        match leaves {
            Some(user) => question_about(&app, &signed_in, &seen, user).await,
            None => Ok(Page(list(&app, &signed_in, &seen, &asked).await?).into_response()),
        }
    };
    shown.await.map_err(|refusal: Refusal| refusal.to(&request))
}

/// `POST /settings/workspaces/{workspace}`: puts somebody in, changes what they are, or takes them out.
pub async fn post(
    app: Data<App>,
    request: HttpRequest,
    Fresh(signed_in): Fresh<SignedIn>,
    name: Path<String>,
    asked: Asked,
    PageForm(form): PageForm<MembersForm>,
) -> Result<HttpResponse, PageError> {
    let done = async {
        let seen = Seen::of(&app, &signed_in, &name).await?;
        match change(&app, &request, &signed_in, &seen, &form).await? {
            Membership::Done if form.act == Act::Remove && form.user == Some(signed_in.person.id) => {
                Ok(see_other(&app.at(urls::WORKSPACES)).finish())
            }
            Membership::Done => {
                let page = app.at(&Part::Members.page().replace("{workspace}", &name));
                Ok(see_other(&LIST.here(&asked, &page, form.done().name())).finish())
            }
            Membership::Refused(membership::Refusal::Unknown | membership::Refusal::NotIn) => Err(Refusal::NotFound),
            Membership::Refused(refusal) => {
                let page = list(&app, &signed_in, &seen, &asked).await?;
                let errors = Errors::one("username", sentence(&refusal.to_string()));
                Ok(Page(MembersPage { errors, username: form.username.clone(), ..page }).into_response())
            }
        }
    };
    done.await.map_err(|refusal: Refusal| refusal.to(&request))
}

impl MembersForm {
    fn done(&self) -> Done {
        match self.act {
            Act::Add | Act::Change => Done::Changed,
            Act::Remove => Done::Removed,
        }
    }
}

async fn change(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    seen: &Seen,
    form: &MembersForm,
) -> Result<Membership, Refusal> {
    let actor = Actor::Person { id: signed_in.person.id, is_admin: signed_in.person.is_admin };
    let (workspace, origin, now) = (seen.place.id, origin_of(request), app.clock.now());
    let role = Role::named(&form.role);
    let role = || role.ok_or(Refusal::BadForm("no such role"));
    let user = || form.user.ok_or(Refusal::BadForm("nobody is named"));
    Ok(match form.act {
        Act::Add => {
            let who = (form.username.trim(), role()?);
            app.cut(async |conn| membership::add(conn, actor, workspace, who, &origin, now).await).await?
        }
        Act::Change => {
            let change = (user()?, role()?);
            app.cut(async |conn| membership::change(conn, actor, workspace, change, &origin, now).await).await?
        }
        Act::Remove => {
            let user = user()?;
            app.cut(async |conn| membership::remove(conn, actor, workspace, user, &origin, now).await).await?
        }
    })
}

async fn question_about(app: &App, signed_in: &SignedIn, seen: &Seen, user: UserId) -> Result<HttpResponse, Refusal> {
    let is_self = user == signed_in.person.id;
    if !seen.manages() && !is_self {
        return Err(Refusal::NotFound);
    }
    let mut conn = app.db.read().await?;
    let found = member::find(&mut conn, seen.place.id, user).await.map_err(db::Error::from)?;
    let member = found.ok_or(Refusal::NotFound)?;
    let site = Site::of(&app.config.server.public_url);
    let shell = Shell::of(app, signed_in, Menu::Workspaces);
    Ok(Page(question(site, shell, seen, &member, is_self)).into_response())
}

fn question(site: Site, shell: Shell, seen: &Seen, member: &Member, is_self: bool) -> ConfirmPage {
    let (place, who) = (Foreign::new(&seen.place.title), Foreign::new(&member.display_name));
    let here = site.of_workspace(urls::WORKSPACE, seen.place.name.as_str());
    let whose = if is_self { "Your".to_owned() } else { format!("{who}’s") };
    ConfirmPage {
        above: vec![
            Crumb { href: site.workspaces(), label: "Workspaces".to_owned() },
            Crumb { href: here.clone(), label: place.to_string() },
        ],
        site,
        shell,
        question: if is_self { format!("Leave {place}?") } else { format!("Remove {who} from {place}?") },
        stops: vec![
            format!("{whose} apps, keys and tokens reach nothing in {place} from now on."),
            "What was scoped to this workspace alone is worth nothing.".to_owned(),
        ],
        stays: vec!["Other workspaces and the account itself are not touched.".to_owned()],
        action: here,
        fields: vec![("act", "remove".to_owned()), ("user", member.user.to_string())],
        button: if is_self { "Leave workspace" } else { "Remove member" },
    }
}

async fn list(app: &App, signed_in: &SignedIn, seen: &Seen, asked: &Asked) -> Result<MembersPage, Refusal> {
    let (now, workspace, show) = (app.clock.now(), seen.place.id, LIST.show(asked));
    let sought = Sought {
        search: asked.query(),
        role: Role::named(show),
        is_disabled: (show == "disabled").then_some(true),
        sort: member::Sort::named(LIST.sort(asked)),
        ..Sought::default()
    };
    let mut conn = app.db.read().await?;
    let all = member::count_found(&mut conn, workspace, sought).await.map_err(db::Error::from)?;
    let part = LIST.part(asked, all);
    let page = Sought { skip: part.skip, ..sought };
    let found = member::of_workspace(&mut conn, workspace, page, part.most).await.map_err(db::Error::from)?;
    let site = Site::of(&app.config.server.public_url);
    let head = Head::new(&site, seen, Part::Members, Done::of(asked));
    let me = signed_in.person.id;
    Ok(MembersPage {
        here: LIST.here(asked, &head.href, ""),
        toolbar: LIST.toolbar(asked, &head.href),
        pager: LIST.pager(asked, &head.href, part),
        rows: found.iter().map(|member| MemberRow::new(member, seen.role, me, &head.href, now)).collect(),
        site,
        shell: Shell::of(app, signed_in, Menu::Workspaces),
        head,
        roles: roles(seen.role, Role::Member),
        username: String::new(),
        errors: Errors::none(),
    })
}

/// The roles that somebody of this role can give, one of them chosen.
fn roles(own: Role, chosen: Role) -> Vec<Choice> {
    let gives = |role: &Role| *role < Role::Owner || own == Role::Owner;
    let choice = |role: Role| Choice::new(role.name(), label(role)).chosen(role == chosen);
    Role::ALL.into_iter().filter(gives).map(choice).collect()
}

fn label(role: Role) -> &'static str {
    match role {
        Role::Member => "Member",
        Role::Admin => "Admin",
        Role::Owner => "Owner",
    }
}

/// The members.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/workspaces/members.html")]
pub struct MembersPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The head of the page.
    pub head: Head,
    /// This page with what is asked of the list.
    pub here: String,
    /// The search.
    pub toolbar: Toolbar,
    /// The members; whoever sees the page is one, so that none are found only by a search.
    pub rows: Vec<MemberRow>,
    /// How many there are, and the way to the others.
    pub pager: Pager,
    /// What somebody who is put in can be.
    pub roles: Vec<Choice>,
    /// The user name that was typed.
    pub username: String,
    /// What is wrong.
    pub errors: Errors,
}

/// One member.
#[derive(Clone, Debug)]
pub struct MemberRow {
    /// What the forms send.
    pub id: String,
    /// The name that they are shown by.
    pub name: Foreign,
    /// The name that they sign in with.
    pub username: String,
    /// What they are.
    pub role: &'static str,
    /// What this person can make them; nothing where they cannot.
    pub roles: Vec<Choice>,
    /// Since when they are in it.
    pub since: Moment,
    /// True when they may do nothing at all at present.
    pub is_disabled: bool,
    /// Where *Remove* or *Leave* leads, for who may.
    pub remove: Option<(String, &'static str)>,
}

impl MemberRow {
    fn new(member: &Member, own: Role, me: UserId, page: &str, now: DateTime<Utc>) -> Self {
        let manages = own == Role::Owner || (own == Role::Admin && member.role < Role::Owner);
        let remove = link(page, &[("remove", &member.user.to_string())]);
        Self {
            id: member.user.to_string(),
            name: Foreign::new(&member.display_name),
            username: member.username.clone(),
            role: label(member.role),
            roles: if manages { roles(own, member.role) } else { Vec::new() },
            since: Moment::new(member.joined_at, now),
            is_disabled: member.is_disabled,
            remove: match (member.user == me, manages) {
                (true, _) => Some((remove, "Leave")),
                (false, true) => Some((remove, "Remove")),
                (false, false) => None,
            },
        }
    }
}

impl MembersPage {
    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let member = |name: &str, username: &str, role| Member {
            user: UserId::fresh(),
            username: username.to_owned(),
            display_name: name.to_owned(),
            role,
            joined_at: now - TimeDelta::days(40),
            is_disabled: username == "gone",
        };
        let people = [
            member("Alice Example", "alice", Role::Owner),
            member(Foreign::hostile_sample().as_str(), "bob", Role::Admin),
            member("Carol", "gone", Role::Member),
        ];
        let page = |own, title, errors| {
            let head = Head::sample(Part::Members, own, title);
            let row = |member| MemberRow::new(member, own, people[0].user, &head.href, now);
            let plain = Asked::default();
            Self {
                site: Site::sample(),
                shell: Shell::sample(Menu::Workspaces),
                here: head.href.clone(),
                toolbar: LIST.toolbar(&plain, &head.href),
                rows: people.iter().map(row).collect(),
                pager: LIST.pager(&plain, &head.href, LIST.part(&plain, people.len())),
                roles: roles(own, Role::Member),
                username: String::new(),
                errors,
                head,
            }
        };
        let wrong = Errors::one("username", "There is nobody with the user name \"nobody\".");
        let nothing_found = Self { rows: Vec::new(), ..page(Role::Owner, Foreign::new("Acme"), Errors::none()) };
        vec![
            nothing_found,
            page(Role::Owner, Foreign::new("Acme Research"), Errors::none()),
            page(Role::Admin, Foreign::hostile_sample(), wrong),
            page(Role::Member, Foreign::new("Acme Research"), Errors::none()),
        ]
    }
}

impl View for MembersPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }
}
