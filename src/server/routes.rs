//! Every URL of the product, face by face, method by method.

use actix_cors::Cors;
use actix_web::guard;
use actix_web::middleware::from_fn;
use actix_web::web::{self, PayloadConfig, ServiceConfig};
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
            .configure(|config| mcp(config, &public_url, &server))
            .configure(|config| gateway(config, &public_url, &server))
            .configure(oauth)
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
    for path in mcp::metadata::paths_of_servers(public_url) {
        config.service(web::resource(path).wrap(anyone()).route(read(mcp::metadata::get_of_server)));
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

/// The servers behind us, before every other pattern, since paths are tried one after the other and most requests are theirs.
/// No name of a server is a first segment of ours, and no path of ours ends as theirs do: tests.
fn gateway(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    let endpoint = web::resource(urls::SERVER_MCP)
        .wrap(allowed(public_url, server))
        .default_service(web::to(mcp::gateway::handle));
    config.service(endpoint);
    let at = |path: &str| web::resource(path).wrap(allowed(public_url, server));
    config.service(at(urls::SERVER_SSE).route(web::get().to(mcp::gateway::old_sse::open)));
    config.service(at(urls::SERVER_MESSAGES).route(web::post().to(mcp::gateway::old_sse::post)));
}

fn api(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    config.configure(|config| servers(config, public_url, server));
    use api::v1::clients;
    let list = posted(urls::API_CLIENTS, FORM_LIMIT).wrap(allowed(public_url, server));
    let list = list.route(read(clients::list)).route(web::post().to(clients::create));
    config.service(list.default_service(web::to(api::get_or_post)));
    let one = posted(urls::API_CLIENT, FORM_LIMIT).wrap(allowed(public_url, server));
    let one = one.route(read(clients::get)).route(web::patch().to(clients::change));
    let one = one.route(web::delete().to(clients::remove));
    config.service(one.default_service(web::to(api::get_patch_or_delete)));
    let secrets = posted(urls::API_CLIENT_SECRETS, FORM_LIMIT).wrap(allowed(public_url, server));
    let secrets = secrets.route(web::post().to(clients::rotate));
    config.service(secrets.default_service(web::to(api::only_post)));
    let secret = web::resource(urls::API_CLIENT_SECRET).wrap(allowed(public_url, server));
    let secret = secret.route(web::delete().to(clients::end_secret));
    config.service(secret.default_service(web::to(api::only_delete)));
    config.configure(|config| workspaces(config, public_url, server));
    config.configure(|config| policies(config, public_url, server));
    config.configure(|config| audit(config, public_url, server));
    config.configure(|config| keys(config, public_url, server));
    config.configure(|config| tokens(config, public_url, server));
    config.service(web::scope(urls::API).default_service(web::to(api::not_found)));
}

/// Registered MCP servers.
fn servers(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    use api::v1::{mcp_server_tools, mcp_servers};
    let at = |path: &str| web::resource(path).wrap(allowed(public_url, server));
    let list = at(urls::API_MCP_SERVERS).route(read(mcp_servers::list)).route(web::post().to(mcp_servers::create));
    config.service(list.default_service(web::to(api::get_or_post)));
    let one = at(urls::API_MCP_SERVER).route(read(mcp_servers::get));
    let one = one.route(web::patch().to(mcp_servers::patch)).route(web::delete().to(mcp_servers::delete));
    config.service(one.default_service(web::to(api::get_patch_or_delete)));
    let refresh = at(urls::API_MCP_SERVER_REFRESH).route(web::post().to(mcp_servers::refresh));
    config.service(refresh.default_service(web::to(api::only_post)));
    let tools = at(urls::API_MCP_SERVER_TOOLS).route(read(mcp_server_tools::list));
    config.service(tools.default_service(web::to(api::only_get)));
    let tool = at(urls::API_MCP_SERVER_TOOL).route(web::patch().to(mcp_server_tools::patch));
    config.service(tool.default_service(web::to(api::only_patch)));
}

/// Policies, and the groups that they are for.
fn policies(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    use api::v1::{groups, policies};
    let at = |path: &str| web::resource(path).wrap(allowed(public_url, server));
    let list = at(urls::API_POLICIES).route(read(policies::list)).route(web::post().to(policies::create));
    config.service(list.default_service(web::to(api::get_or_post)));
    let import = at(urls::API_POLICY_IMPORT).route(web::post().to(policies::import));
    config.service(import.default_service(web::to(api::only_post)));
    let explain = at(urls::API_POLICY_EXPLAIN).route(web::post().to(policies::explain));
    config.service(explain.default_service(web::to(api::only_post)));
    let export = at(urls::API_POLICY_EXPORT).route(read(policies::export));
    config.service(export.default_service(web::to(api::only_get)));
    let one = at(urls::API_POLICY).route(read(policies::get)).route(web::put().to(policies::put));
    let one = one.route(web::patch().to(policies::patch)).route(web::delete().to(policies::delete));
    config.service(one.default_service(web::to(api::get_put_patch_or_delete)));
    let list = at(urls::API_GROUPS).route(read(groups::list)).route(web::post().to(groups::create));
    config.service(list.default_service(web::to(api::get_or_post)));
    let one = at(urls::API_GROUP).route(read(groups::get)).route(web::delete().to(groups::delete));
    config.service(one.default_service(web::to(api::get_or_delete)));
    let member = at(urls::API_GROUP_MEMBER).route(web::put().to(groups::put_member));
    let member = member.route(web::delete().to(groups::delete_member));
    config.service(member.default_service(web::to(api::put_or_delete)));
}

/// The audit trail.
fn audit(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    use api::v1::audit_events;
    let at = |path: &str| web::resource(path).wrap(allowed(public_url, server));
    let list = at(urls::API_AUDIT_EVENTS).route(read(audit_events::list));
    config.service(list.default_service(web::to(api::only_get)));
    let export = at(urls::API_AUDIT_EXPORT).route(read(audit_events::export));
    config.service(export.default_service(web::to(api::only_get)));
}

/// API keys.
fn keys(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    use api::v1::api_keys;
    let at = |path: &str| web::resource(path).wrap(allowed(public_url, server));
    let list = at(urls::API_KEYS).route(read(api_keys::list)).route(web::post().to(api_keys::post));
    config.service(list.default_service(web::to(api::get_or_post)));
    let one = at(urls::API_KEY).route(read(api_keys::get)).route(web::delete().to(api_keys::delete));
    config.service(one.default_service(web::to(api::get_or_delete)));
    let rotation = at(urls::API_KEY_ROTATION).route(web::post().to(api_keys::rotate_one));
    config.service(rotation.default_service(web::to(api::only_post)));
}

/// Personal access tokens.
fn tokens(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    use api::v1::access_tokens;
    let at = |path: &str| web::resource(path).wrap(allowed(public_url, server));
    let list = at(urls::API_ACCESS_TOKENS).route(read(access_tokens::list)).route(web::post().to(access_tokens::post));
    config.service(list.default_service(web::to(api::get_or_post)));
    let one = at(urls::API_ACCESS_TOKEN).route(read(access_tokens::get)).route(web::delete().to(access_tokens::delete));
    config.service(one.default_service(web::to(api::get_or_delete)));
    let rotation = at(urls::API_ACCESS_TOKEN_ROTATE).route(web::post().to(access_tokens::rotate));
    config.service(rotation.default_service(web::to(api::only_post)));
}

/// Workspaces, projects and folders, and who is in them.
fn workspaces(config: &mut ServiceConfig, public_url: &PublicUrl, server: &ServerConfig) {
    use api::v1::{members, workspaces};
    let at = |path: &str| web::resource(path).wrap(allowed(public_url, server));
    let list = at(urls::API_WORKSPACES).route(read(workspaces::list));
    config.service(list.route(web::post().to(workspaces::create)).default_service(web::to(api::get_or_post)));
    let list = at(urls::API_PLACES).route(read(workspaces::list_places));
    config.service(list.route(web::post().to(workspaces::create_place)).default_service(web::to(api::get_or_post)));
    for path in [urls::API_WORKSPACE, urls::API_PLACE] {
        let one = at(path).route(read(workspaces::get));
        let one = one.route(web::patch().to(workspaces::patch)).route(web::delete().to(workspaces::delete));
        config.service(one.default_service(web::to(api::get_patch_or_delete)));
    }
    let list = at(urls::API_MEMBERS).route(read(members::list));
    config.service(list.route(web::post().to(members::add)).default_service(web::to(api::get_or_post)));
    let one = at(urls::API_MEMBER);
    let one = one.route(web::patch().to(members::patch)).route(web::delete().to(members::delete));
    config.service(one.default_service(web::to(api::patch_or_delete)));
}

fn pages(config: &mut ServiceConfig) {
    use pages::settings::{
        apps, jwt_token, keys, passkeys, password, profile, security, sessions, setup, tokens, two_step,
    };
    use pages::{admin, consent, device, home, reauthenticate, set_up, sign_in, sign_out};
    config
        .service(web::resource(urls::HOME).route(read(home::get)))
        .service(
            web::resource(urls::LOGIN)
                .wrap(from_fn(flow::watch))
                .route(read(sign_in::get))
                .route(web::post().to(sign_in::post)),
        )
        .service(
            web::resource(urls::LOGIN_CODE)
                .wrap(from_fn(flow::watch))
                .route(read(sign_in::code::get))
                .route(web::post().to(sign_in::code::post)),
        )
        .service(
            web::resource(urls::LOGIN_PASSKEY).wrap(from_fn(flow::watch)).route(web::post().to(sign_in::passkey::post)),
        )
        .service(
            web::resource(urls::CONFIRM).route(read(reauthenticate::get)).route(web::post().to(reauthenticate::post)),
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
        .service(web::resource(urls::APPS).route(read(apps::get)))
        .service(web::resource(urls::REVOKE_APPS).route(read(apps::ask)).route(web::post().to(apps::post)))
        .service(web::resource(urls::KEYS).route(read(keys::get)))
        .service(web::resource(urls::NEW_API_KEY).route(read(keys::new)).route(web::post().to(keys::make)))
        .service(web::resource(urls::KEY).route(read(keys::one)))
        .service(web::resource(urls::KEY_REVOKE).route(read(keys::confirm_revoke)).route(web::post().to(keys::revoke)))
        .service(web::resource(urls::KEY_ROTATE).route(read(keys::confirm_rotate)).route(web::post().to(keys::rotate)))
        .service(
            web::resource(urls::KEY_REPLACE).route(read(keys::confirm_replace)).route(web::post().to(keys::replace)),
        )
        .service(web::resource(urls::JWT_TOKEN).route(read(jwt_token::get)).route(web::post().to(jwt_token::post)))
        .service(web::resource(urls::JWT_TOKEN_REVOKE).route(web::post().to(jwt_token::revoke)))
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
        .service(web::resource(urls::JWT_TOKEN_FILE).route(web::post().to(jwt_token::file)))
        .configure(clients)
        .configure(workspace_pages)
        .service(web::resource(urls::MCP_SETUP).route(read(setup::get)))
        .service(web::resource(urls::MCP_SETUP_TEST).route(web::post().to(setup::trial::post)))
        .service(web::resource(urls::PROFILE).route(read(profile::get)).route(web::post().to(profile::post)))
        .service(web::resource(urls::SECURITY).route(read(security::get)).route(web::post().to(security::post)))
        .service(web::resource(urls::TWO_STEP).route(read(two_step::get)).route(web::post().to(two_step::post)))
        .service(web::resource(urls::PASSKEYS).route(read(passkeys::get)).route(web::post().to(passkeys::post)))
        .service(web::resource(urls::PASSWORD).route(read(password::get)).route(web::post().to(password::post)))
        .service(web::resource(urls::SESSIONS).route(read(sessions::get)).route(web::post().to(sessions::post)))
        .service(web::resource(urls::DOCTOR).route(read(admin::doctor::get)).route(web::post().to(admin::doctor::post)))
        .service(
            web::resource(urls::POLICIES)
                .route(read(admin::policies::list::get))
                .route(web::post().to(admin::policies::list::post)),
        )
        .service(web::resource(urls::SIMULATE_POLICIES).route(read(admin::policies::simulate::get)))
        .service(
            web::resource(urls::POLICY)
                .route(read(admin::policies::one::get))
                .route(web::post().to(admin::policies::one::post)),
        )
        .service(web::resource(urls::FLOWS).route(read(admin::flows::get)))
        .service(web::resource(urls::AUDIT).route(read(admin::audit::get)))
        .service(web::resource(urls::AUDIT_EXPORT).route(read(admin::audit::export)))
        .service(web::resource(format!("{}/{{file}}", urls::STATIC)).route(read(assets::get)))
        .service(web::resource(urls::FAVICON).route(read(assets::favicon)));
}

fn clients(config: &mut ServiceConfig) {
    use pages::settings::clients::{clean_up, detail, edit, list, logo, new, secrets, self_registered, state};
    config
        .service(web::resource(urls::CLIENTS).route(read(list::get)))
        .service(
            web::resource(urls::SELF_REGISTERED_CLIENTS)
                .route(read(self_registered::get))
                .route(web::post().to(self_registered::post)),
        )
        .service(web::resource(urls::CLEAN_UP_CLIENTS).route(read(clean_up::get)).route(web::post().to(clean_up::post)))
        .service(web::resource(urls::NEW_CLIENT).route(read(new::get)).route(web::post().to(new::post)))
        .service(web::resource(urls::CLIENT).route(read(detail::get)))
        .service(web::resource(urls::EDIT_CLIENT).route(read(edit::get)).route(web::post().to(edit::post)))
        .service(web::resource(urls::CLIENT_SECRETS).route(read(secrets::get)).route(web::post().to(secrets::post)))
        .service(web::resource(urls::CLIENT_LOGO).route(read(logo::get)).route(web::post().to(logo::post)))
        .service(
            web::resource(urls::DISABLE_CLIENT).route(read(state::ask_disable)).route(web::post().to(state::disable)),
        )
        .service(web::resource(urls::REMOVE_CLIENT).route(read(state::ask_remove)).route(web::post().to(state::remove)))
        .service(web::resource(urls::LOGOS).route(read(logo::picture)));
}

/// Settings → Workspaces.
fn workspace_pages(config: &mut ServiceConfig) {
    use pages::settings::workspaces::server::{self, edit, register};
    use pages::settings::workspaces::{self, itself, members, new, places, servers};
    config
        .service(web::resource(urls::SWITCH_WORKSPACE).route(web::post().to(workspaces::switch)))
        .service(web::resource(urls::WORKSPACES).route(read(workspaces::get)))
        .service(web::resource(urls::NEW_WORKSPACE).route(read(new::get)).route(web::post().to(new::post)))
        .service(web::resource(urls::WORKSPACE).route(read(members::get)).route(web::post().to(members::post)))
        .service(web::resource(urls::WORKSPACE_PLACES).route(read(places::get)).route(web::post().to(places::post)))
        .service(web::resource(urls::WORKSPACE_SERVERS).route(read(servers::get)).route(web::post().to(servers::post)))
        .service(
            web::resource(urls::WORKSPACE_REGISTER_SERVER)
                .route(read(register::get))
                .route(web::post().to(register::post)),
        )
        .service(web::resource(urls::WORKSPACE_SERVER).route(read(server::get)).route(web::post().to(server::post)))
        .service(web::resource(urls::WORKSPACE_EDIT_SERVER).route(read(edit::get)).route(web::post().to(edit::post)))
        .service(web::resource(urls::WORKSPACE_ITSELF).route(read(itself::get)).route(web::post().to(itself::post)));
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
