//! Settings of TLS: the files of certificates and keys.

use std::path::PathBuf;

use clap::Args;

/// Where the certificates are.
#[derive(Clone, Debug, Default, Args)]
pub struct TlsFiles {
    /// The service's certificate, and those between it and the authority's, in PEM: the port speaks HTTPS then. The files of
    /// all three settings are read again when they change
    #[arg(long = "tls-cert", env = "EPOCHD_TLS_CERT", value_name = "FILE", global = true)]
    pub certificate: Option<PathBuf>,

    /// The private key of --tls-cert, in PEM without a passphrase
    #[arg(long = "tls-key", env = "EPOCHD_TLS_KEY", value_name = "FILE", global = true)]
    pub key: Option<PathBuf>,

    /// The authorities whose certificates clients must have, in PEM; who has none is not served [default: clients need no
    /// certificate]
    #[arg(long = "tls-client-ca", env = "EPOCHD_TLS_CLIENT_CA", value_name = "FILE", global = true)]
    pub client_authorities: Option<PathBuf>,
}

impl TlsFiles {
    /// Refuses one file without the other that it needs.
    pub(super) fn check(&self) -> Result<(), String> {
        match (&self.certificate, &self.key, &self.client_authorities) {
            (Some(_), None, _) => Err("--tls-cert needs --tls-key, the file of its private key".into()),
            (None, Some(_), _) => Err("--tls-key needs --tls-cert, the file of its certificate".into()),
            (None, None, Some(_)) => {
                Err("--tls-client-ca needs --tls-cert and --tls-key: without TLS no client shows a \
                                          certificate"
                    .into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_and_key_come_together() {
        let files = |names: [Option<&str>; 3]| {
            let [certificate, key, client_authorities] = names.map(|name| name.map(PathBuf::from));
            TlsFiles { certificate, key, client_authorities }.check()
        };
        assert_eq!(files([None, None, None]), Ok(()));
        assert_eq!(files([Some("c"), Some("k"), Some("a")]), Ok(()));
        for wrong in [[Some("c"), None, None], [None, Some("k"), None], [None, None, Some("a")]] {
            assert!(files(wrong).is_err(), "{wrong:?}");
        }
    }
}
