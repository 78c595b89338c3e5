//! Names of models and data sets.

use uuid::Uuid;

/// Longest name.
const MAX_NAME: usize = 63;
/// Words that a path of the API has where others have a name, such as `/models/import`: what is so named could not be
/// reached by its name.
const WORDS_OF_PATHS: [&str; 1] = ["import"];

/// Whether a word has the form of a name: `[a-z0-9][a-z0-9_-]{0,62}`. Nothing that is there is called by another word, which the
/// catalog need not be asked for; PostgreSQL could not even be asked for one with a NUL in it.
pub fn is_name(word: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    (1..=MAX_NAME).contains(&word.len()) && word.chars().all(inner) && !word.starts_with(['_', '-'])
}

/// Checks a new name: the form of [`is_name`], not like a UUID, and no word that a path of the API has in its place.
/// Names that are there already are not checked again: what was named `import` by an early release keeps its name.
///
/// # Errors
/// What would be right.
pub fn check_name(name: &str) -> Result<(), String> {
    if !is_name(name) {
        let rule = "1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit";
        let shown: String = name.chars().take(MAX_NAME + 1).collect();
        return Err(format!("{shown:?} is no name: a name has {rule}"));
    }
    if WORDS_OF_PATHS.contains(&name) {
        return Err(format!("{name:?} is no name: it is a word of the API's paths, and could not be reached by it"));
    }
    match Uuid::try_parse(name) {
        Ok(_) => Err(format!("{name:?} looks like a UUID, which a name may not")),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_told_from_something_else_is_no_name() {
        for name in ["a", "0", "imports", "import-2", "x_1", &"a".repeat(63)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "A", "a b", "-a", "_a", "ü", &"a".repeat(64), "0193a5be-8f6e-7000-8000-000000000000", "import"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(is_name("import") && !is_name("\0") && !is_name("a\0"));
    }
}
