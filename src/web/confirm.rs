//! The page before something that cannot be taken back: it names what will stop working.

use askama::Template;

use crate::http::page::{Site, View};
use crate::web::components::Crumb;
use crate::web::shell::{Menu, Shell};

/// A question with one dangerous answer, as a page of its own: it works without a script.
#[derive(Clone, Debug, Template)]
#[template(path = "settings/confirm.html")]
pub struct ConfirmPage {
    /// Where we are.
    pub site: Site,
    /// The frame around it.
    pub shell: Shell,
    /// The pages above; the last is where *Cancel* leads.
    pub above: Vec<Crumb>,
    /// The question: "Revoke “Claude Desktop – MacBook”?"
    pub question: String,
    /// What will stop working, one sentence each; the first thing that is read.
    pub stops: Vec<String>,
    /// What goes on all the same, so that nobody has to guess.
    pub stays: Vec<String>,
    /// Where the answer is posted.
    pub action: String,
    /// What is posted, besides the CSRF token.
    pub fields: Vec<(&'static str, String)>,
    /// What the button says: "Revoke key".
    pub button: &'static str,
}

impl ConfirmPage {
    /// Where *Cancel* leads.
    pub fn cancel(&self) -> &str {
        self.above.last().map_or("", |crumb| &crumb.href)
    }

    /// The page in each of its states.
    pub fn samples() -> Vec<Self> {
        let question = "Revoke \"Claude Desktop – MacBook\"?".to_owned();
        let page = Self {
            site: Site::sample(),
            shell: Shell::sample(Menu::Apps),
            above: vec![Crumb { href: "/gate/settings/apps".to_owned(), label: "Connected apps".to_owned() }],
            question,
            stops: vec![
                "Claude Desktop on this key will get 401 from now on.".to_owned(),
                "It was last used 2 hours ago, from 192.0.2.7.".to_owned(),
            ],
            stays: vec!["Your other 3 keys are not touched.".to_owned()],
            action: "/gate/settings/apps".to_owned(),
            fields: vec![("key", "01936a5e".to_owned())],
            button: "Revoke key",
        };
        vec![page.clone(), Self { stays: Vec::new(), ..page }]
    }
}

impl View for ConfirmPage {}
