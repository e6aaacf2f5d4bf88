//! `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523 §2.1): statements of issuers that the operator trusts.
//!
//! Two kinds: an identity provider lets a client in for a person (ID-JAG), and a platform says which workload it runs
//! (SEP-1933), which needs no client of its own. The issuer's entry says which of the two it may say; nothing else does.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::request::TokenRequest;
use super::{AccessToken, Bought, Recipient, Tokens, resource, sign};
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::statement::{self, Header, KeySet};
use crate::errands::key_set;
use crate::grants::assertion::Assertion;
use crate::grants::id_jag::{self, LetIn};
use crate::grants::sign::Audience;
use crate::grants::trusted_issuer::{self, IssuerKind, TrustedIssuer};
use crate::grants::workload::{self, Admitted};
use crate::http::params::Params;
use crate::http::urls;
use crate::oauth::client_request::ClientRequest;
use crate::oauth::error::Error;
use crate::types::{Scope, SubjectId, known_scopes};

/// The `typ` of an ID-JAG; what has it is taken for nothing else.
const ID_JAG: &str = "oauth-id-jag+jwt";

/// The profile of this grant that discovery names.
pub const ID_JAG_PROFILE: &str = "urn:ietf:params:oauth:grant-profile:id-jag";

const UNKNOWN: Error = Error::InvalidGrant("The issuer of the assertion is not trusted here");

pub(super) async fn redeem(app: &App, request: &TokenRequest, origin: &Origin) -> Result<Tokens, Error> {
    let text = request.params().get("assertion").ok_or(Error::InvalidRequest("The assertion is missing"))?;
    let header = Header::of(text).ok_or(Error::InvalidGrant("The assertion is not a signed JWT"))?;
    let issuer = trusted(app, text).await?;
    if header.is(ID_JAG) != (issuer.kind == IssuerKind::IdJag) {
        return Err(Error::InvalidGrant("The assertion is not of the kind that its issuer is trusted for (typ)"));
    }
    let keys = keys(app, &issuer, &header).await?;
    let claims: Option<Value> = keys.verify(text, &issuer.algorithms());
    let assertion = claims.and_then(Assertion::read);
    let assertion = assertion.ok_or(Error::InvalidGrant("The assertion is not signed by its issuer, or malformed"))?;
    match (issuer.kind, request) {
        (IssuerKind::IdJag, TokenRequest::Client(form)) => id_jag(app, form, &issuer, &assertion, origin).await,
        (IssuerKind::IdJag, TokenRequest::Anonymous { .. }) => {
            Err(Error::InvalidClient { why: "This assertion takes a client that authenticates", basic: false })
        }
        (IssuerKind::AccessTokens, _) => Err(UNKNOWN),
        (IssuerKind::Workload, _) => workload(app, request, &issuer, &assertion, origin).await,
    }
}

/// Whose keys to check it with; what it says is believed only then.
async fn trusted(app: &App, text: &str) -> Result<TrustedIssuer, Error> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
    }
    let Some(Claimed { iss }) = statement::unverified::<Claimed>(text) else { return Err(UNKNOWN) };
    let mut conn = app.db.read().await?;
    let issuer = trusted_issuer::trusted(&mut conn, &iss).await.map_err(crate::db::Error::from)?;
    issuer.filter(|issuer| issuer.kind != IssuerKind::AccessTokens).ok_or(UNKNOWN)
}

async fn keys(app: &App, issuer: &TrustedIssuer, header: &Header) -> Result<Arc<KeySet>, Error> {
    key_set::of_issuer(app, issuer, header).await.map_err(|why| {
        tracing::warn!(issuer = issuer.issuer, why, "the keys of a trusted issuer cannot be used");
        Error::InvalidGrant("The keys of the assertion's issuer cannot be had just now")
    })
}

fn scope(params: &Params) -> Result<Option<Scope>, Error> {
    let scope = params.get("scope").map(str::parse::<Scope>).transpose();
    scope.map_err(|_| Error::InvalidScope("The scope is malformed"))
}

