//! Durable state: what was acknowledged is there after a restart, and interrupted jobs end as if nothing had happened.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, endless_training, eventually, text, xor_model, xor_training};

/// A training of some seconds that draws on everything a checkpoint has to hold.
fn long_training() -> Value {
    let inputs: Vec<Vec<f64>> =
        (0..1500).map(|i| (0..6).map(|j| f64::from(i * (j + 3) % 17) / 17.0).collect()).collect();
    let targets: Vec<f64> = inputs.iter().map(|row| f64::from(u8::from(row[0] * row[1] + row[2] > 0.6))).collect();
    json!({"inputs": inputs, "targets": targets, "epochs": 60, "batch_size": 16, "optimizer": "adam",
           "learning_rate_schedule": "one_cycle", "validation_split": 0.2, "gradient_clip_norm": 1.0,
           "class_weight": "balanced", "early_stopping": {"patience": 50}})
}

fn long_model(name: &str) -> Value {
    json!({"name": name, "layers": [6, {"units": 48, "dropout": 0.1}, 32, 1], "loss": "binary_cross_entropy", "seed": 3})
}

async fn epochs_of(service: &TestApp, job: &Value) -> u64 {
    let job = service.get(&format!("/jobs/{}", text(&job["id"]))).await.expect(200);
    job["epoch"].as_u64().expect("a count")
}

#[tokio::test]
async fn everything_reads_the_same_after_a_restart() {
    let service = TestApp::start().await;
    let job = service.with_xor().await;
    service
        .train(
            "xor",
            json!({"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0], "epochs": 7,
                                "learning_rate": 0.123_456_789_012_345_67, "validation_split": 0.25}),
        )
        .await;
    service.patch("/models/xor", json!({"metadata": {"owner": "me \u{1f41d}"}})).await.expect(200);
    service.post_empty("/models/xor/versions/1/activate").await.expect(200);
    service.post("/models", json!({"name": "nameless", "layers": [1, 1]})).await.expect(201);
    service.patch("/models/nameless", json!({"name": null})).await.expect(200);
    let given = json!({"name": "given", "layers": [1, 2], "initial_parameters": [{"weights": [[0.1, -2.5]], "biases": [3, 4]}]});
    service.post("/models", given).await.expect(201);
    let bad = json!({"inputs": [[1], [2]], "targets": [[1, 2], [2, 4]], "optimizer": "sgd", "learning_rate": 1e30});
    let failed = service.train("given", bad).await;
    assert_eq!(failed["state"], "failed");
    let paths = [
        "/models".to_owned(),
        "/models/xor".into(),
        "/models/xor/versions".into(),
        "/models/xor/versions/1".into(),
        "/models/xor/versions/2/parameters".into(),
        "/jobs".into(),
        "/jobs?state=failed".into(),
        format!("/jobs/{}", text(&job["id"])),
        format!("/jobs/{}/epochs?every=7&after=20", text(&job["id"])),
        format!("/jobs/{}/events", text(&job["id"])),
        format!("/jobs/{}/epochs", text(&failed["id"])),
    ];
    let all = async |service: &TestApp| {
        let mut replies = Vec::new();
        for path in &paths {
            let Reply { status, body, .. } = service.get(path).await;
            replies.push((path.clone(), status, String::from_utf8(body).expect("UTF-8")));
        }
        let predicted = service.post("/models/xor/predict", json!({"inputs": [[0, 1], [0.3, 0.7]]})).await.expect(200);
        replies.push(("predict".into(), 200, predicted.to_string()));
        replies
    };
    let before = all(&service).await;
    let service = service.restarted().await;
    assert_eq!(all(&service).await, before);
    // Trainings start from where they would have started.
    let start =
        json!({"inputs": [[1]], "targets": [[2.6, 1.5]], "epochs": 1, "optimizer": "sgd", "learning_rate": 1e-9});
    let trained = service.train("given", start).await;
    assert_eq!((&trained["state"], &trained["version"]), (&json!("succeeded"), &json!(1)));
    let predicted = service.post("/models/given/predict", json!({"inputs": [[1]]})).await.expect(200);
    assert_eq!(predicted["outputs"], json!([[3.1, 1.5]]));
}

