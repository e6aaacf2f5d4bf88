//! The page of the audit trail: the form, and what was found.

use actix_web::http::StatusCode;
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::search::{Recorded, Search};
use crate::audit::{Event, Origin, Outcome};
use crate::http::page::{Foreign, Site, View};
use crate::http::params::Params;
use crate::http::trail::{self, Names};
use crate::types::UserId;
use crate::web::components::{Badge, Choice, Errors, Pager, Tone, link, shortened};
use crate::web::shell::{Menu, Shell};
use crate::web::words::Moment;

/// The trail.
#[derive(Clone, Debug, Template)]
#[template(path = "admin/audit.html")]
pub struct AuditPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// What was asked.
    pub asked: Asked,
    /// What is wrong with that.
    pub errors: Errors,
    /// What was found, the latest first; nothing where nothing was looked for.
    pub rows: Option<Vec<EventRow>>,
    /// Where more of it is.
    pub pager: Pager,
    /// The same as a table, and for a collector.
    pub copies: Vec<Choice>,
}

/// What was asked, as the form shows it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Words in the detail.
    pub q: String,
    /// Which event, or what names begin with.
    pub event: String,
    /// The names that there are, and what they begin with.
    pub events: Vec<&'static str>,
    /// With which outcome.
    pub outcomes: Vec<Choice>,
    /// Who.
    pub user: String,
    /// Which server.
    pub server: String,
    /// Which client.
    pub client: String,
    /// From where.
    pub address: String,
    /// In which request.
    pub request_id: String,
    /// Not before.
    pub since: String,
    /// Before.
    pub until: String,
    /// True when one of those is said that are folded away.
    pub is_exact: bool,
    /// True when anything is said.
    pub is_narrowed: bool,
}

/// One event.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// When.
    pub at: Moment,
    /// What.
    pub event: Foreign,
    /// How it ended, where that is not as it should be.
    pub badge: Option<Badge>,
    /// By or about whom.
    pub who: Foreign,
    /// What it was about, in a few words.
    pub about: Foreign,
    /// The rule that decided.
    pub rule: Option<Foreign>,
    /// Where it is explained whether they may now.
    pub explain: Option<String>,
    /// Everything else that is known of it.
    pub facts: Vec<(Foreign, Foreign)>,
}

impl Asked {
    fn of(said: &Params) -> Self {
        let text = |name| said.get(name).unwrap_or_default().to_owned();
        let outcome = text("outcome");
        let choice = |value: &str, label| Choice::new(value, label).chosen(value == outcome);
        let exact = ["user", "server", "client", "address", "request_id", "since", "until"];
        Self {
            q: text("q"),
            event: text("event"),
            events: families().into_iter().chain(Event::ALL.iter().map(|event| event.name())).collect(),
            outcomes: vec![choice("", "Any outcome"), choice("done", "Done"), choice("refused", "Refused")],
            user: text("user"),
            server: text("server"),
            client: text("client"),
            address: text("address"),
            request_id: text("request_id"),
            since: text("since"),
            until: text("until"),
            is_exact: exact.iter().any(|name| said.get(name).is_some()),
            is_narrowed: trail::NAMES.iter().any(|name| said.get(name).is_some()),
        }
    }

    /// The address of the same question at that path, with something more.
    fn at(&self, path: &str, (name, value): (&str, &str)) -> String {
        let outcome = self.outcomes.iter().find(|choice| choice.chosen).map_or("", |choice| &choice.value);
        let parts = [
            ("q", self.q.as_str()),
            ("event", &self.event),
            ("outcome", outcome),
            ("user", &self.user),
            ("server", &self.server),
            ("client", &self.client),
            ("address", &self.address),
            ("request_id", &self.request_id),
            ("since", &self.since),
            ("until", &self.until),
            (name, value),
        ];
        link(path, &parts)
    }
}

/// What names begin with, such as `gateway.`, where there are several.
fn families() -> Vec<&'static str> {
    let mut families: Vec<&'static str> = Event::ALL.iter().map(|event| event.name()).filter_map(family).collect();
    families.sort_unstable();
    families.dedup();
    families
}

