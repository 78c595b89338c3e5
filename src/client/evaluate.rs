//! `epochd evaluate`: a model, measured on rows with outcomes.

use serde_json::json;

use super::command::Evaluate;
use super::data_file::DataFile;
use super::error::ClientError;
use super::read_as::read_as;
use super::report;
use super::screen::Screen;
use super::service::Service;

/// Measures as the command line asks. The service measures on data sets: that of a file is deleted again, also where a signal ends
/// the command.
///
/// # Errors
/// The service refuses, or the file cannot be read.
pub async fn evaluate(service: &Service, screen: &Screen, asked: &Evaluate) -> Result<(), ClientError> {
    let path = match &asked.version {
        None => vec!["models", &asked.model, "evaluate"],
        Some(version) => vec!["models", &asked.model, "versions", version, "evaluate"],
    };
    if let Some(dataset) = &asked.dataset {
        let measured = service.post(&path, &json!({"dataset": dataset})).await?;
        return screen.show(&measured, report::of_evaluation);
    }
    let file = DataFile::of(asked.file.as_deref(), asked.reading.content_type.as_deref())?;
    let mut query = asked.reading.query();
    query.extend(read_as(service, &asked.model, asked.version.as_deref()).await?);
    let stored = file.post(service, screen, &["datasets"], &query).await?;
    let id = stored["id"].as_str().unwrap_or_default();
    screen.parting.deletes(Some((service.clone(), id.to_owned())));
    let measured = service.post(&path, &json!({"dataset": id})).await;
    let deleted = service.delete(&["datasets", id]).await;
    screen.parting.deletes(None);
    let measured = measured?;
    deleted?;
    screen.show(&measured, report::of_evaluation)
}
