//! The one door for tests: a service on a free port, and a client that holds every reply against `openapi.yaml`.

pub mod contract;
pub mod conventions;
pub mod doubt;
pub mod examples;
pub mod forged;
pub mod proxy;

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use epochd::api;
use epochd::api::tls::Tls;
use epochd::app::App;
use epochd::config::Settings;
use epochd::storage::Gate;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sqlx::Connection;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use contract::contract;

/// The secret of the admin of a service that has keys.
pub const ADMIN: &str = "an-admin-of-the-tests-and-nobody-else";

/// A running service of its own.
pub struct TestApp {
    pub app: App,
    pub settings: Settings,
    address: SocketAddr,
    client: Client,
    /// Sent with each request.
    key: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<std::io::Result<()>>,
    home: Arc<Home>,
}

/// Where a service keeps its state: a folder, and where the tests run against servers, a schema and a prefix there.
pub struct Home {
    folder: tempfile::TempDir,
    pub database_url: Option<String>,
    pub blob_url: Option<String>,
}

impl Home {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = format!("test_{}", Uuid::now_v7().simple());
        let mut home = Home { folder, database_url: None, blob_url: None };
        if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
            let mut connection = sqlx::PgConnection::connect(&url).await.expect("the server of TEST_DATABASE_URL");
            let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {name}"));
            sqlx::query(create).execute(&mut connection).await.expect("a new schema");
            connection.close().await.expect("a clean end");
            home.database_url = Some(format!("{url}?options=-c%20search_path%3D{name}"));
        }
        if let Ok(url) = std::env::var("TEST_BLOB_URL") {
            home.blob_url = Some(format!("{url}/{name}"));
        }
        home
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Lets every call on storage through.
pub fn open_gate() -> Gate {
    Arc::new(|_| Ok(()))
}

/// A reply that fits the contract.
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl TestApp {
    /// With default settings.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// With settings changed by `change`.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::behind(open_gate(), change).await
    }

    /// With settings changed by `change`, and `gate` before each call on storage.
    pub async fn behind(gate: Gate, change: impl FnOnce(&mut Settings)) -> Self {
        Self::in_home(Home::new().await, gate, change).await
    }

    /// With default settings, on the state of `home`.
    pub async fn on(home: Home) -> Self {
        Self::on_with(home, |_| ()).await
    }

    /// With settings changed by `change`, on the state of `home`.
    pub async fn on_with(home: Home, change: impl FnOnce(&mut Settings)) -> Self {
        Self::in_home(home, open_gate(), change).await
    }

    /// Stops the service as SIGTERM does, and gives its state away.
    pub async fn into_home(self) -> Home {
        let home = self.home.clone();
        self.stop().await;
        Arc::into_inner(home).expect("one service on a home")
    }

    async fn in_home(home: Home, gate: Gate, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::for_tests();
        settings.data_dir = home.folder().to_owned();
        settings.database_url = home.database_url.clone().map(Into::into);
        settings.blob_url = home.blob_url.clone().map(Into::into);
        change(&mut settings);
        Self::at(Arc::new(home), settings, gate).await
    }

    async fn at(home: Arc<Home>, settings: Settings, gate: Gate) -> Self {
        let listener = TcpListener::bind(settings.listen).await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let key = settings.api_keys.as_ref().map(|_| ADMIN.to_owned());
        let app = App::open_behind(settings.clone(), gate).await.expect("a folder that nobody holds");
        let (stop, stopped) = oneshot::channel::<()>();
        let tls = Tls::of(&settings.tls).expect("usable certificates");
        let server = tokio::spawn(api::serve(app.clone(), listener, tls, async move {
            let _ = stopped.await;
        }));
        // The client is built with TLS that has no cryptography of its own; none is used here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(Duration::from_secs(120)).build().expect("a client");
        TestApp { app, settings, address, client, key, stop: Some(stop), server, home }
    }

    /// Stops the service as SIGTERM does, and starts it again on the same state.
    pub async fn restarted(self) -> Self {
        self.restarted_with(|_| ()).await
    }

    /// The same, with settings changed by `change`.
    pub async fn restarted_with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let (home, mut settings) = (self.home.clone(), self.settings.clone());
        self.stop().await;
        change(&mut settings);
        Self::at(home, settings, open_gate()).await
    }

    pub fn home(&self) -> &Home {
        &self.home
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request that is not held against the contract.
    pub fn raw(&self, method: Method, path: &str) -> RequestBuilder {
        self.raw_as(self.key.as_deref(), method, path)
    }

    /// The same with another key, or none.
    pub fn raw_as(&self, key: Option<&str>, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.url(path));
        key.into_iter().fold(request, |request, key| request.bearer_auth(key))
    }

    /// With an admin's key, which is sent with each request.
    pub async fn guarded() -> Self {
        Self::with(|settings| settings.api_keys = Some(format!("admin:{ADMIN}").into())).await
    }

    /// Sends `request` and holds the reply against the contract.
    pub async fn send(&self, method: Method, path: &str, request: RequestBuilder) -> Reply {
        let response = request.send().await.expect("a reply");
        Reply::checked(method.as_str(), path, response).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, self.raw(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, self.raw(Method::POST, path).json(&body)).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self.raw(Method::POST, path).header("content-type", "application/json").body(body);
        self.send(Method::POST, path, request).await
    }

    pub async fn post_csv(&self, path: &str, csv: impl Into<reqwest::Body>) -> Reply {
        self.post_file(path, "text/csv", csv).await
    }

    /// Sends a file of a content type.
    pub async fn post_file(&self, path: &str, content_type: &str, file: impl Into<reqwest::Body>) -> Reply {
        let request = self.raw(Method::POST, path).header("content-type", content_type).body(file);
        self.send(Method::POST, path, request).await
    }

    pub async fn post_empty(&self, path: &str) -> Reply {
        self.send(Method::POST, path, self.raw(Method::POST, path)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, self.raw(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, self.raw(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, self.raw(Method::DELETE, path)).await
    }

    /// Creates a model, trains it to the end, and returns the ended job.
    pub async fn train(&self, model: &str, body: Value) -> Value {
        let job = self.post(&format!("/models/{model}/train"), body).await.expect(202);
        self.ended(&job).await
    }

    /// Waits until `job` has ended.
    pub async fn ended(&self, job: &Value) -> Value {
        let path = format!("/jobs/{}?wait=60", text(&job["id"]));
        loop {
            let job = self.get(&path).await.expect(200);
            if !["queued", "running"].contains(&text(&job["state"])) {
                return job;
            }
        }
    }

    /// A trained 2-2-1 network named `xor`, and the job that trained it.
    pub async fn with_xor(&self) -> Value {
        self.post("/models", xor_model("xor")).await.expect(201);
        self.train("xor", xor_training(300)).await
    }

    /// Stops the service as SIGTERM does, and waits for its end.
    pub async fn stop(mut self) {
        self.stop.take().map(|stop| stop.send(()));
        self.server.await.expect("no panic").expect("a clean end");
        self.app.storage.close().await;
    }

    /// Waits until the service has ended, whatever is left of it.
    pub async fn has_ended(&mut self) {
        (&mut self.server).await.expect("no panic").expect("a clean end");
    }

    /// Tells the service to stop, without waiting.
    pub fn begin_stop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
    }
}

