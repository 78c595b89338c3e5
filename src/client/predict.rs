//! `epochd predict`: rows in, predictions out, both as streams.

use std::io::{self, Write};
use std::path::Path;

use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::{Method, Response};
use tempfile::NamedTempFile;

use super::command::Predict;
use super::data_file::{DataFile, type_by_path};
use super::error::ClientError;
use super::screen::Screen;
use super::service::Service;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// Predicts as the command line asks.
///
/// # Errors
/// The service refuses, or a file cannot be read or written.
pub async fn predict(service: &Service, screen: &Screen, asked: &Predict) -> Result<(), ClientError> {
    let file = DataFile::of(asked.file.as_deref(), asked.content_type.as_deref())?;
    let path = match &asked.version {
        None => vec!["models", &asked.model, "predict"],
        Some(version) => vec!["models", &asked.model, "versions", version, "predict"],
    };
    let interval = asked.interval.map(|share| share.to_string());
    let optional = [
        ("interval", interval.as_deref()),
        ("unknown", asked.unknown.as_deref()),
        ("on_error", asked.on_error.as_deref()),
        ("sheet", asked.sheet.as_deref()),
        ("flags", asked.flags.then_some("true")),
        ("ids", asked.ids.then_some("true")),
    ];
    let mut query: Vec<(&str, &str)> = optional.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    query.extend(asked.passthrough.iter().map(|column| ("passthrough", column.as_str())));
    let accept = accepted(asked, screen, &file);
    let request = service.request(Method::POST, &path, &query).header(ACCEPT, accept);
    let (request, bar) = file.send(request, screen)?;
    let reply = service.send(request).await;
    bar.finish_and_clear();
    let reply = reply?;
    remark_failed(screen, reply.headers());
    match asked.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => to_file(service, reply, path).await,
        None => to_stdout(service, reply).await,
    }
}

/// The form of the predictions: what is asked for, or that of the file they go to, or that of the rows.
fn accepted(asked: &Predict, screen: &Screen, file: &DataFile) -> String {
    let by_output = || asked.output.as_deref().and_then(type_by_path).map(str::to_owned);
    let by_rows = || if file.content_type.starts_with(JSON) { JSON } else { CSV }.to_owned();
    match &asked.accept {
        Some(given) => given.clone(),
        None if screen.json => JSON.into(),
        None => by_output().unwrap_or_else(by_rows),
    }
}

/// Says how many rows could not be read.
fn remark_failed(screen: &Screen, headers: &HeaderMap) {
    let failed = headers.get("x-rows-failed").and_then(|count| count.to_str().ok()).filter(|count| *count != "0");
    if let Some(count) = failed {
        let rows = if count == "1" { "row" } else { "rows" };
        screen.remark(format!("{count} {rows} could not be read: `error` says why"));
    }
}

/// Writes a file that is there whole or not at all.
pub async fn to_file(service: &Service, reply: Response, path: &Path) -> Result<(), ClientError> {
    let failed = |error| ClientError::io(path.display())(error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    copy(service, reply, &mut file, failed).await?;
    file.persist(path).map_err(|error| failed(error.error)).map(drop)
}

/// Writes to standard output.
pub async fn to_stdout(service: &Service, reply: Response) -> Result<(), ClientError> {
    copy(service, reply, &mut io::stdout().lock(), ClientError::output).await
}

async fn copy(
    service: &Service,
    mut reply: Response,
    out: &mut impl Write,
    failed: impl Fn(io::Error) -> ClientError,
) -> Result<(), ClientError> {
    while let Some(piece) = reply.chunk().await.map_err(|error| service.unreachable(error))? {
        out.write_all(&piece).map_err(&failed)?;
    }
    out.flush().map_err(failed)
}
