//! HTTP/2: many requests on one connection, each bounded as if it had a connection of its own.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, StatusCode};
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{TestApp, endless_training, eventually, text, xor_model, xor_training};

/// One connection of a client that knows that HTTP/2 is spoken.
struct Connection {
    client: SendRequest<Bytes>,
    ended: JoinHandle<Result<(), h2::Error>>,
    authority: String,
}

/// What was answered.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Connection {
    async fn to(service: &TestApp) -> Self {
        Connection::with(service, &Builder::new()).await
    }

    async fn with(service: &TestApp, builder: &Builder) -> Self {
        let stream = TcpStream::connect(service.address()).await.expect("a connection");
        let (client, connection) = builder.handshake(stream).await.expect("HTTP/2 is spoken");
        Connection { client, ended: tokio::spawn(connection), authority: service.address().to_string() }
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder().method(method).uri(format!("http://{}{path}", self.authority))
    }

    /// Begins a request, the body of which is still to be sent.
    async fn begin(&self, request: Request<()>) -> (ResponseFuture, SendStream<Bytes>) {
        let mut client = self.client.clone().ready().await.expect("the connection is open");
        client.send_request(request, false).expect("a stream")
    }

    /// The answer to a request without a body.
    async fn ask(&self, request: Request<()>) -> Answer {
        let mut client = self.client.clone().ready().await.expect("the connection is open");
        let (reply, _) = client.send_request(request, true).expect("a stream");
        answer(reply).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(self.request("GET", path).body(()).expect("a request")).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request =
            self.request("POST", path).header("content-type", "application/json").body(()).expect("a request");
        let (reply, mut body_of) = self.begin(request).await;
        body_of.send_data(body.to_string().into(), true).expect("sent");
        answer(reply).await
    }

    /// A data set, of which the first line has come.
    async fn upload(&self) -> (ResponseFuture, SendStream<Bytes>) {
        let request = self.request("POST", "/datasets").header("content-type", "text/csv").body(()).expect("a request");
        let (reply, mut body) = self.begin(request).await;
        body.send_data("a,b\n".into(), false).expect("sent");
        (reply, body)
    }
}

async fn answer(reply: ResponseFuture) -> Answer {
    let (head, mut stream) = reply.await.expect("a reply").into_parts();
    let mut body = Vec::new();
    while let Some(bytes) = stream.data().await {
        let bytes = bytes.expect("all of the reply");
        stream.flow_control().release_capacity(bytes.len()).expect("taken");
        body.extend_from_slice(&bytes);
    }
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, &problem["code"]), (status, &json!(code)), "{problem}");
        let id = self.headers.get("x-request-id").expect("an id").to_str().expect("text");
        assert_eq!(problem["request_id"], id);
        problem
    }
}

#[tokio::test]
async fn requests_of_one_connection_are_answered_beside_each_other() {
    let service = TestApp::start().await;
    let connection = Connection::to(&service).await;
    let held = connection.upload().await;
    assert_eq!(connection.post("/models", &xor_model("xor")).await.status, 201);
    let job = connection.post("/models/xor/train", &xor_training(20)).await.json();
    let job = connection.get(&format!("/jobs/{}?wait=20", job["id"].as_str().expect("an id"))).await.json();
    assert_eq!(job["state"], "succeeded", "{job}");
    let inputs = json!({"inputs": [[0, 1], [1, 1]]});
    let predicted = (0..50).map(|_| connection.post("/models/xor/predict", &inputs));
    for answer in futures_util::future::join_all(predicted).await {
        assert_eq!((answer.status, answer.json()["outputs"].as_array().map(Vec::len)), (200, Some(2)));
    }
    let (reply, mut body) = held;
    body.send_data("1,2\n".into(), true).expect("sent");
    assert_eq!(answer(reply).await.status, 201);
    let whole = connection.get("/openapi.yaml").await;
    assert_eq!(whole.body, service.get("/openapi.yaml").await.body, "a reply of many pieces");
}

#[tokio::test]
async fn a_beginning_in_pieces_is_understood() {
    let service = TestApp::start().await;
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    for piece in ["PRI", " * HTT", "P/2.0\r\n\r\nS", "M\r\n\r\n"] {
        stream.write_all(piece.as_bytes()).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.expect("empty settings are sent");
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.expect("a frame");
    assert_eq!((head[3], head[4]), (4, 0), "settings");
}

#[tokio::test]
async fn a_stream_beyond_the_places_is_told() {
    let service = TestApp::with(|settings| settings.max_connections = Some(2)).await;
    let connection = Connection::to(&service).await;
    let (_first, second) = (connection.upload().await, connection.upload().await);
    eventually("both have a place", || async { service.app.meters.connections.get() == 2 }).await;
    let refused = connection.get("/livez").await;
    let problem = refused.problem(429, "overloaded");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("--max-connections")), "{problem}");
    assert!(refused.headers.contains_key("retry-after") && refused.headers.contains_key("x-content-type-options"));
    drop(second);
    eventually("a place is free again", || async { connection.get("/livez").await.status == 200 }).await;
}

#[tokio::test]
async fn streams_that_wait_or_follow_make_room_for_other_requests() {
    let service = TestApp::with(|settings| settings.max_connections = Some(4)).await;
    service.post("/models", xor_model("xor")).await.expect(201);
    let job = service.post("/models/xor/train", endless_training()).await.expect(202);
    let job = format!("/jobs/{}", text(&job["id"]));
    let connection = Connection::to(&service).await;
    let mut client = connection.client.clone();
    let mut streams = Vec::new();
    for path in ["?wait=60", "/events", "?wait=60", "/events"] {
        client = client.ready().await.expect("open");
        let request = connection.request("GET", &format!("{job}{path}")).body(()).expect("a request");
        streams.push(client.send_request(request, true).expect("a stream").0);
    }
    eventually("all places are taken", || async { service.app.meters.connections.get() == 4 }).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        let other = Connection::to(&service).await;
        assert_eq!(other.get("/livez").await.status, 200);
        others.push(other);
    }
    assert!(service.app.meters.connections_cut.with_label_values(&["made_room"]).get() >= 3);
}

