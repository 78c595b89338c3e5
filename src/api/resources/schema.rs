//! `GET /models/{model}/schema` and `…/openapi.json`: what one model takes and gives, for people and for generators of
//! clients.

use std::collections::BTreeMap;
use std::io;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::api::error::ApiError;
use crate::api::extract::{ModelPath, NoQuery};
use crate::api::reply::document::document;
use crate::app::App;
use crate::data::column::ColumnType;
use crate::data::encoder::{Encoder, Target};
use crate::data::encoder::{Encoding, Feature};
use crate::data::values::{format_datetime, format_number};
use crate::learning::spec::ValidModelSpec;
use crate::memory::made;
use crate::models::{Model, ModelError, ModelKind, Predictor};
use crate::serving::active;

/// Categories that are listed of a column, at most.
const MAX_CATEGORIES: usize = 1000;
/// What a column, or a word of one, takes before it is written, in bytes.
const FIELD: u64 = 1 << 10;

/// What a model takes and gives.
#[derive(Serialize)]
struct SchemaBody<'a> {
    model_id: Uuid,
    name: Option<&'a str>,
    kind: &'static str,
    version: u64,
    inputs: Option<usize>,
    outputs: Option<usize>,
    target: Option<TargetBody<'a>>,
    features: Option<Vec<FeatureBody<'a>>>,
    example: Value,
}

#[derive(Serialize)]
struct TargetBody<'a> {
    name: &'a str,
    task: crate::data::encoder::Task,
    classes: Option<&'a [String]>,
    min: Option<f64>,
    max: Option<f64>,
}

/// A column of a record.
#[derive(Serialize)]
struct FeatureBody<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: ColumnType,
    /// Whether predictions depend on it.
    used: bool,
    /// Why they do not, if they do not.
    note: Option<String>,
    /// Whether a training row lacked it.
    missing: bool,
    categories: Option<&'a [String]>,
    min: Option<Value>,
    max: Option<Value>,
}

impl<'a> FeatureBody<'a> {
    fn of(feature: &'a Feature) -> Self {
        let (min, max) = match &feature.encoding {
            Encoding::Numeric { min, max, .. } => (Some(json!(min)), Some(json!(max))),
            Encoding::Datetime { min, max, .. } => {
                (Some(format_datetime(*min).into()), Some(format_datetime(*max).into()))
            }
            _ => (None, None),
        };
        let words = feature.words();
        let categories = (feature.kind == ColumnType::Categorical).then(|| &words[..words.len().min(MAX_CATEGORIES)]);
        let (name, kind, missing) = (feature.name.as_str(), feature.kind, feature.missing);
        FeatureBody { name, kind, used: true, note: None, missing, categories, min, max }
    }
}

/// `GET /models/{model}/schema`, of the active version.
pub async fn schema(State(app): State<App>, ModelPath(model): ModelPath, _: NoQuery) -> Result<Response, ApiError> {
    let version = active(&app, &model).await?;
    let predictor = app.models.predictor(&model, version).await?;
    let (number, entries) = (version.number, entries(&predictor));
    document(&app, StatusCode::OK, entries, move |sheet| {
        made(entries as u64 * FIELD)?;
        sheet.json(&schema_body(&model, number, &predictor))
    })
    .await
}

fn schema_body<'a>(model: &'a Model, version: u64, predictor: &'a Predictor) -> SchemaBody<'a> {
    let encoder = predictor.table().ok().map(|table| &table.parts.encoder);
    let layers = match &model.kind {
        ModelKind::Layers(spec) => Some(spec),
        ModelKind::Table(_) => None,
    };
    SchemaBody {
        model_id: model.id,
        name: model.name.as_deref(),
        kind: if layers.is_some() { "layers" } else { "dataset" },
        version,
        inputs: layers.map(|spec| spec.inputs()),
        outputs: layers.map(|spec| spec.outputs()),
        target: encoder.map(|encoder| target_body(&encoder.target)),
        features: encoder.map(features),
        example: match (encoder, layers) {
            (Some(encoder), _) => example(encoder),
            (None, Some(spec)) => json!(vec![0.5; spec.inputs()]),
            (None, None) => Value::Null,
        },
    }
}

/// Columns that are gathered for a document of a version, and words of them.
fn entries(predictor: &Predictor) -> usize {
    let of_table = |encoder: &Encoder| {
        let features = encoder.features.iter().map(|feature| 1 + feature.words().len().min(MAX_CATEGORIES));
        features.sum::<usize>() + encoder.left_out.len() + encoder.target.classes().len()
    };
    predictor.table().map_or(0, |table| of_table(&table.parts.encoder))
}

