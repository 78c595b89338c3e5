//! Jobs: states, waiting, history, events, cancellation, divergence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use epochd::storage::Gate;
use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, endless_training, eventually, flowers_csv, text, xor_model, xor_training};

/// One server-sent event.
#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

/// Events of a job after `last`, until the stream ends or `enough` have come.
async fn events(service: &TestApp, job: &Value, last: Option<&str>, enough: usize) -> Vec<Event> {
    let mut request = service.raw(Method::GET, &format!("/jobs/{}/events", text(&job["id"])));
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let response = request.send().await.expect("a reply");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut stream, mut buffer, mut events) = (response.bytes_stream(), String::new(), Vec::new());
    while let Some(chunk) = stream.next().await {
        buffer.push_str(std::str::from_utf8(&chunk.expect("a whole chunk")).expect("UTF-8"));
        while let Some((block, rest)) = buffer.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
            buffer = rest;
            events.extend(event(&block));
            if events.len() >= enough {
                return events;
            }
        }
    }
    events
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some(Event {
        id: field("id:")?.to_owned(),
        name: field("event:")?.to_owned(),
        data: serde_json::from_str(field("data:")?).expect("JSON"),
    })
}

async fn started(service: &TestApp, job: &Value) {
    let path = format!("/jobs/{}", text(&job["id"]));
    let running = || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(0) };
    eventually("the job is running", running).await;
}

/// As many rows as a second or so takes on a slow machine.
#[tokio::test]
async fn how_long_it_takes_is_told_beforehand() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "line", "layers": [8, 256, 256, 1]})).await.expect(201);
    let inputs: Vec<Vec<f64>> =
        (0..400).map(|row| (0..8).map(|x| f64::from(row * (x + 3) % 17) / 17.0).collect()).collect();
    let targets: Vec<f64> = inputs.iter().map(|row| row.iter().sum()).collect();
    let body = json!({"inputs": inputs, "targets": targets, "epochs": 100});
    // Told before and while it runs, and no longer once it is known.
    let first = service.post("/models/line/train", body.clone()).await.expect(202);
    assert!(first["estimated_seconds"].as_f64() > Some(0.0), "{first}");
    started(&service, &first).await;
    let running = service.get(&format!("/jobs/{}", text(&first["id"]))).await.expect(200);
    assert!(running["state"] != "running" || running["estimated_seconds"].is_number(), "{running}");
    let ended = service.ended(&first).await;
    assert!(ended["state"] == "succeeded" && ended["estimated_seconds"].is_null(), "{ended}");
    // By what the first took: within a factor of eight, as other tests run beside it.
    let time = |ended: &Value| {
        let at = |field: &str| text(&ended[field]).parse::<jiff::Timestamp>().expect("a time");
        at("finished_at").duration_since(at("started_at")).as_secs_f64()
    };
    let estimated = service.post("/models/line/train", body.clone()).await.expect(202);
    let seconds = estimated["estimated_seconds"].as_f64().expect("a number");
    let took = time(&service.ended(&estimated).await);
    assert!((took / 8.0..took * 8.0).contains(&seconds), "{seconds} s, and it took {took} s");
    let limited = json!({"inputs": body["inputs"], "targets": body["targets"], "epochs": 100_000, "max_seconds": 0.5});
    let limited = service.post("/models/line/train", limited).await.expect(202);
    assert_eq!(limited["estimated_seconds"], 0.5);
    service.stop().await;
}

