//! Keys: who may call what, what a key sees, how long and how often it opens the door.

use std::time::Duration;

use epochd::api::{Access, Route, routes};
use epochd::keys::Role;
use reqwest::Method;
use serde_json::{Value, json};

mod ends;
mod log;
mod sight;

use crate::support::contract::contract;
use crate::support::{ADMIN, Reply, TestApp, eventually, flowers_csv, text, xor_model, xor_training};

/// A client of a service with a key of its own.
struct Client<'a> {
    service: &'a TestApp,
    key: Option<String>,
}

impl<'a> Client<'a> {
    fn of(service: &'a TestApp, key: Option<&str>) -> Self {
        Client { service, key: key.map(str::to_owned) }
    }

    /// One with a new key.
    async fn with(service: &'a TestApp, key: Value) -> Self {
        let made = service.post("/keys", key).await.expect(201);
        Client::of(service, Some(text(&made["key"])))
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = self.service.raw_as(self.key.as_deref(), method.clone(), path);
        let request = body.into_iter().fold(request, |request, body| request.json(&body));
        self.service.send(method, path, request).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn post_csv(&self, path: &str, csv: String) -> Reply {
        let request = self.service.raw_as(self.key.as_deref(), Method::POST, path).header("content-type", "text/csv");
        self.service.send(Method::POST, path, request.body(csv)).await
    }
}

/// What the contract says that a route asks for.
fn declared(route: &Route) -> Access {
    let path = route.path.replace('~', "~0").replace('/', "~1");
    let pointer = format!("/paths/{path}/{}/x-role", route.method.as_str().to_lowercase());
    match contract().value(&pointer).map(text) {
        Some("nobody") => Access::Open,
        Some("metrics-auth") => Access::Metrics,
        role => Access::Key(role.and_then(Role::of_word).unwrap_or_else(|| panic!("{pointer}: {role:?}"))),
    }
}

/// The same, as `docs/keys.md` says it.
fn least(access: Access) -> &'static str {
    match access {
        Access::Open => "nobody",
        Access::Metrics => "`--metrics-auth`",
        Access::Key(role) => role.word(),
    }
}

/// The table of routes and roles of the contract, as `docs/keys.md` has it.
fn matrix() -> String {
    let mut table = "| route | needs | no key | predict | train | admin |\n|---|---|---|---|---|---|\n".to_owned();
    for route in routes() {
        let access = declared(&route);
        let may = |role: Option<Role>| match access {
            Access::Open => "yes",
            Access::Metrics => {
                if role.is_some() {
                    "yes"
                } else {
                    "401"
                }
            }
            Access::Key(least) => match role {
                None => "401",
                Some(role) if role < least => "403",
                Some(_) => "yes",
            },
        };
        let cells = [None, Some(Role::Predict), Some(Role::Train), Some(Role::Admin)].map(may).join(" | ");
        table += &format!("| `{} {}` | {} | {cells} |\n", route.method, route.path, least(access));
    }
    table
}

#[test]
fn the_document_has_the_table_of_routes_and_roles() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
    let document = std::fs::read_to_string(path).expect("docs/keys.md");
    let (head, _) = document.split_once("| route |").expect("the table");
    let made = format!("{head}{}", matrix());
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(path, &made).expect("written");
    }
    assert!(document == made, "docs/keys.md is stale: WRITE_DOCS=1 cargo test --test integration -- keys::");
}

#[test]
fn weights_are_for_those_who_may_train() {
    let telling = |route: &&Route| ["/parameters", "/export"].iter().any(|ending| route.path.ends_with(ending));
    let routes = routes();
    let needed: Vec<_> = routes.iter().filter(telling).map(|route| (route.path, least(route.access))).collect();
    assert!(needed.len() == 2 && needed.iter().all(|(_, needs)| *needs == "train"), "{needed:?}");
}

