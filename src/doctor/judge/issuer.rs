//! Authorization server metadata (RFC 8414, OpenID Connect Discovery).

use serde_json::Value;
use url::Url;

use super::super::finding::{Findings, Step};
use super::super::profile::{IssuerPlace, IssuerRule};
use super::super::record::{Look, Missing, is_secure, lists, shown, text};
use super::resource::{Resource, no_nulls};
use super::{Search, search};

const STEP: Step = Step::ServerMetadata;

/// What the client knows of the authorization server.
pub(super) struct Server {
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub registration_endpoint: Option<String>,
    pub jwks_uri: Option<String>,
    /// Takes client ids that are URLs.
    pub takes_metadata_documents: bool,
    /// Lists `offline_access`.
    pub offers_offline_access: bool,
}

/// Finds the document and judges it; `None` where the client stops.
pub(super) fn judge(look: &Look<'_>, resource: &Resource, found: &mut Findings) -> Result<Option<Server>, Missing> {
    let Ok(issuer) = Url::parse(&resource.issuer) else {
        let seen = format!("The authorization server is called {}.", shown(&resource.issuer));
        found.problem(STEP, "bad_issuer", seen, NO_URL, "Let authorization_servers hold the issuer's URL.");
        return Ok(None);
    };
    let mut places: Vec<String> = Vec::new();
    for place in look.profile.issuer_places {
        let url = at(&issuer, *place);
        if !places.contains(&url) {
            places.push(url);
        }
    }
    Ok(match search(look, STEP, &places, found)? {
        Search::Found(document, url) => read(look, resource, &document, &url, found),
        Search::Broken => None,
        Search::Nowhere if look.profile.guesses_issuer && resource.id.is_none() => {
            let seen = "There is no authorization server metadata.".to_owned();
            found.note(STEP, "no_document", seen, GUESSES, MEND_NOWHERE);
            Some(guessed(&issuer))
        }
        Search::Nowhere => {
            let seen = format!("There is no authorization server metadata at {}.", places.join(" nor at "));
            found.problem(STEP, "no_document", seen, NOWHERE, MEND_NOWHERE);
            None
        }
    })
}

fn at(issuer: &Url, place: IssuerPlace) -> String {
    let (origin, path) = (issuer.origin().ascii_serialization(), issuer.path().trim_end_matches('/'));
    match place {
        IssuerPlace::OauthInserted => format!("{origin}/.well-known/oauth-authorization-server{path}"),
        IssuerPlace::OauthRoot => format!("{origin}/.well-known/oauth-authorization-server"),
        IssuerPlace::OidcInserted => format!("{origin}/.well-known/openid-configuration{path}"),
        IssuerPlace::OidcAppended => format!("{origin}{path}/.well-known/openid-configuration"),
    }
}

/// Where the endpoints of early 2025 are.
fn guessed(issuer: &Url) -> Server {
    let origin = issuer.origin().ascii_serialization();
    Server {
        authorization_endpoint: format!("{origin}/authorize"),
        token_endpoint: format!("{origin}/token"),
        registration_endpoint: Some(format!("{origin}/register")),
        jwks_uri: None,
        takes_metadata_documents: false,
        offers_offline_access: false,
    }
}

fn read(look: &Look<'_>, resource: &Resource, document: &Value, url: &str, found: &mut Findings) -> Option<Server> {
    no_nulls(look, STEP, document, found);
    issuer(look.profile.issuer_rule, &resource.issuer, document, url, found);
    let authorization_endpoint = endpoint(document, "authorization_endpoint", found);
    let token_endpoint = endpoint(document, "token_endpoint", found);
    let registration_endpoint =
        text(document, "registration_endpoint").and_then(|_| endpoint(document, "registration_endpoint", found));
    offers(look, document, found);
    if look.profile.appends_query && authorization_endpoint.as_deref().is_some_and(|url| url.contains('?')) {
        let seen = "The authorization_endpoint has a query.";
        found.problem(STEP, "endpoint_with_query", seen, QUERY, "Publish the endpoint without a query.");
    }
    if !found.fails(STEP) {
        found.ok(STEP, "document", format!("{url} has all that this client looks at."));
    }
    Some(Server {
        authorization_endpoint: authorization_endpoint?,
        token_endpoint: token_endpoint?,
        registration_endpoint,
        jwks_uri: text(document, "jwks_uri").map(str::to_owned),
        takes_metadata_documents: document.get("client_id_metadata_document_supported") == Some(&Value::Bool(true)),
        offers_offline_access: lists(document, "scopes_supported", "offline_access") == Some(true),
    })
}