impl Reply {
    async fn checked(method: &str, path: &str, response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.expect("a whole body").to_vec();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let content_type = header("content-type");
        let fits = contract().check_reply(method, path, status, content_type.as_deref(), &header, &body);
        if let Err(error) = fits {
            panic!("{method} {path} answered {status}: {}\n{error}", String::from_utf8_lossy(&body));
        }
        Reply { status, headers, body }
    }

    /// The JSON body of a reply with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// Checks that the reply is the problem `code`, and returns it.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

/// Waits until `holds`, at most ten seconds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to pass that {what}");
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

/// How many entries a list has on its first page.
pub async fn count(service: &TestApp, list: &str) -> usize {
    service.get(list).await.expect(200)["data"].as_array().expect("a list").len()
}

/// The 2-2-1 sigmoid network of XOR.
pub fn xor_model(name: &str) -> Value {
    json!({"name": name, "layers": [2, 2, 1], "activation": "sigmoid", "output_activation": "sigmoid",
           "initializer": "normal", "seed": 7})
}

/// A training on XOR, full batch, the article's step.
pub fn xor_training(epochs: u64) -> Value {
    json!({"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [[0], [1], [1], [0]], "epochs": epochs,
           "learning_rate": 0.2, "optimizer": "sgd", "batch_size": "full"})
}

/// A training that goes on until it is stopped: a million epochs over many rows.
pub fn endless_training() -> Value {
    let inputs: Vec<[f64; 2]> = (0..2000).map(|i| [f64::from(i % 7) / 7.0, f64::from(i % 5) / 5.0]).collect();
    let targets: Vec<f64> = inputs.iter().map(|[a, b]| a * b).collect();
    json!({"inputs": inputs, "targets": targets, "epochs": 1_000_000, "batch_size": 8})
}

/// Three kinds of flowers that their petals tell apart, by turns.
pub fn flowers_csv(rows: u32) -> String {
    let mut csv = "sepal_length,sepal_width,petal_length,petal_width,species\n".to_owned();
    for row in 0..rows {
        // Spreads over 0 to 1, by another step in each column.
        let spread = |step: u32| f64::from(row * step % 17) / 16.0;
        let (species, sepal, petal, width) =
            [("setosa", 5.0, 1.4, 0.2), ("versicolor", 5.9, 4.2, 1.3), ("virginica", 6.5, 5.6, 2.0)][row as usize % 3];
        csv += &format!(
            "{:.2},{:.2},{:.2},{:.2},{species}\n",
            sepal + spread(5) - 0.5,
            2.5 + spread(7),
            petal + 0.6 * spread(3),
            width + 0.3 * spread(11),
        );
    }
    csv
}