fn target_body(target: &Target) -> TargetBody<'_> {
    let (min, max) = match target {
        Target::Regression { min, max, .. } => (Some(*min), Some(*max)),
        Target::Classification { .. } => (None, None),
    };
    let classes = Some(target.classes()).filter(|classes| !classes.is_empty());
    TargetBody { name: target.name(), task: target.task(), classes, min, max }
}

fn features(encoder: &Encoder) -> Vec<FeatureBody<'_>> {
    let left_out = encoder.left_out.iter().map(|left| FeatureBody {
        name: &left.name,
        kind: left.kind,
        used: false,
        note: Some(format!("it {}", left.reason.clause())),
        missing: true,
        categories: None,
        min: None,
        max: None,
    });
    encoder.features.iter().map(FeatureBody::of).chain(left_out).collect()
}

/// A record in the middle of what training saw.
fn example(encoder: &Encoder) -> Value {
    let value = |feature: &Feature| match &feature.encoding {
        Encoding::Numeric { scale, .. } => serde_json::from_str(&format_number(scale.center)).unwrap_or(Value::Null),
        Encoding::Boolean { .. } => json!(true),
        Encoding::Datetime { min, max, .. } => json!(format_datetime(min / 2 + max / 2)),
        Encoding::Text { .. } => json!("a few words"),
        _ => json!(feature.words().first()),
    };
    encoder.features.iter().map(|feature| (feature.name.clone(), value(feature))).collect::<Map<_, _>>().into()
}

/// `GET /models/{model}/openapi.json`: a contract of this model alone.
pub async fn openapi(State(app): State<App>, ModelPath(model): ModelPath, _: NoQuery) -> Result<Response, ApiError> {
    let version = active(&app, &model).await?;
    let predictor = app.models.predictor(&model, version).await?;
    let (number, entries) = (version.number, entries(&predictor));
    if model.table().is_ok() && predictor.table().is_err() {
        return Err(ModelError::VersionDamaged { version: number }.into());
    }
    document(&app, StatusCode::OK, entries, move |sheet| {
        made(entries as u64 * FIELD)?;
        let schemas = match &model.kind {
            ModelKind::Layers(spec) => layers_schemas(spec),
            ModelKind::Table(_) => table_schemas(&predictor.table().map_err(io::Error::other)?.parts.encoder),
        };
        sheet.json(&contract(&model, number, schemas))
    })
    .await
}

/// The whole document. Its schemas keep to the conventions of `openapi.yaml`, so that generators of clients take it.
fn contract(model: &Model, version: u64, mut schemas: Map<String, Value>) -> Value {
    let interval = json!({"name": "interval", "in": "query", "required": false,
        "schema": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "description": "Level of an interval or a label set, such as 0.9"});
    let ids = json!({"name": "ids", "in": "query", "required": false, "schema": {"type": "boolean"},
        "description": "An `id` for each prediction, by which its true outcome is told"});
    let parameters = if model.table().is_ok() { json!([interval, ids]) } else { json!([]) };
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {"title": format!("Predictions of {}", model.title()), "version": version.to_string(),
                 "description": "What this model takes and gives in JSON, as of its active version. Records have its columns and \
                                 no others: `unknown`, `passthrough`, `on_error` and files are in the service's own document."},
        "servers": [{"url": "/"}],
        "security": [],
        "tags": [{"name": "predictions", "description": "Asking this model."}],
        "paths": {format!("/models/{}/predict", model.title()): {"post": {
            "operationId": "predict", "tags": ["predictions"], "summary": "Predict", "parameters": parameters,
            "requestBody": {"required": true, "content": {"application/json": {"schema": component("Request")}}},
            "responses": {
                "200": {"description": "A prediction for each row",
                        "content": {"application/json": {"schema": component("Reply")}}},
                "default": {"description": "What is wrong: a problem document as in RFC 9457",
                            "content": {"application/problem+json": {"schema": component("Problem")}}}}}}},
        "components": {"schemas": schemas}
    })
}

