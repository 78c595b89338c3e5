//! One attempt to deliver: a signed POST, and what became of it.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url, redirect};

use super::signature::signature;
use crate::telemetry::traces::TRACEPARENT;

/// Longest wait for a connection, and for the head of the reply in all.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

/// Who is told, and the key that signs.
pub(super) struct Receiver {
    client: Client,
    url: Url,
    key: Vec<u8>,
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It was taken, with this status.
    Taken(u16),
    /// It was answered, but not taken.
    Refused(u16),
    /// It is not wanted any more: 410.
    Gone,
    /// There was no answer.
    Silent(String),
}

impl Receiver {
    /// One that is reached by TLS with the system's certificates where its URL says so.
    ///
    /// # Errors
    /// The client cannot be made: there are no certificates, perhaps.
    pub(super) fn new(url: Url, key: Vec<u8>) -> reqwest::Result<Self> {
        // Another library of the process may have chosen a provider before: then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            // Whoever is told may not send us on to another.
            .redirect(redirect::Policy::none())
            .connect_timeout(PATIENCE.0)
            .timeout(PATIENCE.1)
            .user_agent(concat!("epochd/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Receiver { client, url, key })
    }

    /// Sends a message, with the trace that it is of. The body of the reply is not read.
    pub(super) async fn tell(&self, id: &str, body: &str, traceparent: Option<&str>) -> Told {
        let timestamp = Timestamp::now().as_second();
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp);
        let request = request.header("webhook-signature", signature(&self.key, id, timestamp, body));
        let request = traceparent.into_iter().fold(request, |request, parent| request.header(TRACEPARENT, parent));
        match request.body(body.to_owned()).send().await {
            Ok(reply) if reply.status().is_success() => Told::Taken(reply.status().as_u16()),
            Ok(reply) if reply.status() == StatusCode::GONE => Told::Gone,
            Ok(reply) => Told::Refused(reply.status().as_u16()),
            Err(error) => Told::Silent(in_words(error)),
        }
    }
}

/// An error with its causes and without the URL, which may hold secrets.
fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
