//! Documents that follow what clients have named: jobs that wait, their lists, streams of events that nobody reads. What they hold is
//! charged, and goes when they go.

use bytesize::ByteSize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{TestApp, eventually, text};

/// Columns of the data set, and bytes of the name of each.
const COLUMNS: (usize, usize) = (2_000, 125);

fn names() -> Vec<String> {
    (0..COLUMNS.0).map(|column| format!("{column:0length$}", length = COLUMNS.1)).collect()
}

/// The bytes that `metric` says.
async fn bytes(service: &TestApp, metric: &str) -> u64 {
    let metrics = service.raw(reqwest::Method::GET, "/metrics").send().await.expect("a reply");
    let metrics = metrics.text().await.expect("a text");
    let line = metrics.lines().find_map(|line| line.strip_prefix(metric));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {metric}"))
}

const REPLIES: &str = "epochd_memory_held_bytes{holder=\"replies\",share=\"requests\"}";
const TRAININGS: &str = "epochd_memory_used_bytes{share=\"trainings\"}";

/// A service that trains the model `m` by that data set without end, with so much memory for trainings.
async fn training(memory: ByteSize, names: &[String]) -> TestApp {
    let service = TestApp::with(|settings| settings.training_memory = Some(memory)).await;
    let rows = (0..40).map(|row| (0..names.len()).map(|column| format!("{},", (row * 7 + column * 3) % 10)).collect());
    let rows = rows.enumerate().map(|(row, cells): (usize, String)| format!("{cells}{}\n", ["p", "q"][row % 2]));
    let csv = format!("{},y\n{}", names.join(","), rows.collect::<String>());
    service.post_csv("/datasets?name=w", csv).await.expect(201);
    let model = json!({"name": "m", "dataset": "w", "target": "y", "recipe": "plain", "hidden_layers": [2]});
    service.post("/models", model).await.expect(201);
    let endless = json!({"epochs": 1_000_000, "batch_size": 1, "early_stopping": null, "features": names[..10]});
    let job = service.post("/models/m/train", endless).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    eventually("it trains", || async { service.get(&path).await.expect(200)["epoch"].as_u64() > Some(0) }).await;
    service
}

/// The job of a training that names all columns, which waits.
async fn waiting(service: &TestApp, names: &[String]) -> Value {
    service.post("/models/m/train", json!({"epochs": 5, "features": names})).await.expect(202)
}

async fn slow_watcher(service: &TestApp, job: &Value) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(service.address()).await.expect("a connection");
    let head = format!("GET /jobs/{}/events HTTP/1.1\r\nhost: localhost\r\n\r\n", text(&job["id"]));
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

#[tokio::test]
async fn jobs_that_wait_hold_memory_and_are_listed_within_a_bound() {
    let service = training(ByteSize::mib(48), &names()).await;
    let before = bytes(&service, TRAININGS).await;
    let mut taken = 0;
    let problem = loop {
        let reply = service.post("/models/m/train", json!({"epochs": 5, "features": names()})).await;
        match reply.status {
            202 => taken += 1,
            _ => break reply.problem(429, "queue_full"),
        }
    };
    assert!(text(&problem["detail"]).contains("name fewer columns"), "{problem}");
    let of_names = (COLUMNS.0 * COLUMNS.1) as u64;
    let held = bytes(&service, TRAININGS).await - before;
    assert!(held >= taken * of_names && held <= 12 << 20, "{taken} jobs hold {held}");
    let first = service.get("/jobs?state=queued&limit=1000").await.expect(200);
    let on_page = first["data"].as_array().expect("a list").len() as u64;
    assert!(on_page < taken && on_page * of_names <= 8 << 20, "{on_page} of {taken}");
    let next = format!("/jobs?state=queued&limit=1000&cursor={}", text(&first["next_cursor"]));
    let rest = service.get(&next).await.expect(200);
    assert_eq!(rest["data"].as_array().expect("a list").len() as u64, taken - on_page);
    assert_eq!(first["data"][0]["config"]["features"], json!(names()));
    let last = format!("/jobs/{}/cancel", text(&first["data"][0]["id"]));
    service.post(&last, json!({})).await.expect(200);
    let less = || async { bytes(&service, TRAININGS).await + of_names <= before + held };
    eventually("what it held is free", less).await;
}

#[tokio::test]
async fn an_event_that_is_not_read_is_charged_until_its_watcher_goes() {
    // More than a system keeps of what nobody reads: each control character is six bytes of JSON.
    let names: Vec<String> = (0..8_000).map(|column| format!("{column:05}{}", "\u{1}".repeat(120))).collect();
    let service = training(ByteSize::mib(512), &names).await;
    let job = waiting(&service, &names).await;
    let mut watchers = Vec::new();
    for _ in 0..2 {
        watchers.push(slow_watcher(&service, &job).await);
    }
    eventually("events are held", || async { bytes(&service, REPLIES).await >= 1 << 20 }).await;
    drop(watchers);
    eventually("what they held is free", || async { bytes(&service, REPLIES).await == 0 }).await;
}
