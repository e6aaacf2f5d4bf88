//! Protected resource metadata: what this resource is called, and who gives tokens for it (RFC 9728).

use serde_json::Value;
use url::Url;

use super::super::challenge::Challenge;
use super::super::finding::{Findings, Step};
use super::super::profile::ResourcePlace;
use super::super::record::{Case, Look, Missing, is_secure, lists, nulls, shown, text};
use super::{Search, search};

const STEP: Step = Step::ResourceMetadata;

/// What the client knows of the resource.
pub(super) struct Resource {
    /// What it will send as `resource` (RFC 8707).
    pub id: Option<String>,
    /// The authorization server.
    pub issuer: String,
    /// What it will ask for.
    pub scope: Option<String>,
}

/// Finds the document and judges it; `None` where the client stops.
pub(super) fn judge(look: &Look<'_>, challenge: &Challenge, found: &mut Findings) -> Result<Option<Resource>, Missing> {
    let named = challenge.resource_metadata.clone().filter(|url| Url::parse(url).is_ok());
    let mut places: Vec<String> = named.into_iter().collect();
    for place in look.profile.resource_places {
        let url = at(look.case, *place);
        if !places.contains(&url) {
            places.push(url);
        }
    }
    Ok(match search(look, STEP, &places, found)? {
        Search::Found(document, url) => read(look, challenge, &document, &url, found),
        Search::Broken => None,
        Search::Nowhere if look.profile.guesses_issuer => {
            let seen = "There is no protected resource metadata.".to_owned();
            found.note(STEP, "no_document", seen, GUESSES, MEND_NOWHERE);
            Some(Resource { id: None, issuer: look.case.origin(), scope: challenge.scope.clone() })
        }
        Search::Nowhere => {
            let seen = format!("There is no protected resource metadata at {}.", places.join(" nor at "));
            found.problem(STEP, "no_document", seen, NOWHERE, MEND_NOWHERE);
            None
        }
    })
}

fn at(case: &Case, place: ResourcePlace) -> String {
    let (origin, path) = (case.origin(), case.url.path().trim_end_matches('/'));
    match place {
        ResourcePlace::Inserted => format!("{origin}/.well-known/oauth-protected-resource{path}"),
        ResourcePlace::Appended => format!("{origin}{path}/.well-known/oauth-protected-resource"),
        ResourcePlace::Root => format!("{origin}/.well-known/oauth-protected-resource"),
    }
}

fn read(look: &Look<'_>, challenge: &Challenge, document: &Value, url: &str, found: &mut Findings) -> Option<Resource> {
    no_nulls(look, STEP, document, found);
    let Some(id) = text(document, "resource") else {
        found.problem(STEP, "no_resource", format!("{url} has no resource."), NO_RESOURCE, MEND_RESOURCE);
        return None;
    };
    let asked = look.case.url.as_str();
    if !covers(id, &look.case.url) {
        let seen = format!("{url} is about {}, not about {asked}.", shown(id));
        found.problem(STEP, "resource_mismatch", seen, MISMATCH, MEND_RESOURCE);
    } else if id.trim_end_matches('/') != asked.trim_end_matches('/') {
        let seen = format!("{url} calls the resource {}.", shown(id));
        found.note(STEP, "resource_differs", seen, DIFFERS, MEND_RESOURCE);
    }
    let servers = document.get("authorization_servers").and_then(Value::as_array);
    let Some(issuer) = servers.and_then(|servers| servers.first()).and_then(Value::as_str) else {
        let seen = format!("{url} names no authorization_servers.");
        found.problem(STEP, "no_authorization_server", seen, NO_ISSUER, "List the issuer in authorization_servers.");
        return None;
    };
    if !is_secure(issuer) {
        let seen = format!("The authorization server is {}.", shown(issuer));
        found.problem(STEP, "insecure_issuer", seen, INSECURE, "Give the authorization server an https issuer.");
    }
    if lists(document, "scopes_supported", "offline_access") == Some(true) {
        let seen = "scopes_supported of the resource has offline_access.";
        found.note(STEP, "offline_access", seen, OFFLINE, "List offline_access at the authorization server only.");
    }
    if !found.fails(STEP) {
        found.ok(STEP, "document", format!("{url} is about this resource and names {}.", shown(issuer)));
    }
    Some(Resource { id: Some(id.to_owned()), issuer: issuer.to_owned(), scope: scope(challenge, document) })
}

/// The challenge's scope decides; without one it asks for all that the resource lists.
fn scope(challenge: &Challenge, document: &Value) -> Option<String> {
    let listed = document.get("scopes_supported").and_then(Value::as_array);
    let all = || listed.map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
    challenge.scope.clone().or_else(all).filter(|scope| !scope.is_empty())
}

/// True when the resource is this URL, or begins its path: what every SDK accepts, and no more.
fn covers(resource: &str, url: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else { return false };
    let (wide, narrow) = (resource.path().trim_end_matches('/'), url.path().trim_end_matches('/'));
    let is_below = narrow == wide || narrow.strip_prefix(wide).is_some_and(|rest| rest.starts_with('/'));
    resource.origin() == url.origin() && is_below
}

/// Tells of members that are `null` where there should be none.
pub(super) fn no_nulls(look: &Look<'_>, step: Step, document: &Value, found: &mut Findings) {
    let nulls = nulls(document);
    if nulls.is_empty() {
        return;
    }
    let seen = format!("These members are null: {nulls}.");
    match look.profile.refuses_null {
        true => found.problem(step, "null_member", seen, NULL, MEND_NULL),
        false => found.note(step, "null_member", seen, NULL_FORGIVEN, MEND_NULL),
    }
}

const GUESSES: &str = "It takes the MCP server's own origin for the authorization server, as was usual in early 2025.";
const NOWHERE: &str = "It does not learn where to sign in.";
const MEND_NOWHERE: &str = "Serve /.well-known/oauth-protected-resource with the endpoint's path behind it (RFC 9728).";
const NO_RESOURCE: &str = "It cannot tell what the document is about, and stops.";
const MEND_RESOURCE: &str =
    "Let resource be the URL that people paste, to the letter; mind proxies that change host or scheme.";
const MISMATCH: &str = "It stops, as a document about another server may be a trap (RFC 9728 §3.3).";
const DIFFERS: &str = "Tokens are asked for the name in the document, and a server that expects the URL refuses them.";
const NO_ISSUER: &str = "It does not learn where to sign in.";
const INSECURE: &str = "It refuses an authorization server without TLS.";
const OFFLINE: &str = "It asks the person for lasting access although the resource does not need it.";
const NULL: &str = "It expects a member to be there or not: one null makes it refuse the whole document.";
const NULL_FORGIVEN: &str = "It can live with that; others cannot.";
const MEND_NULL: &str = "Leave out members that have no value.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_covers_itself_and_what_is_below_it_and_nothing_else() {
        let url = "https://a.example/t/mcp".parse().unwrap();
        for yes in ["https://a.example/t/mcp", "https://a.example/t/mcp/", "https://a.example/t", "https://a.example"] {
            assert!(covers(yes, &url), "{yes}");
        }
        for no in
            ["https://a.example/t/mc", "https://a.example/other", "http://a.example/t/mcp", "https://b.example", "x"]
        {
            assert!(!covers(no, &url), "{no}");
        }
    }
}