fn component(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn number() -> Value {
    json!({"type": "number", "format": "double"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn problem() -> Value {
    let place = json!({"type": "object", "required": ["detail"],
                       "properties": {"pointer": text(), "parameter": text(), "detail": text()}});
    json!({"type": "object", "required": ["type", "title", "status", "code", "detail", "errors", "request_id"],
           "properties": {"type": text(), "title": text(), "status": {"type": "integer"}, "code": text(),
                          "detail": text(), "errors": {"type": "array", "items": place}, "request_id": text()}})
}

/// The schemas `Request` and `Reply`, and those that they refer to. A request is closed, a reply may gain fields.
fn schemas(field: &str, rows: Value, answers: &str, answer: Value, further: Vec<(&str, Value)>) -> Map<String, Value> {
    let request = json!({"type": "object", "additionalProperties": false, "required": [field],
                         "properties": {field: rows}});
    let reply = json!({"type": "object", "required": ["model_id", "version", answers], "properties": {
        "model_id": {"type": "string", "format": "uuid"}, "version": {"type": "integer"},
        answers: {"type": "array", "items": answer}}});
    let named = further.into_iter().chain([("Request", request), ("Reply", reply)]);
    named.map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn layers_schemas(spec: &ValidModelSpec) -> Map<String, Value> {
    let row = |width: usize| json!({"type": "array", "items": number(), "minItems": width, "maxItems": width});
    // Generators know no choice between a list of rows and a list of numbers, so the choice is made for each item.
    let inputs = json!({"type": "array", "minItems": 1, "items": {"oneOf": [number(), component("Row")]},
                        "description": format!("Rows of {} numbers, or one row", spec.inputs())});
    schemas("inputs", inputs, "outputs", row(spec.outputs()), vec![("Row", row(spec.inputs()))])
}

fn table_schemas(encoder: &Encoder) -> Map<String, Value> {
    let mut properties: BTreeMap<&str, Value> =
        encoder.features.iter().map(|feature| (feature.name.as_str(), property(feature))).collect();
    for left in &encoder.left_out {
        properties.insert(&left.name, json!({"description": format!("Not used: it {}", left.reason.clause())}));
    }
    properties.insert(encoder.target.name(), json!({"description": "Ignored: the target"}));
    if let Some(weights) = &encoder.weights {
        properties.insert(weights, json!({"description": "Ignored: how much each training row counts"}));
    }
    let record = json!({"type": "object", "additionalProperties": false, "properties": properties,
                        "examples": [example(encoder)]});
    let records =
        json!({"oneOf": [{"type": "array", "minItems": 1, "items": component("Columns")}, component("Columns")]});
    let flag = json!({"type": "object", "required": ["column", "flag"], "properties": {
        "column": text(),
        "flag": {"type": "string", "enum": ["above_max", "below_min", "unseen_category", "missing"]}}});
    let prediction = prediction(encoder.target.classes());
    let further = vec![("Columns", record), ("FlaggedColumn", flag), ("PredictedRow", prediction)];
    schemas("records", records, "predictions", component("PredictedRow"), further)
}

/// A label or a value. Labels are plain texts: a later version may know other classes.
fn prediction(classes: &[String]) -> Value {
    let flags = json!({"type": "array", "items": component("FlaggedColumn")});
    let id = json!({"type": "string", "description": "With `ids`"});
    if classes.is_empty() {
        return json!({"type": "object", "required": ["value", "flags"], "properties": {
            "value": number(), "lower": number(), "upper": number(), "flags": flags, "id": id}});
    }
    json!({"type": "object", "required": ["label", "probability", "probabilities", "flags"], "properties": {
        "label": {"type": "string", "description": "The likeliest class", "examples": classes},
        "probability": number(),
        "probabilities": {"type": "object", "additionalProperties": number()},
        "label_set": {"type": "array", "items": text(), "description": "With `interval`"}, "flags": flags, "id": id}})
}

/// The schema of a column; what training saw is told beside it. Words may also be sent as the numbers or booleans that
/// write them, which is left out here: several types in one place are more than some generators know.
fn property(feature: &Feature) -> Value {
    let words = feature.words();
    match &feature.encoding {
        Encoding::Numeric { min, max, .. } => json!({"type": ["number", "null"], "format": "double",
            "description": format!("Training saw {} to {}", format_number(*min), format_number(*max))}),
        Encoding::Boolean { .. } => json!({"type": ["boolean", "null"]}),
        Encoding::Datetime { min, max, .. } => json!({"type": ["string", "null"],
            "description": format!("A date or time; training saw {} to {}", format_datetime(*min), format_datetime(*max))}),
        Encoding::Text { .. } => json!({"type": ["string", "null"], "description": "Text; its words are looked at"}),
        _ => json!({"type": ["string", "null"], "examples": &words[..words.len().min(MAX_CATEGORIES)]}),
    }
}
