//! What is left where a signal ends a command. It is known apart from the command itself, which may be held up just then: by a reader
//! that waits, a writer that nobody reads, a question that nobody answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

use super::error::ClientError;
use super::local::Local;

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

    /// Ends the command's own service, and waits for that.
    pub fn end_service(&self) {
        let local = self.left().local.take();
        drop(local);
    }

    /// The command's last words where a signal ends it, of which `word` is told if there is nothing else.
    pub fn last_words(&self, word: &str) -> ClientError {
        let Left { words, bar, .. } = &mut *self.left();
        if let Some(bar) = bar.take() {
            bar.finish_and_clear();
        }
        ClientError::Interrupted(words.take().unwrap_or_else(|| word.to_owned()))
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
