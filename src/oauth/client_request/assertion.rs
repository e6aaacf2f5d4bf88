//! `private_key_jwt`: whose keys a client's statement is checked with, and for whom it must be meant.

use crate::app::App;
use crate::crypto::statement::Header;
use crate::db;
use crate::errands::client_keys::{self, ClientKeys};
use crate::grants::client::{Client, Profile};
use crate::grants::client_assertion;
use crate::http::urls;

/// What is wrong with a client's statement, if anything.
pub(super) async fn flaw(
    app: &App,
    client: &Client,
    assertion: &str,
    path: &str,
) -> Result<Option<&'static str>, db::Error> {
    let Some(header) = Header::of(assertion) else { return Ok(Some("The client_assertion is not a signed JWT")) };
    let keys = match client_keys::of(app, client, &header, true).await {
        ClientKeys::Known(keys) => keys,
        ClientKeys::Missing(why) => return Ok(Some(why)),
        ClientKeys::NotFetched => return Ok(Some("The keys of this client are not known")),
    };
    // RFC 7523 §3, OpenID Connect Core §9: clients differ in which of these they say.
    let endpoint = format!("{}{path}", app.config.server.public_url.origin());
    let token = app.at(urls::TOKEN);
    let all = [app.issuer(), &token, &endpoint];
    // FAPI 2.0 Security Profile §5.3.2.1: the issuer, by that name alone.
    let audiences = if client.options.profile == Profile::Fapi2 { &all[..1] } else { &all[..] };
    match client_assertion::judge(client, &keys, assertion, audiences, app.clock.now()) {
        Ok(statement) => {
            let use_up = async |conn: &mut db::Connection| client_assertion::use_up(conn, client, &statement).await;
            let is_new = app.db.write_once(use_up).await?;
            Ok((!is_new).then_some("The client_assertion was used before; sign a new one for each request"))
        }
        Err(why) => Ok(Some(why)),
    }
}