async fn id_jag(
    app: &App,
    form: &ClientRequest,
    issuer: &TrustedIssuer,
    assertion: &Assertion,
    origin: &Origin,
) -> Result<Tokens, Error> {
    let ClientRequest { client, params, .. } = form;
    if !id_jag::may_be_let_in(client) {
        return Err(Error::UnauthorizedClient(
            "Only confidential clients that somebody vouches for are let in by others",
        ));
    }
    let jti = assertion.judge(issuer, &[app.issuer()], app.clock.now()).map_err(Error::InvalidGrant)?;
    let resource = asserted_resource(app, form, assertion)?;
    let attempt = id_jag::Attempt { issuer, assertion, jti, scope: scope(params)?, resource };
    let terms = app.terms(origin);
    match app.db.write(async |conn| id_jag::let_in(conn, &terms, client, &attempt).await).await? {
        LetIn::Granted { grant, person } => {
            let scope = grant.scope.clone();
            let recipient = Recipient::of(form);
            sign(app, Bought { recipient, grant: &grant, person: &person, scope, refresh: None, nonce: None })
        }
        LetIn::Refused(why) => Err(Error::InvalidGrant(why)),
        LetIn::WrongScope => Err(Error::InvalidScope("Nothing of that scope is granted to this client and person")),
    }
}

/// What others say of somebody opens one door, never all of them (`decisions` 8).
fn one_door(app: &App, named: Option<String>) -> Result<Option<String>, Error> {
    match named.as_deref() == Some(app.gateway_audience()) {
        true => Err(Error::InvalidTarget("Name one resource; this is the audience that opens every door")),
        false => Ok(named),
    }
}

/// A resource of ours that both name, if they name one; `/mcp` otherwise.
fn asserted_resource(app: &App, form: &ClientRequest, assertion: &Assertion) -> Result<String, Error> {
    let asked = one_door(app, resource(app, Some(&form.client), &form.params)?)?;
    let canonical = |name: &String| {
        crate::oauth::resource::canonical(app, &*form.client, name).filter(|door| door != app.gateway_audience())
    };
    let asserted: Vec<String> = match &assertion.known.resource {
        None => Vec::new(),
        Some(Audience::One(one)) => canonical(one).into_iter().collect(),
        Some(Audience::Many(many)) => many.iter().filter_map(canonical).collect(),
    };
    match (asked, assertion.known.resource.is_some()) {
        (Some(asked), true) if asserted.iter().all(|one| *one != asked) => {
            Err(Error::InvalidTarget("The assertion is for another resource"))
        }
        (Some(asked), _) => Ok(asked),
        (None, true) => {
            asserted.into_iter().next().ok_or(Error::InvalidTarget("The assertion is for no resource of ours"))
        }
        (None, false) => Ok(app.at(urls::MCP)),
    }
}

async fn workload(
    app: &App,
    request: &TokenRequest,
    issuer: &TrustedIssuer,
    assertion: &Assertion,
    origin: &Origin,
) -> Result<Tokens, Error> {
    let (client, params) = (request.client(), request.params());
    let endpoint = app.at(urls::TOKEN);
    let audiences = issuer.audience.as_deref().map_or(vec![app.issuer(), endpoint.as_str()], |only| vec![only]);
    let jti = assertion.judge(issuer, &audiences, app.clock.now()).map_err(Error::InvalidGrant)?;
    let resource = one_door(app, resource(app, client, params)?)?;
    let resource = resource.ok_or(Error::InvalidTarget("Name the resource that the token is for"))?;
    let attempt = workload::Attempt { assertion, jti, client, scope: scope(params)?, resource: &resource };
    let terms = app.terms(origin);
    match app.db.write(async |conn| workload::admit(conn, &terms, &attempt).await).await? {
        Admitted::Admitted { client, account, scope } => {
            let groups = scope.has(known_scopes::GROUPS).then(|| account.groups.clone());
            let (subject, audience) = (SubjectId::Service(account.id), Audience::One(resource.clone()));
            let recipient = Recipient { client: &client, proof_key: request.proof_key() };
            if client.options.dpop_bound_access_tokens && recipient.proof_key.is_none() {
                return Err(Error::InvalidRequest(
                    "This client gets tokens with DPoP alone; the DPoP header is missing",
                ));
            }
            let token = AccessToken {
                recipient,
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
        Admitted::Refused(why) => Err(Error::InvalidGrant(why)),
        Admitted::WrongResource => Err(Error::InvalidTarget("The workload's rule is for another resource")),
        Admitted::WrongScope => Err(Error::InvalidScope("The workload's rule gives nothing of that scope")),
    }
}
