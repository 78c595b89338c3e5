//! What a browser may ask on behalf of a web page. A browser lets any page send requests to any address, loopback included,
//! and a page's owner can have a name of his own lead to a loopback address (DNS rebinding). So while there are no keys,
//! requests are taken by known names alone, and from no page of another origin that the operator has not listed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, Version};

use super::observe::is_probe;
use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::config::Settings;
use crate::wording::Shown;

/// Where the page that sends a request stands to the service, as browsers say it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets requests in, or not.
pub struct Gate {
    app: App,
    /// Hosts beside those of loopback; nothing where any will do.
    hosts: Option<Vec<String>>,
    origins: Vec<String>,
    /// Whether the path is that of a page for people, which a link of another page may lead to.
    is_page: bool,
    /// Whether machines that look after the service ask it: by an address, which no page can have lead elsewhere as it can a name.
    is_probe: bool,
}

impl Gate {
    /// Of the path `template`.
    pub fn new(template: &str, app: &App) -> Self {
        let Settings { listen, browsers, .. } = &app.settings;
        let is_named = listen.ip().is_loopback() || !browsers.allowed_hosts.is_empty();
        Gate {
            app: app.clone(),
            hosts: is_named.then(|| browsers.allowed_hosts.clone()),
            origins: browsers.cors_origins.clone(),
            is_page: template == "/" || template.starts_with("/docs"),
            is_probe: is_probe(template),
        }
    }

    /// Why a request is not let in, if it is not.
    pub fn refusal(&self, request: &Request) -> Option<ApiError> {
        let host = match host(request) {
            Ok(host) => host,
            Err(error) => return Some(error),
        };
        if !self.app.is_open() {
            return None;
        }
        if let Some(allowed) = &self.hosts {
            let in_target = request.uri().authority().map(|authority| authority.as_str().as_bytes());
            let is_known =
                |name: &[u8]| is_loopback(name) || is_listed(name, allowed) || self.is_probe && is_address(name);
            let foreign = |name: &&[u8]| !is_known(name);
            if let Some(name) = in_target.into_iter().chain(host).find(foreign) {
                return Some(host_not_allowed(name));
            }
        }
        (!self.takes_origin(request, host)).then(|| origin_not_allowed(request.headers()))
    }

    /// Whether a request comes from no page, from one of the service's own, or from one that is listed.
    fn takes_origin(&self, request: &Request, host: Option<&[u8]>) -> bool {
        let headers = request.headers();
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => {}
            (Some(origin), None) if self.origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes()) => {
                return true;
            }
            (Some(origin), None) if is_of_host(origin.as_bytes(), host) => {}
            _ => return false,
        }
        match headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes()) {
            None | Some(b"same-origin" | b"none") => true,
            Some(_) => self.is_page && is_link(request),
        }
    }
}

/// The host that a request names, by its header or, in HTTP/2, before its headers; none where its version may do without.
///
/// # Errors
/// It names none, several, or what cannot be a host.
fn host(request: &Request) -> Result<Option<&[u8]>, ApiError> {
    let malformed = |detail: &'static str| Err(ApiError::new(ErrorCode::MalformedRequest, detail));
    let mut hosts = request.headers().get_all(HOST).iter().map(|host| host.as_bytes());
    let named = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return malformed("the request has more than one Host header (RFC 9112)"),
        (host, None) => host,
    };
    if named.is_some_and(|host| !may_be_host(host)) {
        return malformed("the request's Host header is no host with or without a port (RFC 9112)");
    }
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    match (request.version(), named, authority) {
        (Version::HTTP_2, Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            malformed("the request's Host header is not its :authority (RFC 9113)")
        }
        (Version::HTTP_2, None, None) => malformed("the request has no :authority (RFC 9113)"),
        (Version::HTTP_2, host, authority) => Ok(host.or(authority)),
        (Version::HTTP_11, None, _) => malformed("the request has no Host header (RFC 9112)"),
        (_, host, _) => Ok(host),
    }
}

/// Whether these bytes may stand in a host with or without a port (RFC 3986, section 3.2.2). Without a branch for each, so that many
/// are looked at together.
fn may_be_host(host: &[u8]) -> bool {
    host.iter().fold(true, |all, byte| all & MAY_BE_HOST[usize::from(*byte)])
}

/// Whether a byte may stand in a host or a port: unreserved, a delimiter within a name, or of a percent-encoding or an address.
const MAY_BE_HOST: [bool; 256] = {
    let (others, mut may, mut at) = (b"-._~!$&'()*+,;=%:[]", [false; 256], 0);
    while at < 256 {
        may[at] = (at as u8).is_ascii_alphanumeric();
        at += 1;
    }
    at = 0;
    while at < others.len() {
        may[others[at] as usize] = true;
        at += 1;
    }
    may
};

