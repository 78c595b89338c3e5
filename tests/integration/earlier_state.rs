//! State that an earlier release wrote: read and predicted from to the bit, gone on with and trained on.
//!
//! `tests/fixtures/README.md` says what a fixture holds and how it is made. That of PostgreSQL is read where the tests run
//! on a server: `.ci/services start DIR` starts one and prints the variables that say where it is.

use std::path::Path;

use flate2::read::GzDecoder;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::{Home, TestApp, text};

/// The releases whose state is kept.
const RELEASES: [&str; 1] = ["0.1.0"];

/// The state of a release on a database, unpacked, and what the release answered from it.
struct Earlier {
    home: Home,
    expected: Value,
}

impl Earlier {
    /// All fixtures that can be read here.
    async fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for release in RELEASES {
            all.push(Self::unpacked(release, "sqlite").await);
            match std::env::var("TEST_DATABASE_URL") {
                Ok(_) => all.push(Self::unpacked(release, "postgresql").await),
                Err(_) => eprintln!("state of {release} on PostgreSQL: not read without TEST_DATABASE_URL"),
            }
        }
        all
    }

    async fn unpacked(release: &str, database: &str) -> Self {
        let place = place(release, database);
        let mut home = Home::new().await;
        // The blobs are files of the data folder.
        home.blob_url = None;
        let archive = std::fs::File::open(format!("{place}.tar.gz")).expect("the fixture's archive");
        tar::Archive::new(GzDecoder::new(archive)).unpack(home.folder()).expect("a whole archive");
        let dump = home.folder().join("dump.sql");
        if database == "sqlite" {
            home.database_url = None;
        } else {
            restore(home.database_url.as_deref().expect("a server"), &dump).await;
        }
        Earlier { home, expected: answers(&place) }
    }

    /// What the release's `epochd backup` made of the state on SQLite, restored.
    async fn restored(release: &str) -> Self {
        let mut home = Home::new().await;
        (home.database_url, home.blob_url) = (None, None);
        let backup = std::fs::File::open(format!("{}.tar.gz", place(release, "backup"))).expect("the fixture's backup");
        let mut plain = tempfile::NamedTempFile::new().expect("a temporary file");
        std::io::copy(&mut GzDecoder::new(backup), &mut plain).expect("a whole file");
        epochd::backup::restore(home.folder(), plain.path(), &Default::default())
            .expect("a backup that can be restored");
        Earlier { home, expected: answers(&place(release, "sqlite")) }
    }

    /// Lets the receipts of requests be of this moment: they are kept for a day.
    async fn refresh_receipts(&self) {
        let now = jiff::Timestamp::now().as_second();
        let refresh = AssertSqlSafe(format!("UPDATE receipts SET created_at = {now}"));
        match &self.home.database_url {
            Some(url) => {
                let mut connection = PgConnection::connect(url).await.expect("the server");
                sqlx::raw_sql(refresh).execute(&mut connection).await.expect("receipts");
            }
            None => {
                let url = format!("sqlite://{}/catalog.sqlite", self.home.folder().display());
                let mut connection = SqliteConnection::connect(&url).await.expect("the catalog");
                sqlx::raw_sql(refresh).execute(&mut connection).await.expect("receipts");
                connection.close().await.expect("a clean end");
            }
        }
    }
}

/// The path of a fixture, without the endings of its files.
fn place(release: &str, database: &str) -> String {
    format!("{}/tests/fixtures/state-{release}/{database}", env!("CARGO_MANIFEST_DIR"))
}

/// What the release answered.
fn answers(place: &str) -> Value {
    let answers = std::fs::read_to_string(format!("{place}.json")).expect("the fixture's answers");
    serde_json::from_str(&answers).expect("JSON")
}

/// Reads a dump into the empty schema of `url`.
async fn restore(url: &str, dump: &Path) {
    let statements = std::fs::read_to_string(dump).expect("the fixture's dump");
    let mut connection = PgConnection::connect(url).await.expect("the server");
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await.expect("a dump that can be read");
    connection.close().await.expect("a clean end");
}

