//! What the process says of secrets, at the most talkative level: nothing.

use serde_json::{Value, json};

use crate::support::{eventually, text, xor_model, xor_training};

/// A process of the binary that says all it can.
struct Process {
    child: std::process::Child,
    address: String,
    /// Reads what it says to the end.
    said: std::thread::JoinHandle<String>,
    _data: tempfile::TempDir,
}

impl Process {
    /// Starts it with these variables.
    fn start(variables: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let folder = data.path().to_str().expect("UTF-8");
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_epochd"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--data-dir",
                folder,
                "--log-level",
                "trace,hyper_util::client=trace",
                "--log-format",
                "json",
            ])
            .envs(variables.iter().copied())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut log = std::io::BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(std::io::BufRead::read_line(&mut log, &mut line).expect("a line") > 0, "it ended: {said}");
            said += &line;
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.split('"').next().expect("an address").to_owned();
            }
        };
        let said = std::thread::spawn(move || said + &std::io::read_to_string(log).expect("text"));
        Process { child, address, said, _data: data }
    }

    /// Ends it; everything that it said.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().expect("it runs").success());
        let said = self.said.join().expect("no panic");
        assert!(self.child.wait().expect("ended").success());
        said
    }
}

#[tokio::test]
async fn secrets_are_in_no_line_of_the_log_and_keys_let_the_binary_listen() {
    let secret = "a-secret-that-nobody-may-read";
    let process = Process::start(&[("EPOCHD_API_KEYS", &format!("admin:{secret}"))]);
    let address = process.address.clone();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let url = format!("http://{address}/keys");
    let body = json!({"name": "reports", "role": "predict"}).to_string();
    let sent = body.len();
    let post = client.post(&url).bearer_auth(secret).header("content-type", "application/json").body(body);
    let reply = post.send().await.expect("a reply").text().await.expect("text");
    let made: Value = serde_json::from_str(&reply).expect("JSON");
    let stored = text(&made["key"]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let asked = client.get(format!("http://{address}/models/flowers/schema?x=hunter2")).bearer_auth(stored);
    asked.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01")).send().await.expect("a reply");
    for key in [stored, "a-wrong-one-of-somebody"] {
        client.get(format!("http://{address}/jobs")).bearer_auth(key).send().await.expect("a reply");
    }
    let renaming =
        client.patch(format!("{url}/reports")).bearer_auth(secret).header("content-type", "application/json");
    renaming.body(json!({"name": "charts"}).to_string()).send().await.expect("a reply");
    client.delete(format!("{url}/charts")).bearer_auth(secret).send().await.expect("a reply");
    let said = process.end();
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (lines, others): (Vec<_>, Vec<_>) = lines.partition(|line: &Value| line["message"] == "request");
    let line =
        |path: &str| lines.iter().find(|line| line["path"] == path).unwrap_or_else(|| panic!("{path}: {lines:?}"));
    let (made, shown) = (line("/keys"), line("/models/flowers/schema"));
    assert_eq!((&made["bytes_in"], &made["bytes_out"]), (&json!(sent), &json!(reply.len())), "{made}");
    assert_eq!(made.get("model").or(made.get("trace_id")), None, "{made}");
    let told = ["key", "model", "trace_id"].map(|field| &shown[field]);
    assert_eq!(told, [&json!("reports"), &json!("flowers"), &json!(trace)], "{shown}");
    assert!(text(&shown["peer"]).starts_with("127.0.0.1:"), "{shown}");
    for hidden in [secret, stored, &stored[4..20], "a-wrong-one", "hunter2"] {
        assert!(!said.contains(hidden), "{hidden}");
    }
    let changed = others.iter().find(|line| line["message"] == "audit: key changed").expect("a line");
    assert_eq!((&changed["was"], &changed["key"]), (&json!("reports"), &json!("charts")), "{changed}");
    let lines_of = [("created", "/keys"), ("changed", "/keys/reports"), ("deleted", "/keys/charts")];
    let lines_of = lines_of.map(|(what, path)| (format!("audit: key {what}"), path));
    for (message, path) in lines_of.into_iter().chain([("audit: request refused".to_owned(), "/jobs")]) {
        let audited = others.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("{said}"));
        let of_path = |line: &&Value| line["path"] == path && line["request_id"] == audited["request_id"];
        assert_eq!(lines.iter().filter(of_path).count(), 1, "{audited}: {lines:?}");
    }
}

#[tokio::test]
async fn the_log_tells_no_secret_of_an_address_that_the_service_calls() {
    let variables = [
        ("EPOCHD_OTLP_ENDPOINT", "http://collector:of-the-collector@127.0.0.1:9/spans?token=of-its-address"),
        ("EPOCHD_WEBHOOK", "http://hook:of-the-hook@127.0.0.1:9/hook?token=of-its-address"),
        ("EPOCHD_WEBHOOK_SECRET", "b2YtdGhlLXNpZ25hdHVyZS0wMTIzNDU2Nzg5YWJjZGU="),
    ];
    let process = Process::start(&variables);
    let url = format!("http://{}", process.address);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let post = async |path: &str, body: Value| {
        let request = client.post(format!("{url}{path}")).header("content-type", "application/json");
        request.body(body.to_string()).send().await.expect("a reply").status().as_u16()
    };
    assert_eq!(post("/models", xor_model("xor")).await, 201);
    assert_eq!(post("/models/xor/train", xor_training(3)).await, 202);
    let said = async || {
        let metrics = client.get(format!("{url}/metrics")).send().await.expect("a reply").text().await.expect("text");
        metrics.lines().any(|line| line.starts_with("epochd_webhook_deliveries_total{result=\"unreachable\"} 1"))
    };
    eventually("the webhook was tried", said).await;
    let said = process.end();
    assert!(said.contains("webhook not delivered"), "{said}");
    for hidden in ["of-the-collector", "of-the-hook", "of-its-address", "b2YtdGhlLXNpZ25h"] {
        let line = said.lines().find(|line| line.contains(hidden));
        assert_eq!(line, None, "{hidden}");
    }
}
