//! Every example that `openapi.yaml` shows, of requests and of replies.

use serde_json::Value;

use super::contract::{Contract, escape};

/// The model that examples are sent to, unless their `x-model` says another.
const EXAMPLE_MODEL: &str = "xor";

/// A request body that the contract shows, and what a service that holds the example models answers to it.
#[derive(Clone, Debug)]
pub struct RequestExample {
    /// In upper case.
    pub method: String,
    /// The path's template, such as `/models/{model}/train`.
    pub path: String,
    /// The example's name within its operation.
    pub name: String,
    /// The name of the model that it is for.
    pub model: String,
    /// The column that a data file is to be trained on, where it is sent to `POST /train`.
    pub target: Option<String>,
    /// The media type of `body`.
    pub content_type: String,
    /// What to send: a JSON value, or the text of a body that is not JSON.
    pub body: Value,
    /// The statuses that count as success.
    pub statuses: Vec<u16>,
}

/// A reply body that the contract shows.
#[derive(Clone, Debug)]
pub struct ReplyExample {
    /// Method and path template, such as `GET /models/{model}`.
    pub operation: String,
    /// The status that it comes with.
    pub status: u16,
    /// The example's name within its reply.
    pub name: String,
    /// The media type of `body`.
    pub content_type: String,
    /// Where its reply stands, for [`Contract::check_body`].
    pub reply: String,
    /// The body: a JSON value, or the text of a reply that is not JSON.
    pub body: Value,
}

impl Contract {
    /// Every request body that the contract shows.
    pub fn request_examples(&self) -> Vec<RequestExample> {
        self.operations().flat_map(|(method, path, pointer)| self.examples_of_request(method, path, &pointer)).collect()
    }

    /// Every reply body that the contract shows, problems included. An example that several operations share comes
    /// once for each.
    pub fn reply_examples(&self) -> Vec<ReplyExample> {
        self.operations().flat_map(|(method, path, pointer)| self.examples_of_replies(method, path, &pointer)).collect()
    }

    fn examples_of_request(&self, method: &str, path: &str, operation: &str) -> Vec<RequestExample> {
        let Some((request, _)) = self.follow(&format!("{operation}/requestBody")) else { return Vec::new() };
        let statuses: Vec<u16> = self.statuses(operation).filter(|status| (200..300).contains(status)).collect();
        let example = |found: Example| RequestExample {
            method: method.to_uppercase(),
            path: path.to_owned(),
            name: found.name,
            model: found.node.get("x-model").and_then(Value::as_str).unwrap_or(EXAMPLE_MODEL).to_owned(),
            target: found.node.get("x-target").and_then(Value::as_str).map(str::to_owned),
            content_type: found.content_type,
            body: value_of(found.node),
            statuses: statuses.clone(),
        };
        self.examples(&request).into_iter().map(example).collect()
    }

    fn examples_of_replies(&self, method: &str, path: &str, operation: &str) -> Vec<ReplyExample> {
        let replies = self.statuses(operation).filter_map(|status| {
            let (reply, _) = self.follow(&format!("{operation}/responses/{status}"))?;
            Some((status, reply))
        });
        let example = |status: u16, reply: &str, found: Example| ReplyExample {
            operation: format!("{} {path}", method.to_uppercase()),
            status,
            name: found.name,
            content_type: found.content_type,
            reply: reply.to_owned(),
            body: value_of(found.node),
        };
        replies
            .flat_map(|(status, reply)| {
                self.examples(&reply).into_iter().map(move |found| example(status, &reply, found)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// The named examples under the `content` of a request body or a reply.
    fn examples(&self, owner: &str) -> Vec<Example<'_>> {
        let mut found = Vec::new();
        for (media_type, _) in self.members(&format!("{owner}/content")) {
            let media = format!("{owner}/content/{}", escape(media_type));
            for (name, _) in self.members(&format!("{media}/examples")) {
                let at = format!("{media}/examples/{}", escape(name));
                let (_, node) = self.follow(&at).expect("a member that was just listed, or what it refers to");
                found.push(Example { name: name.clone(), content_type: media_type.clone(), node });
            }
        }
        found
    }
}

/// A named example, where it was found.
struct Example<'a> {
    name: String,
    content_type: String,
    node: &'a Value,
}

fn value_of(example: &Value) -> Value {
    example.get("value").expect("every example holds its value").clone()
}
