//! TLS by rustls: what connections are served with, read again when its files change.

mod files;
pub mod healthcheck;
mod own;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::config::TlsFiles;
use crate::telemetry::Meters;
use files::{Served, Stamp};

pub use files::TlsError;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// A certificate that ends sooner is told of when it is taken up, and then each day.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What connections are served with. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Tls(Arc<Current>);

struct Current {
    files: TlsFiles,
    /// How the files were before they were read: what changes from then on is read again.
    read: files::Stamp,
    served: RwLock<Served>,
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
        let read = files::stamp(files);
        let served = files::served(files)?;
        served.iter().for_each(tell_of_end);
        let of = |served| Tls(Arc::new(Current { files: files.clone(), read, served: RwLock::new(served) }));
        Ok(served.map(of))
    }

    /// What the next connection is served with.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.served().config.clone())
    }

    /// What a connection is served with that gets one reply which is written beforehand: no HTTP/2.
    pub fn refusing(&self) -> TlsAcceptor {
        let mut config = ServerConfig::clone(&self.0.served().config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Reads the files again whenever they change, for as long as this is there, and keeps `meters` up with the certificate's end.
    pub fn watch(&self, meters: Arc<Meters>) {
        let (files, current) = (self.0.files.clone(), Arc::downgrade(&self.0));
        meters.certificate_end.set(self.0.end());
        let before = self.0.read.clone();
        tokio::spawn(async move {
            let (mut before, mut told) = (before, Instant::now());
            loop {
                tokio::time::sleep(EVERY).await;
                if told.elapsed() >= DAY {
                    current.upgrade().iter().for_each(|current| tell_of_end(&current.served()));
                    told = Instant::now();
                }
                let (files, current, known) = (files.clone(), current.clone(), before.clone());
                let meters = meters.clone();
                // A thread that may wait for a disk.
                match tokio::task::spawn_blocking(move || look(&files, &current, known, &meters)).await {
                    Ok(Some(now)) => before = now,
                    _ => return,
                }
            }
        });
    }
}

impl Current {
    fn served(&self) -> RwLockReadGuard<'_, Served> {
        self.served.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the certificate ends, in seconds since 1970; 0 where it does not say.
    fn end(&self) -> i64 {
        self.served().until.map_or(0, Timestamp::as_second)
    }
}

/// Warns of a certificate that has ended, or soon will.
fn tell_of_end(served: &Served) {
    let Some(until) = served.until else { return };
    match until.duration_since(Timestamp::now()) {
        left if left.is_negative() => {
            tracing::warn!(%until, "the certificate of --tls-cert has ended: clients refuse it. Renew it; the file is read again by itself");
        }
        left if left < SOON => {
            tracing::warn!(%until, "the certificate of --tls-cert ends soon. Renew it; the file is read again by itself");
        }
        _ => {}
    }
}

/// Reads the files again if they are not as they were; says how they are now, or nothing where nobody uses them any more. What
/// cannot be used, half a change for example, leaves the certificate that is in use.
fn look(files: &TlsFiles, current: &Weak<Current>, before: Stamp, meters: &Meters) -> Option<Stamp> {
    let current = current.upgrade()?;
    let now = files::stamp(files);
    if now != before {
        match files::served(files) {
            Ok(Some(served)) => {
                tracing::info!("the files of TLS have changed: new connections get the new certificate");
                tell_of_end(&served);
                *current.served.write().unwrap_or_else(PoisonError::into_inner) = served;
                meters.certificate_end.set(current.end());
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the files of TLS have changed and cannot be used: those before stay"),
        }
    }
    Some(now)
}