#[tokio::test]
async fn a_reply_that_is_not_taken_ends_its_stream_alone() {
    let service = TestApp::with(|settings| settings.reply_timeout = Duration::from_millis(300)).await;
    let connection = Connection::with(&service, Builder::new().initial_window_size(20_000)).await;
    let mut client = connection.client.clone().ready().await.expect("open");
    let request = connection.request("GET", "/openapi.yaml").body(()).expect("a request");
    let (reply, _) = client.send_request(request, true).expect("a stream");
    let mut stuck = reply.await.expect("a reply").into_body();
    let end = loop {
        match tokio::time::timeout(Duration::from_secs(10), stuck.data()).await.expect("it is ended") {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the reply came whole through a window that is smaller"),
        }
    };
    assert_eq!(end.reason(), Some(Reason::CANCEL), "{end}");
    assert_eq!(connection.get("/livez").await.status, 200);
    assert_eq!(service.app.meters.connections_cut.with_label_values(&["reply"]).get(), 1);
}

#[tokio::test]
async fn short_replies_that_are_not_taken_keep_their_places_and_end_with_their_connection() {
    let service = TestApp::with(|settings| settings.reply_timeout = Duration::from_millis(500)).await;
    let connection = Connection::with(&service, Builder::new().initial_window_size(1)).await;
    let mut replies = Vec::new();
    for _ in 0..5 {
        let mut client = connection.client.clone().ready().await.expect("open");
        let request = connection.request("GET", "/readyz").body(()).expect("a request");
        let (reply, _) = client.send_request(request, true).expect("a stream");
        replies.push(reply.await.expect("a head"));
    }
    assert_eq!(service.app.meters.connections.get(), 5);
    let _ = tokio::time::timeout(Duration::from_secs(10), connection.ended).await.expect("it is ended");
    eventually("all places are free", || async { service.app.meters.connections.get() == 0 }).await;
    assert!(service.app.meters.connections_cut.with_label_values(&["reply"]).get() > 0);
}

#[tokio::test]
async fn a_body_that_is_refused_ends_its_stream_and_holds_up_no_other() {
    let service = TestApp::start().await;
    let connection = Connection::to(&service).await;
    for _ in 0..4 {
        let request = connection.request("POST", "/datasets/none/append").header("content-type", "text/csv");
        let (reply, mut body) = connection.begin(request.body(()).expect("a request")).await;
        // More than the windows of the stream and of the connection.
        body.send_data(vec![b'a'; 1 << 20].into(), false).expect("sent");
        answer(reply).await.problem(404, "dataset_not_found");
        let reason = std::future::poll_fn(|context| body.poll_reset(context)).await.expect("it is told to stop");
        assert_eq!(reason, Reason::NO_ERROR);
    }
    assert_eq!(connection.post("/models", &xor_model("xor")).await.status, 201);
    let (reply, mut body) = connection.upload().await;
    body.send_data("1,2\n".repeat(200_000).into(), true).expect("sent");
    assert_eq!(answer(reply).await.status, 201);
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go() {
    let service = TestApp::with(|settings| settings.idle_timeout = Duration::from_millis(300)).await;
    let connection = Connection::to(&service).await;
    assert_eq!(connection.get("/livez").await.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(10), connection.ended).await.expect("it ends");
    ended.expect("no panic").expect("in peace");
    assert_eq!(service.app.meters.connections_cut.with_label_values(&["idle"]).get(), 1);
}

#[tokio::test]
async fn a_request_under_way_ends_before_the_service_does() {
    let mut service = TestApp::start().await;
    let connection = Connection::to(&service).await;
    let (reply, mut body) = connection.upload().await;
    eventually("it has come", || async { service.app.meters.connections.get() == 1 }).await;
    service.begin_stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    body.send_data("1,2\n".into(), true).expect("sent");
    let status = answer(reply).await.status;
    assert!(status == 201 || status == 503, "answered, not broken off: {status}");
    service.has_ended().await;
}

#[tokio::test]
async fn hosts_and_origins_are_held_to_the_authority() {
    let service = TestApp::start().await;
    let connection = Connection::to(&service).await;
    let ask = |authority: &str, headers: &[(&str, &str)]| {
        let request = Request::builder().uri(format!("http://{authority}/models"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        connection.ask(request.body(()).expect("a request"))
    };
    ask("evil.example", &[]).await.problem(403, "host_not_allowed");
    ask("localhost", &[("host", "evil.example")]).await.problem(400, "malformed_request");
    ask("localhost", &[("origin", "http://evil.example")]).await.problem(403, "origin_not_allowed");
    assert_eq!(ask("localhost", &[("origin", "http://localhost")]).await.status, 200);
    assert_eq!(ask("localhost", &[("host", "localhost")]).await.status, 200);
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let service = TestApp::start().await;
    let connection = Connection::to(&service).await;
    let request = connection.request("GET", "/livez").header("x-long", "a".repeat(20_000)).body(()).expect("a request");
    let mut client = connection.client.clone().ready().await.expect("open");
    let (reply, _) = client.send_request(request, true).expect("a stream");
    match reply.await {
        Ok(reply) => assert_eq!(reply.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Err(error) => assert!(error.reason().is_some(), "{error}"),
    }
    assert_eq!(service.get("/livez").await.status, 200);
}