/// RFC 8414 §3.3: the document is that of the issuer it was asked for, letter by letter.
fn issuer(rule: IssuerRule, wanted: &str, document: &Value, url: &str, found: &mut Findings) {
    let said = text(document, "issuer").unwrap_or_default();
    let agrees = match rule {
        IssuerRule::Unchecked => true,
        IssuerRule::Exact => said == wanted,
        IssuerRule::ButForSlash => said.trim_end_matches('/') == wanted.trim_end_matches('/'),
    };
    let seen = format!("{url} has the issuer {:?}, and was asked for as {:?}.", shown(said), shown(wanted));
    if !agrees {
        found.problem(STEP, "issuer_mismatch", seen, ISSUER, MEND_ISSUER);
    } else if said != wanted {
        found.note(STEP, "issuer_mismatch", seen, ISSUER_FORGIVEN, MEND_ISSUER);
    }
}

/// An endpoint that is there and guarded by TLS (OAuth 2.1 §1.5).
fn endpoint(document: &Value, member: &'static str, found: &mut Findings) -> Option<String> {
    let Some(url) = text(document, member) else {
        let seen = format!("There is no {member}.");
        found.problem(STEP, "endpoint_missing", seen, ENDPOINT_MISSING, "Publish every endpoint in the metadata.");
        return None;
    };
    if !is_secure(url) {
        let seen = format!("The {member} is {}.", shown(url));
        found.problem(STEP, "insecure_endpoint", seen, INSECURE, MEND_INSECURE);
    }
    Some(url.to_owned())
}

/// What the server says it can do.
fn offers(look: &Look<'_>, document: &Value, found: &mut Findings) {
    if lists(document, "code_challenge_methods_supported", "S256") != Some(true) {
        let seen = "code_challenge_methods_supported does not have S256.";
        found.problem(
            STEP,
            "no_s256",
            seen,
            NO_S256,
            "Support PKCE with S256 and say so in code_challenge_methods_supported.",
        );
    }
    match lists(document, "response_types_supported", "code") {
        Some(true) => {}
        None if !look.profile.refuses_null => {
            let seen = "response_types_supported is not there.";
            found.note(STEP, "no_code_response_type", seen, NULL_LIKE, "Publish response_types_supported: [\"code\"].");
        }
        Some(false) | None => {
            let seen = "response_types_supported does not have code.";
            found.problem(
                STEP,
                "no_code_response_type",
                seen,
                NO_CODE,
                "Publish response_types_supported: [\"code\"].",
            );
        }
    }
    if lists(document, "grant_types_supported", "authorization_code") == Some(false) {
        let seen = "grant_types_supported does not have authorization_code.";
        found.problem(STEP, "no_code_grant", seen, NO_CODE, "Support the authorization code grant and say so.");
    }
    if lists(document, "grant_types_supported", "refresh_token") == Some(false) {
        let seen = "grant_types_supported does not have refresh_token.";
        found.note(STEP, "no_refresh", seen, NO_REFRESH, "Issue refresh tokens.");
    }
    if look.profile.auth_method == Some("none")
        && lists(document, "token_endpoint_auth_methods_supported", "none") == Some(false)
    {
        let seen = "token_endpoint_auth_methods_supported does not have none.";
        found.note(STEP, "no_public_clients", seen, NO_PUBLIC, "Accept public clients, and list none.");
    }
    if document.get("authorization_response_iss_parameter_supported") != Some(&Value::Bool(true)) {
        let seen = "authorization_response_iss_parameter_supported is not true.";
        found.note(STEP, "no_iss", seen, NO_ISS, "Send iss with every authorization response, and say so (RFC 9207).");
    }
}

const NO_URL: &str = "It cannot look anything up there.";
const GUESSES: &str = "It tries /authorize, /token and /register at the origin, as was usual in early 2025.";
const NOWHERE: &str = "It does not learn where to send the person and where to get tokens.";
const MEND_NOWHERE: &str = "Serve /.well-known/oauth-authorization-server (with the issuer's path behind it) or /.well-known/openid-configuration.";
const ISSUER: &str = "It stops: a document of another issuer may be a trap (RFC 8414 §3.3).";
const ISSUER_FORGIVEN: &str = "It does not mind; clients that compare to the letter do.";
const MEND_ISSUER: &str = "Write the issuer the same way everywhere, to the last slash: in the metadata, in authorization_servers and in iss.";
const ENDPOINT_MISSING: &str = "It cannot go on without it.";
const INSECURE: &str = "It refuses an endpoint without TLS.";
const MEND_INSECURE: &str =
    "Publish https URLs; behind a proxy, configure the public URL instead of deriving it from the request.";
const NO_S256: &str = "It must not go on without PKCE (MCP authorization, OAuth 2.1 §7.5.2).";
const NO_CODE: &str = "It takes the server for one that does not issue codes, and stops.";
const NULL_LIKE: &str = "It does not mind; others refuse the whole document.";
const NO_REFRESH: &str = "The person has to sign in again whenever an access token expires.";
const NO_PUBLIC: &str = "It has to register as a confidential client and keep a secret on the person's computer.";
const NO_ISS: &str = "It cannot tell an answer of this server from that of another one (mix-up, RFC 9207).";
const QUERY: &str = "It appends its parameters with a second question mark.";
