//! Settings of the webhook: who is told of the ends of jobs, and by which secret he knows that it is us.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clap::Args;
use reqwest::Url;

use super::urls::http_url;
use crate::storage::SecretUrl;

/// What a secret may begin with.
const PREFIX: &str = "whsec_";
/// Bytes of a key. The Standard Webhooks specification asks makers of keys for 24 at least; 16 are as hard to guess.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// Base64 as it is written, with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Who is told of the ends of jobs.
#[derive(Clone, Debug, Default, Args)]
pub struct WebhookSettings {
    /// URL that is told, by POST, of each job that ends: signed as the Standard Webhooks specification has it, and tried
    /// again for about a day [default: nobody]
    #[arg(long = "webhook", env = "EPOCHD_WEBHOOK", value_name = "URL", hide_env_values = true)]
    pub url: Option<SecretUrl>,

    /// Secret that signs what --webhook is told: base64 of 16 to 64 bytes, with `whsec_` before it or not. Others on the
    /// machine can read flags: better set by the variable
    #[arg(long = "webhook-secret", env = "EPOCHD_WEBHOOK_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub secret: Option<WebhookSecret>,
}

/// A secret that signs. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl From<String> for WebhookSecret {
    fn from(secret: String) -> Self {
        WebhookSecret(secret)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl WebhookSecret {
    /// The key that it stands for.
    fn key(&self) -> Option<Vec<u8>> {
        let text = self.0.trim();
        let key = BASE64.decode(text.strip_prefix(PREFIX).unwrap_or(text)).ok()?;
        KEY_BYTES.contains(&key.len()).then_some(key)
    }
}

impl WebhookSettings {
    /// Whether URL and secret are there and can be used. No message repeats either.
    pub(super) fn check(&self) -> Result<(), String> {
        self.target().map(drop)
    }

    /// The URL that is told, and the key that signs; `None` if nobody is told.
    ///
    /// # Errors
    /// One of them is missing or none that can be.
    pub fn target(&self) -> Result<Option<(Url, Vec<u8>)>, String> {
        let (url, secret) = match (&self.url, &self.secret) {
            (None, None) => return Ok(None),
            (Some(url), Some(secret)) => (url, secret),
            (Some(_), None) => return Err("--webhook needs --webhook-secret, which signs what it is told".into()),
            (None, Some(_)) => return Err("--webhook-secret needs --webhook, the URL that is told".into()),
        };
        let url = http_url(url.as_str()).ok_or("--webhook: a URL such as https://host/path is expected")?;
        let key = secret.key().ok_or_else(|| {
            let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
            format!(
                "--webhook-secret: base64 of {least} to {most} bytes is expected, as `openssl rand -base64 32` prints"
            )
        })?;
        Ok(Some((url, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: Option<&str>, secret: Option<&str>) -> WebhookSettings {
        let owned = |text: &str| text.to_owned();
        WebhookSettings { url: url.map(owned).map(Into::into), secret: secret.map(owned).map(Into::into) }
    }

    #[test]
    fn a_secret_is_base64_with_or_without_its_prefix_and_padding() {
        let key = |secret: &str| {
            let target = settings(Some("https://host/x"), Some(secret)).target();
            target.map(|target| target.expect("both are there").1)
        };
        for secret in ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA"] {
            assert_eq!(key(secret), Ok((0..25).collect()));
        }
        for secret in ["", "whsec_", "hunter2", "whsec_AAEC", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMU!RYXGA=="] {
            let message = key(secret).expect_err("no key");
            assert!(secret.is_empty() || !message.contains(secret), "{message}");
        }
    }

    #[test]
    fn one_without_the_other_and_urls_of_other_kinds_are_refused_without_repeating_them() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        for (url, with) in [
            (Some("ftp://me:hunter2@host/x"), Some(secret)),
            (Some("hunter2"), Some(secret)),
            (Some("https://host/hunter2"), None),
            (None, Some(secret)),
        ] {
            let settings = settings(url, with);
            let said = format!("{} {settings:?}", settings.check().expect_err("refused"));
            assert!(!said.contains("hunter2") && !said.contains("MfKQ"), "{said}");
        }
        assert_eq!(settings(None, None).check(), Ok(()));
        assert_eq!(settings(Some("http://127.0.0.1:1/x"), Some(secret)).check(), Ok(()));
    }
}