#[tokio::test]
async fn wait_holds_the_reply_until_the_job_ends_or_the_time_is_up() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    let start = Instant::now();
    let waited = service.get(&format!("{path}?wait=1")).await.expect(200);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(waited["state"], "running");
    assert!(waited["progress"].as_f64() > Some(0.0) && waited["eta_seconds"].as_f64() > Some(0.0));
    assert!(waited["rows_per_second"].as_f64() > Some(0.0));
    let wait = format!("{path}?wait=60");
    let mut ended = std::pin::pin!(service.get(&wait));
    let held = tokio::time::timeout(Duration::from_millis(50), &mut ended).await;
    assert!(held.is_err(), "the reply is held while the job runs");
    let cancelled = service.post_empty(&format!("{path}/cancel")).await.expect(200);
    assert_eq!((text(&ended.await.expect(200)["state"]), text(&cancelled["state"])), ("cancelled", "cancelled"));
    assert!(start.elapsed() < Duration::from_secs(20));
    service.get(&format!("{path}?wait=61")).await.problem(422, "invalid_value");
    service.get(&format!("{path}?wait=x")).await.problem(422, "invalid_value");
}

#[tokio::test]
async fn history_comes_in_pages_and_thinned() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.train("xor", xor_training(2500)).await;
    let epochs = |query: &str| {
        let path = format!("/jobs/{}/epochs?{query}", text(&job["id"]));
        let service = &service;
        async move {
            let page = service.get(&path).await.expect(200);
            let numbers: Vec<u64> =
                page["data"].as_array().expect("a list").iter().map(|e| e["epoch"].as_u64().expect("set")).collect();
            (numbers, page["next_after"].clone())
        }
    };
    let (first, next) = epochs("").await;
    assert_eq!((first.len(), first[0], next), (1000, 1, json!(1000)));
    assert_eq!(epochs("after=2000").await, ((2001..=2500).collect(), json!(null)));
    assert_eq!(epochs("every=1000").await, (vec![1000, 2000, 2500], json!(null)));
    assert_eq!(epochs("every=100&limit=2&after=200").await, (vec![300, 400], json!(400)));
    for wrong in ["every=0", "limit=0", "limit=1001", "after=-1", "evry=2"] {
        let reply = service.get(&format!("/jobs/{}/epochs?{wrong}", text(&job["id"]))).await;
        assert_eq!(reply.status, 422, "{wrong}");
    }
}

#[tokio::test]
async fn events_tell_the_epochs_and_the_final_state_and_can_be_told_again() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.train("xor", xor_training(5000)).await;
    let all = events(&service, &job, None, usize::MAX).await;
    let (last, epochs) = all.split_last().expect("events");
    assert!(!epochs.is_empty() && epochs.iter().all(|event| event.name == "epoch"));
    assert!(epochs.windows(2).all(|pair| pair[0].data["epoch"].as_u64() < pair[1].data["epoch"].as_u64()));
    assert_eq!(epochs[epochs.len() - 1].data["epoch"], 5000);
    assert_eq!((last.name.as_str(), &last.data), ("state", &job), "the final state is the job as it is");
    let again = events(&service, &job, Some(&all[0].id), usize::MAX).await;
    let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&all[1..]));
    let path = format!("/jobs/{}/events", text(&job["id"]));
    let over = service.raw(Method::GET, &path).header("Last-Event-ID", &last.id).send().await.expect("a reply");
    assert_eq!(over.status(), 204);
    let wrong = service.raw(Method::GET, &path).header("Last-Event-ID", "x");
    service.send(Method::GET, &path, wrong).await.problem(400, "malformed_request");
}

#[tokio::test]
async fn epochs_are_told_as_they_happen_at_most_twenty_a_second() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    started(&service, &job).await;
    let start = Instant::now();
    let seen = events(&service, &job, None, 22).await;
    let epochs = seen.iter().filter(|event| event.name == "epoch").count() as f64;
    assert!(epochs >= 15.0);
    assert!(epochs / start.elapsed().as_secs_f64() < 25.0, "{epochs} in {:?}", start.elapsed());
    // A watcher who lost the connection goes on behind the last event it saw.
    let last = &seen[seen.len() - 1];
    let resumed = events(&service, &job, Some(&last.id), 3).await;
    assert!(resumed[0].data["epoch"].as_u64() > last.data["epoch"].as_u64(), "{resumed:?}");
    assert_eq!(seen[0].data["state"], "running", "an open job tells its state first");
    service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.expect(200);
}

