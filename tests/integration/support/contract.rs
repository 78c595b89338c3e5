//! The contract of `openapi.yaml`, read by machine: which routes there are, and whether a request or a reply fits.
//!
//! Schemas of OpenAPI 3.1 are JSON Schema 2020-12. Two things are checked more strictly than they say. The schemas of
//! replies are open, so that a client bears fields of later releases; here a field that is not declared is refused, so that
//! none is forgotten in the document. And a problem must have the status that it comes with, and one of the codes of
//! its response. A place in the document is named by a JSON pointer such as `/components/schemas/Model`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Registry, ValidationError, Validator};
use serde_json::{Map, Value, json};

/// What the document is called inside references.
const DOCUMENT: &str = "urn:openapi";
/// Keys of a path item that are operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// The reply to a path that the contract does not know.
const ROUTE_NOT_FOUND: &str = "/components/responses/RouteNotFound";
/// The reply to a method that a known path does not have.
const METHOD_NOT_ALLOWED: &str = "/components/responses/MethodNotAllowed";
/// Longest text of one violation: some quote the whole value.
const MAX_MESSAGE_CHARS: usize = 300;

/// The one contract of all tests, read on first use.
pub fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(Contract::load)
}

/// The parsed document, with a compiled validator for each schema asked for so far.
pub struct Contract {
    document: Value,
    registry: Registry<'static>,
    /// By pointer to the schema. Locked only to look up or to put in.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// Reads `openapi.yaml`.
    ///
    /// # Panics
    /// If the file is missing or is no YAML: no test can go on without it.
    pub fn load() -> Contract {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");
        let text = std::fs::read_to_string(path).expect("openapi.yaml stands at the project's top level");
        let document: Value = serde_saphyr::from_str(&text).expect("openapi.yaml is YAML");
        let registry = Registry::new().add(DOCUMENT, closed(document.clone())).expect("the document's name is a URI");
        let registry = registry.prepare().expect("every reference within a schema leads somewhere");
        Contract { document, registry, validators: Mutex::default() }
    }

    /// Method (upper case) and path template of every operation.
    pub fn routes(&self) -> Vec<(String, String)> {
        self.operations().map(|(method, path, _)| (method.to_uppercase(), path.to_owned())).collect()
    }

    /// The template that a concrete path belongs to. A literal segment wins over a parameter.
    pub fn match_path(&self, path: &str) -> Option<&str> {
        let path = without_query(path);
        let templates = self.members("/paths").map(|(template, _)| template.as_str());
        templates.filter(|template| fits_template(template, path)).max_by_key(|template| literal_segments(template))
    }

    /// Whether a reply is one that the contract lists: status, required headers, media type and body.
    ///
    /// A path that the contract does not know must be answered with its 404, a method that a path does not have
    /// with its 405. `HEAD` is a `GET` without a body. `path` may carry a query; `headers` finds a header by its
    /// lower-case name.
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn check_reply(
        &self,
        method: &str,
        path: &str,
        status: u16,
        content_type: Option<&str>,
        headers: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
    ) -> Result<(), String> {
        let check = || {
            let reply = self.reply_pointer(method, path, status)?;
            self.check_headers(&reply, headers)?;
            match method {
                "HEAD" => empty(body),
                _ => self.check_content(&reply, status, content_type, body),
            }
        };
        check().map_err(|error| format!("{method} {path} answered {status}: {error}"))
    }

    /// Whether a request body fits the schema of its operation.
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn check_request(&self, method: &str, path: &str, body: &Value) -> Result<(), String> {
        let operation = self.operation_pointer(method, path)?;
        let (request, _) = self
            .follow(&format!("{operation}/requestBody"))
            .ok_or_else(|| format!("{method} {path} takes no request body"))?;
        self.check_schema_at(&format!("{request}/content/application~1json/schema"), body)
            .map_err(|error| format!("the body of {method} {path}: {error}"))
    }

    /// Whether a value fits the schema at a pointer, such as `/components/schemas/Model`.
    ///
    /// # Errors
    /// Every place that does not fit, a line each.
    pub fn check_schema_at(&self, pointer: &str, value: &Value) -> Result<(), String> {
        let validator = self.validator(pointer)?;
        let errors: Vec<String> = validator.iter_errors(value).map(|error| explain(&error)).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }

    /// What stands at a JSON pointer of the document.
    pub fn value(&self, pointer: &str) -> Option<&Value> {
        self.document.pointer(pointer)
    }

