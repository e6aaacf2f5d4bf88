//! Every URL of the product, face by face, method by method.

use actix_cors::Cors;
use actix_web::guard;
use actix_web::middleware::from_fn;
use actix_web::web::{self, PathConfig, PayloadConfig, ServiceConfig};
use actix_web::{Handler, Resource, Responder, Route};

use super::{operations, realm, refusal};
use crate::api;
use crate::config::ServerConfig;
use crate::http::form::FORM_LIMIT;
use crate::http::{assets, cross_origin, flow, urls};
use crate::mcp;
use crate::oauth::{
    authorize, client_configuration, device, discovery, end_session, introspect, jwks, par, register, revoke, token,
    userinfo,
};
use crate::types::PublicUrl;
use crate::web as pages;

/// The whole table, below the public URL's own path.
pub fn all(public_url: &PublicUrl, server: &ServerConfig) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (public_url, server) = (public_url.clone(), server.clone());
    move |config| {
        well_known(config, &public_url);
        let below = web::scope(public_url.base_path())
            .configure(oauth)
            .configure(|config| mcp(config, &public_url, &server))
            .configure(|config| api(config, &public_url, &server))
            .configure(pages)
            .configure(development)
            .configure(operators)
            .default_service(web::to(refusal::not_found));
        config.service(below).default_service(web::to(refusal::not_found));
    }
}

/// Discovery, in every form in which clients look for it: with the well-known part before and after the public URL's path.
fn well_known(config: &mut ServiceConfig, public_url: &PublicUrl) {
    let base = public_url.base_path();
    for document in [urls::AUTHORIZATION_SERVER, urls::OPENID_CONFIGURATION] {
        let inserted = (!base.is_empty()).then(|| format!("{document}{base}"));
        for path in [format!("{base}{document}")].into_iter().chain(inserted) {
            config.service(web::resource(path).wrap(anyone()).route(read(discovery::get)));
        }
    }
    config.service(web::resource(format!("{base}{}", urls::JWKS)).wrap(anyone()).route(read(jwks::get)));
    for path in api::metadata::paths(public_url) {
        config.service(web::resource(path).wrap(anyone()).route(read(api::metadata::get)));
    }
    for path in mcp::metadata::paths(public_url) {
        config.service(web::resource(path).wrap(anyone()).route(read(mcp::metadata::get)));
    }
}

fn oauth(config: &mut ServiceConfig) {
    for path in [urls::AUTHORIZE, urls::AUTHORIZE_GUESS] {
        // Never readable across origins: it answers according to who is signed in.
        let watched = posted(path, FORM_LIMIT).wrap(from_fn(flow::watch));
        config.service(watched.route(read(authorize::get)).route(web::post().to(authorize::post)));
    }
    for path in [urls::TOKEN, urls::TOKEN_GUESS, urls::TOKEN_OAUTH2] {
        let watched = posted(path, FORM_LIMIT).wrap(from_fn(flow::watch));
        config.service(watched.wrap(anyone()).route(web::post().to(token::post)));
    }
    for path in [urls::TOKEN_OF_REALM, urls::TOKEN_OF_TENANT] {
        let watched = posted(path, FORM_LIMIT).wrap(from_fn(flow::watch)).wrap(anyone());
        config.service(watched.wrap(from_fn(realm::exists)).route(web::post().to(token::post)));
    }
    for path in [urls::REGISTER, urls::REGISTER_GUESS] {
        let watched = posted(path, register::LARGEST).wrap(from_fn(flow::watch));
        config.service(watched.wrap(anyone()).route(web::post().to(register::post)));
    }
    let configuration = posted(urls::CLIENT_CONFIGURATION, register::LARGEST).wrap(anyone());
    let configuration = configuration.route(read(client_configuration::get));
    let configuration = configuration.route(web::put().to(client_configuration::put));
    config.service(configuration.route(web::delete().to(client_configuration::delete)));
    config.service(posted(urls::INTROSPECT, FORM_LIMIT).route(web::post().to(introspect::post)));
    config.service(posted(urls::PAR, FORM_LIMIT).wrap(anyone()).route(web::post().to(par::post)));
    let device_authorization = posted(urls::DEVICE_AUTHORIZATION, FORM_LIMIT);
    config.service(device_authorization.wrap(anyone()).route(web::post().to(device::post)));
    config.service(posted(urls::REVOKE, FORM_LIMIT).wrap(anyone()).route(web::post().to(revoke::post)));
    let userinfo = posted(urls::USERINFO, FORM_LIMIT).wrap(anyone());
    config.service(userinfo.route(read(userinfo::get)).route(web::post().to(userinfo::get)));
    let end_session = posted(urls::END_SESSION, FORM_LIMIT);
    config.service(end_session.route(read(end_session::get)).route(web::post().to(end_session::post)));
}

