//! Settings of traces: where spans are sent, and how many.

use clap::Args;
use reqwest::Url;

use super::urls::http_url;
use crate::storage::SecretUrl;

/// Where the collector takes spans by HTTP, below its address.
const PATH: &str = "/v1/traces";

/// Who is sent spans.
#[derive(Clone, Debug, Default, Args)]
pub struct TraceSettings {
    /// OpenTelemetry collector that is sent the spans of requests, storage calls and jobs, by OTLP over HTTP, such as
    /// http://localhost:4318; OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are honoured
    /// [default: nobody]
    #[arg(long, env = "EPOCHD_OTLP_ENDPOINT", value_name = "URL", hide_env_values = true)]
    pub otlp_endpoint: Option<SecretUrl>,

    /// Part of the traces that begin here which is sent, from 0 to 1; those that begin elsewhere are sent as their
    /// `traceparent` says [default: 1]
    #[arg(long, env = "EPOCHD_TRACE_RATIO", value_name = "PART", value_parser = part)]
    pub trace_ratio: Option<f64>,
}

impl TraceSettings {
    /// Whether the URL can be used. No message repeats it.
    pub(super) fn check(&self) -> Result<(), String> {
        self.target().map(drop)
    }

    /// The URL that takes spans.
    ///
    /// # Errors
    /// It is none that can.
    pub fn target(&self) -> Result<Option<Url>, String> {
        let Some(endpoint) = &self.otlp_endpoint else { return Ok(None) };
        let mut url =
            http_url(endpoint.as_str()).ok_or("--otlp-endpoint: a URL such as http://localhost:4318 is expected")?;
        if !url.path().ends_with(PATH) {
            let path = format!("{}{PATH}", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(Some(url))
    }
}

fn part(text: &str) -> Result<f64, String> {
    let part = text.parse::<f64>().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| "a number from 0 to 1 is expected".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_is_added_where_it_is_missing() {
        let target = |url: &str| {
            let settings = TraceSettings { otlp_endpoint: Some(url.to_owned().into()), trace_ratio: None };
            settings.target().map(|url| url.map(String::from).unwrap_or_default())
        };
        assert_eq!(target("http://localhost:4318"), Ok("http://localhost:4318/v1/traces".into()));
        assert_eq!(target("https://host/otlp/"), Ok("https://host/otlp/v1/traces".into()));
        assert_eq!(target("http://host/v1/traces?key=1"), Ok("http://host/v1/traces?key=1".into()));
        for wrong in ["collector:4318", "ftp://host", "hunter2"] {
            let said = target(wrong).expect_err("refused");
            assert!(!said.contains(wrong), "{said}");
        }
        assert_eq!(TraceSettings::default().target(), Ok(None));
    }
}
