//! TLS to PostgreSQL, as libpq's `sslmode` and `sslrootcert` ask for it.
//!
//! `disable`, `prefer` and `require` mean what they mean to libpq: with the last two the wire is encrypted and the server's
//! certificate is not looked at. `verify-ca` checks it against the roots, `verify-full` its name too, and `require` with
//! `sslrootcert` is `verify-ca`. Without `sslrootcert`, or with `sslrootcert=system`, the roots are the system's.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use url::form_urlencoded;

/// How closely the server's certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Not at all: encryption without proof of who is there.
    Nothing,
    /// It must come from a trusted root.
    Root,
    /// It must come from a trusted root and name the host that we asked for.
    RootAndName,
}

/// What a URL asks for, and the rest of it.
pub struct Asked {
    /// The URL without what `tokio-postgres` does not know.
    pub url: String,
    /// How closely to look.
    pub check: Check,
    /// A PEM file of roots; none means the system's.
    pub roots: Option<String>,
}

impl Asked {
    /// Takes `sslmode=verify-*` and `sslrootcert` out of `url`.
    pub fn read(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if !base.starts_with("postgres://") && !base.starts_with("postgresql://") {
            return Err("it must begin with postgres:// or postgresql://".to_owned());
        }
        let mut check = Check::Nothing;
        let mut requires = false;
        let mut roots = None;
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match decoded(pair) {
                (key, mode) if key == "sslmode" && mode.starts_with("verify-") => {
                    check = verification(&mode)?;
                    rest.push("sslmode=require");
                }
                (key, file) if key == "sslrootcert" => roots = Some(file),
                (key, mode) => {
                    requires |= key == "sslmode" && mode == "require";
                    rest.push(pair);
                }
            }
        }
        if requires && roots.is_some() {
            check = Check::Root;
        }
        let roots = roots.filter(|file| file != "system");
        Ok(Self { url: format!("{base}?{}", rest.join("&")), check, roots })
    }
}

fn verification(mode: &str) -> Result<Check, String> {
    match mode {
        "verify-ca" => Ok(Check::Root),
        "verify-full" => Ok(Check::RootAndName),
        _ => Err(format!("its sslmode is not one of disable, prefer, require, verify-ca, verify-full: {mode}")),
    }
}

/// A key and its value; unlike in a web form, a plus is a plus.
fn decoded(pair: &str) -> (String, String) {
    let pair = pair.replace('+', "%2B");
    let (key, value) = form_urlencoded::parse(pair.as_bytes()).next().unwrap_or_default();
    (key.into_owned(), value.into_owned())
}

/// The TLS client that does what was asked.
pub fn client(asked: &Asked) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let verifier = ServerVerifier::new(asked, provider.clone())?;
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// Looks at a server's certificate as closely as was asked.
struct ServerVerifier {
    provider: Arc<CryptoProvider>,
    /// Checks roots and names; none when nothing is checked.
    full: Option<Arc<WebPkiServerVerifier>>,
    check: Check,
}

impl ServerVerifier {
    fn new(asked: &Asked, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let full = match asked.check {
            Check::Nothing => None,
            Check::Root | Check::RootAndName => {
                let roots = Arc::new(load_roots(asked.roots.as_deref())?);
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
                Some(verifier.map_err(|error| error.to_string())?)
            }
        };
        Ok(Self { provider, full, check: asked.check })
    }
}

fn load_roots(file: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            let told = |error: &dyn fmt::Display| format!("{file}: {error}");
            let certificates = CertificateDer::pem_file_iter(Path::new(file)).map_err(|error| told(&error))?;
            for certificate in certificates {
                roots.add(certificate.map_err(|error| told(&error))?).map_err(|error| told(&error))?;
            }
            if roots.is_empty() {
                return Err(told(&"there is no certificate in it"));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err("the system has no trusted roots: name a file with sslrootcert".to_owned());
            }
        }
    }
    Ok(roots)
}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerVerifier").field("check", &self.check).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(full) = &self.full else { return Ok(ServerCertVerified::assertion()) };
        let verdict = full.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // The name is what is checked last, so everything else was in order.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.check == Check::Root => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verification_is_taken_out_of_the_url_and_still_requires_tls() {
        let asked =
            Asked::read("postgres://u:p@h/db?sslmode=verify-full&sslrootcert=%2Fca+1.pem&options=-c%20a%3Db").unwrap();
        assert_eq!(asked.url, "postgres://u:p@h/db?sslmode=require&options=-c%20a%3Db");
        assert_eq!((asked.check, asked.roots.as_deref()), (Check::RootAndName, Some("/ca+1.pem")));
    }

    #[test]
    fn require_checks_the_root_only_when_a_root_is_given() {
        let read = |query: &str| Asked::read(&format!("postgresql://h/db?{query}")).unwrap();
        assert_eq!(read("sslmode=require").check, Check::Nothing);
        assert_eq!(read("sslrootcert=ca.pem&sslmode=require").check, Check::Root);
        assert_eq!(read("sslmode=prefer&sslrootcert=ca.pem").check, Check::Nothing);
        assert_eq!(read("sslmode=verify-ca&sslrootcert=system").roots, None);
    }

    #[test]
    fn a_misspelt_verification_is_refused_rather_than_dropped() {
        assert!(Asked::read("postgres://h/db?sslmode=verify-all").is_err());
        assert!(Asked::read("mysql://h/db").is_err());
    }
}