    /// Method (as in the document), path template and pointer of every operation.
    pub(super) fn operations(&self) -> impl Iterator<Item = (&str, &str, String)> {
        self.members("/paths").flat_map(|(path, item)| {
            let methods = METHODS.into_iter().filter(|method| item.get(*method).is_some());
            methods.map(move |method| (method, path.as_str(), format!("/paths/{}/{method}", escape(path))))
        })
    }

    /// The statuses that an operation lists.
    pub(super) fn statuses(&self, operation: &str) -> impl Iterator<Item = u16> {
        self.members(&format!("{operation}/responses")).filter_map(|(status, _)| status.parse().ok())
    }

    /// Where the contract describes this reply.
    fn reply_pointer(&self, method: &str, path: &str, status: u16) -> Result<String, String> {
        let known = self.match_path(path).is_some();
        let pointer = match self.operation_pointer(method, path) {
            Ok(operation) => format!("{operation}/responses/{status}"),
            Err(_) if !known && status == 404 => ROUTE_NOT_FOUND.to_owned(),
            Err(_) if known && status == 405 => METHOD_NOT_ALLOWED.to_owned(),
            Err(error) => return Err(format!("{error}; the answer must be {}", if known { 405 } else { 404 })),
        };
        let (pointer, _) = self.follow(&pointer).ok_or("the operation does not list this status")?;
        Ok(pointer)
    }

    fn operation_pointer(&self, method: &str, path: &str) -> Result<String, String> {
        let template = self.match_path(path).ok_or_else(|| format!("the contract has no path {path}"))?;
        let item = format!("/paths/{}", escape(template));
        let mut operation = format!("{item}/{}", method.to_lowercase());
        if method == "HEAD" && self.document.pointer(&operation).is_none() {
            operation = format!("{item}/get");
        }
        match self.document.pointer(&operation) {
            Some(_) => Ok(operation),
            None => Err(format!("the path {template} does not have {method}")),
        }
    }

    fn check_headers(&self, reply: &str, headers: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
        for (name, _) in self.members(&format!("{reply}/headers")) {
            let (pointer, header) = self
                .follow(&format!("{reply}/headers/{}", escape(name)))
                .ok_or_else(|| format!("the contract's header {name} leads nowhere"))?;
            match headers(&name.to_lowercase()) {
                Some(text) => self.check_header(&pointer, &text).map_err(|error| format!("header {name}: {error}"))?,
                None if header["required"] == true => return Err(format!("the header {name} is missing")),
                None => {}
            }
        }
        Ok(())
    }

    /// A header is text; where its schema wants a number it must read as one.
    fn check_header(&self, pointer: &str, text: &str) -> Result<(), String> {
        let pointer = format!("{pointer}/schema");
        let (_, schema) = self.follow(&pointer).ok_or("the contract gives it no schema")?;
        let value = match schema["type"].as_str() {
            Some("integer" | "number") => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            _ => json!(text),
        };
        self.check_schema_at(&pointer, &value)
    }