#[tokio::test]
async fn an_interrupted_job_ends_with_the_bits_of_an_undisturbed_one() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = Duration::from_millis(50)).await;
    for name in ["undisturbed", "disturbed"] {
        service.post("/models", long_model(name)).await.expect(201);
    }
    let undisturbed = service.train("undisturbed", long_training()).await;
    let job = service.post("/models/disturbed/train", long_training()).await.expect(202);
    let mut service = service;
    for epochs in [1, 12, 30] {
        eventually("it has got further", || async { epochs_of(&service, &job).await >= epochs }).await;
        let reached = epochs_of(&service, &job).await;
        service = service.restarted().await;
        assert!(epochs_of(&service, &job).await >= reached || reached < 60, "no epoch is lost by an orderly stop");
    }
    let disturbed = service.ended(&job).await;
    assert_eq!((text(&disturbed["state"]), text(&disturbed["stop_reason"])), ("succeeded", "completed"));
    for field in ["epoch", "loss", "validation_loss", "best_epoch", "metrics", "warnings", "progress", "config"] {
        assert_eq!(disturbed[field], undisturbed[field], "{field}");
    }
    let parameters = async |name: &str| {
        let path = format!("/models/{name}/versions/1/parameters");
        service.get(&path).await.expect(200)["layers"].to_string()
    };
    assert_eq!(parameters("disturbed").await, parameters("undisturbed").await);
    let losses = async |job: &Value| {
        let page = service.get(&format!("/jobs/{}/epochs", text(&job["id"]))).await.expect(200);
        let epochs = page["data"].as_array().expect("a list").clone();
        epochs.iter().map(|e| (e["epoch"].clone(), e["loss"].clone(), e["learning_rate"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(losses(&disturbed).await, losses(&undisturbed).await);
}

#[tokio::test]
async fn waiting_jobs_keep_their_order_and_their_rows_through_a_restart() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(1)).await;
    service.post("/models", long_model("busy")).await.expect(201);
    service.post("/models", xor_model("xor")).await.expect(201);
    let first = service.post("/models/busy/train", long_training()).await.expect(202);
    let mut waiting = Vec::new();
    for epochs in [3, 4, 5] {
        waiting.push(service.post("/models/xor/train", xor_training(epochs)).await.expect(202));
    }
    let cancelled = service.post_empty(&format!("/jobs/{}/cancel", text(&waiting[1]["id"]))).await.expect(200);
    let service = service.restarted().await;
    assert_eq!(service.ended(&first).await["state"], "succeeded");
    for (job, version) in [(&waiting[0], 1), (&waiting[2], 2)] {
        let ended = service.ended(job).await;
        assert_eq!((text(&ended["state"]), &ended["version"]), ("succeeded", &json!(version)));
    }
    let path = format!("/jobs/{}", text(&waiting[1]["id"]));
    assert_eq!(service.get(&path).await.expect(200), cancelled);
}

#[tokio::test]
async fn epochs_before_a_restart_are_kept_if_asked_also_of_a_job_that_waits() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(2)).await;
    let mut jobs = Vec::new();
    for name in ["first", "second"] {
        service.post("/models", xor_model(name)).await.expect(201);
        jobs.push(service.post(&format!("/models/{name}/train"), endless_training()).await.expect(202));
    }
    for job in &jobs {
        eventually("it has epochs", || async { epochs_of(&service, job).await >= 100 }).await;
    }
    let service = service.restarted_with(|settings| settings.concurrent_jobs = Some(1)).await;
    let [first, second] = [&jobs[0], &jobs[1]].map(|job| format!("/jobs/{}", text(&job["id"])));
    eventually("the first goes on", || async { epochs_of(&service, &jobs[0]).await >= 100 }).await;
    assert_eq!(service.get(&second).await.expect(200)["state"], "queued");
    let [keep, drop] = [format!("{second}/cancel?keep=true"), format!("{first}/cancel")];
    let (kept, _) = tokio::join!(service.post_empty(&keep), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        service.post_empty(&drop).await.expect(200)
    });
    let kept = kept.expect(200);
    assert_eq!((text(&kept["state"]), &kept["version"]), ("cancelled", &json!(1)), "{kept}");
    let version = service.get("/models/second/versions/1").await.expect(200);
    assert!(version["epochs"].as_u64() >= Some(100), "{version}");
}

