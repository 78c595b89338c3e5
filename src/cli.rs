//! The command line: whether its words start the service, do something with its state, or ask one that runs.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, Error, FromArgMatches};

use crate::client::{Client, ClientCommand, ClientError};
use crate::config::Settings;

/// What is to be done.
#[derive(Debug)]
pub enum Asked {
    /// Something with these settings: to serve, if they name no command.
    Service(Box<Settings>),
    /// To ask a service.
    Client(Box<Client>),
    /// What is already done.
    Nothing,
}

/// What the words of the command line ask for. Prints help or an error and exits where clap would.
pub fn asked(words: impl IntoIterator<Item = OsString>) -> Asked {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let word = |at: usize| words.get(at).and_then(|word| word.to_str()).unwrap_or_default();
    match (word(1), word(2)) {
        ("help", of) if is_client(of) => {
            words.remove(1);
            words.insert(2, "--help".into());
            client(words)
        }
        (name, _) if is_client(name) => client(words),
        ("serve", _) => {
            words.remove(1);
            service(words)
        }
        _ => service(words),
    }
}

fn client(words: Vec<OsString>) -> Asked {
    let as_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let client = parsed(&words).unwrap_or_else(|error| {
        let error = without_variables(error, words);
        if as_json && error.use_stderr() { exit_with_json(&error) } else { error.exit() }
    });
    let ClientCommand::Completions { shell } = client.command else { return Asked::Client(Box::new(client)) };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut completed(), "epochd", &mut script);
    // Whoever reads may have seen enough.
    let _ = io::stdout().write_all(&script);
    Asked::Nothing
}

/// The command line of a client. A service that is named in it and one of the command's own do not go together; one of the environment
/// gives way to it.
fn parsed(words: &[OsString]) -> Result<Client, Error> {
    let matches = Client::command().try_get_matches_from(words)?;
    let client = Client::from_arg_matches(&matches)?;
    if client.common.local && matches.value_source("url") == Some(ValueSource::CommandLine) {
        let told = "--local starts a service of its own, and --url names another: leave one of them out";
        return Err(Client::command().error(ErrorKind::ArgumentConflict, told));
    }
    Ok(client)
}

/// Says what is wrong with a command line as its other errors are told that asks for JSON, and exits.
fn exit_with_json(error: &Error) -> ! {
    let told = error.render().to_string();
    let detail = told.strip_prefix("error: ").unwrap_or(&told).trim_end().to_owned();
    // Nobody is left to be told where this cannot be written.
    let _ = writeln!(io::stderr(), "{}", ClientError::Usage(detail).document());
    std::process::exit(error.exit_code());
}

/// An error of the command line of clients, whose usage leaves out what the environment gives: it would show that as required.
fn without_variables(error: Error, words: Vec<OsString>) -> Error {
    if !matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict) {
        return error;
    }
    let command = Client::command().mut_args(|arg| if arg.get_env().is_some() { arg.hide(true) } else { arg });
    command.try_get_matches_from(words).err().unwrap_or(error)
}

fn service(words: Vec<OsString>) -> Asked {
    let parsed = overview().try_get_matches_from(words);
    if let Some(name) = parsed.as_ref().ok().and_then(ArgMatches::subcommand_name).filter(|name| is_client(name)) {
        let message = format!("put the command first, and what it takes behind it: epochd {name} …");
        overview().error(ErrorKind::ArgumentConflict, message).exit();
    }
    Asked::Service(Box::new(Settings::from_process(parsed)))
}

fn is_client(word: &str) -> bool {
    Client::command().get_subcommands().any(|command| command.get_name() == word)
}

/// The command line of the service, with the commands of clients in its list.
fn overview() -> Command {
    let clients: Vec<Command> = Client::command().get_subcommands().cloned().collect();
    Settings::command().subcommands(clients)
}

/// All commands with all that they take. What the service's commands share is theirs before those of clients join them.
fn completed() -> Command {
    let (mut service, mut clients) = (Settings::command(), Client::command());
    service.build();
    clients.build();
    service.subcommands(clients.get_subcommands().cloned().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_says_who_is_asked() {
        let asked = |words: &[&str]| super::asked(["epochd"].iter().chain(words).map(OsString::from));
        assert!(matches!(asked(&["train", "a.csv", "--target", "y"]), Asked::Client(_)));
        assert!(matches!(asked(&["models"]), Asked::Client(_)));
        for words in [
            &["--listen", "127.0.0.1:0"][..],
            &["serve", "--listen", "127.0.0.1:0"],
            &["--listen", "127.0.0.1:0", "serve"],
            &["healthcheck"],
        ] {
            assert!(matches!(asked(words), Asked::Service(_)), "{words:?}");
        }
    }

    #[test]
    fn a_service_of_ones_own_is_no_other() {
        let parsed = |words: &[&str]| super::parsed(&words.iter().map(OsString::from).collect::<Vec<_>>());
        for words in [
            &["epochd", "models", "--url", "http://a", "--local"][..],
            &["epochd", "--local", "--url", "http://a", "models"],
        ] {
            assert_eq!(parsed(words).expect_err("both").kind(), ErrorKind::ArgumentConflict, "{words:?}");
        }
        assert!(parsed(&["epochd", "models", "--local"]).is_ok());
    }

    #[test]
    fn the_definitions_of_all_commands_are_sound() {
        overview().debug_assert();
        Client::command().debug_assert();
        let mut scripts = Vec::new();
        clap_complete::generate(clap_complete::Shell::Bash, &mut completed(), "epochd", &mut scripts);
        let script = String::from_utf8(scripts).expect("text");
        for word in ["--target", "--checkpoint-interval", "versions", "healthcheck"] {
            assert!(script.contains(word), "{word}");
        }
    }
}
