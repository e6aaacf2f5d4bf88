//! Personal access tokens and tokens of one's own, made on their pages.

use portcullis::http::urls;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;

use super::answer::Form;
use super::app::Node;
use super::{Answer, Browser};

/// A personal access token as its owner holds it.
#[derive(Clone, Debug)]
pub struct Pat {
    pub id: String,
    pub token: String,
}

impl Node {
    /// Somebody's token, who is signed in: to look, in the one workspace, for 90 days.
    pub async fn pat(&self, person: &Browser) -> Pat {
        self.pat_as(person, |form| form).await
    }

    /// The same, changed as said.
    pub async fn pat_as(&self, person: &Browser, change: impl FnOnce(Form) -> Form) -> Pat {
        let form = person.get(urls::ACCESS_TOKENS_NEW).await.assert(200).form("Create Token");
        let form = change(form.fill("Name", "Nightly report"));
        let token = person.submit(&form).await.assert(200).says("access-token");
        self.is_secret(&token);
        Pat { id: form.value("request"), token }
    }

    /// Ends a token on its page.
    pub async fn revoke_pat(&self, person: &Browser, pat: &Pat) {
        let page = person.get(&urls::ACCESS_TOKEN_REVOKE.replace("{id}", &pat.id)).await.assert(200);
        person.submit(&page.form("Revoke token")).await.assert(303);
    }

    /// Asks the management API.
    pub async fn api(&self, token: &str, method: Method, path: &str) -> Answer {
        self.send(self.request(method, path).header(AUTHORIZATION, format!("Bearer {token}"))).await
    }
}