/// A resource that takes bodies of so many bytes; a larger one is answered 413. Pages and `/mcp` count for themselves.
fn posted(path: &str, largest: usize) -> Resource {
    web::resource(path).app_data(PayloadConfig::new(largest))
}

fn mcp(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    // Every method: a client's first probe, whatever it is, must end in a challenge that it can follow.
    let endpoint =
        web::resource(urls::MCP).wrap(allowed(public_url, server)).default_service(web::to(mcp::endpoint::handle));
    config.service(endpoint);
}

fn api(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    let servers = web::resource(urls::API_MCP_SERVERS)
        .wrap(allowed(public_url, server))
        .route(read(api::v1::mcp_servers::list))
        .default_service(web::to(api::only_get));
    config.service(servers);
    let keys = posted(urls::API_KEYS, FORM_LIMIT).wrap(allowed(public_url, server));
    let keys = keys.route(read(api::v1::api_keys::list)).route(web::post().to(api::v1::api_keys::post));
    config.service(keys.default_service(web::to(api::only_list)));
    let key = identified(urls::API_KEY).wrap(allowed(public_url, server));
    let key = key.route(read(api::v1::api_keys::get)).route(web::delete().to(api::v1::api_keys::delete));
    config.service(key.default_service(web::to(api::only_item)));
    let rotation = identified(urls::API_KEY_ROTATION).wrap(allowed(public_url, server));
    let rotation = rotation.route(web::post().to(api::v1::api_keys::rotate_one));
    config.service(rotation.default_service(web::to(api::only_post)));
    let tokens = posted(urls::API_ACCESS_TOKENS, FORM_LIMIT).wrap(allowed(public_url, server));
    let tokens = tokens.route(read(api::v1::access_tokens::list)).route(web::post().to(api::v1::access_tokens::post));
    config.service(tokens.default_service(web::to(api::only_list)));
    let token = identified(urls::API_ACCESS_TOKEN).wrap(allowed(public_url, server));
    let token = token.route(read(api::v1::access_tokens::get)).route(web::delete().to(api::v1::access_tokens::delete));
    config.service(token.default_service(web::to(api::only_item)));
    let rotation = identified(urls::API_ACCESS_TOKEN_ROTATE).wrap(allowed(public_url, server));
    let rotation = rotation.route(web::post().to(api::v1::access_tokens::rotate));
    config.service(rotation.default_service(web::to(api::only_post)));
    config.service(web::scope(urls::API).default_service(web::to(api::not_found)));
}

/// One thing of the management API: an id in its path that cannot be one leads nowhere.
fn identified(path: &str) -> Resource {
    posted(path, FORM_LIMIT).app_data(PathConfig::default().error_handler(|_, _| api::nowhere()))
}

