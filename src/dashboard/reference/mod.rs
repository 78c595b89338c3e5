//! The reference at `/docs`: the contract as a page for people, with lines of curl that can be run as they stand, and the errors.

mod curl;
mod html;
mod resolved;

use std::fmt::Write;

use serde_json::{Map, Value};

use self::curl::{Call, Called, before};
use self::html::{escaped, markdown, markdown_line};
use self::resolved::Contract;

/// Methods in the order in which a path's are told.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Bytes of an example that are shown at most.
const MOST_EXAMPLE: usize = 4000;

/// One call of the contract.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    /// Its name, which is its place in the page.
    id: &'a str,
    of: &'a Value,
    parameters: Vec<&'a Value>,
}

/// What a code of an error says.
pub struct ErrorEntry {
    /// The code.
    pub code: &'static str,
    /// The status of its replies.
    pub status: u16,
    /// What it means.
    pub title: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The page of a contract, an OpenAPI document, and of the errors.
pub fn page(contract: &Value, errors: &[ErrorEntry]) -> String {
    let contract = Contract(contract);
    let operations = operations(contract);
    let info = &contract.0["info"];
    let version = escaped(info["version"].as_str().unwrap_or(""));
    let mut page = head(&format!("epochd {version}: reference"));
    navigation(&mut page, contract, &operations);
    let _ = write!(page, "<main id=\"content\"><h1>epochd {version}</h1>");
    page += &markdown(info["description"].as_str().unwrap_or(""));
    page += "<section id=\"before\"><h2>before the lines below</h2>";
    tell_line(&mut page, "What the lines of curl on this page speak of", &before(contract));
    page += "</section>\n";
    for tag in contract.tags() {
        let name = tag["name"].as_str().unwrap_or("");
        let _ = write!(page, "<section id=\"{0}\"><h2>{0}</h2>", escaped(name));
        page += &markdown(tag["description"].as_str().unwrap_or(""));
        of_tag(&operations, name).for_each(|operation| tell(&mut page, contract, operation));
        page += "</section>\n";
    }
    schemas(&mut page, contract);
    tell_errors(&mut page, errors, "error-");
    page + "</main></body></html>\n"
}

/// The page of the errors alone, at which the types of problem documents point.
pub fn errors_page(errors: &[ErrorEntry]) -> String {
    let mut page = head("epochd: errors");
    page += NAVIGATION;
    for ErrorEntry { code, .. } in errors {
        let _ = write!(page, "<li><a href=\"#{code}\"><span>{code}</span></a></li>");
    }
    page += "</ul></nav>\n<main id=\"content\"><h1>Errors</h1>";
    tell_errors(&mut page, errors, "");
    page + "</main></body></html>\n"
}

/// What all pages begin with.
fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><link rel=\"icon\" href=\"/page/icon.svg\"><link rel=\"stylesheet\" href=\"/page/reference.css\">\
         <script type=\"module\" src=\"/page/reference.js\"></script></head><body>\n"
    )
}

fn tell_errors(page: &mut String, errors: &[ErrorEntry], prefix: &str) {
    *page += "<section id=\"errors\"><h2>errors</h2><p>Every error is a problem document (RFC 9457) with one of these codes.</p>";
    for ErrorEntry { code, status, title, remedy } in errors {
        let _ = write!(
            page,
            "<article id=\"{prefix}{code}\"><h3><code>{code}</code> {status}</h3><p class=\"summary\">{}</p><p>{}</p></article>",
            markdown_line(title),
            markdown_line(remedy)
        );
    }
    *page += "</section>";
}

/// A figure with lines of a shell; those that are longer than their place are scrolled by keyboard as well.
fn tell_line(page: &mut String, summary: &str, line: &str) {
    let _ = write!(page, "<figure><figcaption>{}</figcaption>", markdown_line(summary));
    let _ = write!(page, "<pre tabindex=\"0\"><code class=\"shell\">{}</code></pre></figure>", escaped(line));
}

fn operations(contract: Contract<'_>) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in contract.0["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let of = &item[method];
            let Some(id) = of["operationId"].as_str() else { continue };
            let parameters = contract.list(&item["parameters"]).chain(contract.list(&of["parameters"])).collect();
            operations.push(Operation { method, path, id, of, parameters });
        }
    }
    operations
}

fn of_tag<'a>(operations: &'a [Operation<'a>], tag: &'a str) -> impl Iterator<Item = &'a Operation<'a>> {
    operations.iter().filter(move |operation| operation.of["tags"][0] == tag)
}

