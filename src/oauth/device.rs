//! `POST /oauth/device`: device authorization (RFC 8628 §3.1–3.2). The page that the person sees is `web/device`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use url::form_urlencoded;

use super::authorize::checks::{self, Refusal};
use super::client_request::ClientRequest;
use super::error::Error;
use super::token::GrantType;
use crate::app::App;
use crate::db::Connection;
use crate::grants::device::{self, INTERVAL, LIFETIME};
use crate::http::device_limits::DeviceLimits;
use crate::http::no_store::NoStore;
use crate::http::origin::origin_of;
use crate::http::{ClientAddress, urls};

/// `POST /oauth/device`: two codes, one to poll with and one for a person to type.
pub async fn post(
    app: Data<App>,
    limits: Data<DeviceLimits>,
    request: HttpRequest,
    ClientAddress(address): ClientAddress,
    form: ClientRequest,
) -> Result<HttpResponse, Error> {
    let ClientRequest { client, params, .. } = &form;
    if !client.grant_types.has(GrantType::DeviceCode.name()) {
        return Err(Error::UnauthorizedClient("This client has not registered the device_code grant type"));
    }
    limits.ask(address).map_err(Error::TooMany)?;
    let resource = checks::resource(&app, client, params.all("resource")).map_err(refused)?;
    let scope = checks::scope(client, params.get("scope")).map_err(refused)?;
    let origin = origin_of(&request);
    let terms = app.terms(&origin);
    let verb = async |conn: &mut Connection| device::ask(conn, &terms, client, scope, resource).await;
    let asked = app.db.write(verb).await?;
    let (page, user_code) = (app.at(urls::DEVICE), asked.user_code.reveal());
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("user_code", &user_code).finish();
    Ok(HttpResponse::Ok().no_store().json(json!({
        "device_code": asked.device_code.reveal(),
        "verification_uri_complete": format!("{page}?{query}"),
        "verification_uri": page,
        "user_code": user_code,
        "expires_in": LIFETIME.num_seconds(),
        "interval": INTERVAL,
    })))
}

/// What goes back to a redirect URI elsewhere is the answer itself here (RFC 8628 §3.2 refers to RFC 6749 §5.2).
fn refused(Refusal(code, why): Refusal) -> Error {
    match code {
        "invalid_target" => Error::InvalidTarget(why),
        "invalid_scope" => Error::InvalidScope(why),
        _ => Error::InvalidRequest(why),
    }
}
