//! Settings about browsers: the names that the service may be asked by, and the pages that may ask it.

use clap::Args;

/// By which names, and from which pages, requests are taken.
#[derive(Clone, Debug, Default, Args)]
pub struct Browsers {
    /// Names that the service may be asked by while it has no keys, beside those of loopback, such as epochd.internal or
    /// epochd.internal:8080; other values of the header Host are refused with 403 [default: on loopback none, beyond it
    /// any]
    #[arg(long, env = "EPOCHD_ALLOWED_HOSTS", value_name = "HOST,…", value_delimiter = ',', value_parser = host)]
    pub allowed_hosts: Vec<String>,

    /// Origins whose pages may ask the service from a browser, such as `https://app.example`; all others are refused with 403
    /// [default: none]
    #[arg(long, env = "EPOCHD_CORS_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',', value_parser = origin)]
    pub cors_origins: Vec<String>,
}

/// A name with or without a port, as browsers write it.
fn host(text: &str) -> Result<String, String> {
    let host = text.trim().to_ascii_lowercase();
    let is_host =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
    is_host.then_some(host).ok_or_else(|| "a host such as epochd.internal or epochd.internal:8080 is expected".into())
}

/// An origin, as browsers write it: without a path, and without the port that its scheme implies.
fn origin(text: &str) -> Result<String, String> {
    let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
    match origin.split_once("://") {
        Some(("http", name)) => host(name.strip_suffix(":80").unwrap_or(name)).map(|name| format!("http://{name}")),
        Some(("https", name)) => host(name.strip_suffix(":443").unwrap_or(name)).map(|name| format!("https://{name}")),
        _ if origin == "*" => Err("name the origins: any page in the world could train, predict and delete".into()),
        _ => Err("an origin such as https://app.example or http://localhost:3000 is expected".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins_are_taken_as_browsers_write_them() {
        assert_eq!(host("Epochd.Internal:8080").as_deref(), Ok("epochd.internal:8080"));
        assert_eq!(host("[fd00::1]").as_deref(), Ok("[fd00::1]"));
        for wrong in ["", "http://a", "a/b", "a b", "*"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
        assert_eq!(origin("https://App.example:443/").as_deref(), Ok("https://app.example"));
        assert_eq!(origin("http://localhost:3000").as_deref(), Ok("http://localhost:3000"));
        for wrong in ["", "*", "null", "app.example", "https://", "https://a/b", "ftp://a"] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
