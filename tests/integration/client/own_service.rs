//! A service of one's own where the environment and the folder are set up for others.

use super::{command, said_of, told};

#[tokio::test]
async fn stored_keys_and_certificates_of_others_are_not_in_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("state").to_str().expect("UTF-8").to_owned();
    let local = |words: &[&str]| {
        let mut command = command("http://127.0.0.1:1", &[words, &["--local", "--data-dir", &data]].concat());
        command.env("EPOCHD_TLS_CERT", "/none.pem").env("EPOCHD_TLS_KEY", "/none.pem").env("EPOCHD_KEY", "of-another");
        said_of(command, "")
    };
    for words in [&["keys", "create", "reports", "--role", "admin"][..], &["models"], &["keys"]] {
        let (status, out, err) = told(&local(words).await);
        assert_eq!(status, Some(0), "{words:?}: {out}{err}");
        assert!(words != ["keys"] || out.contains("reports"), "{out}");
    }
}
