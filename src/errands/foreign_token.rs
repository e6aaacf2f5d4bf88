//! ERRAND: judge the access token of another issuer, with the keys that it publishes.
//!
//! Only issuers that the operator named are asked, at the address that the operator named: nothing in a request says where.

use std::sync::Arc;

use super::key_set;
use crate::access::Authenticated;
use crate::access::admit_foreign::Admission;
use crate::access::authenticate::Door;
use crate::access::foreign_token::ForeignToken;
use crate::app::App;
use crate::audit::Origin;
use crate::crypto::statement::Header;
use crate::grants::accepted_tokens::TokenIssuer;
use crate::grants::provision;

/// Who calls by this token, which says that it is `from` there. The error says why that cannot be told now.
pub async fn authenticate(
    app: &App,
    token: &str,
    from: &TokenIssuer,
    door: Door<'_>,
    origin: &Origin,
) -> Result<Authenticated, String> {
    let known = match app.access.known_foreign(token, from) {
        Some(known) => known,
        None => match verify(app, token, from).await? {
            Ok(verified) => app.access.keep_foreign(token, verified),
            Err(why) => return Ok(Authenticated::Refused(why)),
        },
    };
    let admit = async || {
        let admission = app.access.admit_foreign(&app.db, &known, from, door, app.clock.now()).await;
        admission.map_err(|error| error.to_string())
    };
    if let Admission::Judged(judged) = admit().await? {
        return Ok(judged);
    }
    if meet(app, &known, from, origin).await?
        && let Admission::Judged(judged) = admit().await?
    {
        return Ok(judged);
    }
    Ok(Authenticated::Refused("Nobody here is linked to the account in the token; an administrator can link them"))
}

/// What the token says, if its issuer signed it by a key that it names and publishes.
async fn verify(app: &App, token: &str, from: &TokenIssuer) -> Result<Result<ForeignToken, &'static str>, String> {
    const UNSIGNED: &str = "The token is not signed by its issuer";
    let Some(header) = Header::of(token).filter(|header| header.kid.is_some()) else { return Ok(Err(UNSIGNED)) };
    let algorithms = from.issuer.algorithms();
    if algorithms.iter().all(|algorithm| algorithm.name() != header.alg) {
        return Ok(Err(UNSIGNED));
    }
    let keys = key_set::of_issuer(app, &from.issuer, &header).await.map_err(|why| {
        tracing::warn!(issuer = from.issuer.issuer, why, "the keys of a trusted issuer cannot be used");
        why
    })?;
    Ok(keys.verify(token, &algorithms).ok_or(UNSIGNED).and_then(|claims| ForeignToken::read(&header, claims, from)))
}

/// Adds the person of an account that nobody knows, where the operator said so. Programs are no people.
async fn meet(app: &App, token: &Arc<ForeignToken>, from: &TokenIssuer, origin: &Origin) -> Result<bool, String> {
    if !from.issuer.provision || token.is_of_program(from.issuer.username_claim.as_deref()) {
        return Ok(false);
    }
    let (terms, account) = (app.terms(origin), (token.account.1.as_str(), &token.claims));
    let met = app.db.write(async |conn| provision::meet(conn, &terms, &from.issuer, account).await).await;
    app.access.forget_linked(&token.account);
    met.map_err(|error| error.to_string())
}
