//! Why no words could be had with what answers: its certificate, or that it does not speak TLS at all.

use std::error::Error as StdError;
use std::io;

use reqwest::Url;
use rustls::{AlertDescription, CertificateError, Error};

/// What is wrong with the service's side of TLS, and what to do; none where an error is of another kind.
pub fn distrust(url: &Url, error: &reqwest::Error) -> Option<String> {
    told(url, of_tls(error)?)
}

/// The error of TLS that an error comes from, if there is one.
fn of_tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    // An error of a stream leaves the one that it wraps out of its sources.
    let wrapped =
        error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|error| error as &(dyn StdError + 'static));
    error.downcast_ref::<Error>().or_else(|| of_tls(wrapped.or_else(|| error.source())?))
}

fn told(url: &Url, error: &Error) -> Option<String> {
    Some(match error {
        Error::InvalidCertificate(of) => format!("the certificate of {url} is not trusted: {}", of_certificate(of)),
        // What comes from a port that speaks plain HTTP is no message of TLS.
        Error::InvalidMessage(_) => {
            let mut plain = url.clone();
            let _ = plain.set_scheme("http");
            format!("what answers at {url} does not speak TLS, but plain HTTP, it seems\n  ask it by --url {plain}")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
            format!(
                "the service at {url} wants a certificate of its clients, signed by an authority that it trusts\n  give one by \
                 --client-cert FILE and its key by --client-key FILE"
            )
        }
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            format!(
                "the service at {url} does not trust the certificate of --client-cert: no authority that it knows has signed it"
            )
        }
        _ => return None,
    })
}

/// What is wrong with a certificate, and what to do.
fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "no authority that is known has signed it\n  give that of the authority, or its own \
            if it signed itself, by --ca FILE"
            .into(),
        // It is told by the name of the error alone, which is another crate's.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "it is that of an authority (CA:TRUE), which is no service's\n  `openssl req -x509` makes one for a service with \
             -addext basicConstraints=critical,CA:FALSE"
                .into()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_tls_say_what_to_do() {
        let url = Url::parse("https://localhost:8443/").expect("a URL");
        let told = |error: Error| told(&url, &error).unwrap_or_default();
        assert!(told(CertificateError::UnknownIssuer.into()).contains("--ca FILE"));
        assert!(
            told(CertificateError::Expired.into()).starts_with("the certificate of https://localhost:8443/ is not")
        );
        assert!(told(rustls::InvalidMessage::InvalidContentType.into()).ends_with("--url http://localhost:8443/"));
        assert!(told(Error::HandshakeNotComplete).is_empty(), "that is told as it is");
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, Error::DecryptError));
        assert_eq!(of_tls(&wrapped), Some(&Error::DecryptError));
    }
}
