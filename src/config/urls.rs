//! URLs that settings name.

use reqwest::Url;

/// The URL of a service that HTTP reaches; nothing where the text is no such URL.
pub(super) fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
