//! `epochd predict`: rows in, predictions out, both as streams.

use std::io::{self, Seek, Write};
use std::path::Path;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Response};

use super::command::Predict;
use super::data_file::DataFile;
use super::error::ClientError;
use super::output::Output;
use super::screen::Screen;
use super::service::Service;
use super::written::{Written, arrow_file};

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
    let form = form(asked, screen)?;
    let accept = accepted(asked, screen, form, &file);
    let request = service.request(Method::POST, &path, &query).header(ACCEPT, accept);
    let (request, bar) = file.send_rows(request, screen)?;
    let reply = service.send(request).await;
    bar.finish_and_clear();
    let reply = reply?;
    let answered = content_type(&reply);
    let is_another = |given: &&str| !given.contains(['*', ',']) && !answered.starts_with(*given);
    if let Some(given) = asked.accept.as_deref().filter(is_another) {
        let told = format!("the service answers in {answered}, not in {given} (--accept)");
        return Err(ClientError::Failed(told));
    }
    remark_failed(screen, reply.headers());
    match (output(asked), form) {
        (None, _) => to_stdout(service, reply).await,
        (Some(path), None) => to_file(service, reply, path).await,
        (Some(path), Some(form)) => in_form(service, reply, path, form).await,
    }
}

/// The file that the predictions go to.
fn output(asked: &Predict) -> Option<&Path> {
    asked.output.as_deref().filter(|path| *path != Path::new("-"))
}

/// The form of the file that the predictions go to, where it is not asked for otherwise.
///
/// # Errors
/// Its ending is that of a form that predictions are not written in.
fn form(asked: &Predict, screen: &Screen) -> Result<Option<Written>, ClientError> {
    let by_ending = output(asked).filter(|_| asked.accept.is_none() && !screen.json);
    by_ending.map_or(Ok(None), Written::by_path)
}

/// The content type that is asked for: what the command line says, or that of the file's form, or that of the rows.
fn accepted(asked: &Predict, screen: &Screen, form: Option<Written>, file: &DataFile) -> String {
    let by_rows = || if file.content_type.starts_with(JSON) { JSON } else { CSV };
    match &asked.accept {
        Some(given) => given.clone(),
        None if screen.json => JSON.into(),
        None => form.map_or_else(by_rows, Written::content_type).into(),
    }
}

/// What a reply is written in.
fn content_type(reply: &Response) -> &str {
    reply.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Says how many rows could not be read.
fn remark_failed(screen: &Screen, headers: &HeaderMap) {
    let failed = headers.get("x-rows-failed").and_then(|count| count.to_str().ok()).filter(|count| *count != "0");
    if let Some(count) = failed {
        let rows = if count == "1" { "row" } else { "rows" };
        screen.remark(format!("{count} {rows} could not be read: `error` says why"));
    }
}

/// Writes a file in a form that its ending says, where the reply has it.
async fn in_form(service: &Service, reply: Response, path: &Path, form: Written) -> Result<(), ClientError> {
    let content_type = content_type(&reply);
    if !content_type.starts_with(form.content_type()) {
        let (name, other) = (path.display(), form.content_type());
        let told = format!(
            "{name}: the model answers in {content_type}, not in {other}: let the name end so, or add --accept"
        );
        return Err(ClientError::Failed(told));
    }
    if form != Written::ArrowFile {
        return to_file(service, reply, path).await;
    }
    let mut output = Output::at(path)?;
    let mut stream = output.scratch()?;
    copy(service, reply, &mut stream, ClientError::written(path.display())).await?;
    stream.rewind().map_err(ClientError::written(path.display()))?;
    let converted = arrow_file(&stream, &mut output);
    converted.map_err(|error| ClientError::Failed(format!("{}: {error}", path.display())))?;
    output.finish()
}

/// Writes to a path: a file that is there whole or not at all, or into what is there of another kind.
pub async fn to_file(service: &Service, reply: Response, path: &Path) -> Result<(), ClientError> {
    let mut output = Output::at(path)?;
    copy(service, reply, &mut output, ClientError::written(path.display())).await?;
    output.finish()
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
