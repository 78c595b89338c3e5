//! How a document must be written for generators of clients to take it.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// Keys of a path item that are operations.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];
/// Keywords that generators do not understand, or understand differently, and what stands in their place.
const FORBIDDEN: [(&str, &str); 4] = [
    ("const", "write one word as an `enum` of one"),
    ("allOf", "write the schema out"),
    ("prefixItems", "generators know lists of one kind"),
    ("default", "generated clients send it by themselves: write x-default"),
];

/// Every place of a document that does not keep to the conventions, with what is wrong there.
pub fn breaches(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let schemas = document.pointer("/components/schemas").unwrap_or(&Value::Null);
    check_schema(schemas, "/components/schemas", &mut found);
    each_object(document, "", &mut |node, place| check_content(node, place, &mut found));
    check_operations(document, &mut found);
    check_replies(document, &mut found);
    found
}

fn check_schema(schema: &Value, place: &str, found: &mut Vec<String>) {
    each_object(schema, place, &mut |node, place| {
        // Here the keys are names of fields, not keywords.
        if place.ends_with("/properties") || place.ends_with("/schemas") {
            return;
        }
        for (keyword, remedy) in FORBIDDEN {
            if node.contains_key(keyword) {
                found.push(format!("{place}: {keyword}: {remedy}"));
            }
        }
        match node.get("type") {
            Some(Value::String(kind)) if kind == "null" => found.push(format!("{place}: null: write [T, 'null']")),
            // What a value is not may be of several types: generators leave `not` aside.
            Some(Value::Array(kinds)) if (kinds.len() != 2 || kinds[1] != "null") && !place.ends_with("/not") => {
                found.push(format!("{place}: several types: only [T, 'null'] is taken"));
            }
            None if node.contains_key("enum") => {
                found.push(format!("{place}: enum: it needs a type"));
            }
            _ => {}
        }
        if node.get("format").is_some_and(|format| format == "date-time") && node.contains_key("pattern") {
            found.push(format!("{place}: pattern: none goes with date-time"));
        }
    });
}

/// Bodies and parameters have schemas of their own.
fn check_content(node: &Map<String, Value>, place: &str, found: &mut Vec<String>) {
    for (media_type, body) in node.get("content").and_then(Value::as_object).into_iter().flatten() {
        match body.get("schema").and_then(Value::as_object) {
            Some(schema) if !schema.is_empty() => check_schema(&body["schema"], place, found),
            _ => found.push(format!("{place}: {media_type}: a body needs a schema")),
        }
    }
    if node.contains_key("in") && node.get("name").is_some_and(Value::is_string) {
        match node.get("schema") {
            Some(schema) => {
                let mut of_parameter = Vec::new();
                check_schema(schema, place, &mut of_parameter);
                // The default of a parameter is the same for every request, so that a client may send it.
                found.extend(of_parameter.into_iter().filter(|breach| !breach.contains(": default:")));
            }
            None => found.push(format!("{place}: a parameter needs a schema")),
        }
    }
}

fn check_operations(document: &Value, found: &mut Vec<String>) {
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().map(|tag| &tag["name"]).collect();
    let mut ids = HashSet::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in METHODS.into_iter().filter_map(|method| Some((method, item.get(method)?))) {
            let place = format!("{method} {path}");
            match operation["operationId"].as_str() {
                Some(id) if ids.insert(id) => {}
                Some(id) => found.push(format!("{place}: operationId: {id} is there twice")),
                None => found.push(format!("{place}: operationId: missing")),
            }
            match operation["tags"].as_array().map(Vec::as_slice) {
                Some([tag]) if tags.contains(&tag) => {}
                _ => found.push(format!("{place}: tags: it needs one of those that the document lists")),
            }
        }
    }
}

/// No schema that a reply leads to is closed.
fn check_replies(document: &Value, found: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let mut open: Vec<(&Value, String)> = Vec::new();
    each_object(document, "", &mut |node, place| {
        for (status, _) in node.get("responses").and_then(Value::as_object).into_iter().flatten() {
            let pointer = format!("{place}/responses/{}", status.replace('~', "~0").replace('/', "~1"));
            open.extend(document.pointer(&pointer).map(|reply| (reply, pointer)));
        }
    });
    while let Some((node, place)) = open.pop() {
        each_object(node, &place, &mut |node, place| {
            for closing in ["additionalProperties", "unevaluatedProperties"] {
                if node.get(closing).is_some_and(|value| value == false) {
                    found.push(format!("{place}: {closing}: a reply may gain fields"));
                }
            }
            let target = node.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
            if let Some(target) = target.filter(|target| seen.insert(target.to_owned())) {
                open.extend(document.pointer(target).map(|node| (node, target.to_owned())));
            }
        });
    }
}

/// Shows every object of a value, from the outside in, with its pointer. What an example holds is no part of the document.
fn each_object<'a>(node: &'a Value, place: &str, show: &mut dyn FnMut(&'a Map<String, Value>, &str)) {
    match node {
        Value::Object(members) => {
            show(members, place);
            for (name, member) in members.iter().filter(|(name, _)| !matches!(name.as_str(), "examples" | "example")) {
                each_object(member, &format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), show);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_object(item, &format!("{place}/{index}"), show);
            }
        }
        _ => {}
    }
}