#[tokio::test]
async fn a_cancelled_job_drops_its_epochs_or_keeps_them_as_asked() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    started(&service, &job).await;
    let dropped = service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.expect(200);
    assert_eq!((text(&dropped["stop_reason"]), &dropped["version"]), ("cancelled", &json!(null)));
    assert!(service.get("/models/xor").await.expect(200)["active_version"].is_null());
    service.post_empty(&format!("/jobs/{}/cancel", text(&job["id"]))).await.problem(409, "job_ended");

    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    started(&service, &job).await;
    let kept = service.post_empty(&format!("/jobs/{}/cancel?keep=true", text(&job["id"]))).await.expect(200);
    assert_eq!((text(&kept["state"]), &kept["version"]), ("cancelled", &json!(1)));
    let version = service.get("/models/xor/versions/1").await.expect(200);
    assert_eq!((&version["epochs"], &version["loss"]), (&kept["epoch"], &kept["loss"]), "whole epochs only");
    service.post_empty(&format!("/jobs/{}/cancel?kep=true", text(&job["id"]))).await.problem(422, "unknown_field");
}

#[tokio::test]
async fn a_job_is_cancelled_within_an_epoch() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "wide", "layers": [64, 512, 512, 1]})).await.expect(201);
    let row: Vec<f64> = (0..64).map(f64::from).map(|x| x / 64.0).collect();
    let body = json!({"inputs": vec![row; 5000], "targets": vec![1.0; 5000], "batch_size": 4, "epochs": 1000});
    let job = service.post("/models/wide/train", body).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("it runs", || async { service.get(&path).await.expect(200)["progress"].as_f64() > Some(0.0) }).await;
    let start = Instant::now();
    let job = service.post_empty(&format!("{path}/cancel?keep=true")).await.expect(200);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(job["version"].is_null(), job["epoch"] == 0, "no epoch, no version");
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(1)).await;
    service.post("/models", xor_model("a")).await.expect(201);
    service.post("/models", xor_model("b")).await.expect(201);
    let running = service.post("/models/a/train", endless_training()).await.expect(202);
    let waiting = service.post("/models/b/train", xor_training(10)).await.expect(202);
    assert_eq!(waiting["state"], "queued");
    let cancelled = service.post_empty(&format!("/jobs/{}/cancel?keep=true", text(&waiting["id"]))).await.expect(200);
    assert_eq!(
        (text(&cancelled["state"]), &cancelled["version"], &cancelled["started_at"]),
        ("cancelled", &json!(null), &json!(null))
    );
    service.post_empty(&format!("/jobs/{}/cancel", text(&running["id"]))).await.expect(200);
}

#[tokio::test]
async fn jobs_are_listed_by_model_and_state() {
    let service = TestApp::with(|settings| settings.concurrent_jobs = Some(1)).await;
    service.post("/models", xor_model("a")).await.expect(201);
    service.post("/models", xor_model("b")).await.expect(201);
    let first = service.train("a", xor_training(5)).await;
    let second = service.train("b", xor_training(5)).await;
    let running = service.post("/models/a/train", endless_training()).await.expect(202);
    let ids = |query: &str| {
        let path = format!("/jobs?{query}");
        let service = &service;
        async move {
            let page = service.get(&path).await.expect(200);
            page["data"].as_array().expect("a list").iter().map(|job| job["id"].clone()).collect::<Vec<_>>()
        }
    };
    assert_eq!(ids("").await, [running["id"].clone(), second["id"].clone(), first["id"].clone()]);
    assert_eq!(ids("model=b").await, [second["id"].clone()]);
    assert_eq!(ids("state=succeeded&model=a").await, [first["id"].clone()]);
    assert_eq!(ids("state=failed").await, Vec::<Value>::new());
    assert_eq!(ids("state=queued,running").await, [running["id"].clone()]);
    let both = [running["id"].clone(), second["id"].clone(), first["id"].clone()];
    assert_eq!(ids("state=queued,running,succeeded").await, both);
    assert_eq!(ids("state=queued&state=running,succeeded&limit=2").await, both[..2]);
    assert_eq!(ids("state=succeeded,failed&model=b").await, [second["id"].clone()]);
    for wrong in ["state=done", "state=running,", "state="] {
        let problem = service.get(&format!("/jobs?{wrong}")).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "state", "{problem}");
    }
    service.get("/jobs?model=nobody").await.problem(404, "model_not_found");
    service.get("/jobs/nonsense").await.problem(404, "job_not_found");
    service.post_empty(&format!("/jobs/{}/cancel", text(&running["id"]))).await.expect(200);
}

