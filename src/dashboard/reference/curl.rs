//! Lines of curl for a call, one for each example of its body.

use std::fmt::Write;

use serde_json::Value;

use super::resolved::Contract;

/// Where the service listens unless it is told otherwise.
const SERVICE: &str = "http://127.0.0.1:8080";

/// A line that can be run as it stands.
pub struct Call {
    /// What it shows.
    pub summary: String,
    /// The line.
    pub line: String,
}

/// The lines of a call.
pub fn calls(contract: Contract, method: &str, path: &str, parameters: &[&Value], body: &Value) -> Vec<Call> {
    let examples: Vec<(&str, &Value)> = contents(body)
        .flat_map(|(media, content)| examples(contract, content).map(move |example| (media, example)))
        .collect();
    let call = |summary: &str, model: Option<&str>, sent: Option<(&str, &Value)>| Call {
        summary: summary.to_owned(),
        line: line(method, &target(path, parameters, model), sent),
    };
    if !examples.is_empty() {
        let told = |(media, example): &(&str, &Value)| {
            call(
                example["summary"].as_str().unwrap_or("Example"),
                example["x-model"].as_str(),
                Some((media, &example["value"])),
            )
        };
        return examples.iter().map(told).collect();
    }
    match contents(body).next() {
        // A file has no example that stands in a line.
        Some((media, _)) => vec![Call {
            summary: "With a file".into(),
            line: format!(
                "curl -s {} -H 'content-type: {media}' --data-binary @FILE",
                quoted(&target(path, parameters, None))
            ),
        }],
        None => vec![call("By curl", None, None)],
    }
}

fn contents(body: &Value) -> impl Iterator<Item = (&str, &Value)> {
    body["content"].as_object().into_iter().flatten().map(|(media, content)| (media.as_str(), content))
}

fn examples<'a>(contract: Contract<'a>, content: &'a Value) -> impl Iterator<Item = &'a Value> {
    content["examples"].as_object().into_iter().flatten().map(move |(_, example)| contract.at(example))
}

/// The address with an example in each of its places, and in those parameters that are needed; `model` is that of an example.
fn target(path: &str, parameters: &[&Value], model: Option<&str>) -> String {
    let mut target = format!("{SERVICE}{path}");
    let mut query = Vec::new();
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap_or("");
        let example = match model.filter(|_| name == "model") {
            Some(model) => model.to_owned(),
            None => text(&parameter["example"]).or_else(|| text(&parameter["schema"]["example"])).unwrap_or_default(),
        };
        match parameter["in"].as_str() {
            Some("path") if !example.is_empty() => target = target.replace(&format!("{{{name}}}"), &example),
            Some("query") if parameter["required"] == true => query.push(format!("{name}={example}")),
            _ => {}
        }
    }
    if query.is_empty() { target } else { format!("{target}?{}", query.join("&")) }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn line(method: &str, target: &str, sent: Option<(&str, &Value)>) -> String {
    let mut line = "curl -s".to_owned();
    // What curl does by itself is not said.
    if method != "get" && !(method == "post" && sent.is_some()) {
        let _ = write!(line, " -X {}", method.to_uppercase());
    }
    let _ = write!(line, " {}", quoted(target));
    if let Some((media, value)) = sent {
        let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = write!(line, " \\\n  -H 'content-type: {media}' \\\n  --data-binary {}", quoted(&body));
    }
    line
}

/// A word of a shell; in quotes where it has to be.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-@".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_can_be_run_as_they_stand() {
        let contract = json!({});
        let model = json!({"name": "model", "in": "path", "required": true, "example": "flowers"});
        let target = json!({"name": "target", "in": "query", "required": true, "example": "it's"});
        let body = json!({"content": {"application/json": {"examples": {
            "one": {"summary": "One", "x-model": "xor", "value": {"inputs": [0, 1]}},
        }}}});
        let lines = |method: &str, parameters: &[&Value], body: &Value| {
            let calls = calls(Contract(&contract), method, "/models/{model}", parameters, body);
            calls.into_iter().map(|call| call.line).collect::<Vec<_>>()
        };
        let posted = "curl -s http://127.0.0.1:8080/models/xor \\\n  -H 'content-type: application/json' \\\n  --data-binary '{\"inputs\":[0,1]}'";
        assert_eq!(lines("post", &[&model], &body), [posted]);
        assert_eq!(
            lines("delete", &[&model], &Value::Null),
            ["curl -s -X DELETE http://127.0.0.1:8080/models/flowers"]
        );
        assert_eq!(
            lines("get", &[&model, &target], &Value::Null),
            [r"curl -s 'http://127.0.0.1:8080/models/flowers?target=it'\''s'"]
        );
    }
}
