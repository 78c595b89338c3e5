//! What is left where a signal ends a command. It is known apart from the command itself, which may be held up just then: by a reader
//! that waits, a writer that nobody reads, a question that nobody answers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::ProgressBar;
use tokio::time::timeout;

use super::error::ClientError;
use super::local::Local;
use super::service::Service;

/// Longest wait for what is done at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is to be said and done where a command is ended.
#[derive(Debug, Default)]
pub struct Parting(Mutex<Left>);

#[derive(Debug, Default)]
struct Left {
    /// What goes on without the command, and how to come back to it.
    words: Option<String>,
    /// What is drawn on the terminal.
    bar: Option<ProgressBar>,
    /// The command's own service.
    local: Option<Local>,
    /// A data set that was stored for the command alone.
    dataset: Option<(Service, String)>,
}

impl Parting {
    /// Sets what is said of what goes on without the command.
    pub fn says(&self, words: Option<String>) {
        self.left().words = words;
    }

    /// A bar that is drawn from now on.
    pub fn draws(&self, bar: ProgressBar) {
        self.left().bar = Some(bar);
    }

    /// A service that ends with the command.
    pub fn ends(&self, local: Local) {
        self.left().local = Some(local);
    }

    /// A data set that is deleted where the command is ended; none from when it is of use or deleted already.
    pub fn deletes(&self, dataset: Option<(Service, String)>) {
        self.left().dataset = dataset;
    }

    /// Ends the command's own service, and waits for that.
    pub fn end_service(&self) {
        let local = self.left().local.take();
        drop(local);
    }

    /// The command's last words where a signal ends it, of which `word` is told if there is nothing else.
    pub async fn last_words(&self, word: &str) -> ClientError {
        let Left { words, bar, dataset, .. } = self.taken();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        let mut words = words.unwrap_or_else(|| word.to_owned());
        if let Some((service, id)) = dataset {
            let deleted = timeout(PATIENCE, service.delete(&["datasets", &id])).await;
            if !matches!(deleted, Ok(Ok(()))) {
                words += &format!("\nthe data set {id}, which was stored for it, is still there");
            }
        }
        ClientError::Interrupted(words)
    }

    /// All that is left but the service, which what is done yet may ask.
    fn taken(&self) -> Left {
        let left = &mut *self.left();
        let local = left.local.take();
        std::mem::replace(left, Left { local, ..Left::default() })
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
