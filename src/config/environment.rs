//! Which variables of the environment are settings.

use clap::Command;

use crate::wording::nearest;

/// What all variables of the environment begin with.
const PREFIX: &str = "EPOCHD_";

/// Refuses variables that begin as ours do and are none, so that a typing error does not pass as a default.
/// `command` has those that there are.
pub(super) fn check(command: &Command, names: impl Iterator<Item = String>) -> Result<(), String> {
    let known: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
    for name in names.filter(|name| name.starts_with(PREFIX) && !belongs_to_others(name)) {
        if !known.contains(&name.as_str()) {
            let near = nearest(&name, known.iter().copied(), 0.0);
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(format!("the environment sets {name}, which is no setting{hint}"));
        }
    }
    Ok(())
}

/// Whether a variable begins as ours do and is meant for someone else: the address that clients ask, and their key, and what
/// Kubernetes tells each container of a namespace about services called `epochd`, `epochd-blue` and the like: their `…_PORT`,
/// `…_SERVICE_HOST`, `…_SERVICE_PORT`, `…_PORT_8080_TCP_ADDR`.
fn belongs_to_others(name: &str) -> bool {
    let of_service = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT");
    let of_port = name.ends_with("_PORT") || name.contains("_PORT_");
    matches!(name, "EPOCHD_URL" | "EPOCHD_KEY") || of_service || of_port
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::Settings;

    #[test]
    fn an_unknown_variable_is_refused_with_the_nearest_name() {
        let names = ["HOME", "EPOCHD_LISTEN", "EPOCHD_LOG_FORMT"].map(String::from);
        let message = check(&Settings::command(), names.into_iter()).unwrap_err();
        assert!(message.contains("EPOCHD_LOG_FORMT") && message.ends_with("did you mean EPOCHD_LOG_FORMAT?"));
    }

    #[test]
    fn variables_of_others_pass() {
        let names = ["EPOCHD_URL", "EPOCHD_KEY", "EPOCHD_PORT", "EPOCHD_PORT_8080_TCP_ADDR", "EPOCHD_SERVICE_HOST"];
        let of_another = ["EPOCHD_BLUE_SERVICE_HOST", "EPOCHD_BLUE_SERVICE_PORT_HTTP", "EPOCHD_API_PORT"];
        let names = names.into_iter().chain(of_another).map(String::from);
        assert_eq!(check(&Settings::command(), names), Ok(()));
    }
}
