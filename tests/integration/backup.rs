//! `epochd backup` and `epochd restore`: the state of a running service in one file, and back.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use epochd::backup::BackupError;
use serde_json::{Value, json};

use crate::support::{TestApp, endless_training, eventually, text, xor_model, xor_training};

fn epochd(arguments: &[&str], file: &Path, folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_epochd"));
    command.args(arguments).arg(file).arg("--data-dir").arg(folder).output().expect("it runs")
}

fn message(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_running_service_is_restored_whole() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = Duration::from_millis(50)).await;
    let work = tempfile::tempdir().expect("a temporary folder");
    let file = work.path().join("state.tar");
    if service.settings.database_url.is_some() || service.settings.blob_url.is_some() {
        return; // There is no data folder to back up.
    }
    service.with_xor().await;
    let given = json!({"name": "given", "layers": [1, 1], "initial_parameters": [{"weights": [[2]], "biases": [1]}]});
    service.post("/models", given).await.expect(201);
    service.post("/models", json!({"name": "busy", "layers": [2, 8, 1]})).await.expect(201);
    let running = service.post("/models/busy/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&running["id"]));
    eventually("it runs", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(3) }).await;
    // The service goes on writing and deleting meanwhile.
    let (output, ()) = tokio::join!(
        tokio::task::spawn_blocking({
            let (file, folder) = (file.clone(), service.home().folder().to_owned());
            move || epochd(&["backup"], &file, &folder)
        }),
        async {
            for i in 0..10 {
                let name = format!("passing{i}");
                service.post("/models", xor_model(&name)).await.expect(201);
                service.train(&name, xor_training(5)).await;
                service.delete(&format!("/models/{name}")).await.expect(204);
            }
        }
    );
    let output = output.expect("no panic");
    assert!(
        output.status.success() && message(&output).starts_with("backed up the catalog and"),
        "{}",
        message(&output)
    );
    let rows = json!({"inputs": [[0, 1], [1, 1]]});
    let before = (
        service.get("/models/xor").await.expect(200),
        service.get("/models/xor/versions/1").await.expect(200),
        service.post("/models/xor/predict", rows.clone()).await.expect(200),
    );
    service.post_empty(&format!("{path}/cancel")).await.expect(200);

    let folder = work.path().join("restored");
    let output = epochd(&["restore"], &file, &folder);
    assert!(output.status.success(), "{}", message(&output));
    let restored = TestApp::with(|settings| settings.data_dir = folder.clone()).await;
    let after = (
        restored.get("/models/xor").await.expect(200),
        restored.get("/models/xor/versions/1").await.expect(200),
        restored.post("/models/xor/predict", rows).await.expect(200),
    );
    assert_eq!(after, before);
    restored.train("given", json!({"inputs": [[1]], "targets": [1], "epochs": 1})).await;
    let job = restored.get(&path).await.expect(200);
    assert!(["queued", "running"].contains(&text(&job["state"])), "the job of the backup goes on: {job}");
    let kept = restored.post_empty(&format!("{path}/cancel?keep=true")).await.expect(200);
    assert_eq!(kept["version"], 1);
    // Every version that the catalog lists can be used.
    let models = restored.get("/models").await.expect(200);
    for model in
        models["data"].as_array().expect("a list").iter().filter(|model| model["active_version"] != Value::Null)
    {
        restored.get(&format!("/models/{}/versions/1/parameters", text(&model["id"]))).await.expect(200);
    }

    // A file system of its own is there before, with what it has of itself.
    let mounted = work.path().join("mounted");
    std::fs::create_dir_all(mounted.join("lost+found")).expect("a folder");
    let output = epochd(&["restore"], &file, &mounted);
    assert!(output.status.success(), "{}", message(&output));
    let filled = TestApp::with(|settings| settings.data_dir = mounted.clone()).await;
    assert_eq!(filled.get("/models/xor").await.expect(200), before.0);
    drop(filled);

    // What would overwrite something is refused, and what is not whole is not restored.
    assert!(message(&epochd(&["backup"], &file, service.home().folder())).contains("is there already"));
    assert!(message(&epochd(&["restore"], &file, &folder)).contains("is there already"));
    let other = work.path().join("other");
    assert!(message(&epochd(&["backup"], &work.path().join("x"), &other)).contains("nothing to back up"));
    let whole = std::fs::read(&file).expect("the backup");
    let broken = work.path().join("broken.tar");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 2048], &flipped, b"garbage"] {
        std::fs::write(&broken, damaged).expect("a file");
        let output = epochd(&["restore"], &broken, &other);
        assert!(!output.status.success() && message(&output).contains("cannot be restored"), "{}", message(&output));
        assert!(!other.exists(), "nothing is left of it");
    }
    // What is told to stop leaves nothing either.
    let entries = || std::fs::read_dir(work.path()).expect("a folder").count();
    let (before, stop) = (entries(), AtomicBool::new(true));
    let restored = epochd::backup::restore(&other, &file, &stop);
    let backed_up = epochd::backup::back_up(service.home().folder(), &work.path().join("second.tar"), &stop).await;
    assert!(matches!((restored, backed_up), (Err(BackupError::Interrupted), Err(BackupError::Interrupted))));
    assert_eq!(entries(), before);
    let on_servers = Command::new(env!("CARGO_BIN_EXE_epochd"))
        .args(["backup", "x.tar", "--database-url", "postgres://localhost/x"])
        .output()
        .expect("it runs");
    assert!(message(&on_servers).contains("pg_dump"), "{}", message(&on_servers));
}

#[test]
fn a_folder_that_cannot_be_looked_into_is_not_said_to_be_empty() {
    let work = tempfile::tempdir().expect("a temporary folder");
    let (file, backup) = (work.path().join("file"), work.path().join("state.tar"));
    std::fs::write(&file, "").expect("written");
    let checked = Command::new(env!("CARGO_BIN_EXE_epochd")).arg("check").arg("--data-dir").arg(&file).output();
    for output in [epochd(&["backup"], &backup, &file), checked.expect("it runs")] {
        let said = message(&output);
        assert!(!output.status.success() && said.contains("Not a directory"), "{said}");
        assert!(!said.contains("nothing to"), "{said}");
    }
}
