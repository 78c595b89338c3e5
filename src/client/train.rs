//! `epochd train`: from a data file to a version that serves.

use serde_json::{Map, Value, json};

use super::command::{Common, Reading, Train};
use super::data_file::DataFile;
use super::error::ClientError;
use super::read_as::read_as;
use super::screen::Screen;
use super::service::Service;
use super::watch;

/// Trains as the command line asks, and shows it until its end unless it is to be left alone.
///
/// # Errors
/// The service refuses, or the training fails.
pub async fn train(service: &Service, common: &Common, screen: &Screen, asked: &Train) -> Result<(), ClientError> {
    if asked.detach && common.local {
        return Err(ClientError::Usage("--detach needs a service that goes on: leave --local out".into()));
    }
    let job = match &asked.model {
        None => new_model(service, screen, asked).await?,
        Some(model) => new_version(service, screen, asked, model).await?,
    };
    let id = job["id"].as_str().unwrap_or_default().to_owned();
    if asked.detach {
        screen.remark(format!("the training has begun; watch it by: {}", screen.command(format!("watch {id}"))));
        return screen.show(&job, |_| id);
    }
    screen.remark(format!("training {id}"));
    let ended = watch::until_end(service, common, screen, &id).await?;
    watch::tell(service, screen, &ended).await
}

/// Data set, model and training in one request.
async fn new_model(service: &Service, screen: &Screen, asked: &Train) -> Result<Value, ClientError> {
    let file = DataFile::of(asked.file.as_deref(), asked.reading.content_type.as_deref())?;
    let name = asked.name.clone().or_else(|| file.name());
    let name = name.ok_or_else(|| ClientError::Usage(format!("{}: add --name", file.why_no_name())))?;
    let target = asked.target.as_deref().unwrap_or_default();
    let mut query = vec![("name", name.clone()), ("target", target.to_owned())];
    query.extend(asked.task.clone().map(|task| ("task", task)));
    query.extend(asked.recipe.clone().map(|recipe| ("recipe", recipe)));
    query.extend(asked.hidden_layers.clone().map(|sizes| ("hidden_layers", sizes)));
    query.extend(asked.without.clone().map(|parts| ("without", parts)));
    query.extend(asked.loss.clone().map(|loss| ("loss", loss)));
    query.extend(asked.quantile.map(|quantile| ("quantile", quantile.to_string())));
    let settings = settings(asked);
    query.extend(settings.iter().map(|(name, value)| (*name, text(value))));
    query.extend(asked.reading.query());
    file.post(service, screen, &["train"], &query).await
}

/// A training of a model that is there, on the rows of a file or on those it has.
async fn new_version(service: &Service, screen: &Screen, asked: &Train, model: &str) -> Result<Value, ClientError> {
    let mut body: Map<String, Value> =
        settings(asked).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    // In a body a split by a column is an object.
    if let Some((by, column)) = asked.split.as_deref().and_then(|split| split.split_once(':')) {
        body.insert("split".into(), json!({"type": by, "column": column}));
    } else if let Some(by) = &asked.split {
        body.insert("split".into(), json!({"type": by}));
    }
    let path = ["models", model, "train"];
    if asked.file.is_none() {
        if asked.reading != Reading::default() {
            let told =
                "how a data file is read is said, and no file: name it, or leave out --types, --missing and the like";
            return Err(ClientError::Usage(told.into()));
        }
        return service.post(&path, &Value::Object(body)).await;
    }
    let file = DataFile::of(asked.file.as_deref(), asked.reading.content_type.as_deref())?;
    let mut query = asked.reading.query();
    query.extend(read_as(service, model, None).await?);
    let stored = file.post(service, screen, &["datasets"], &query).await?;
    let id = stored["id"].as_str().unwrap_or_default();
    screen.parting.deletes(Some((service.clone(), id.to_owned())));
    body.insert("dataset".into(), id.into());
    let job = service.post(&path, &Value::Object(body)).await;
    if job.is_err() {
        // What cannot be trained on was stored for nothing; why it cannot is what is told.
        let _ = service.delete(&["datasets", id]).await;
    }
    screen.parting.deletes(None);
    job
}

/// The settings of a training that are given.
fn settings(asked: &Train) -> Vec<(&'static str, Value)> {
    let given = [
        ("epochs", asked.epochs.map(Value::from)),
        ("max_seconds", asked.max_seconds.map(Value::from)),
        ("seed", asked.seed.map(Value::from)),
        ("validation_split", asked.validation_split.map(Value::from)),
        ("split", asked.split.clone().map(Value::from)),
        ("weights", asked.weights.clone().map(Value::from)),
        ("class_weight", asked.class_weight.clone().map(Value::from)),
        ("activate", asked.activate.clone().map(Value::from)),
        ("members", asked.members.map(Value::from)),
        ("candidates", asked.candidates.map(Value::from)),
        ("target_scale", asked.target_scale.clone().map(Value::from)),
        ("distill", asked.distill.map(Value::from)),
    ];
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// A value as a parameter.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
