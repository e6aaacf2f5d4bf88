//! Software statements (RFC 7591 §2.3): what somebody whom the operator trusts says of a program.

use serde_json::{Map, Value};

use super::{ClientMetadata, MAX_REQUEST, MetadataError};

/// A software statement whose signature and issuer were found good.
#[derive(Clone, Debug)]
pub struct SoftwareStatement {
    /// As it was sent; the answer repeats it (RFC 7591 §3.2.1).
    pub text: String,
    /// What it says.
    pub claims: Map<String, Value>,
}

/// Members that are about the statement, or that are ours or the client's alone to say.
const NOT_METADATA: [&str; 13] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "client_secret",
    "client_secret_expires_at",
    "client_id_issued_at",
    "registration_access_token",
    "registration_client_uri",
];

impl SoftwareStatement {
    /// The statement in a registration request, of which nothing has been checked yet.
    pub fn sent_in(body: &[u8]) -> Result<Option<String>, MetadataError> {
        ClientMetadata::read(body, MAX_REQUEST).map(|sent| sent.software_statement)
    }

    /// A request in which its claims have replaced what the client said.
    pub(super) fn overrule(&self, body: &[u8]) -> Result<ClientMetadata, MetadataError> {
        let mut members: Map<String, Value> = serde_json::from_slice(body).map_err(|_| MetadataError::Malformed)?;
        let claims = self.claims.iter().filter(|(name, _)| !NOT_METADATA.contains(&name.as_str()));
        members.extend(claims.map(|(name, value)| (name.clone(), value.clone())));
        members.insert("software_statement".to_owned(), Value::String(self.text.clone()));
        let merged = Value::Object(members).to_string();
        // What the two say together may be twice as long as a request.
        ClientMetadata::read(merged.as_bytes(), 2 * MAX_REQUEST)
    }
}