#[tokio::test]
async fn every_route_lets_in_whom_it_says_and_nobody_else() {
    let secrets = ["predict-predict-predict", "train-train-train-train"];
    let service = TestApp::with(|settings| {
        let [predict, train] = secrets;
        settings.api_keys = Some(format!("admin:{ADMIN},predict:{predict},train:{train}").into());
    })
    .await;
    let holders = [(None, None), (Some(Role::Predict), Some(secrets[0])), (Some(Role::Train), Some(secrets[1]))];
    let holders = holders.into_iter().chain([(Some(Role::Admin), Some(ADMIN))]);
    for (role, secret) in holders {
        for route in routes() {
            let id = "019cadd4-5698-7c3e-9b52-4f0d3a6e8c11";
            let path = ["{model}", "{job}", "{dataset}", "{key}"]
                .iter()
                .fold(route.path.to_owned(), |path, name| path.replace(name, id));
            let path = path.replace("{version}", "1");
            let reply = Client::of(&service, secret).send(route.method.clone(), &path, None).await;
            let expected = match (declared(&route), role) {
                (Access::Open, _) | (Access::Metrics, Some(_)) => None,
                (_, None) => Some((401, "key_required")),
                (Access::Key(least), Some(role)) if role < least => Some((403, "key_forbids")),
                _ => None,
            };
            let place = format!("{role:?} {} {path}", route.method);
            match expected {
                Some((status, code)) => {
                    assert_eq!(reply.status, status, "{place}");
                    assert_eq!(reply.json()["code"], code, "{place}");
                    assert_eq!(reply.header("www-authenticate") == "Bearer", status == 401, "{place}");
                }
                None => assert!(![401, 403].contains(&reply.status), "{place}: {}", reply.status),
            }
        }
    }
}

#[tokio::test]
async fn wrong_keys_are_refused_and_health_is_open() {
    let service = TestApp::guarded().await;
    for wrong in ["x", &ADMIN[1..], &format!("{ADMIN}x"), &ADMIN.to_uppercase()] {
        let reply = Client::of(&service, Some(wrong)).get("/models").await;
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        reply.problem(401, "key_invalid");
    }
    let basic = service.raw_as(None, Method::GET, "/models").basic_auth("admin", Some(ADMIN));
    service.send(Method::GET, "/models", basic).await.problem(401, "key_required");
    let lower = service.raw_as(None, Method::GET, "/models").header("authorization", format!("bearer {ADMIN}"));
    assert_eq!(service.send(Method::GET, "/models", lower).await.status, 200);
    let nobody = Client::of(&service, None);
    assert_eq!((nobody.get("/livez").await.status, nobody.get("/readyz").await.status), (200, 200));
    nobody.get("/metrics").await.problem(401, "key_required");
    nobody.get(&format!("/models?key={ADMIN}")).await.problem(401, "key_required");
    nobody.get("/nothing").await.problem(404, "route_not_found");
}

#[tokio::test]
async fn metrics_are_for_whom_the_setting_says() {
    for (setting, nobody, predict) in [("none", 200, 200), ("any", 401, 200), ("admin", 401, 403)] {
        let service = TestApp::with(|settings| {
            settings.api_keys = Some(format!("admin:{ADMIN},predict:for-prometheus-alone").into());
            settings.metrics_auth = clap::ValueEnum::from_str(setting, false).expect("a word of the setting");
        })
        .await;
        assert_eq!(Client::of(&service, None).get("/metrics").await.status, nobody, "{setting}");
        let scraper = Client::of(&service, Some("for-prometheus-alone"));
        assert_eq!(scraper.get("/metrics").await.status, predict, "{setting}");
        assert_eq!(service.get("/metrics").await.status, 200);
    }
}

#[tokio::test]
async fn stored_keys_are_made_listed_changed_deleted_and_survive_a_restart() {
    let open = TestApp::start().await;
    open.post("/keys", json!({"name": "first", "role": "admin"})).await.problem(403, "key_forbids");
    let service = TestApp::guarded().await;
    let made = service.post("/keys", json!({"name": "reports", "role": "predict", "models": ["f*"]})).await.expect(201);
    let secret = text(&made["key"]).to_owned();
    assert!(secret.starts_with("epk_") && secret.len() == 47, "{secret}");
    let mut known = made.clone();
    known.as_object_mut().expect("an object").remove("key");
    assert_eq!(service.get("/keys").await.expect(200)["data"], json!([known]));
    assert_eq!(service.get(&format!("/keys/{}", text(&made["id"]))).await.expect(200), known);
    service.post("/keys", json!({"name": "reports", "role": "train"})).await.problem(409, "name_taken");
    for wrong in [
        json!({"name": "A", "role": "train"}),
        json!({"name": "a", "role": "train", "models": []}),
        json!({"name": "a", "role": "train", "models": ["A"]}),
        json!({"name": "a", "role": "admin", "models": ["a"]}),
        json!({"name": "a", "role": "train", "expires_at": "2020-01-01T00:00:00Z"}),
        json!({"name": "a", "role": "train", "requests_per_second": 0}),
    ] {
        service.post("/keys", wrong).await.problem(422, "invalid_value");
    }
    let service = service.restarted_with(|settings| settings.api_keys = Some(format!("admin:{ADMIN}").into())).await;
    let reports = Client::of(&service, Some(&secret));
    assert_eq!(reports.get("/models").await.status, 200);
    assert!(service.get("/keys/reports").await.expect(200)["last_used_at"].is_string());
    let renamed = service.patch("/keys/reports", json!({"name": "charts"})).await.expect(200);
    assert_eq!((text(&renamed["name"]), &renamed["id"]), ("charts", &made["id"]));
    service.get("/keys/reports").await.problem(404, "key_not_found");
    assert_eq!(service.delete("/keys/charts").await.status, 204);
    reports.get("/models").await.problem(401, "key_invalid");
    service.delete("/keys/charts").await.problem(404, "key_not_found");
}

