//! Keys that the settings give: `ROLE:SECRET`, with commas between them, or one a line of a file. What is wrong with them is
//! said without a word of theirs.

use std::path::Path;

use super::error::KeyError;
use super::key::Key;
use super::role::Role;
use super::secret::SecretHash;

/// Longest file.
const MAX_FILE: u64 = 1 << 20;
/// A shorter secret may be guessed.
const GUESSABLE: usize = 20;

/// The keys of `--api-keys`.
///
/// # Errors
/// `Given`.
pub(super) fn listed(text: &str) -> Result<Vec<Key>, KeyError> {
    let entries = text.split(',').map(str::trim).zip(1..);
    let keys = keys("--api-keys", "entry", entries.filter(|(entry, _)| !entry.is_empty()))?;
    if keys.is_empty() { Err(KeyError::Given("--api-keys has no key: ROLE:SECRET".into())) } else { Ok(keys) }
}

/// What stands in a file of keys.
///
/// # Errors
/// `Given`.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, KeyError> {
    let is_key =
        path.to_str().and_then(|text| text.split_once(':')).is_some_and(|(role, _)| Role::of_word(role).is_some());
    if is_key {
        let wrong =
            "--api-keys-file takes the path of a file, and this is a key: those go into --api-keys (EPOCHD_API_KEYS)";
        return Err(KeyError::Given(wrong.into()));
    }
    let failed = |reason: String| KeyError::Given(format!("--api-keys-file {}: {reason}", path.display()));
    let about = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    // To read a pipe waits for whoever writes it.
    if !about.is_file() {
        return Err(failed("it is no file".into()));
    }
    if about.len() > MAX_FILE {
        return Err(failed(format!("it has more than {MAX_FILE} bytes")));
    }
    std::fs::read(path).map_err(|error| failed(error.to_string()))
}

/// The keys of such a file: none where it has only comments. One that is empty may just be written anew, or be damaged.
///
/// # Errors
/// `Given`.
pub(super) fn of_file(bytes: &[u8]) -> Result<Vec<Key>, KeyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| KeyError::Given("--api-keys-file is no text".into()))?;
    if text.trim().is_empty() {
        return Err(KeyError::Given(
            "--api-keys-file is empty: to let nobody in, leave a line that begins with #".into(),
        ));
    }
    let lines = text.lines().map(str::trim).zip(1..);
    keys("--api-keys-file", "line", lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')))
}

fn keys<'a>(source: &str, unit: &str, entries: impl Iterator<Item = (&'a str, u32)>) -> Result<Vec<Key>, KeyError> {
    let mut keys: Vec<Key> = Vec::new();
    for (entry, number) in entries {
        let wrong = |what: &str| KeyError::Given(format!("{source}: {unit} {number} {what}"));
        let parts = entry.split_once(':').and_then(|(role, secret)| Some((Role::of_word(role)?, secret)));
        let (role, secret) =
            parts.ok_or_else(|| wrong("is not ROLE:SECRET with one of the roles admin, train and predict"))?;
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
            return Err(wrong("has a secret that is not of visible ASCII characters without commas"));
        }
        let hash = SecretHash::of(secret.as_bytes());
        if keys.iter().any(|key| key.hash == hash) {
            return Err(wrong("has the secret of one before it"));
        }
        if secret.len() < GUESSABLE {
            tracing::warn!(
                "{source}: {unit} {number} has a short secret, which may be guessed: `openssl rand -hex 32`"
            );
        }
        keys.push(Key::given(format!("{} of {source}, {unit} {number}", role.word()), role, hash));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_what_is_wrong_is_said_without_secrets() {
        let roles = |keys: Vec<Key>| keys.iter().map(|key| key.role).collect::<Vec<_>>();
        assert_eq!(roles(listed("admin:a:b=, predict:c").expect("two keys")), [Role::Admin, Role::Predict]);
        assert_eq!(roles(of_file(b"# those who train\n\n train:hush \r\n").expect("a key")), [Role::Train]);
        for wrong in ["", "hush", "root:hush", "admin:", "admin:hu sh", "admin:hush,train:hush", "Admin:hush"] {
            let error = listed(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with("--api-keys") && !error.contains("hush"), "{error}");
        }
        assert!(
            of_file(b"# nobody\n").is_ok_and(|keys| keys.is_empty())
                && of_file(b"\n").is_err()
                && of_file(&[0xff]).is_err()
        );
        let error = read_file(Path::new("admin:hush")).expect_err("a key").to_string();
        assert!(error.contains("--api-keys ") && !error.contains("hush"), "{error}");
    }
}