/// How the navigation begins.
const NAVIGATION: &str = "<a class=\"skip\" href=\"#content\">To the reference</a><nav aria-label=\"Contents\">\
                          <p><a href=\"/\">epochd</a> · <a href=\"/docs\">reference</a></p>\
                          <label for=\"search\">Search</label><input id=\"search\" type=\"search\" autocomplete=\"off\">\
                          <p id=\"found\" role=\"status\"></p><ul>";

fn navigation(page: &mut String, contract: Contract, operations: &[Operation]) {
    *page += NAVIGATION;
    *page += "<li><a href=\"#before\">before the lines</a></li>";
    for tag in contract.tags() {
        let name = tag["name"].as_str().unwrap_or("");
        let _ = write!(page, "<li><a href=\"#{0}\">{0}</a><ul>", escaped(name));
        for Operation { method, path, id, .. } in of_tag(operations, name) {
            let _ = write!(
                page,
                "<li><a href=\"#{id}\"><span class=\"method\">{}</span> <span>{}</span></a></li>",
                method.to_uppercase(),
                escaped(path)
            );
        }
        *page += "</ul></li>";
    }
    *page += "<li><a href=\"#schemas\">schemas</a></li><li><a href=\"#errors\">errors</a></li></ul></nav>\n";
}

/// An operation, with what it takes and what it gives.
fn tell(page: &mut String, contract: Contract, operation: &Operation) {
    let Operation { method, path, id, of, parameters } = operation;
    let summary = markdown_line(of["summary"].as_str().unwrap_or(""));
    let _ = write!(
        page,
        "<article id=\"{id}\"><h3><code><span class=\"method\">{}</span> {}</code></h3><p class=\"summary\">{summary}</p>",
        method.to_uppercase(),
        escaped(path)
    );
    *page += &markdown(of["description"].as_str().unwrap_or(""));
    tell_parameters(page, contract, parameters);
    let body = contract.at(&of["requestBody"]);
    if body.is_object() {
        tell_body(page, contract, body);
    }
    let called = Called { method, path, parameters, line: &of["x-line"], body };
    for Call { summary, line } in called.lines(contract) {
        tell_line(page, &summary, &line);
    }
    tell_replies(page, contract, of);
    *page += "</article>\n";
}

fn tell_parameters(page: &mut String, contract: Contract, parameters: &[&Value]) {
    if parameters.is_empty() {
        return;
    }
    *page += "<table><caption>Parameters</caption><thead><tr><th>name<th>in<th>type<th>what it says</thead><tbody>";
    for parameter in parameters {
        let needed = if parameter["required"] == true && parameter["in"] != "path" { ", needed" } else { "" };
        let _ = write!(
            page,
            "<tr><td><code>{}</code><td>{}{needed}<td>{}<td>{}",
            escaped(parameter["name"].as_str().unwrap_or("")),
            escaped(parameter["in"].as_str().unwrap_or("")),
            kind(contract, &parameter["schema"]),
            markdown(parameter["description"].as_str().unwrap_or(""))
        );
    }
    *page += "</tbody></table>";
}

fn tell_body(page: &mut String, contract: Contract, body: &Value) {
    *page += "<h4>Body</h4>";
    *page += &markdown(body["description"].as_str().unwrap_or(""));
    *page += "<ul>";
    for (media, of) in members(&body["content"]) {
        let _ = write!(page, "<li><code>{}</code>: {}</li>", escaped(media), kind(contract, &of["schema"]));
    }
    *page += "</ul>";
}

fn tell_replies(page: &mut String, contract: Contract, of: &Value) {
    *page += "<details><summary>Replies</summary><table><thead><tr><th>status<th>what it means<th>body</thead><tbody>";
    for (status, reply) in members(&of["responses"]) {
        let whole = contract.at(reply);
        // What stands beside a reference speaks of this call.
        let said = reply["description"].as_str().or_else(|| whole["description"].as_str()).unwrap_or("");
        let _ = write!(page, "<tr><td>{}<td>{}<td>", escaped(status), markdown(said));
        for (media, content) in members(&whole["content"]) {
            let _ = write!(page, "<code>{}</code> {}<br>", escaped(media), kind(contract, &content["schema"]));
        }
    }
    *page += "</tbody></table>";
    for (_, reply) in members(&of["responses"]).filter(|(status, _)| status.starts_with('2')) {
        for (_, content) in members(&contract.at(reply)["content"]) {
            for (_, example) in members(&content["examples"]) {
                tell_example(page, contract.at(example));
            }
        }
    }
    *page += "</details>";
}

