//! Which certificates we believe when we go out.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::NetSetupError;

/// TLS with ring, the system's roots and those of `extra_ca_file`.
pub(super) fn client_config(extra_ca_file: Option<&Path>) -> Result<ClientConfig, NetSetupError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some of the system's certificates cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = extra_ca_file {
        for certificate in extra(path)? {
            roots.add(certificate).map_err(|_| NetSetupError::ExtraCaFile(path.to_owned()))?;
        }
    }
    // Named, because a second crypto provider among our libraries would make the default ambiguous.
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The certificates in a PEM file; a file without any is a mistake.
fn extra(path: &Path) -> Result<Vec<CertificateDer<'static>>, NetSetupError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    read().ok().filter(|found| !found.is_empty()).ok_or_else(|| NetSetupError::ExtraCaFile(path.to_owned()))
}