#[tokio::test]
async fn a_watcher_goes_on_after_a_restart_where_it_was() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = Duration::from_millis(50)).await;
    service.post("/models", long_model("m")).await.expect(201);
    let job = service.post("/models/m/train", long_training()).await.expect(202);
    eventually("it has got further", || async { epochs_of(&service, &job).await >= 5 }).await;
    let path = format!("/jobs/{}/events", text(&job["id"]));
    let request = service.raw(Method::GET, &path).send().await.expect("a reply");
    let (seen, service) = tokio::join!(request.text(), service.restarted());
    let seen = seen.expect("a whole stream");
    let id = seen.lines().rev().find_map(|line| line.strip_prefix("id:")).expect("an event").trim().to_owned();
    let rest = service.raw(Method::GET, &path).header("Last-Event-ID", &id);
    let rest = rest.send().await.expect("a reply").text().await.expect("a whole stream");
    let epochs = |stream: &str| -> Vec<u64> {
        let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
        let data = data.map(|data| serde_json::from_str::<Value>(data).expect("JSON"));
        data.filter(|data| data.get("learning_rate").is_some())
            .map(|data| data["epoch"].as_u64().expect("set"))
            .collect()
    };
    let all = [epochs(&seen), epochs(&rest)].concat();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "each epoch once, in order: {all:?}");
    assert_eq!(all.last(), Some(&60));
    assert!(rest.contains("-end") && rest.contains("\"succeeded\""));
}

#[tokio::test]
async fn a_warm_start_that_is_interrupted_starts_from_the_version_it_started_from() {
    let service = TestApp::with(|settings| settings.checkpoint_interval = Duration::from_millis(30)).await;
    let warm = |mut body: Value| {
        body["warm_start"] = json!(true);
        body
    };
    let mut results = Vec::new();
    let mut service = service;
    for (name, disturb) in [("a", false), ("b", true)] {
        service.post("/models", long_model(name)).await.expect(201);
        let mut short = long_training();
        short["epochs"] = json!(2);
        service.train(name, short).await;
        let job = service.post(&format!("/models/{name}/train"), warm(long_training())).await.expect(202);
        if disturb {
            eventually("it has got further", || async { epochs_of(&service, &job).await >= 3 }).await;
            service = service.restarted().await;
        }
        assert_eq!(service.ended(&job).await["version"], 2);
        let path = format!("/models/{name}/versions/2/parameters");
        results.push(service.get(&path).await.expect(200)["layers"].to_string());
    }
    assert_eq!(results[0], results[1]);
}

#[tokio::test]
async fn networks_leave_memory_when_others_need_it_and_come_back() {
    let service = TestApp::with(|settings| settings.model_memory = Some(bytesize::ByteSize::kib(20))).await;
    let mut answers = Vec::new();
    for i in 0..20 {
        let name = format!("m{i}");
        let model = json!({"name": name, "layers": [2, 64, 1], "seed": i});
        service.post("/models", model).await.expect(201);
        service.train(&name, xor_training(3)).await;
        answers.push(service.post(&format!("/models/{name}/predict"), json!({"inputs": [0, 1]})).await.expect(200));
    }
    for (i, answer) in answers.iter().enumerate().rev() {
        let again = service.post(&format!("/models/m{i}/predict"), json!({"inputs": [0, 1]})).await.expect(200);
        assert_eq!(again, *answer);
    }
}
