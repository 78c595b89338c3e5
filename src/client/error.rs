//! Why a command could not do its work, as its user is told it, and the exit status that scripts see.

use std::fmt;
use std::io;

use serde::Deserialize;

/// An error document of the service (RFC 9457).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// What it means.
    pub title: String,
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
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Place {
    /// A JSON pointer.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
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
        match error.kind() {
            io::ErrorKind::BrokenPipe => ClientError::Closed,
            _ => ClientError::Io { what: "standard output".into(), error },
        }
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

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.title)?;
        if !self.detail.is_empty() {
            write!(out, ": {}", self.detail)?;
        }
        // The first place is what the detail is about.
        for Place { pointer, detail } in self.errors.iter().filter(|place| place.detail != self.detail).take(10) {
            write!(out, "\n  {pointer}: {detail}")?;
        }
        if !self.remedy.is_empty() {
            write!(out, "\n  {}", self.remedy)?;
        }
        Ok(())
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
        assert_eq!(ClientError::Refused(Box::new(problem)).exit_status(), 1);
    }
}