#[tokio::test]
async fn uses_are_written_down_together_and_not_by_each_request() {
    let service = TestApp::guarded().await;
    let reports = Client::with(&service, json!({"name": "reports", "role": "predict"})).await;
    for _ in 0..50 {
        reports.get("/models").await.expect(200);
    }
    let told = service.get("/keys/reports").await.expect(200)["last_used_at"].clone();
    let written = async || {
        let rows = service.app.storage.catalog.all_keys().await.expect("rows");
        json!(rows.into_iter().find(|row| row.name == "reports").expect("its row").last_used_at)
    };
    assert!(told.is_string() && written().await.is_null(), "{told}");
    service.app.keys.note_uses().await;
    assert_eq!(written().await, told);
}

#[tokio::test]
async fn what_a_role_forbids_is_asked_for_no_more_often_than_anything_else() {
    let service = TestApp::guarded().await;
    let key = json!({"name": "slow", "role": "predict", "requests_per_second": 1});
    let slow = Client::with(&service, key).await;
    slow.post("/models", xor_model("a")).await.problem(403, "key_forbids");
    slow.post("/models", xor_model("a")).await.problem(429, "rate_exceeded");
    assert!(service.get("/keys/slow").await.expect(200)["last_used_at"].is_string());
}

#[tokio::test]
async fn a_key_ends_to_the_second() {
    let service = TestApp::guarded().await;
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let key = json!({"name": "short", "role": "predict", "expires_at": end.to_string()});
    let short = Client::with(&service, key).await;
    assert_eq!(short.get("/models").await.status, 200);
    let left = end.duration_since(jiff::Timestamp::now()).unsigned_abs();
    tokio::time::sleep(left + Duration::from_millis(20)).await;
    short.get("/models").await.problem(401, "key_invalid");
    service.patch("/keys/short", json!({"expires_at": null})).await.expect(200);
    assert_eq!(short.get("/models").await.status, 200);
}

/// Who gave a key an end did not mean everybody to come in from then on; who takes the last one away on loopback does.
#[tokio::test]
async fn the_end_of_the_last_key_opens_no_door() {
    let service = TestApp::guarded().await;
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let last = Client::with(&service, json!({"name": "last", "role": "admin", "expires_at": end.to_string()})).await;
    assert_eq!(last.get("/models").await.status, 200);
    let service = service.restarted_with(|settings| settings.api_keys = None).await;
    let nobody = Client::of(&service, None);
    nobody.get("/models").await.problem(401, "key_required");
    let left = end.duration_since(jiff::Timestamp::now());
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
    nobody.get("/models").await.problem(401, "key_required");

    let service = service.restarted_with(|settings| settings.api_keys = Some(format!("admin:{ADMIN}").into())).await;
    assert_eq!(service.delete("/keys/last").await.status, 204);
    let service = service.restarted_with(|settings| settings.api_keys = None).await;
    Client::of(&service, None).get("/models").await.expect(200);
}