/// Whether a host, with or without a port, is a name or an address of loopback.
fn is_loopback(host: &[u8]) -> bool {
    let name = without_port(host);
    if name == b"localhost" || name == b"127.0.0.1" {
        return true;
    }
    let Ok(name) = std::str::from_utf8(name) else { return false };
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|address| IpAddr::V6(address).to_canonical().is_loopback());
    }
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return address.is_loopback();
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a host, with or without a port, is an address.
fn is_address(host: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(without_port(host)) else { return false };
    let within = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    within.map_or_else(|| name.parse::<Ipv4Addr>().is_ok(), |name| name.parse::<Ipv6Addr>().is_ok())
}

/// Whether a host is listed, with its port or for all ports.
fn is_listed(host: &[u8], listed: &[String]) -> bool {
    let is = |name: &[u8], known: &String| name.eq_ignore_ascii_case(known.as_bytes());
    listed.iter().any(|known| is(host, known) || is(without_port(host), known))
}

/// The host without its port.
fn without_port(host: &[u8]) -> &[u8] {
    let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    match host[..host.len() - digits].split_last() {
        Some((b':', name)) if !name.contains(&b':') || name.ends_with(b"]") => name,
        _ => host,
    }
}

/// Whether an origin is that of the host that is asked. Of the scheme a service behind a proxy knows nothing.
fn is_of_host(origin: &[u8], host: Option<&[u8]>) -> bool {
    let name = origin.strip_prefix(b"http://").or(origin.strip_prefix(b"https://"));
    name.zip(host).is_some_and(|(name, host)| name.eq_ignore_ascii_case(host))
}

/// Whether somebody follows a link: the page shown belongs to nobody else, and nobody else can read it.
fn is_link(request: &Request) -> bool {
    let says = |name: &str, value: &[u8]| request.headers().get(name).is_some_and(|said| said.as_bytes() == value);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    reads && says("sec-fetch-mode", b"navigate") && says("sec-fetch-dest", b"document")
}

fn host_not_allowed(host: &[u8]) -> ApiError {
    let host = String::from_utf8_lossy(host);
    let detail = format!(
        "the service does not answer to the host {}: ask for localhost, or start it with that name in --allowed-hosts",
        Shown(&host)
    );
    ApiError::new(ErrorCode::HostNotAllowed, detail)
}

fn origin_not_allowed(headers: &HeaderMap) -> ApiError {
    let origin = headers.get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    let page = origin.map_or_else(|| "another site".into(), |origin| format!("the origin {}", Shown(&origin)));
    let detail = format!("a browser sent this request for a page of {page}, which --cors-origins does not list");
    ApiError::new(ErrorCode::OriginNotAllowed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_of_loopback_are_known_with_any_port() {
        for host in ["localhost", "LOCALHOST:8080", "a.localhost", "localhost.", "127.0.0.1:1", "127.8.9.1", "[::1]:80"]
        {
            assert!(is_loopback(host.as_bytes()), "{host}");
        }
        assert!(is_loopback(b"[::ffff:127.0.0.1]") && is_loopback(b"[::1]"));
        let foreign =
            ["", "evil.example", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "127.1"];
        for host in
            foreign.into_iter().chain(["[::2]", "::1", "128.0.0.1", "0.0.0.0", "localhost:80:80", "a@localhost"])
        {
            assert!(!is_loopback(host.as_bytes()), "{host}");
        }
        assert!(!is_loopback(b"\xfflocalhost"));
    }

    #[test]
    fn what_holds_a_foreign_byte_is_no_host() {
        for host in ["", "localhost", "a-b_c.example:80", "127.0.0.1", "[::1]:8080", "xn--bcher-kva.example", "a%20b"] {
            assert!(may_be_host(host.as_bytes()), "{host}");
        }
        for host in ["a b", "user@localhost", "localhost/", "a?b", "a#b", "a\\b", "bücher.example", "<a>", "\"a\""] {
            assert!(!may_be_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn listed_hosts_are_for_their_port_or_for_any() {
        let listed = ["a.example".to_owned(), "b.example:80".to_owned()];
        for host in ["a.example", "A.example:8080", "b.example:80"] {
            assert!(is_listed(host.as_bytes(), &listed), "{host}");
        }
        for host in ["b.example", "b.example:81", "x.a.example", ""] {
            assert!(!is_listed(host.as_bytes(), &listed), "{host}");
        }
    }

    #[test]
    fn an_origin_is_the_services_own_by_its_host_and_port() {
        assert!(is_of_host(b"http://127.0.0.1:8080", Some(b"127.0.0.1:8080")));
        assert!(is_of_host(b"https://epochd.example", Some(b"Epochd.example")));
        for origin in ["null", "http://127.0.0.1:3000", "http://127.0.0.1", "file://127.0.0.1:8080", ""] {
            assert!(!is_of_host(origin.as_bytes(), Some(b"127.0.0.1:8080")), "{origin}");
        }
    }
}