#[tokio::test]
async fn jobs_are_listed_by_the_data_set_that_they_train_on() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let train = "/train?name=flowers&target=species&epochs=2";
    let job = service.post_csv(train, flowers_csv(30)).await.expect(202);
    let dataset = text(&job["dataset_id"]).to_owned();
    let ended = service.ended(&job).await;
    for query in [format!("dataset={dataset}"), "dataset=flowers&state=succeeded,running".into()] {
        let page = service.get(&format!("/jobs?{query}")).await.expect(200);
        assert_eq!(page["data"], json!([ended]), "{query}");
    }
    let page = service.get("/jobs?dataset=flowers&model=xor").await.expect(200);
    assert_eq!(page["data"], json!([]));
    service.get("/jobs?dataset=nothing").await.problem(404, "dataset_not_found");
    // Who wants to delete a data set finds the training that measures on it, too.
    service.post_csv("/datasets?name=checked", flowers_csv(20)).await.expect(201);
    let validated = service.train("flowers", json!({"epochs": 2, "validation": {"dataset": "checked"}})).await;
    let page = service.get("/jobs?dataset=checked").await.expect(200);
    assert_eq!((page["data"].as_array().map(Vec::len), &page["data"][0]["id"]), (Some(1), &validated["id"]));
}

#[tokio::test]
async fn a_diverged_job_leaves_the_served_version() {
    let service = TestApp::start().await;
    service.post("/models", json!({"name": "m", "layers": [1, 4, 1], "activation": "identity"})).await.expect(201);
    let mut rows = json!({"inputs": [[1], [2], [3]], "targets": [2, 4, 6], "epochs": 50, "optimizer": "sgd",
                          "learning_rate": 0.01});
    service.train("m", rows.clone()).await;
    let before = service.post("/models/m/predict", json!({"inputs": [[2]]})).await.expect(200);
    rows["learning_rate"] = json!(1e6);
    let job = service.train("m", rows).await;
    assert_eq!((text(&job["state"]), text(&job["stop_reason"])), ("failed", "diverged"));
    let error = &job["error"];
    assert_eq!(error["code"], "training_diverged");
    assert!(text(&error["detail"]).contains("epoch") && text(&error["detail"]).contains("learning_rate"), "{error}");
    assert_eq!(service.post("/models/m/predict", json!({"inputs": [[2]]})).await.expect(200), before);
    assert_eq!(service.get("/models/m").await.expect(200)["active_version"], 1);
}

#[tokio::test]
async fn old_ended_jobs_make_room_for_new_ones() {
    let service = TestApp::with(|settings| settings.keep_jobs = Some(2)).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let first = service.train("xor", xor_training(2)).await;
    for _ in 0..2 {
        service.train("xor", xor_training(2)).await;
    }
    let path = format!("/jobs/{}", text(&first["id"]));
    eventually("the oldest is removed", || async { service.get(&path).await.status == 404 }).await;
    assert_eq!(service.get("/jobs").await.expect(200)["data"].as_array().expect("a list").len(), 2);
}