#[tokio::test]
async fn a_spent_rate_is_429_until_it_comes_back() {
    let service = TestApp::guarded().await;
    let slow = Client::with(&service, json!({"name": "slow", "role": "predict", "requests_per_second": 0.5})).await;
    assert_eq!(slow.get("/models").await.status, 200);
    let refused = slow.get("/models").await;
    assert!(["1", "2", "3"].contains(&refused.header("retry-after")), "{:?}", refused.headers);
    refused.problem(429, "rate_exceeded");
    assert_eq!(service.get("/models").await.status, 200, "another key");
    eventually("it comes back", || async { slow.get("/models").await.status == 200 }).await;
}

#[tokio::test]
async fn a_key_stores_no_more_than_its_quota() {
    let service = TestApp::guarded().await;
    // Two data sets with their profiles, of 3.9 KB each, and a half.
    let small = Client::with(&service, json!({"name": "small", "role": "train", "stored_bytes": 10_000})).await;
    let stored = small.post_csv("/datasets?name=a", flowers_csv(60)).await.expect(201);
    assert!(stored["bytes"].as_u64().expect("set") < 10_000, "{stored}");
    let mut refused = None;
    for name in ["b", "c", "d", "e"] {
        let reply = small.post_csv(&format!("/datasets?name={name}"), flowers_csv(60)).await;
        if reply.status != 201 {
            refused = Some(reply.problem(507, "quota_exceeded"));
            break;
        }
    }
    let refused = refused.expect("the quota is spent");
    assert!(text(&refused["detail"]).contains("stored_bytes"), "{refused}");
    small.post("/models", xor_model("xor")).await.expect(201);
    small.post("/models/xor/train", xor_training(100_000)).await.problem(507, "quota_exceeded");
    service.post_csv("/datasets?name=other", flowers_csv(60)).await.expect(201);
    small.send(Method::DELETE, "/datasets/a", None).await;
    small.post_csv("/datasets?name=again", flowers_csv(30)).await.expect(201);
}

/// Against PostgreSQL, which locks row by row: there the two would wait for each other if they locked in two orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_changes_a_model_while_it_asks_for_trainings_of_it() {
    let service = TestApp::guarded().await;
    let key = json!({"name": "busy", "role": "train", "stored_bytes": 1_000_000_000});
    let client = Client::with(&service, key).await;
    client.post("/models", xor_model("xor")).await.expect(201);
    let change = async |length: usize| {
        let notes = json!({"metadata": {"note": "n".repeat(length)}});
        client.send(Method::PATCH, "/models/xor", Some(notes)).await.expect(200)
    };
    let train = async || client.post("/models/xor/train", xor_training(1)).await.expect(202);
    for round in 0..5 {
        let changes = futures_util::future::join_all((1..=20).map(|step| change(round * 200 + step * 10)));
        let trainings = futures_util::future::join_all((0..10).map(|_| train()));
        tokio::join!(changes, trainings);
    }
}

#[tokio::test]
async fn an_idempotency_key_counts_for_one_key() {
    let service = TestApp::guarded().await;
    let [one, other] = ["one", "other"].map(|name| json!({"name": name, "role": "train"}));
    let (one, other) = (Client::with(&service, one).await, Client::with(&service, other).await);
    let send = async |client: &Client<'_>, name: &str| {
        let request = service.raw_as(client.key.as_deref(), Method::POST, "/models").header("idempotency-key", "same");
        service.send(Method::POST, "/models", request.json(&xor_model(name))).await.expect(201)
    };
    let (first, second) = (send(&one, "a").await, send(&other, "b").await);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(send(&one, "a").await, first);
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write("# those who look\npredict:the-first-of-the-file\n");
    let service = TestApp::with(|settings| settings.api_keys_file = Some(file.clone())).await;
    let status = async |secret: &str| Client::of(&service, Some(secret)).get("/models").await.status;
    assert_eq!((status("the-first-of-the-file").await, status("the-second-of-the-file").await), (200, 401));
    write("predict:the-second-of-the-file\n");
    eventually("the new key opens", || async { status("the-second-of-the-file").await == 200 }).await;
    assert_eq!(status("the-first-of-the-file").await, 401);
    for damaged in ["", "predict", "root:the-third-of-the-file\n"] {
        write(damaged);
        tokio::time::sleep(Duration::from_millis(1300)).await;
        assert_eq!(status("the-second-of-the-file").await, 200, "{damaged}");
    }
    write("# nobody any more\n");
    eventually("its key opens nothing", || async { status("the-second-of-the-file").await == 401 }).await;
    Client::of(&service, None).get("/models").await.problem(401, "key_required");
}
