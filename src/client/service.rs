//! Requests to the service, and what becomes of its errors.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Method, RequestBuilder, Response, Url, redirect};
use serde_json::Value;

use super::command::ClientTls;
use super::distrust::distrust;
use super::error::{ClientError, Problem, Unreadable};

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an error that are read at most.
const MOST_ERROR: usize = 1 << 20;
/// Entries that a page of a list is asked for.
const PAGE: &str = "100";

/// The service that is asked.
#[derive(Clone, Debug)]
pub struct Service {
    http: Client,
    url: Url,
    key: Option<HeaderValue>,
    /// Whether it is shown a certificate, if it wants one.
    shows_certificate: bool,
}

impl Service {
    /// At `url`, asked with `key` if there is one, over TLS as `tls` says.
    ///
    /// # Errors
    /// The URL, the key or a file cannot be used.
    pub fn new(url: &str, key: Option<&str>, tls: &ClientTls) -> Result<Self, ClientError> {
        let parsed =
            Url::parse(url).ok().filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host());
        let url = parsed.ok_or_else(|| unfit("--url", "a URL such as http://127.0.0.1:8080 is expected"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unfit("--url", "it takes no name and password: a key goes by EPOCHD_KEY"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(unfit(
                "--url",
                "it ends with the path of the service, without ? and #: a key goes by EPOCHD_KEY",
            ));
        }
        // Another part of the process may have chosen a provider before: then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(PATIENCE)
            .user_agent(concat!("epochd/", env!("CARGO_PKG_VERSION")));
        if is_of_this_machine(&url) {
            // No proxy of the environment reaches it, nor is to see what is sent to it.
            http = http.no_proxy();
        }
        http = with_tls(http, tls)?;
        let bearer = |key: &str| {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|error| unfit("--key", error))?;
            value.set_sensitive(true);
            Ok(value)
        };
        let http = http.build().map_err(|error| {
            let what = "a certificate is of X.509 version 3, and has its own key beside it";
            unfit("--ca or --client-cert", format!("{}: {what}", innermost(&error)))
        })?;
        let (key, shows_certificate) = (key.map(bearer).transpose()?, tls.client_cert.is_some());
        Ok(Service { http, url, key, shows_certificate })
    }

