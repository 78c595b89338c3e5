//! Certificates and keys, read from their files.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};

use super::own::OrOwn;
use crate::config::TlsFiles;

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

/// A certificate with those between it and its authority's, and its key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The cryptography of the whole service.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What connections are served with.
pub struct Served {
    /// How.
    pub config: Arc<ServerConfig>,
    /// From when on clients refuse the certificate, if it says so readably.
    pub until: Option<Timestamp>,
}

/// What connections are served with; nothing where no certificate is set.
///
/// # Errors
/// A file cannot be used.
pub fn served(files: &TlsFiles) -> Result<Option<Served>, TlsError> {
    let Some((chain, key)) = identity(files)? else { return Ok(None) };
    let until = valid_until(&chain[0]);
    let builder = ServerConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12]).expect("ring has ciphers of both versions");
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => builder.with_client_cert_verifier(Arc::new(client_verifier(path, &chain[0])?)),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        TlsError(format!(
            "--tls-cert and --tls-key cannot be used together: {error}. Name a certificate and its own key"
        ))
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Served { config: Arc::new(config), until }))
}

/// When a certificate ends.
fn valid_until(certificate: &CertificateDer) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// The service's certificate and key; nothing where none is set.
///
/// # Errors
/// A file cannot be used.
pub fn identity(files: &TlsFiles) -> Result<Option<Identity>, TlsError> {
    let (Some(certificate), Some(key)) = (&files.certificate, &files.key) else { return Ok(None) };
    let chain = certificates("--tls-cert", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read("--tls-key", key)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError(format!(
            "--tls-key: {} holds no private key: a PEM file with BEGIN PRIVATE KEY is expected, without a passphrase",
            key.display()
        )),
        // Of a key nothing more is said than that it is wrong.
        _ => TlsError(format!("--tls-key: {} is no whole PEM file", key.display())),
    })?;
    Ok(Some((chain, key)))
}

/// Takes clients whose certificates are of these authorities, and `own`.
fn client_verifier(path: &Path, own: &CertificateDer<'static>) -> Result<OrOwn, TlsError> {
    let wrong = |error: &dyn std::fmt::Display| TlsError(format!("--tls-client-ca: {}: {error}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in certificates("--tls-client-ca", path)? {
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    let authorities = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    Ok(OrOwn { authorities: authorities.map_err(|error| wrong(&error))?, own: own.clone() })
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(setting, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found =
        found.map_err(|error| TlsError(format!("{setting}: {} is no whole PEM file: {error}", path.display())))?;
    if found.is_empty() {
        return Err(TlsError(format!(
            "{setting}: {} holds no certificate: a PEM file with BEGIN CERTIFICATE is expected",
            path.display()
        )));
    }
    Ok(found)
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError(format!("{setting}: {} cannot be read: {error}", path.display())))
}

/// Whether a file may be read by everybody on the machine.
pub fn is_open_to_all(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0)
}

/// What changes when one of the files does, links to them included: node, length and time of each, if it is there.
pub type Stamp = Vec<Option<(u64, u64, i64, i64)>>;

/// How the files are now.
pub fn stamp(files: &TlsFiles) -> Stamp {
    let all = [&files.certificate, &files.key, &files.client_authorities];
    let stamp = |path: &std::path::PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    };
    all.into_iter().flatten().map(stamp).collect()
}