fn family(name: &'static str) -> Option<&'static str> {
    Some(&name[..=name.find('.')?])
}

impl EventRow {
    fn of(event: &Recorded, names: &Names, site: &Site, now: DateTime<Utc>) -> Self {
        let is_refused = event.outcome() == Outcome::Refused;
        Self {
            at: Moment::new(event.at, now),
            event: Foreign::new(&event.event),
            badge: is_refused.then(|| Badge::new(Tone::Bad, "Refused")),
            who: who(event, names),
            about: about(event),
            rule: event.said("rule").map(Foreign::new),
            explain: explain(event, names, site),
            facts: facts(event),
        }
    }
}

fn who(event: &Recorded, names: &Names) -> Foreign {
    let id = event.user_id.map(|id| id.0).or(event.service_account_id.map(|id| id.0));
    match (names.who(event), id) {
        (Some(name), _) => Foreign::new(name),
        (None, Some(id)) => Foreign::new(&shortened(&id.to_string())),
        (None, None) if event.request_id == Origin::operator().request_id => Foreign::new("the operator"),
        (None, None) => Foreign::new("nobody in particular"),
    }
}

/// What an event was about: the object of a call, or the first thing of its detail that has a name.
fn about(event: &Recorded) -> Foreign {
    let call: Vec<&str> = ["server", "method", "object"].iter().filter_map(|name| event.said(name)).collect();
    let named = ["name", "group", "username", "workspace", "part", "why", "reason"];
    let words = match call.is_empty() {
        false => call.join(" · "),
        true => match named.iter().find_map(|name| event.said(name)).or(event.client_id.as_deref()) {
            Some(name) => name.to_owned(),
            None => event.address.as_ref().map_or("Details".to_owned(), |address| format!("from {address}")),
        },
    };
    Foreign::new(&words)
}

/// The simulator, with the same question: what was decided then may be decided otherwise now.
fn explain(event: &Recorded, names: &Names, site: &Site) -> Option<String> {
    event.said("rule")?;
    let tool = event.said("object").filter(|_| event.said("method") == Some("tools/call")).unwrap_or_default();
    let question = [("user", names.who(event)?), ("server", event.said("server")?), ("tool", tool)];
    Some(link(&site.simulate_policies(), &question))
}

fn facts(event: &Recorded) -> Vec<(Foreign, Foreign)> {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string());
    let known = [
        ("person", id(event.user_id.map(|id| id.0))),
        ("program", id(event.service_account_id.map(|id| id.0))),
        ("client", event.client_id.clone()),
        ("grant", id(event.grant_id.map(|id| id.0))),
        ("address", event.address.clone()),
        ("request", event.request_id.clone()),
        ("event id", Some(event.id.to_string())),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((Foreign::new(name), Foreign::passage(&value?))));
    let detail = event.detail.as_object().into_iter().flatten();
    let told = detail.map(|(name, value)| (Foreign::new(name), Foreign::passage(&told(value))));
    told.chain(known).collect()
}

fn told(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

impl AuditPage {
    /// The form, before anything was found.
    pub fn new(site: Site, shell: Shell, said: &Params) -> Self {
        let (errors, pager) = (Errors::none(), Pager::default());
        Self { site, shell, asked: Asked::of(said), errors, rows: None, pager, copies: Vec::new() }
    }

    /// With what was found, of which one more than is shown was looked up. What was said as "so long ago" is a time from now on,
    /// so that the pages that follow and the copies are of the same search.
    pub fn with(
        mut self,
        search: &Search,
        mut found: Vec<Recorded>,
        names: &Names,
        (is_later, most): (bool, usize),
        now: DateTime<Utc>,
    ) -> Self {
        let goes_on = found.len() > most;
        found.truncate(most);
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.asked.since = search.since.map(time).unwrap_or_default();
        self.asked.until = search.until.map(time).unwrap_or_default();
        let path = self.site.audit();
        let last = found.last().filter(|_| goes_on).map(|last| last.key().to_string());
        self.pager = Pager {
            shown: if is_later { "Older events".to_owned() } else { "The latest first".to_owned() },
            first: is_later.then(|| self.asked.at(&path, ("after", ""))),
            previous: None,
            next: last.map(|key| self.asked.at(&path, ("after", &key))),
        };
        self.copies = self.copies();
        self.rows = Some(found.iter().map(|event| EventRow::of(event, names, &self.site, now)).collect());
        self
    }

    fn copies(&self) -> Vec<Choice> {
        let copy = |format, label| Choice::new(self.asked.at(&self.site.audit_export(), ("format", format)), label);
        vec![copy("csv", "Export as CSV"), copy("ndjson", "Export as NDJSON")]
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
        let said = Params::parse(b"event=gateway.&outcome=refused&user=ada&since=2026-11-01&q=%3Cscript%3E");
        let page = |said: &Params| Self::new(Site::sample(), Shell::sample(Menu::Audit), said);
        let event = |event: Event, client: &str, detail: Value, seconds| Recorded {
            id: Uuid::from_u128(0x0193_6a5e_7c1d_7f3a_9d7e_2b7f_1f0f_6c55),
            at: now - TimeDelta::seconds(seconds),
            event: event.name().to_owned(),
            user_id: Some(UserId(Uuid::from_u128(7))),
            service_account_id: None,
            client_id: Some(client.to_owned()),
            grant_id: None,
            address: Some("203.0.113.9".to_owned()),
            request_id: Some("01936a5e-7c1d-7f3a-9d7e-2b7f1f0f6c55".to_owned()),
            detail,
        };
        let call = json!({ "server": "warehouse", "method": "tools/call", "object": "drop_table", "decision": "denied",
            "rule": "analysts#2", "credential": "access token" });
        let hostile = json!({ "name": Foreign::hostile_sample().as_str(), "</td><script>": ["<b>", 1] });
        let found = vec![
            event(Event::GatewayDenied, "https://claude.ai/oauth/claude-code-client-metadata", call, 90),
            event(Event::ClientChanged, "console", hostile, 4_000),
        ];
        let with = |said: &Params, found: Vec<Recorded>, most| {
            let names = Names::sample();
            page(said).with(&Search::default(), found, &names, (most == 1, most), now)
        };
        let errors = Errors::one("event", "event is \"gatway.\", and it must be the name of an event.");
        vec![
            with(&Params::default(), found.clone(), 50),
            with(&said, found, 1),
            with(&said, Vec::new(), 50),
            Self { errors, ..page(&said) },
        ]
    }
}

impl View for AuditPage {
    fn status(&self) -> StatusCode {
        if self.errors.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST }
    }
}