fn tell_example(page: &mut String, example: &Value) {
    let text = match &example["value"] {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    };
    let cut: String = text.chars().take(MOST_EXAMPLE).collect();
    let more = if cut.len() < text.len() { "\n…" } else { "" };
    let _ = write!(
        page,
        "<figure><figcaption>{}</figcaption><pre tabindex=\"0\"><code>{}{more}</code></pre></figure>",
        markdown_line(example["summary"].as_str().unwrap_or("Example")),
        escaped(&cut)
    );
}

fn schemas(page: &mut String, contract: Contract) {
    *page += "<section id=\"schemas\"><h2>schemas</h2>";
    for (name, schema) in members(&contract.0["components"]["schemas"]) {
        let _ = write!(page, "<article id=\"schema-{0}\"><h3><code>{0}</code></h3>", escaped(name));
        *page += &markdown(schema["description"].as_str().unwrap_or(""));
        let properties = schema["properties"].as_object();
        if properties.is_none_or(Map::is_empty) {
            let _ = writeln!(page, "<p>{}</p></article>", shape(contract, schema));
            continue;
        }
        *page += "<table><thead><tr><th>field<th>type<th>left out<th>what it says</thead><tbody>";
        for (field, of) in members(&schema["properties"]) {
            let needed = schema["required"].as_array().is_some_and(|all| all.iter().any(|name| name == field));
            let absent = match (&of["x-default"], needed) {
                (_, true) => "always there".to_owned(),
                (Value::Null, false) if of.get("x-default").is_none() => String::new(),
                (default, false) => format!("<code>{}</code>", escaped(&default.to_string())),
            };
            let said = markdown(of["description"].as_str().unwrap_or(""));
            let _ =
                write!(page, "<tr><td><code>{}</code><td>{}<td>{absent}<td>{said}", escaped(field), kind(contract, of));
        }
        *page += "</tbody></table></article>\n";
    }
    *page += "</section>";
}

/// The type of a value in a few words, with links to what has a name.
fn kind(contract: Contract, schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    shape(contract, schema)
}

fn shape(contract: Contract, schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| format!("<code>{}</code>", escaped(&word.to_string())));
        return words.collect::<Vec<_>>().join(" · ");
    }
    for either in ["oneOf", "anyOf", "allOf"] {
        if let Some(kinds) = schema[either].as_array() {
            let joint = if either == "allOf" { " and " } else { " or " };
            return kinds.iter().map(|schema| kind(contract, schema)).collect::<Vec<_>>().join(joint);
        }
    }
    match &schema["type"] {
        Value::String(word) if word == "array" => format!("list of {}", kind(contract, &schema["items"])),
        Value::String(word) => escaped(word),
        Value::Array(words) => {
            let words = words.iter().filter_map(Value::as_str).map(|word| match word {
                "array" => format!("list of {}", kind(contract, &schema["items"])),
                word => escaped(word),
            });
            words.collect::<Vec<_>>().join(" or ")
        }
        _ => "any value".into(),
    }
}

/// The members of an object; none of what is no object.
fn members(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_told_with_all_that_it_takes_and_gives() {
        let contract = json!({
            "info": {"version": "1", "description": "Train `networks`."},
            "tags": [{"name": "models", "description": "Networks."}],
            "paths": {"/models/{model}": {
                "parameters": [{"$ref": "#/components/parameters/Model"}],
                "get": {
                    "operationId": "getModel", "tags": ["models"], "summary": "One <model>",
                    "responses": {"200": {"description": "It.", "content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Model"},
                        "examples": {"one": {"summary": "One", "value": {"name": "a<b"}}},
                    }}}},
                },
            }},
            "components": {
                "parameters": {"Model": {"name": "model", "in": "path", "required": true, "description": "Name.", "schema": {"type": "string"}, "example": "xor"}},
                "schemas": {"Model": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": ["string", "null"]}, "layers": {"type": "array", "items": {"type": "integer"}, "x-default": null},
                }}},
            },
        });
        let errors = [ErrorEntry { code: "gone", status: 410, title: "It is `gone`", remedy: "Look elsewhere." }];
        let page = page(&contract, &errors);
        for part in [
            "<p>Train <code>networks</code>.</p>",
            "<article id=\"getModel\"><h3><code><span class=\"method\">GET</span> /models/{model}</code></h3>",
            "One &lt;model&gt;",
            "<td><code>model</code><td>path<td>string",
            "curl -s http://127.0.0.1:8080/models/xor",
            "<a href=\"#schema-Model\">Model</a>",
            "&quot;name&quot;: &quot;a&lt;b&quot;",
            "<td>string or null<td>always there",
            "<td>list of integer<td><code>null</code>",
            "<article id=\"error-gone\"><h3><code>gone</code> 410</h3><p class=\"summary\">It is <code>gone</code></p>",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(errors_page(&errors).contains("<article id=\"gone\">"));
    }
}
