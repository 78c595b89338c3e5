//! What a key sees of models and of what follows them, and when what it has opened ends.

use std::time::Duration;

use epochd::api::routes;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Client;
use crate::support::forged::forged;
use crate::support::{ADMIN, TestApp, count, endless_training, eventually, flowers_csv, text, xor_model, xor_training};

#[tokio::test]
async fn a_key_with_patterns_sees_its_models_and_what_follows_them() {
    let service = TestApp::guarded().await;
    let hidden = service.with_xor().await;
    service.post_csv("/datasets?name=iris", flowers_csv(60)).await.expect(201);
    service.post_csv("/datasets?name=secret", flowers_csv(60)).await.expect(201);
    let flowers = json!({"name": "flowers", "dataset": "iris", "target": "species", "hidden_layers": [4]});
    service.post("/models", flowers).await.expect(201);
    let shown = service.train("flowers", json!({"epochs": 2})).await;
    let client = Client::with(&service, json!({"name": "florist", "role": "train", "models": ["flower*"]})).await;

    let names = |list: &Value| {
        list["data"].as_array().expect("a list").iter().map(|entry| entry["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&client.get("/models").await.expect(200)), [json!("flowers")]);
    assert_eq!(names(&client.get("/datasets").await.expect(200)), [json!("iris")]);
    let jobs = client.get("/jobs").await.expect(200);
    assert_eq!((jobs["data"].as_array().map(Vec::len), &jobs["data"][0]["id"]), (Some(1), &shown["id"]));
    assert_eq!(count(&service, "/jobs").await, 2);

    let hidden = text(&hidden["id"]);
    for path in ["/models/xor", "/models/xor/versions", "/jobs?model=xor"] {
        client.get(path).await.problem(404, "model_not_found");
    }
    for path in [format!("/jobs/{hidden}"), format!("/jobs/{hidden}/events"), format!("/jobs/{hidden}/epochs")] {
        client.get(&path).await.problem(404, "job_not_found");
    }
    client.get("/datasets/secret/rows").await.problem(404, "dataset_not_found");
    let row = json!({"inputs": [0, 1]});
    client.post("/models/xor/predict", row.clone()).await.problem(404, "model_not_found");
    client.post("/predict?model=xor", row).await.problem(404, "model_not_found");
    client.post("/models/flowers/train", json!({"dataset": "secret"})).await.problem(404, "dataset_not_found");
    client.post("/models/flowers/evaluate", json!({"dataset": "secret"})).await.problem(404, "dataset_not_found");
    client.send(Method::DELETE, "/models/xor", None).await.problem(404, "model_not_found");

    client.post("/models", xor_model("other")).await.problem(403, "key_forbids");
    client.send(Method::PATCH, "/models/flowers", Some(json!({"name": "other"}))).await.problem(403, "key_forbids");
    client.post_csv("/train?name=other&target=species", flowers_csv(30)).await.problem(403, "key_forbids");
    client.post("/models", xor_model("flower-2")).await.expect(201);
    client.post_csv("/datasets?name=mine", flowers_csv(30)).await.expect(201);
    assert_eq!(names(&client.get("/datasets").await.expect(200)), [json!("mine"), json!("iris")]);
    let other = Client::with(&service, json!({"name": "other", "role": "train", "models": ["none"]})).await;
    assert_eq!(names(&other.get("/datasets").await.expect(200)), Vec::<Value>::new());
}

/// What it is told of them is what it is told of a model, a job and a data set that nobody has.
#[tokio::test]
async fn no_route_tells_a_key_with_patterns_of_what_it_does_not_see() {
    let service = TestApp::guarded().await;
    let hidden = service.with_xor().await;
    service.post_csv("/datasets?name=secret", flowers_csv(60)).await.expect(201);
    let job = text(&hidden["id"]);
    let client = Client::with(&service, json!({"name": "florist", "role": "train", "models": ["flower*"]})).await;
    for route in routes().into_iter().filter(|route| route.path.contains('{') && !route.path.starts_with("/page")) {
        let status = async |model: &str, job: &str, dataset: &str| {
            let names = [("{model}", model), ("{job}", job), ("{dataset}", dataset), ("{version}", "1")];
            let path = names.iter().fold(route.path.to_owned(), |path, (place, name)| path.replace(place, name));
            let body = (route.method == Method::POST).then(|| json!({"inputs": [0, 1]}));
            let reply = client.send(route.method.clone(), &path, body).await;
            (reply.status, reply.json()["code"].clone())
        };
        let nobody = "019cadd4-5698-7c3e-9b52-4f0d3a6e8c11";
        let (told, of_nobody) = (status("xor", job, "secret").await, status("nothing", nobody, "nothing").await);
        assert_eq!(told, of_nobody, "{} {}", route.method, route.path);
        assert!(told.0 >= 400, "{} {}: {told:?}", route.method, route.path);
    }
    service.get("/models/xor").await.expect(200);
    service.get("/datasets/secret").await.expect(200);
}

#[tokio::test]
async fn what_has_no_name_is_not_there_for_a_key_with_patterns_and_no_cursor_tells_of_it() {
    let service = TestApp::guarded().await;
    let client = Client::with(&service, json!({"name": "guess", "role": "train", "models": ["a*", "0*", "*7*"]})).await;
    client.post("/models", xor_model("a-one")).await.expect(201);
    let mut unnamed = xor_model("x");
    unnamed.as_object_mut().expect("an object").remove("name");
    let unnamed = service.post("/models", unnamed).await.expect(201);
    service.post("/models", xor_model("secret")).await.expect(201);
    let job = service.train("secret", xor_training(3)).await;
    assert_eq!(service.delete("/models/secret").await.status, 204);
    client.post("/models", xor_model("a-two")).await.expect(201);
    let path = format!("/models/{}", text(&unnamed["id"]));
    for method in [Method::GET, Method::DELETE] {
        client.send(method, &path, None).await.problem(404, "model_not_found");
    }
    client.get(&format!("/jobs/{}", text(&job["id"]))).await.problem(404, "job_not_found");
    assert_eq!(client.get("/jobs").await.expect(200)["data"], json!([]));
    let page = client.get("/models?limit=1").await.expect(200);
    assert_eq!((&page["data"][0]["name"], &page["next_cursor"]), (&json!("a-two"), &page["data"][0]["id"]));
    let next = client.get(&format!("/models?limit=1&cursor={}", text(&page["next_cursor"]))).await.expect(200);
    assert_eq!((&next["data"][0]["name"], &next["next_cursor"]), (&json!("a-one"), &json!(null)));
}

#[tokio::test]
async fn a_quiet_stream_ends_with_its_key_and_when_its_job_is_not_seen_any_more() {
    let service = TestApp::guarded().await;
    let limited = json!({"name": "a", "role": "train", "models": ["a*"]});
    let made = [limited, json!({"name": "b", "role": "train"})].map(|key| service.post("/keys", key));
    let keys = futures_util::future::join_all(made).await;
    let keys: Vec<String> = keys.into_iter().map(|made| text(&made.expect(201)["key"]).to_owned()).collect();
    service.post("/models", xor_model("a-one")).await.expect(201);
    let running = service.post("/models/a-one/train", endless_training()).await.expect(202);
    // It waits for the one before, and nothing is told of it meanwhile.
    let job = service.post("/models/a-one/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    let stream = async |key: &String| {
        let request = service.raw_as(Some(key), Method::GET, &format!("{path}/events"));
        request.send().await.expect("a reply")
    };
    let (of_limited, of_other) = (stream(&keys[0]).await, stream(&keys[1]).await);
    let waiting = service.raw_as(Some(&keys[0]), Method::GET, &format!("{path}?wait=3")).send();
    let waiting = tokio::spawn(waiting);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let admin = Client::of(&service, Some(ADMIN));
    admin.send(Method::PATCH, "/models/a-one", Some(json!({"name": "hidden"}))).await.expect(200);
    service.delete("/keys/b").await.expect(204);
    for stream in [of_limited, of_other] {
        let told = tokio::time::timeout(Duration::from_secs(10), stream.text()).await.expect("the stream ends");
        assert!(told.expect("a whole stream").ends_with("\n\n"));
    }
    let state = service.get(&path).await.expect(200)["state"].clone();
    assert_eq!(state, "queued", "the job goes on");
    assert_eq!(waiting.await.expect("no panic").expect("a reply").status(), 404);
    for job in [job, running] {
        admin.send(Method::POST, &format!("/jobs/{}/cancel", text(&job["id"])), None).await.expect(200);
    }
}

#[tokio::test]
async fn a_repeated_request_tells_nothing_of_a_model_that_is_not_seen_any_more() {
    let service = TestApp::guarded().await;
    let client = Client::with(&service, json!({"name": "a", "role": "train", "models": ["a*"]})).await;
    let mut model = xor_model("a-one");
    // The reply is too long to be kept: it is made again.
    model["metadata"] = (0..64).map(|entry| (format!("note-{entry}"), json!("x".repeat(100)))).collect();
    let ask = || async {
        let request = service.raw_as(client.key.as_deref(), Method::POST, "/models").header("idempotency-key", "k");
        service.send(Method::POST, "/models", request.json(&model)).await
    };
    let made = ask().await.expect(201);
    assert_eq!(ask().await.expect(201), made);
    let change = json!({"name": "hidden", "metadata": {"secret": "plan"}});
    let admin = Client::of(&service, Some(ADMIN));
    admin.send(Method::PATCH, "/models/a-one", Some(change)).await.expect(200);
    ask().await.problem(404, "model_not_found");
}

#[tokio::test]
async fn what_a_key_opened_ends_when_its_end_is_moved_and_an_unchanged_key_of_a_file_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write(&format!("admin:{ADMIN}\n"));
    let service = TestApp::with(|settings| settings.api_keys_file = Some(file.clone())).await;
    let admin = Client::of(&service, Some(ADMIN));
    let made = admin.post("/keys", json!({"name": "short", "role": "train"})).await.expect(201);
    admin.post("/models", xor_model("xor")).await.expect(201);
    let job = admin.post("/models/xor/train", endless_training()).await.expect(202);
    let path = format!("/jobs/{}", text(&job["id"]));
    let stream = async |key: &str| {
        let request = service.raw_as(Some(key), Method::GET, &format!("{path}/events"));
        request.send().await.expect("a reply")
    };
    let (short, long) = (stream(text(&made["key"])).await, stream(ADMIN).await);
    let waiting = service.raw_as(Some(text(&made["key"])), Method::GET, &format!("{path}?wait=20")).send();
    let waiting = tokio::spawn(waiting);
    write(&format!("admin:{ADMIN}\npredict:a-second-one-of-the-file\n"));
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(700);
    admin.send(Method::PATCH, "/keys/short", Some(json!({"expires_at": end.to_string()}))).await.expect(200);
    let ended =
        tokio::time::timeout(Duration::from_secs(10), short.text()).await.expect("the stream ends with its key");
    assert!(!ended.expect("a whole stream").contains("-end"), "the job goes on");
    eventually("the file is read", || async {
        Client::of(&service, Some("a-second-one-of-the-file")).get("/models").await.status == 200
    })
    .await;
    assert_eq!(admin.send(Method::POST, &format!("{path}/cancel"), None).await.status, 200);
    let told = tokio::time::timeout(Duration::from_secs(10), long.text()).await.expect("the stream ends with the job");
    assert!(told.expect("a whole stream").contains("\"cancelled\""), "the admin's key has stayed");
    assert_eq!(waiting.await.expect("no panic").expect("a reply").status(), 401);
}

#[tokio::test]
async fn a_file_that_names_a_data_set_gives_no_sight_of_it() {
    let service = TestApp::guarded().await;
    let payroll = service.post_csv("/datasets?name=payroll", flowers_csv(30)).await.expect(201);
    let public = Client::with(&service, json!({"name": "public", "role": "train", "models": ["pub-*"]})).await;
    let train = "/train?name=pub-own&target=species&epochs=1&recipe=plain&hidden_layers=2";
    let job = public.post_csv(train, flowers_csv(40)).await.expect(202);
    service.ended(&job).await;
    let file = public.get("/models/pub-own/versions/1/export").await.body;
    let named = format!("\"dataset\":\"{}\"", text(&payroll["id"]));
    let file = forged(&file, |header| {
        assert!(header.contains("\"dataset\":null"), "{header}");
        header.replace("\"dataset\":null", &named)
    });
    let path = "/models/import?name=pub-forged";
    let request = service.raw_as(public.key.as_deref(), Method::POST, path);
    let request = request.header("content-type", "application/octet-stream").body(file);
    let made = service.send(Method::POST, path, request).await.expect(201);
    assert_eq!(made["dataset_id"], Value::Null);
    public.get("/datasets/payroll").await.problem(404, "dataset_not_found");
    public.get(&format!("/datasets/{}/rows", text(&payroll["id"]))).await.problem(404, "dataset_not_found");
    public.post("/models/pub-forged/train", json!({"epochs": 1})).await.problem(422, "missing_field");
}

#[tokio::test]
async fn a_body_that_comes_late_is_taken_for_nothing_that_is_not_seen_any_more() {
    let service = TestApp::guarded().await;
    let public = Client::with(&service, json!({"name": "public", "role": "train", "models": ["pub-*"]})).await;
    service.post("/models", xor_model("pub-own")).await.expect(201);
    let body = json!({"name": "pub-back"}).to_string();
    let (key, length) = (public.key.as_deref().expect("a key"), body.len());
    let head = format!(
        "PATCH /models/pub-own HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    stream.write_all(format!("{head}{}", &body[..3]).as_bytes()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.patch("/models/pub-own", json!({"name": "withdrawn"})).await.expect(200);
    stream.write_all(&body.as_bytes()[3..]).await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 404 ") && reply.contains("model_not_found"), "{reply}");
    service.get("/models/withdrawn").await.expect(200);
}

#[tokio::test]
async fn who_appends_to_what_another_has_stored_leaves_its_name_alone() {
    let service = TestApp::guarded().await;
    let [owner, public] = ["owner", "public"].map(|name| json!({"name": name, "role": "train", "models": ["pub-*"]}));
    let (owner, public) = (Client::with(&service, owner).await, Client::with(&service, public).await);
    let stored = owner.post_csv("/datasets?name=numbers", flowers_csv(30)).await.expect(201);
    let model = json!({"name": "pub-own", "dataset": "numbers", "target": "species", "hidden_layers": [2]});
    owner.post("/models", model).await.expect(201);
    public.post_csv("/datasets/numbers/append", flowers_csv(3)).await.problem(403, "key_forbids");
    assert_eq!(owner.get("/datasets/numbers").await.expect(200)["id"], stored["id"]);
    public.post_csv("/datasets/numbers/append?name=more", flowers_csv(3)).await.expect(201);
    let grown = owner.post_csv("/datasets/numbers/append", flowers_csv(3)).await.expect(201);
    assert_eq!(grown["name"], "numbers");
}