    fn check_content(&self, reply: &str, status: u16, content_type: Option<&str>, body: &[u8]) -> Result<(), String> {
        let listed: Vec<&str> = self.members(&format!("{reply}/content")).map(|(media, _)| media.as_str()).collect();
        if listed.is_empty() {
            return empty(body);
        }
        let media_type = media_type(content_type.ok_or("the reply has no content type")?);
        if !listed.contains(&media_type.as_str()) {
            return Err(format!("its content type {media_type} is not one of {}", listed.join(", ")));
        }
        if !is_json(&media_type) {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(body).map_err(|error| format!("its body is not JSON: {error}"))?;
        self.check_body(reply, status, &media_type, &value)
    }

    /// Whether a body in JSON is one that the response at a pointer describes.
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn check_body(&self, reply: &str, status: u16, media_type: &str, body: &Value) -> Result<(), String> {
        self.check_schema_at(&format!("{reply}/content/{}/schema", escape(media_type)), body)?;
        if media_type != "application/problem+json" {
            return Ok(());
        }
        let codes = self.value(&format!("{reply}/x-codes")).and_then(Value::as_array).ok_or("x-codes are missing")?;
        match (body["status"] == status, codes.contains(&body["code"])) {
            (false, _) => Err(format!("the problem says {}", body["status"])),
            (_, false) => Err(format!("the code {} is none of x-codes", body["code"])),
            (true, true) => Ok(()),
        }
    }

    fn validator(&self, pointer: &str) -> Result<Arc<Validator>, String> {
        let lock = || self.validators.lock().expect("nothing panics while holding this lock");
        if let Some(known) = lock().get(pointer) {
            return Ok(known.clone());
        }
        self.document.pointer(pointer).ok_or_else(|| format!("the contract has no schema at {pointer}"))?;
        let schema = json!({"$ref": format!("{DOCUMENT}#{}", percent_encode(pointer))});
        let options = jsonschema::options().with_registry(&self.registry).should_validate_formats(true);
        let options =
            options.with_format("date-time", |text: &str| text.ends_with('Z') && text.parse::<Timestamp>().is_ok());
        let built = options.build(&schema).map_err(|error| format!("the schema at {pointer} is wrong: {error}"))?;
        let built = Arc::new(built);
        lock().insert(pointer.to_owned(), built.clone());
        Ok(built)
    }

    /// The node at a pointer or, where it is a reference, the node that it leads to; with the pointer to it.
    pub(super) fn follow(&self, pointer: &str) -> Option<(String, &Value)> {
        let mut pointer = Cow::Borrowed(pointer);
        loop {
            let node = self.document.pointer(&pointer)?;
            match node.get("$ref").and_then(Value::as_str) {
                Some(reference) => pointer = Cow::Borrowed(reference.strip_prefix('#')?),
                None => return Some((pointer.into_owned(), node)),
            }
        }
    }

    /// The members of the object at a pointer; none if there is no object.
    pub(super) fn members<'a>(&'a self, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        self.document.pointer(pointer).and_then(Value::as_object).into_iter().flat_map(Map::iter)
    }
}

/// The document with every object closed whose fields are declared.
fn closed(node: Value) -> Value {
    match node {
        Value::Object(members) => {
            let mut members: Map<String, Value> =
                members.into_iter().map(|(name, member)| (name, closed(member))).collect();
            let is_object = names_type(members.get("type"), "object");
            if is_object && members.get("properties").is_some_and(Value::is_object) {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            Value::Object(members)
        }
        Value::Array(items) => items.into_iter().map(closed).collect(),
        other => other,
    }
}

/// Whether the `type` of a schema is this one, or allows it.
fn names_type(kind: Option<&Value>, name: &str) -> bool {
    match kind {
        Some(Value::String(kind)) => kind == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

fn empty(body: &[u8]) -> Result<(), String> {
    if body.is_empty() { Ok(()) } else { Err(format!("it should have no body, but has {} bytes", body.len())) }
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}

fn fits_template(template: &str, path: &str) -> bool {
    let fits = |(wanted, segment): (&str, &str)| wanted == segment || is_parameter(wanted) && !segment.is_empty();
    template.split('/').count() == path.split('/').count() && template.split('/').zip(path.split('/')).all(fits)
}

/// For each segment whether it is literal: the greater of two such lists belongs to the closer template.
fn literal_segments(template: &str) -> Vec<bool> {
    template.split('/').map(|segment| !is_parameter(segment)).collect()
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// A content type without its parameters.
fn media_type(content_type: &str) -> String {
    let end = content_type.find(';').unwrap_or(content_type.len());
    content_type[..end].trim().to_lowercase()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// A key as a segment of a JSON pointer (RFC 6901).
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A JSON pointer as the fragment of a URI: `{` and `}` may not stand there.
fn percent_encode(pointer: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/~-._".contains(&byte);
    pointer
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A violation with its place. Of a choice between schemas, the one that came closest is explained.
fn explain(error: &ValidationError) -> String {
    let choices = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => context.as_slice(),
        _ => &[],
    };
    let place = error.instance_path().as_str();
    let meant = choices.iter().filter(|choice| !choice.iter().any(|error| is_other_kind(error, Some(place))));
    let closest = meant.min_by_key(|choice| (choice.iter().any(|error| is_other_kind(error, None)), choice.len()));
    match closest {
        Some(choice) => choice.iter().map(explain).collect::<Vec<_>>().join("; "),
        None => format!("at {place:?}: {}", shortened(&error.to_string())),
    }
}

/// Whether the value is of another type, or another word, than this schema is for; at `place`, or anywhere.
fn is_other_kind(error: &ValidationError, place: Option<&str>) -> bool {
    use ValidationErrorKind::{Constant, Enum, Type};
    matches!(error.kind(), Constant { .. } | Enum { .. } | Type { .. })
        && place.is_none_or(|place| error.instance_path().as_str() == place)
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
