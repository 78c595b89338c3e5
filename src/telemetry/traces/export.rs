//! Sending spans: in batches, from a thread of its own, which leaves the sending itself to the runtime. What cannot be sent in
//! time is dropped, and the log is told: nothing waits for the collector.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use reqwest::{Client, redirect};
use tokio::runtime::Handle;

use crate::config::TraceSettings;

/// Longest wait for a connection, and for the reply in all.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(10));
/// Most of a reply that is read.
const MOST_REPLY: usize = 64 << 10;

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The setting is no URL.
    #[error("{0}")]
    Setting(String),
    /// TLS has no certificates.
    #[error("--otlp-endpoint: {0}")]
    Client(#[from] reqwest::Error),
    /// The exporter refuses the settings.
    #[error("--otlp-endpoint: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Sends spans as the settings say; nothing where they name no collector.
pub(super) fn provider(settings: &TraceSettings, runtime: Handle) -> Result<Option<SdkTracerProvider>, TraceError> {
    let Some(url) = settings.target().map_err(TraceError::Setting)? else { return Ok(None) };
    // Another library of the process may have chosen a provider before: then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(PATIENCE.0)
        .timeout(PATIENCE.1)
        .user_agent(concat!("epochd/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(OnRuntime { client, runtime })
        .with_endpoint(url)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE.1)
        .build()?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.trace_ratio.unwrap_or(1.0))));
    // The variable of the environment names the service otherwise.
    let named = std::env::var_os("OTEL_SERVICE_NAME").is_some();
    let resource = if named { Resource::builder() } else { Resource::builder().with_service_name("epochd") };
    let resource = resource.with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_sampler(sampler);
    Ok(Some(provider.with_resource(resource.build()).build()))
}

/// A client whose requests run on the runtime, whatever thread asks for them.
#[derive(Debug)]
struct OnRuntime {
    client: Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let mut reply = client.execute(request).await.map_err(reqwest::Error::without_url)?;
            let (status, mut body) = (reply.status(), Vec::new());
            while let Some(bytes) = reply.chunk().await.map_err(reqwest::Error::without_url)? {
                if body.len() + bytes.len() > MOST_REPLY {
                    break;
                }
                body.extend_from_slice(&bytes);
            }
            Ok::<_, reqwest::Error>((status, body))
        });
        let (status, body) = sent.await??;
        Ok(Response::builder().status(status).body(body.into())?)
    }
}