fn pages(config: &mut ServiceConfig) {
    use pages::settings::{apps, keys, setup, tokens};
    use pages::{admin, consent, device, home, set_up, sign_in, sign_out};
    config
        .service(web::resource(urls::HOME).route(read(home::get)))
        .service(
            web::resource(urls::LOGIN)
                .wrap(from_fn(flow::watch))
                .route(read(sign_in::get))
                .route(web::post().to(sign_in::post)),
        )
        .service(web::resource(urls::LOGOUT).route(read(sign_out::get)).route(web::post().to(sign_out::post)))
        .service(web::resource(urls::SETUP).route(read(set_up::get)).route(web::post().to(set_up::post)))
        .service(
            web::resource(urls::CONSENT)
                .wrap(from_fn(flow::watch))
                .route(read(consent::get))
                .route(web::post().to(consent::post)),
        )
        .service(web::resource(urls::DEVICE).route(read(device::get)).route(web::post().to(device::post)))
        .service(web::resource(urls::APPS).route(read(apps::get)).route(web::post().to(apps::post)))
        .service(web::resource(urls::KEYS).route(read(keys::get)))
        .service(web::resource(urls::NEW_API_KEY).route(read(keys::new)).route(web::post().to(keys::make)))
        .service(web::resource(urls::KEY).route(read(keys::one)))
        .service(web::resource(urls::KEY_REVOKE).route(read(keys::confirm_revoke)).route(web::post().to(keys::revoke)))
        .service(web::resource(urls::KEY_ROTATE).route(read(keys::confirm_rotate)).route(web::post().to(keys::rotate)))
        .service(
            web::resource(urls::KEY_REPLACE).route(read(keys::confirm_replace)).route(web::post().to(keys::replace)),
        )
        .service(
            web::resource(urls::JWT_TOKEN)
                .route(read(pages::settings::jwt_token::get))
                .route(web::post().to(pages::settings::jwt_token::post)),
        )
        .service(web::resource(urls::JWT_TOKEN_REVOKE).route(web::post().to(pages::settings::jwt_token::revoke)))
        .service(web::resource(urls::ACCESS_TOKENS).route(read(tokens::get)))
        .service(web::resource(urls::ACCESS_TOKENS_NEW).route(read(tokens::new)).route(web::post().to(tokens::make)))
        .service(web::resource(urls::ACCESS_TOKEN).route(read(tokens::one)))
        .service(
            web::resource(urls::ACCESS_TOKEN_ROTATE)
                .route(read(tokens::confirm_rotate))
                .route(web::post().to(tokens::rotate)),
        )
        .service(
            web::resource(urls::ACCESS_TOKEN_REVOKE)
                .route(read(tokens::confirm_revoke))
                .route(web::post().to(tokens::revoke)),
        )
        .service(web::resource(urls::JWT_TOKEN_FILE).route(web::post().to(pages::settings::jwt_token::file)))
        .service(web::resource(urls::MCP_SETUP).route(read(setup::get)))
        .service(web::resource(urls::MCP_SETUP_TEST).route(web::post().to(setup::trial::post)))
        .service(web::resource(urls::DOCTOR).route(read(admin::doctor::get)).route(web::post().to(admin::doctor::post)))
        .service(web::resource(urls::FLOWS).route(read(admin::flows::get)))
        .service(web::resource(format!("{}/{{file}}", urls::STATIC)).route(read(assets::get)))
        .service(web::resource(urls::FAVICON).route(read(assets::favicon)));
}

/// What only those who work on the pages look at.
#[cfg(debug_assertions)]
fn development(config: &mut ServiceConfig) {
    config.service(web::resource(urls::COMPONENTS).route(read(pages::settings::components::get)));
}

/// A release has nothing of the kind.
#[cfg(not(debug_assertions))]
fn development(_: &mut ServiceConfig) {}

fn operators(config: &mut ServiceConfig) {
    config
        .service(web::resource(urls::HEALTHZ).route(read(operations::healthz)))
        .service(web::resource(urls::READYZ).route(read(operations::readyz)))
        .service(web::resource(urls::METRICS).route(read(operations::metrics)));
}

/// GET, and HEAD with it.
fn read<F, Args>(handler: F) -> Route
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler)
}

/// For what any web page may read: nothing there depends on who is signed in (`decisions` 15).
fn anyone() -> Cors {
    Cors::default()
        .allow_any_origin()
        .send_wildcard()
        .allow_any_method()
        .allow_any_header()
        .expose_headers(["DPoP-Nonce"])
        .max_age(3600)
}

/// For MCP: our own origin, this machine's, and those that the operator allows.
fn allowed(public_url: &PublicUrl, server: &ServerConfig) -> Cors {
    let server = ServerConfig { public_url: public_url.clone(), ..server.clone() };
    Cors::default()
        .allowed_origin_fn(move |origin, _| origin.to_str().is_ok_and(|origin| cross_origin::is_known(origin, &server)))
        .block_on_origin_mismatch(false)
        .allow_any_method()
        .allow_any_header()
        .expose_headers(["WWW-Authenticate", "DPoP-Nonce", "Mcp-Session-Id", "X-Request-Id"])
        .max_age(3600)
}
