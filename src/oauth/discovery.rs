//! Authorization server metadata (RFC 8414 §2) and OpenID Connect Discovery (§3): one struct, filled from the same types
//! that the code dispatches on, so that it cannot say what is not so.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use serde::Serialize;

use super::authorize::openid::PROMPTS;
use super::token::{GrantType, ID_JAG_PROFILE};
use crate::app::App;
use crate::config::RegistrationMode;
use crate::crypto::statement::StatementAlgorithm;
use crate::grants::client_metadata::AuthMethod;
use crate::grants::sign::PersonClaims;
use crate::http::{dpop, urls};
use crate::types::{Acr, ResponseMode, known_scopes};

/// What clients learn of us. Members that would be empty are not there, never `null`.
#[derive(Serialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    revocation_endpoint: String,
    introspection_endpoint: String,
    userinfo_endpoint: String,
    end_session_endpoint: String,
    pushed_authorization_request_endpoint: String,
    require_pushed_authorization_requests: bool,
    device_authorization_endpoint: String,
    jwks_uri: String,
    scopes_supported: Vec<&'static str>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; ResponseMode::ALL.len()],
    grant_types_supported: [&'static str; GrantType::ALL.len()],
    authorization_grant_profiles_supported: [&'static str; 1],
    code_challenge_methods_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; AuthMethod::ALL.len()],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; StatementAlgorithm::ALL.len()],
    revocation_endpoint_auth_methods_supported: [&'static str; AuthMethod::ALL.len()],
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; StatementAlgorithm::ALL.len()],
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; StatementAlgorithm::ALL.len()],
    dpop_signing_alg_values_supported: [&'static str; StatementAlgorithm::STRONG.len()],
    authorization_response_iss_parameter_supported: bool,
    client_id_metadata_document_supported: bool,
    prompt_values_supported: [&'static str; PROMPTS.len()],
    acr_values_supported: [&'static str; Acr::ALL.len()],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_object_signing_alg_values_supported: [&'static str; StatementAlgorithm::ALL.len()],
    request_uri_parameter_supported: bool,
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    claims_supported: Vec<&'static str>,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
}

/// The claims of every ID token, or of every one that has such a thing to say.
const ID_TOKEN_CLAIMS: [&str; 11] =
    ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "at_hash", "nonce", "sid"];

/// `GET /.well-known/oauth-authorization-server` and `GET /.well-known/openid-configuration`, in every form.
pub async fn get(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(metadata(&app))
}

fn metadata(app: &App) -> Metadata {
    let registration = &app.config.registration;
    Metadata {
        issuer: app.issuer().to_owned(),
        authorization_endpoint: app.at(urls::AUTHORIZE),
        token_endpoint: app.at(urls::TOKEN),
        registration_endpoint: (registration.mode != RegistrationMode::Off).then(|| app.at(urls::REGISTER)),
        revocation_endpoint: app.at(urls::REVOKE),
        introspection_endpoint: app.at(urls::INTROSPECT),
        userinfo_endpoint: app.at(urls::USERINFO),
        end_session_endpoint: app.at(urls::END_SESSION),
        pushed_authorization_request_endpoint: app.at(urls::PAR),
        require_pushed_authorization_requests: false,
        device_authorization_endpoint: app.at(urls::DEVICE_AUTHORIZATION),
        jwks_uri: app.at(urls::JWKS),
        // What a client can register for by itself. Clients that find nothing better ask for all of it.
        scopes_supported: known_scopes::ALL.into_iter().filter(|token| registration.scope.has(token)).collect(),
        response_types_supported: ["code"],
        response_modes_supported: ResponseMode::ALL.map(ResponseMode::name),
        grant_types_supported: GrantType::ALL.map(GrantType::name),
        authorization_grant_profiles_supported: [ID_JAG_PROFILE],
        code_challenge_methods_supported: ["S256"],
        token_endpoint_auth_methods_supported: AuthMethod::ALL.map(AuthMethod::name),
        token_endpoint_auth_signing_alg_values_supported: StatementAlgorithm::ALL.map(StatementAlgorithm::name),
        revocation_endpoint_auth_methods_supported: AuthMethod::ALL.map(AuthMethod::name),
        revocation_endpoint_auth_signing_alg_values_supported: StatementAlgorithm::ALL.map(StatementAlgorithm::name),
        // Public clients may not ask about tokens (RFC 7662 §4).
        introspection_endpoint_auth_methods_supported: confidential_methods().collect(),
        introspection_endpoint_auth_signing_alg_values_supported: StatementAlgorithm::ALL.map(StatementAlgorithm::name),
        dpop_signing_alg_values_supported: dpop::algorithms(),
        authorization_response_iss_parameter_supported: true,
        client_id_metadata_document_supported: true,
        prompt_values_supported: PROMPTS,
        acr_values_supported: Acr::ALL.map(Acr::name),
        // Tolerated, and left at what the scope opens.
        claims_parameter_supported: false,
        request_parameter_supported: true,
        request_object_signing_alg_values_supported: StatementAlgorithm::ALL.map(StatementAlgorithm::name),
        // By reference to somebody's server; what was pushed to us is not meant (RFC 9126 §5).
        request_uri_parameter_supported: false,
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: app.signing.id_token_algorithms(),
        claims_supported: ID_TOKEN_CLAIMS.into_iter().chain(PersonClaims::NAMES).collect(),
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
    }
}

fn confidential_methods() -> impl Iterator<Item = &'static str> {
    AuthMethod::ALL.into_iter().filter(|method| *method != AuthMethod::None).map(AuthMethod::name)
}