    /// A request for the path of these parts, each of which may be any text, with these parameters.
    pub fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.url.clone();
        url.path_segments_mut().expect("URLs of http have a path").pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, key),
            None => request,
        }
    }

    /// The reply to a request, whatever it holds.
    ///
    /// # Errors
    /// Nobody answers, or an error.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let reply = request.send().await.map_err(|error| self.unreachable(error))?;
        if reply.status().is_success() { Ok(reply) } else { Err(self.refused(reply).await) }
    }

    /// The reply to a request as JSON; null where it is empty.
    ///
    /// # Errors
    /// As [`Service::send`].
    pub async fn json(&self, request: RequestBuilder) -> Result<Value, ClientError> {
        let reply = self.send(request.header(ACCEPT, "application/json")).await?;
        let body = reply.bytes().await.map_err(|error| self.unreachable(error))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| {
            ClientError::Failed(format!("what answers at {} is no epochd: its reply is no JSON", self.url))
        })
    }

    /// `body` as JSON, posted.
    ///
    /// # Errors
    /// As [`Service::send`].
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, ClientError> {
        let request = self.request(Method::POST, path, &[]).header(CONTENT_TYPE, "application/json");
        self.json(request.body(body.to_string())).await
    }

    /// What is at a path.
    ///
    /// # Errors
    /// As [`Service::send`].
    pub async fn get(&self, path: &[&str]) -> Result<Value, ClientError> {
        self.json(self.request(Method::GET, path, &[])).await
    }

    /// Deletes what is at a path.
    ///
    /// # Errors
    /// As [`Service::send`].
    pub async fn delete(&self, path: &[&str]) -> Result<(), ClientError> {
        self.json(self.request(Method::DELETE, path, &[])).await.map(drop)
    }

    /// All entries of a list, page by page.
    ///
    /// # Errors
    /// As [`Service::send`].
    pub async fn list(&self, path: &[&str]) -> Result<Vec<Value>, ClientError> {
        self.list_of(path, &[]).await
    }

    /// All entries of a list that these parameters ask for.
    ///
    /// # Errors
    /// As [`Service::send`].
    pub async fn list_of(&self, path: &[&str], asked: &[(&str, &str)]) -> Result<Vec<Value>, ClientError> {
        let (mut entries, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = [&[("limit", PAGE)], asked].concat();
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let mut page = self.json(self.request(Method::GET, path, &query)).await?;
            if let Value::Array(data) = page["data"].take() {
                entries.extend(data);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(entries),
            }
        }
    }

    /// Why nobody answered, or nobody that can be spoken with, or what could not be read to its end.
    pub fn unreachable(&self, error: reqwest::Error) -> ClientError {
        let error = error.without_url();
        if let Some(told) = distrust(&self.url, &error) {
            return ClientError::Failed(told);
        }
        // The outer errors of a request say only that it failed.
        let cause = innermost(&error);
        if let Some(Unreadable { what, error }) = cause.downcast_ref() {
            return ClientError::io(what)(io::Error::new(error.kind(), error.to_string()));
        }
        let mut cause = cause.to_string();
        // Who breaks off a connection that stands may have said why before, which is lost.
        if self.url.scheme() == "https" && !error.is_connect() {
            cause += match self.shows_certificate {
                true => "; perhaps the service does not trust the certificate of --client-cert",
                false => "; if the service wants a certificate of its clients, give one by --client-cert FILE",
            };
        }
        ClientError::Unreachable { url: self.url.to_string(), cause }
    }

    async fn refused(&self, mut reply: Response) -> ClientError {
        let (status, mut body) = (reply.status(), Vec::new());
        let retry_after = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        while let Ok(Some(piece)) = reply.chunk().await {
            body.extend_from_slice(&piece[..piece.len().min(MOST_ERROR - body.len())]);
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if !problem.code.is_empty() => {
                let status = Some(status.as_u16());
                ClientError::Refused(Box::new(Problem { status, retry_after, ..problem }))
            }
            _ => ClientError::Failed(format!("what answers at {} is no epochd: it says {status}", self.url)),
        }
    }
}

/// Whether a URL is of the machine that asks.
fn is_of_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
}

/// What an error comes from at last.
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error)
}

/// What is wrong with an option of the command line.
fn unfit(what: &str, why: impl std::fmt::Display) -> ClientError {
    ClientError::Usage(format!("{what}: {why}"))
}

/// A client that trusts whom it is to trust, and shows the certificate that it is given.
fn with_tls(mut http: ClientBuilder, tls: &ClientTls) -> Result<ClientBuilder, ClientError> {
    let read = |file: &Path| std::fs::read(file).map_err(ClientError::io(file.display()));
    if let Some(file) = &tls.ca {
        let trusted = Certificate::from_pem_bundle(&read(file)?).map_err(|error| unfit("--ca", error))?;
        if trusted.is_empty() {
            return Err(unfit("--ca", format!("{} holds no certificate (PEM)", file.display())));
        }
        http = http.tls_certs_merge(trusted);
    }
    if let Some(file) = &tls.client_cert {
        let mut pem = read(file)?;
        if let Some(file) = &tls.client_key {
            pem.push(b'\n');
            pem.extend(read(file)?);
        }
        let identity = Identity::from_pem(&pem).map_err(|_| {
            let expected = "a PEM file of a certificate and its private key is expected";
            unfit("--client-cert", format!("{expected}, or the key in another file by --client-key"))
        })?;
        http = http.identity(identity);
    }
    Ok(http)
}
