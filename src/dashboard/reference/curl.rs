//! Lines of curl for a call, one for each example of its body, and what makes that of which they speak.

use std::fmt::Write;

use serde_json::Value;

use super::resolved::Contract;

/// Where the service listens unless it is told otherwise.
const SERVICE: &str = "http://127.0.0.1:8080";
/// What makes that of which the lines speak, in a shell.
const BEFORE: &str = include_str!("before.sh");

/// A line that can be run as it stands.
pub struct Call {
    /// What it shows.
    pub summary: String,
    /// The line.
    pub line: String,
}

/// An operation of the contract, as its lines are made of it.
#[derive(Clone, Copy)]
pub struct Called<'a> {
    /// The method, in small letters.
    pub method: &'a str,
    /// The path, with its places in brackets.
    pub path: &'a str,
    /// Its parameters.
    pub parameters: &'a [&'a Value],
    /// `x-line`: what a parameter is in its lines, where it is not the parameter's example; `{example}` stands for the name of a
    /// body's example, and `file` is the file that is sent.
    pub line: &'a Value,
    /// The body that it takes.
    pub body: &'a Value,
}

impl Called<'_> {
    /// The lines.
    pub fn lines(&self, contract: Contract) -> Vec<Call> {
        let of_example = |media: &str, name: &str, example: &Value| {
            let sent = text(&example["value"]).unwrap_or_default();
            let summary = example["summary"].as_str().unwrap_or("Example").to_owned();
            Call { summary, line: self.to(&self.target(Some((name, example))), Some((media, &sent))) }
        };
        let mut lines = Vec::new();
        for (media, content) in members(&self.body["content"]) {
            let examples = members(&content["examples"]);
            lines.extend(examples.map(|(name, example)| of_example(media, name, contract.at(example))));
        }
        if lines.is_empty() {
            lines.push(match members(&self.body["content"]).next() {
                // A file has no example that stands in a line.
                Some((media, _)) => {
                    let file = format!("@{}", self.line["file"].as_str().unwrap_or("FILE"));
                    Call { summary: "With a file".into(), line: self.to(&self.target(None), Some((media, &file))) }
                }
                None => Call { summary: "By curl".into(), line: self.to(&self.target(None), None) },
            });
        }
        lines
    }

    /// The address with a value in each of its places, in those parameters that are needed, and in those that `x-line` names.
    fn target(&self, example: Option<(&str, &Value)>) -> String {
        let mut target = format!("{SERVICE}{}", self.path);
        let mut query = Vec::new();
        for parameter in self.parameters {
            let name = parameter["name"].as_str().unwrap_or("");
            // The model or the target that an example is for.
            let of_example = example.and_then(|(_, example)| text(&example[format!("x-{name}")]));
            let of_line = || Some(text(&self.line[name])?.replace("{example}", example.map_or("", |(name, _)| name)));
            let is_needed = parameter["in"] == "path" || parameter["required"] == true;
            let of_parameter = || text(&parameter["example"]).or_else(|| text(&parameter["schema"]["example"]));
            let value = of_example.or_else(of_line).or_else(|| of_parameter().filter(|_| is_needed));
            match (parameter["in"].as_str(), value) {
                (Some("path"), Some(value)) => target = target.replace(&format!("{{{name}}}"), &value),
                (Some("query"), Some(value)) => query.push(format!("{name}={value}")),
                _ => {}
            }
        }
        if query.is_empty() { target } else { format!("{target}?{}", query.join("&")) }
    }

    /// The line that sends a body to an address.
    fn to(&self, target: &str, sent: Option<(&str, &str)>) -> String {
        let mut line = "curl -s".to_owned();
        // What curl does by itself is not said.
        if self.method != "get" && !(self.method == "post" && sent.is_some()) {
            let _ = write!(line, " -X {}", self.method.to_uppercase());
        }
        let _ = write!(line, " {}", quoted(target));
        if let Some((media, body)) = sent {
            let _ = write!(line, " \\\n  -H 'content-type: {media}' \\\n  --data-binary {}", quoted(body));
        }
        line
    }
}

/// What is run before the lines.
pub fn before(contract: Contract) -> String {
    let file = &contract.0["components"]["requestBodies"]["DataFile"]["content"]["text/csv"];
    let flowers = file["examples"]["flowers"]["value"].as_str().unwrap_or("");
    BEFORE.replace("{flowers}", flowers.trim_end())
}

fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A word of a shell; in quotes where it has to be. An address may have a variable in its path.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-@".contains(c);
    match () {
        () if word.chars().all(is_plain) => word.to_owned(),
        () if word.starts_with(SERVICE) && word.contains("/$") => format!("\"{word}\""),
        () => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_words_of_a_shell() {
        let contract = json!({});
        let model = json!({"name": "model", "in": "path", "required": true, "example": "flowers"});
        let target = json!({"name": "target", "in": "query", "required": true, "example": "it's"});
        let name = json!({"name": "name", "in": "query"});
        let body = json!({"content": {"application/json": {"examples": {
            "one": {"summary": "One", "x-model": "xor", "value": {"inputs": [0, 1]}},
        }}}});
        let of = json!({"name": "a-{example}", "file": "a.bin"});
        let lines = |method: &str, parameters: &[&Value], line: &Value, body: &Value| {
            let called = Called { method, path: "/models/{model}", parameters, line, body };
            called.lines(Contract(&contract)).into_iter().map(|call| call.line).collect::<Vec<_>>()
        };
        let posted = "curl -s http://127.0.0.1:8080/models/xor \\\n  -H 'content-type: application/json' \\\n  --data-binary '{\"inputs\":[0,1]}'";
        assert_eq!(lines("post", &[&model], &Value::Null, &body), [posted]);
        let deleted = "curl -s -X DELETE http://127.0.0.1:8080/models/flowers";
        assert_eq!(lines("delete", &[&model], &of, &Value::Null), [deleted]);
        let asked = r"curl -s 'http://127.0.0.1:8080/models/flowers?target=it'\''s'";
        assert_eq!(lines("get", &[&model, &target], &of, &Value::Null), [asked]);
        let named = lines("post", &[&model, &name], &of, &body);
        assert!(named[0].starts_with("curl -s 'http://127.0.0.1:8080/models/xor?name=a-one' "), "{named:?}");
        let file = json!({"content": {"application/octet-stream": {}}});
        assert!(lines("post", &[&model], &of, &file)[0].ends_with(" --data-binary @a.bin"));
        let variable = json!({"model": "$MODEL"});
        let variable = lines("get", &[&model], &variable, &Value::Null);
        assert_eq!(variable, ["curl -s \"http://127.0.0.1:8080/models/$MODEL\""]);
    }
}