/// Warnings or findings by their codes: later releases tell first what costs most.
fn by_code(told: &[Value]) -> Value {
    let mut told = told.to_vec();
    told.sort_by_key(|one| text(&one["code"]).to_owned());
    json!({"by_code": told})
}

/// Where `now` lacks something of `was` or has it otherwise. Fields that came later are no difference.
fn difference(now: &Value, was: &Value, at: &str) -> Option<String> {
    match (now, was) {
        (Value::Object(now), Value::Object(was)) => was.iter().find_map(|(key, was)| match now.get(key) {
            Some(now) => difference(now, was, &format!("{at}/{key}")),
            None => Some(format!("{at}/{key} is missing")),
        }),
        (Value::Array(now), Value::Array(was)) if at.ends_with("/warnings") || at.ends_with("/findings") => {
            difference(&by_code(now), &by_code(was), at)
        }
        (Value::Array(now), Value::Array(was)) if now.len() == was.len() => {
            now.iter().zip(was).enumerate().find_map(|(i, (now, was))| difference(now, was, &format!("{at}/{i}")))
        }
        // What was true of the release that said it, in the words of this one.
        (now, Value::String(was)) if was == "it holds text or identifiers, from which this release does not learn" => {
            let now_said = "it holds text, from which the release that trained this version did not learn";
            (now != now_said).then(|| format!("{at} is {now}; it should be {now_said}"))
        }
        _ => (now != was).then(|| format!("{at} is {now}; it was {was}")),
    }
}

