//! ERRAND: find out where an issuer publishes its keys (OpenID Connect Discovery §4, RFC 8414 §3).

use serde::Deserialize;

use crate::config::OutboundConfig;
use crate::net::{Net, Purpose};

/// The largest metadata document.
const LARGEST: usize = 64 * 1024;

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// The `jwks_uri` in the metadata of the issuer that an operator named. The error is a sentence for them.
pub async fn discover(outbound: &OutboundConfig, issuer: &str) -> Result<String, String> {
    let net = Net::new(outbound).map_err(|error| error.to_string())?;
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let fetched = net.get(Purpose::OperatorCommand, &url, LARGEST).await;
    let fetched = fetched.map_err(|error| format!("{url} cannot be read: {error}"))?;
    let metadata: Metadata =
        serde_json::from_slice(&fetched.body).map_err(|_| format!("{url} has no issuer and jwks_uri"))?;
    match metadata.issuer == issuer {
        true => Ok(metadata.jwks_uri),
        false => Err(format!("{url} is about another issuer: {:?}", metadata.issuer)),
    }
}
