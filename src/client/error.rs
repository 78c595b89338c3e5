//! Why a command could not do its work, as its user is told it, and the exit status that scripts see.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::printable::printable;

/// An error document of the service (RFC 9457).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Problem {
    /// What it means.
    pub title: String,
    /// Of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Seconds until it may be otherwise, as the reply says beside the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// What exactly was wrong.
    pub detail: String,
    /// Its stable word.
    pub code: String,
    /// What to do.
    pub remedy: String,
    /// Where in the request.
    pub errors: Vec<Place>,
}

/// A part of a request that is wrong.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Place {
    /// A JSON pointer.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// A data file that could not be read while it was sent: within the error of its request.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct Unreadable {
    /// Which one.
    pub what: String,
    /// What the system says.
    pub error: io::Error,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The command line asks for what there is not.
    #[error("{0}")]
    Usage(String),
    /// No service answers.
    #[error(
        "no service answers at {url}: {cause}\n  start one by `epochd`, name another by --url or EPOCHD_URL, or add --local, \
         which starts one for as long as the command takes"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What came instead.
        cause: String,
    },
    /// The service refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The work itself failed.
    #[error("{0}")]
    Failed(String),
    /// A file or stream of this machine.
    #[error("{what}: {error}")]
    Io {
        /// Which one.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// The user ended the command; what goes on without it is said.
    #[error("{0}")]
    Interrupted(String),
    /// Whoever reads the results has seen enough: the command is done.
    #[error("nobody reads the results")]
    Closed,
}

impl ClientError {
    /// About the file or stream `what`.
    pub fn io(what: impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_string();
        move |error| ClientError::Io { what, error }
    }

    /// About standard output.
    pub fn output(error: io::Error) -> Self {
        ClientError::written("standard output")(error)
    }

    /// About the file or stream `what`, which may have a reader that has seen enough.
    pub fn written(what: impl fmt::Display) -> impl Fn(io::Error) -> Self {
        let what = what.to_string();
        move |error| match error.kind() {
            io::ErrorKind::BrokenPipe => ClientError::Closed,
            _ => ClientError::Io { what: what.clone(), error },
        }
    }

    /// For programs: the problem as the service told it, or one of a code of this program's.
    pub fn document(&self) -> Value {
        let code = match self {
            ClientError::Refused(problem) => return json!(problem),
            ClientError::Usage(_) => "usage",
            ClientError::Unreachable { .. } => "unreachable",
            ClientError::Failed(_) => "failed",
            ClientError::Io { .. } => "io",
            ClientError::Interrupted(_) => "interrupted",
            ClientError::Closed => "closed",
        };
        json!({"code": code, "detail": self.to_string()})
    }

    /// The exit status: 1 if the service refused or the work failed, 2 for the command line, 3 if no service answered, 130 if the
    /// user ended it, as shells say it.
    pub fn exit_status(&self) -> u8 {
        match self {
            ClientError::Refused(_) | ClientError::Failed(_) | ClientError::Io { .. } => 1,
            ClientError::Usage(_) => 2,
            ClientError::Unreachable { .. } => 3,
            ClientError::Interrupted(_) => 130,
            ClientError::Closed => 0,
        }
    }
}

impl Problem {
    /// Whether it passes by itself: too much load, a service that starts or stops.
    pub fn passes(&self) -> bool {
        matches!(self.status, Some(429 | 503))
    }

    /// What to do, in commands where those do it: the service speaks of its API.
    fn advice(&self) -> &str {
        match self.code.as_str() {
            "key_required" => "Set EPOCHD_KEY to a key of the service.",
            "model_not_found" => "`epochd models` lists those there are.",
            "version_not_found" => "`epochd versions MODEL` lists them.",
            "job_not_found" => "`epochd jobs` lists them.",
            "dataset_not_found" => "`epochd datasets` lists those there are.",
            "key_not_found" => "`epochd keys` lists those that are stored.",
            "model_not_trained" => "Train it first: epochd train --model MODEL",
            "model_busy" | "dataset_busy" => {
                "Wait for it (`epochd watch JOB`) or cancel it (`epochd jobs cancel JOB`) first."
            }
            "version_active" => "Activate another one first: epochd versions activate MODEL VERSION",
            "version_aliased" => "Move the alias to another one first: epochd versions alias MODEL ALIAS VERSION",
            "unsupported_media_type" => "Say what the file is by --content-type. A model by layer sizes takes JSON.",
            // Where it is stands beside what is wrong.
            "invalid_value" | "shape_mismatch" => "",
            _ => &self.remedy,
        }
    }

    /// The same, with how long to wait where the reply says it.
    fn said(&self) -> String {
        match self.retry_after {
            Some(1) => "Try again in a second.".to_owned(),
            Some(seconds) => format!("Try again in {seconds} seconds."),
            None => self.advice().to_owned(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", printable(&self.title))?;
        if !self.detail.is_empty() {
            write!(out, ": {}", printable(&self.detail))?;
        }
        for Place { pointer, detail } in self.errors.iter().take(10) {
            // The detail of one place alone is that of the whole.
            match *detail == self.detail {
                true if pointer.is_empty() => {}
                true => write!(out, " (at {})", printable(pointer))?,
                false => write!(out, "\n  {}: {}", printable(pointer), printable(detail))?,
            }
        }
        match self.said().as_str() {
            "" => Ok(()),
            advice => write!(out, "\n  {}", printable(advice)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_places_and_what_to_do() {
        let told = r#"{"title":"A value is not allowed","detail":"2 values","status":422,"remedy":"Mend them.",
            "errors":[{"pointer":"/epochs","detail":"0 is too small"}]}"#;
        let problem: Problem = serde_json::from_str(told).expect("a problem");
        assert_eq!(problem.to_string(), "A value is not allowed: 2 values\n  /epochs: 0 is too small\n  Mend them.");
        assert!(!problem.passes() && Problem { status: Some(429), ..Problem::default() }.passes());
        assert_eq!(ClientError::Refused(Box::new(problem)).exit_status(), 1);
        let told = r#"{"title":"A value is not allowed","code":"invalid_value","detail":"0 is too small","remedy":"Mend it.",
            "errors":[{"pointer":"/epochs","detail":"0 is too small"}]}"#;
        let problem: Problem = serde_json::from_str(told).expect("a problem");
        assert_eq!(problem.to_string(), "A value is not allowed: 0 is too small (at /epochs)");
        let document = ClientError::Refused(Box::new(problem)).document();
        assert_eq!(
            (&document["code"], &document["errors"][0]["pointer"]),
            (&json!("invalid_value"), &json!("/epochs"))
        );
        let later = Problem { retry_after: Some(10), remedy: "Wait.".into(), ..Problem::default() };
        assert!(later.to_string().ends_with("Try again in 10 seconds."), "{later}");
        let none = Problem { code: "model_not_found".into(), remedy: "GET /models".into(), ..Problem::default() };
        let odd = Problem { detail: "no column \u{1b}]0;x\u{7}".into(), ..Problem::default() };
        assert_eq!(odd.to_string(), r": no column \u{1b}]0;x\u{7}");
        assert!(none.to_string().ends_with("`epochd models` lists those there are."));
        assert_eq!(ClientError::Usage("what?".into()).document(), json!({"code": "usage", "detail": "what?"}));
    }
}
