//! `grant_type=client_credentials` (RFC 6749 §4.4).

use std::sync::Arc;

use super::{AccessToken, Recipient, Tokens};
use crate::access::Subject;
use crate::app::App;
use crate::audit::Origin;
use crate::grants::act_for_itself::{Acted, Wanted, Wish, act_for_itself};
use crate::grants::sign::Audience;
use crate::http::params::Params;
use crate::identity::ServiceAccount;
use crate::oauth::client_request::ClientRequest;
use crate::oauth::error::Error;
use crate::oauth::resource;
use crate::types::{Scope, known_scopes};

pub(super) async fn act(app: &App, form: &ClientRequest, origin: &Origin) -> Result<Tokens, Error> {
    let client = &form.client;
    let account = account(app, form).await?;
    let audience = audience(app, form)?;
    let scope = wanted(&form.params)?;
    let policies = policies(app, account.as_ref(), &scope).await?;
    let wish =
        Wish { account: account.as_deref(), scope, policies: &policies, audience: &audience, method: form.method };
    let terms = app.terms(origin);
    match act_for_itself(&app.audit, &terms, client, &wish).await? {
        Acted::Allowed { subject, scope } => {
            app.access.note_use(&app.db, client, terms.now).await?;
            let groups = account.filter(|_| scope.has(known_scopes::GROUPS)).map(|account| account.groups.clone());
            let audience = Audience::One(audience);
            // No refresh token: the client can ask again at any time (§4.4.3).
            let token = AccessToken {
                recipient: Recipient::of(form),
                subject,
                audience,
                scope,
                groups,
                grant: None,
                actor: None,
                first_client: None,
            };
            token.sign(app)
        }
        Acted::NotForItself(why) => Err(Error::UnauthorizedClient(why)),
        Acted::NotGiven(name) => Err(Error::NotGiven(format!(
            "{name} is neither a scope nor a policy of the groups of this client's service account"
        ))),
        Acted::TooMuch => Err(Error::InvalidScope("This client may not have all of that scope")),
    }
}

/// The service account of the client as it is now; from memory, as at every call.
async fn account(app: &App, form: &ClientRequest) -> Result<Option<Arc<ServiceAccount>>, Error> {
    let Some(id) = form.client.options.service_account_id else { return Ok(None) };
    Ok(app.access.service_account(&app.db, id, app.access.is_current(&app.changes)).await?)
}

/// The policies that the scope names and that are for the account now; from memory, as at every call.
async fn policies(app: &App, account: Option<&Arc<ServiceAccount>>, scope: &Wanted) -> Result<Scope, Error> {
    let named = match scope {
        Wanted::All => Scope::none(),
        Wanted::Only(scope) => scope.policies(),
    };
    let Some(account) = account.filter(|_| !named.is_empty()) else { return Ok(Scope::none()) };
    let (policies, subject) = (app.policies().await?, Subject::Service(Arc::clone(account)));
    Ok(named.filtered(|name| policies.are_for(&subject, name)))
}

/// The one door that the token is to open, by `resource` (RFC 8707 §2) or as other servers have it by `audience`; without
/// either, every one (`decisions` 8).
fn audience(app: &App, form: &ClientRequest) -> Result<String, Error> {
    let mut doors: Vec<_> = ["resource", "audience"].iter().flat_map(|name| form.params.all(name)).collect();
    doors.dedup();
    match doors.as_slice() {
        [] => Ok(app.gateway_audience().to_owned()),
        [door] => {
            resource::canonical(app, &*form.client, door).ok_or(Error::InvalidTarget("This is not a resource of ours"))
        }
        _ => Err(Error::InvalidTarget("Ask for one resource at a time")),
    }
}

/// Without a scope, and with `api://…/.default` as Entra ID has it, a client means everything that it may have.
fn wanted(params: &Params) -> Result<Wanted, Error> {
    let Some(scope) = params.get("scope") else { return Ok(Wanted::All) };
    if scope.strip_suffix("/.default").is_some_and(|app| app.starts_with("api://") && !app.contains(' ')) {
        return Ok(Wanted::All);
    }
    let scope = scope.parse::<Scope>().map_err(|_| Error::InvalidScope("The scope is malformed"))?;
    Ok(if scope.is_empty() { Wanted::All } else { Wanted::Only(scope) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_meant_by_no_scope_and_by_the_default_of_an_app_alone() {
        let wanted = |form: &str| wanted(&Params::parse(form.as_bytes())).ok();
        for form in ["", "scope=", "scope=+", "scope=api://1bd17ba1/.default", "scope=api%3A%2F%2F%7BAPP%7D%2F.default"]
        {
            assert_eq!(wanted(form), Some(Wanted::All), "{form}");
        }
        let only = |text: &str| Some(Wanted::Only(text.parse().unwrap()));
        assert_eq!(wanted("scope=mgmt.read+mgmt.write"), only("mgmt.read mgmt.write"));
        for other in [".default", "https://graph.example/.default", "api://a/.default mcp:read"] {
            assert_eq!(wanted(&format!("scope={other}")), only(other), "{other}");
        }
        assert_eq!(wanted("scope=%22"), None);
    }
}
