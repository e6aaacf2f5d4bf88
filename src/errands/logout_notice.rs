//! ERRAND: tell an app that a session ended (OpenID Connect Back-Channel Logout §2.5).

use crate::app::App;
use crate::db;
use crate::grants::client::{self, ClientOrigin};
use crate::grants::log_out;
use crate::grants::logout_notice::LogoutNotice;
use crate::net::Purpose;

/// Tries once to tell the app, and remembers what came of it. `Err` only when the database does not answer.
pub async fn tell(app: &App, notice: &LogoutNotice) -> Result<(), db::Error> {
    let outcome = send(app, notice).await?;
    let now = app.clock.now();
    app.db
        .write(async |conn| match &outcome {
            Ok(()) => log_out::told(conn, notice, now).await,
            Err(why) => log_out::failed(conn, notice, why, now).await,
        })
        .await
}

/// Sends the logout token to where the client says now.
async fn send(app: &App, notice: &LogoutNotice) -> Result<Result<(), String>, db::Error> {
    let found = {
        let mut conn = app.db.read().await?;
        client::find(&mut conn, &notice.client_id).await?
    };
    let Some(client) = found.filter(|client| client.disabled_at.is_none()) else {
        return Ok(Err("the client may no longer act".to_owned()));
    };
    let Some(url) = &client.options.backchannel_logout_uri else {
        return Ok(Err("the client no longer wants to be told".to_owned()));
    };
    // What a stranger registered leads to public addresses only (`decisions` 20).
    let purpose = match client.origin {
        ClientOrigin::Administrator | ClientOrigin::BuiltIn => Purpose::AdministratorEndpoint,
        ClientOrigin::Registered | ClientOrigin::MetadataDocument | ClientOrigin::Person => Purpose::ClientDocument,
    };
    let token = match app.signing.logout_token(app.issuer(), notice, app.clock.now()) {
        Ok(token) => token,
        Err(error) => return Ok(Err(error.to_string())),
    };
    Ok(match app.net.post_form(purpose, url, &[("logout_token", &token)]).await {
        // §2.8: 200; some frameworks turn an empty one into 204.
        Ok(200 | 204) => Ok(()),
        Ok(status) => Err(format!("the app answered with status {status}")),
        Err(error) => Err(error.to_string()),
    })
}