#[track_caller]
fn assert_holds(now: &Value, was: &Value, what: &str) {
    if let Some(difference) = difference(now, was, "") {
        panic!("{what}: {difference}");
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// The ids of a list, without those of `open`.
async fn ids(service: &TestApp, list_of: &str, open: &[String]) -> Vec<Value> {
    let entries = service.get(&format!("/{list_of}?limit=1000")).await.expect(200);
    let ids = list(&entries["data"]).iter().map(|entry| entry["id"].clone());
    ids.filter(|id| !open.contains(&text(id).to_owned())).collect()
}

/// Parameters of a version, without what says whose they are.
async fn parameters(service: &TestApp, model: &str, version: &Value) -> (Value, Value) {
    let reply = service.get(&format!("/models/{model}/versions/{version}/parameters")).await.expect(200);
    (reply["layers"].clone(), reply["embeddings"].clone())
}

#[tokio::test]
async fn all_records_and_predictions_are_what_the_release_gave() {
    let mut all = Earlier::all().await;
    for release in RELEASES {
        all.push(Earlier::restored(release).await);
    }
    for earlier in all {
        earlier.refresh_receipts().await;
        let Earlier { home, expected } = earlier;
        let service = TestApp::on(home).await;
        let open_jobs: Vec<String> = list(&expected["open_jobs"]).iter().map(|job| text(&job["job"]).into()).collect();
        for name in ["models", "datasets", "jobs"] {
            assert_eq!(json!(ids(&service, name, &open_jobs).await), expected["lists"][name], "{name}");
        }
        check_records(&service, &expected).await;
        for prediction in list(&expected["predictions"]) {
            let path = text(&prediction["path"]);
            let now = service.post(path, prediction["body"].clone()).await.expect(200);
            assert_holds(&now, &prediction["reply"], path);
        }
        check_receipts(&service, &expected).await;
        assert_eq!(json!(ids(&service, "models", &[]).await), expected["lists"]["models"], "nothing was made twice");
        rename_import(&service, &expected).await;
        service.stop().await;
    }
}

/// The events of a stream: what stands before the data of each, and the data.
fn events(stream: &str) -> Vec<(String, Value)> {
    let blocks = stream.split("\n\n").filter(|block| !block.is_empty());
    let parts = blocks.map(|block| block.split_once("\ndata: ").expect("an event with data"));
    parts.map(|(head, data)| (head.to_owned(), serde_json::from_str(data).expect("JSON"))).collect()
}

/// Reads all records again but those of models that the open jobs train, which change meanwhile.
async fn check_records(service: &TestApp, expected: &Value) {
    let mut changing = Vec::new();
    for job in list(&expected["open_jobs"]) {
        let model = service.get(&format!("/models/{}", text(&job["model"]))).await.expect(200);
        changing.push(format!("/models/{}", text(&model["id"])));
    }
    for (path, was) in expected["records"].as_object().expect("records") {
        if changing.iter().any(|model| path.starts_with(model)) {
            continue;
        }
        let reply = service.get(path).await;
        match was {
            Value::String(was) if path.ends_with("/events") => {
                let now = events(&String::from_utf8_lossy(&reply.body));
                let was = events(was);
                assert_eq!(now.len(), was.len(), "{path}");
                for ((head, now), (head_then, then)) in now.iter().zip(&was) {
                    assert_eq!(head, head_then, "{path}");
                    assert_holds(now, then, path);
                }
            }
            Value::String(was) => assert_eq!(String::from_utf8_lossy(&reply.body), *was, "{path}"),
            was => assert_holds(&reply.expect(200), was, path),
        }
    }
}

/// Sends requests again that were sent with an `Idempotency-Key` before the service was killed.
async fn check_receipts(service: &TestApp, expected: &Value) {
    for repeated in list(&expected["repeated"]) {
        let path = text(&repeated["path"]);
        let request = service.raw(Method::POST, path).header("content-type", "application/json");
        let request =
            request.header("idempotency-key", text(&repeated["key"])).body(text(&repeated["body"]).to_owned());
        let reply = service.send(Method::POST, path, request).await;
        assert_eq!(
            (json!(reply.status), reply.header("location")),
            (repeated["status"].clone(), text(&repeated["location"]))
        );
        assert_holds(&reply.json(), &repeated["reply"], path);
    }
}

/// A model that is named as a route is reached by its id, and can be given another name.
async fn rename_import(service: &TestApp, expected: &Value) {
    let records = expected["records"].as_object().expect("records");
    let (path, _) = records.iter().find(|(_, record)| record["name"] == "import").expect("a model named `import`");
    let model = service.patch(path, json!({"name": "imported"})).await.expect(200);
    assert_eq!(service.get("/models/imported").await.expect(200), model);
    let row = json!({"inputs": [[0, 1]]});
    let by_name = service.post("/models/imported/predict", row.clone()).await.expect(200);
    assert_eq!(by_name, service.post(&format!("{path}/predict"), row).await.expect(200));
}

#[tokio::test]
async fn interrupted_and_new_trainings_end_with_the_bits_that_the_release_gave() {
    for Earlier { home, expected } in Earlier::all().await {
        let service = TestApp::on(home).await;
        for open in list(&expected["open_jobs"]) {
            let (model, twin, version) = (text(&open["model"]), text(&open["twin"]), &open["version"]);
            let job = service.get(&format!("/jobs/{}", text(&open["job"]))).await.expect(200);
            let job = service.ended(&job).await;
            assert_eq!((&job["state"], &job["version"]), (&json!("succeeded"), version), "{model}: {job}");
            let undisturbed = service.get(&format!("/models/{twin}")).await.expect(200);
            let path = format!("/models/{}/versions/{version}/parameters", text(&undisturbed["id"]));
            let was = &expected["records"][&path];
            let now = parameters(&service, model, version).await;
            assert_eq!(now, (was["layers"].clone(), was["embeddings"].clone()), "{model}");
            let predict = async |model: &str| {
                let path = format!("/models/{model}/versions/{version}/predict");
                let reply = service.post(&path, open["predict"].clone()).await.expect(200);
                (reply["outputs"].clone(), reply["predictions"].clone())
            };
            assert_eq!(predict(model).await, predict(twin).await, "{model}");
        }
        for further in list(&expected["trainings"]) {
            let (model, was) = (text(&further["model"]), &further["parameters"]);
            let job = service.train(model, further["training"].clone()).await;
            assert_eq!((&job["state"], &job["version"]), (&json!("succeeded"), &further["version"]), "{model}: {job}");
            // Which rows a split holds out is another choice than it was: by their content.
            if further["training"]["validation_split"].is_number() || job["dataset_id"].is_string() {
                continue;
            }
            let now = parameters(&service, model, &further["version"]).await;
            assert_eq!(now, (was["layers"].clone(), was["embeddings"].clone()), "{model} {}", further["training"]);
        }
        service.stop().await;
    }
}
