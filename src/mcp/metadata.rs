//! Protected resource metadata of our MCP server (RFC 9728), where each client looks for it.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Value, json};

use crate::app::App;
use crate::http::caller::Resource;
use crate::http::challenge::Challenge;
use crate::http::{dpop, urls};
use crate::types::PublicUrl;
use crate::upstreams::server;

/// The resource identifier of our MCP server: what tokens for it have as their audience (RFC 8707 §2).
pub fn resource(public_url: &PublicUrl) -> String {
    public_url.at(urls::MCP)
}

/// The document (RFC 9728 §2). It has no member that is null.
pub fn document(public_url: &PublicUrl) -> Value {
    of(public_url, Resource::Mcp, "Portcullis")
}

fn of(public_url: &PublicUrl, resource: Resource<'_>, name: &str) -> Value {
    json!({
        "resource": public_url.at(&resource.path()),
        "authorization_servers": [public_url.issuer()],
        "scopes_supported": resource.offered_scope().tokens().collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": dpop::algorithms(),
        "dpop_bound_access_tokens_required": false,
        "resource_name": name,
        "resource_documentation": public_url.at(urls::HOME),
    })
}

/// The paths of the document of a registered server, for whichever; the root form is that of `/mcp` alone (`decisions` 28).
pub fn paths_of_servers(public_url: &PublicUrl) -> Vec<String> {
    let (base, well_known, mcp) = (public_url.base_path(), urls::PROTECTED_RESOURCE, urls::SERVER_MCP);
    let mut paths = vec![format!("{base}{well_known}{mcp}"), format!("{base}{mcp}{well_known}")];
    if !base.is_empty() {
        paths.push(format!("{well_known}{base}{mcp}"));
    }
    paths
}

/// The document of a registered server, at any of [`paths_of_servers`].
pub async fn get_of_server(app: Data<App>, name: Path<String>) -> HttpResponse {
    let servers = match app.enabled_servers().await {
        Ok(servers) => servers,
        Err(_) => return Challenge::unavailable().error_response(),
    };
    let Some(server) = server::named_in(&servers, &name) else {
        let error = json!({ "error": "not_found", "error_description": "There is no such server here" });
        return HttpResponse::NotFound().json(error);
    };
    let document = of(&app.config.server.public_url, Resource::Server(&server.name), &server.name);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=60")).json(document)
}

/// Every path, from the host's root, at which clients look for the document: root form, path form and as an alias below
/// the endpoint; and, where the public URL has a path, with the well-known part put before it (RFC 9728 §3.1).
pub fn paths(public_url: &PublicUrl) -> Vec<String> {
    let (base, well_known, mcp) = (public_url.base_path(), urls::PROTECTED_RESOURCE, urls::MCP);
    let mut paths =
        vec![format!("{base}{well_known}"), format!("{base}{well_known}{mcp}"), format!("{base}{mcp}{well_known}")];
    if !base.is_empty() {
        paths.push(format!("{well_known}{base}"));
        paths.push(format!("{well_known}{base}{mcp}"));
    }
    paths
}

/// The document, at any of [`paths`].
pub async fn get(app: Data<App>) -> HttpResponse {
    let document = document(&app.config.server.public_url);
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=300")).json(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_this_resource_and_its_issuer_byte_for_byte_and_holds_no_null() {
        for text in ["http://localhost:8080", "https://example.com/gate"] {
            let document = document(&text.parse().unwrap());
            assert_eq!(document["resource"], format!("{text}/mcp"));
            assert_eq!(document["authorization_servers"], json!([text]));
            assert_eq!(document["scopes_supported"], json!(["mcp:read", "mcp:write"]));
            assert!(!document.to_string().contains("null"));
        }
    }

    #[test]
    fn a_public_url_with_a_path_has_the_document_in_both_forms() {
        assert_eq!(
            paths(&"https://example.com".parse().unwrap()),
            [
                "/.well-known/oauth-protected-resource",
                "/.well-known/oauth-protected-resource/mcp",
                "/mcp/.well-known/oauth-protected-resource",
            ]
        );
        let with_path = paths(&"https://example.com/gate/".parse().unwrap());
        for path in ["/.well-known/oauth-protected-resource/gate/mcp", "/gate/.well-known/oauth-protected-resource/mcp"]
        {
            assert!(with_path.iter().any(|own| own == path), "{path}");
        }
    }
}