#[tokio::test]
async fn an_ended_job_is_deleted_with_its_history_and_its_version_stays() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let ended = service.train("xor", xor_training(5)).await;
    let open = service.post("/models/xor/train", endless_training()).await.expect(202);
    let [ended, open] = [&ended, &open].map(|job| format!("/jobs/{}", text(&job["id"])));
    assert_eq!(service.delete(&format!("{ended}?x=1")).await.status, 422);
    service.delete(&open).await.problem(409, "job_open");
    assert_eq!(service.delete(&ended).await.status, 204);
    service.delete(&ended).await.problem(404, "job_not_found");
    service.get(&ended).await.problem(404, "job_not_found");
    service.get(&format!("{ended}/epochs")).await.problem(404, "job_not_found");
    let version = service.get("/models/xor/versions/1").await.expect(200);
    assert_eq!(format!("/jobs/{}", text(&version["job_id"])), ended);
    service.post_empty(&format!("{open}/cancel")).await.expect(200);
    assert_eq!(service.delete(&open).await.status, 204);
    assert_eq!(service.get("/jobs").await.expect(200)["data"], json!([]));
    assert!(service.app.storage.blobs.get(&format!("histories/{}", &ended[6..])).await.is_err(), "its history is gone");
}

#[tokio::test]
async fn of_a_long_training_the_first_the_best_the_last_and_an_even_choice_of_epochs_are_kept() {
    let service = TestApp::start().await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.train("xor", xor_training(90_000)).await;
    let path = format!("/jobs/{}", text(&job["id"]));
    let (mut kept, mut after) = (Vec::new(), json!(0));
    while !after.is_null() {
        let page = service.get(&format!("{path}/epochs?after={after}")).await.expect(200);
        kept.extend(page["data"].as_array().expect("a list").iter().map(|entry| entry["epoch"].as_u64().expect("set")));
        after = page["next_after"].clone();
    }
    assert!((10_000..=10_003).contains(&kept.len()), "{}", kept.len());
    assert!(kept[0] == 1 && kept[kept.len() - 1] == 90_000 && kept.contains(&job["best_epoch"].as_u64().expect("set")));
    assert!(kept.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= 18), "evenly");
    let size = service.app.storage.blobs.get(&format!("histories/{}", text(&job["id"]))).await.expect("a blob").len();
    assert!(size <= 10_003 * 40, "{size}");
    let some = service.get(&format!("{path}/epochs?every=30000")).await.expect(200);
    let some: Vec<u64> = some["data"].as_array().expect("a list").iter().filter_map(|e| e["epoch"].as_u64()).collect();
    assert!(some.len() == 3 && some[2] == 90_000 && some[0].abs_diff(30_000) <= 18, "{some:?}");
    let told = events(&service, &job, Some("89000-0"), usize::MAX).await;
    assert_eq!(told[told.len() - 2].data["epoch"], 90_000);
    assert_eq!(told[told.len() - 1].data, job);
}

#[tokio::test]
async fn a_panic_of_a_training_is_a_failed_job_and_the_service_goes_on() {
    let armed = Arc::new(AtomicBool::new(false));
    let gate = armed.clone();
    let gate: Gate = Arc::new(move |call| {
        assert!(call != "blob get" || !gate.swap(false, Ordering::Relaxed), "a defect, made for this test");
        Ok(())
    });
    let service = TestApp::behind(gate, |_| ()).await;
    service.with_xor().await;
    armed.store(true, Ordering::Relaxed);
    let job = service.train("xor", xor_training(5)).await;
    assert_eq!((text(&job["state"]), text(&job["stop_reason"])), ("failed", "error"));
    assert_eq!(job["error"]["code"], "internal");
    assert!(!text(&job["error"]["detail"]).contains("made for this test"), "no internals");
    assert_eq!(service.train("xor", xor_training(5)).await["version"], 2);
}
