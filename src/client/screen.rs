//! What a command shows: results on standard output, progress and remarks on standard error. Bars are drawn on terminals alone,
//! and without colour where `NO_COLOR` is set.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::command::Common;
use super::error::ClientError;
use super::parting::Parting;

/// How a command shows what it does.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Results as JSON.
    pub json: bool,
    quiet: bool,
    /// What further commands have to be given to reach the same service.
    again: String,
    /// What is left where a signal ends the command.
    pub parting: Arc<Parting>,
}

impl Screen {
    /// As the command line asks.
    pub fn of(common: &Common, parting: Arc<Parting>) -> Self {
        Screen { json: common.json, quiet: common.quiet, again: common.again(), parting }
    }

    /// A line of a result.
    ///
    /// # Errors
    /// `Closed`; standard output cannot be written.
    pub fn say(&self, line: impl Display) -> Result<(), ClientError> {
        writeln!(io::stdout().lock(), "{line}").map_err(ClientError::output)
    }

    /// A result as JSON, or as `lines` write it.
    ///
    /// # Errors
    /// As [`Screen::say`].
    pub fn show(&self, value: &Value, lines: impl FnOnce(&Value) -> String) -> Result<(), ClientError> {
        if self.json { self.say(value) } else { self.say(lines(value)) }
    }

    /// Something done that has no result: as JSON `done`, else a remark.
    ///
    /// # Errors
    /// As [`Screen::say`].
    pub fn done(&self, done: &Value, told: impl Display) -> Result<(), ClientError> {
        if self.json {
            return self.say(done);
        }
        self.remark(told);
        Ok(())
    }

    /// A command that asks the same service.
    pub fn command(&self, words: impl Display) -> String {
        format!("epochd {words}{}", self.again)
    }

    /// A remark.
    pub fn remark(&self, line: impl Display) {
        if !self.quiet {
            // Nobody is left to be told where this cannot be written.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// A bar over `length` bytes, or one without an end.
    pub fn bytes_bar(&self, what: &str, length: Option<u64>) -> ProgressBar {
        let template = match length {
            Some(_) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{msg} {spinner} {bytes} {bytes_per_sec}",
        };
        self.bar(length, template).with_message(what.to_owned())
    }

    /// A bar over epochs.
    pub fn epochs_bar(&self) -> ProgressBar {
        self.bar(Some(0), "epoch {pos}/{len} [{bar:30}] {msg}")
    }

    fn bar(&self, length: Option<u64>, template: &str) -> ProgressBar {
        let target = if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(length, target);
        let style = ProgressStyle::with_template(template).expect("the templates are ours");
        bar.set_style(style.progress_chars("=> "));
        self.parting.draws(bar.clone());
        bar
    }

    /// Asks whether to do what cannot be undone; where nobody can be asked it is not done.
    ///
    /// # Errors
    /// The answer is no, or nobody is there.
    pub fn confirm(&self, what: &str, yes: bool) -> Result<(), ClientError> {
        if yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(ClientError::Usage(format!("{what}: add --yes, as nobody can be asked here")));
        }
        let mut answer = String::new();
        let asked = write!(io::stderr(), "{what}? [y/N] ").and_then(|()| io::stdin().read_line(&mut answer));
        asked.map_err(ClientError::io("the terminal"))?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(ClientError::Failed("nothing was done".into())),
        }
    }
}
