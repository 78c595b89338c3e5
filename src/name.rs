//! Names of models and data sets.

use uuid::Uuid;

/// Longest name.
const MAX_NAME: usize = 63;

/// Checks a name: `[a-z0-9][a-z0-9_-]{0,62}` and not like a UUID.
///
/// # Errors
/// What would be right.
pub fn check_name(name: &str) -> Result<(), String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(inner) && !name.starts_with(['_', '-']);
    if !fits {
        let rule = "1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit";
        let shown: String = name.chars().take(MAX_NAME + 1).collect();
        return Err(format!("{shown:?} is no name: a name has {rule}"));
    }
    match Uuid::try_parse(name) {
        Ok(_) => Err(format!("{name:?} looks like a UUID, which a name may not")),
        Err(_) => Ok(()),
    }
}
