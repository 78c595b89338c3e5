//! TLS by rustls: what connections are served with, read again when its files change.

mod files;
pub mod healthcheck;
mod own;

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;
use files::Stamp;

pub use files::TlsError;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// What connections are served with. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Tls(Arc<Current>);

struct Current {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Of these files; nothing where no certificate is set.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn of(files: &TlsFiles) -> Result<Option<Self>, TlsError> {
        if let Some(key) = files.key.as_ref().filter(|key| files::is_open_to_all(key)) {
            let key = key.display();
            tracing::warn!("anybody on this machine can read the private key {key}: chmod 600 keeps it from others");
        }
        let config = files::server_config(files)?;
        let of = |config| Tls(Arc::new(Current { files: files.clone(), config: RwLock::new(Arc::new(config)) }));
        Ok(config.map(of))
    }

    /// What the next connection is served with.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.config.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Reads the files again whenever they change, for as long as this is there.
    pub fn watch(&self) {
        let (files, current) = (self.0.files.clone(), Arc::downgrade(&self.0));
        let before = files::stamp(&files);
        tokio::spawn(async move {
            let mut before = before;
            loop {
                tokio::time::sleep(EVERY).await;
                let (files, current, known) = (files.clone(), current.clone(), before.clone());
                // A thread that may wait for a disk.
                match tokio::task::spawn_blocking(move || look(&files, &current, known)).await {
                    Ok(Some(now)) => before = now,
                    _ => return,
                }
            }
        });
    }
}

/// Reads the files again if they are not as they were; says how they are now, or nothing where nobody uses them any more. What
/// cannot be used, half a change for example, leaves the certificate that is in use.
fn look(files: &TlsFiles, current: &Weak<Current>, before: Stamp) -> Option<Stamp> {
    let current = current.upgrade()?;
    let now = files::stamp(files);
    if now != before {
        match files::server_config(files) {
            Ok(Some(config)) => {
                *current.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("the files of TLS have changed: new connections get the new certificate");
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the files of TLS have changed and cannot be used: those before stay"),
        }
    }
    Some(now)
}
