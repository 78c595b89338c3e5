//! The page at `/` with its files, the reference, and the trace that the page draws.

use std::io::Read;
use std::process::Command;

use epochd::dashboard;
use flate2::read::GzDecoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ADMIN, TestApp, numbers, text, xor_model};

/// What is at a path, asked with this header.
async fn with(app: &TestApp, path: &str, header: (&str, &str)) -> crate::support::Reply {
    app.send(Method::GET, path, app.raw(Method::GET, path).header(header.0, header.1)).await
}

#[tokio::test]
async fn browsers_get_the_page_and_others_who_answers() {
    let app = TestApp::guarded().await;
    let alive = app.get("/").await;
    assert_eq!(alive.header("vary"), "accept");
    let told = json!({"status": "alive", "name": "epochd", "version": env!("CARGO_PKG_VERSION"), "docs": "/docs"});
    assert_eq!(alive.expect(200), told);
    // No key is needed: the page is what asks for one.
    let page = with(&app, "/", ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")).await;
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = String::from_utf8(page.body.clone()).expect("text");
    // Nothing stands in it that the policy forbids, and nothing is loaded from elsewhere.
    for part in ["<script>", "<style", " style=", " onclick=", "http://", "https://"] {
        assert!(!text.contains(part), "{part}");
    }
    let tag = page.header("etag").to_owned();
    let again = app.raw(Method::GET, "/").header("accept", "text/html").header("if-none-match", &tag);
    let again = app.send(Method::GET, "/", again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(with(&app, "/page/app.js", ("if-none-match", "*")).await.status, 304);
    let again = app.raw(Method::GET, "/").header("accept", "Text/HTML").header("if-none-match", "\"other\"");
    let again = app.send(Method::GET, "/", again.header("if-none-match", &tag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let unwanted = with(&app, "/", ("accept", "application/json, text/html;q=0")).await;
    assert_eq!(unwanted.expect(200), told);
    app.stop().await;
}

#[tokio::test]
async fn every_file_of_the_page_is_served() {
    let app = TestApp::guarded().await;
    let mut files = 0;
    for path in dashboard::paths() {
        let file = app.get(&format!("/page/{path}")).await;
        assert_eq!(file.status, 200, "{path}");
        assert_eq!(Some(file.body), dashboard::file(&path).map(|file| file.bytes.to_vec()), "{path}");
        files += 1;
    }
    assert!(files > 10, "{files}");
    for path in
        ["/page/none.js", "/page/views/none.js", "/page/tsconfig.json", "/page/..%2Fmod.rs", "/page/vendor/README.md"]
    {
        app.get(path).await.problem(404, "route_not_found");
    }
    for path in ["/page/%ff", "/page/views/%ff", "/page/%ff/index.html"] {
        app.get(path).await.problem(400, "malformed_request");
    }
    app.stop().await;
}

#[tokio::test]
async fn browsers_get_files_that_are_packed_once_and_well() {
    let app = TestApp::guarded().await;
    let mut sent = 0;
    for path in dashboard::paths() {
        let packed = with(&app, &format!("/page/{path}"), ("accept-encoding", "br;q=1.0, gzip")).await;
        assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"), "{path}");
        assert!(packed.header("vary").contains("accept-encoding"), "{path}");
        let mut file = Vec::new();
        GzDecoder::new(&packed.body[..]).read_to_end(&mut file).expect("it is gzip");
        assert!(dashboard::file(&path).is_some_and(|known| known.bytes == file), "{path}");
        sent += packed.body.len();
    }
    assert!((50_000..150_000).contains(&sent), "{sent} bytes for all files");
    let refused = with(&app, "/page/app.js", ("accept-encoding", "gzip;q=0")).await;
    assert_eq!((refused.status, refused.headers.get("content-encoding")), (200, None));
    app.stop().await;
}

/// What a page has for a shell, in order, from `section` on.
fn shell_lines(page: &str, section: &str) -> Vec<String> {
    let from = page.find(section).expect("the section is there");
    let blocks = page[from..].split("<code class=\"shell\">").skip(1);
    let text = |block: &str| {
        let escaped = block.split("</code>").next().expect("a part");
        let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        marks.iter().fold(escaped.to_owned(), |text, (mark, sign)| text.replace(mark, sign))
    };
    blocks.map(text).collect()
}

/// Runs all lines of the reference in one shell, in their order; every one has to be answered without an error.
async fn run_reference(app: &TestApp, key: &str) {
    let page = String::from_utf8(app.get("/docs").await.body).expect("text");
    let lines = shell_lines(&page, "<section id=\"before\">");
    assert!(lines.len() > 100, "{}", lines.len());
    let (before, lines) = lines.split_first().expect("there are lines");
    let mut script = before.clone();
    for line in lines {
        script +=
            &format!("\n{{\n{line}\n}} >said.txt 2>&1 || {{ cat <<'THE_LINE'\n{line}\nTHE_LINE\ncat said.txt; }}\n");
    }
    let script = script.replace("http://127.0.0.1:8080", &app.url(""));
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join(".curlrc"), "fail-with-body\n").expect("it is written");
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(script).env("CURL_HOME", home.path()).env("TMPDIR", home.path()).env("EPOCHD_KEY", key);
    let done = tokio::task::spawn_blocking(move || shell.output().expect("bash runs")).await.expect("no panic");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(said.is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_reference_can_be_run_as_it_stands() {
    let app = TestApp::guarded().await;
    run_reference(&app, ADMIN).await;
    app.stop().await;
}

#[tokio::test]
async fn errors_are_told_in_the_reference_and_on_a_page_of_their_own() {
    let app = TestApp::start().await;
    let problem = app.get("/models/none").await.problem(404, "model_not_found");
    let (path, code) = text(&problem["type"]).split_once('#').expect("a part of a page");
    for (path, id) in [(path, code.to_owned()), ("/docs", format!("error-{code}"))] {
        let page = app.get(path).await;
        assert!(page.header("content-security-policy").contains("style-src 'self'"), "{path}");
        let page = String::from_utf8(page.body).expect("text");
        assert!(page.contains(&format!("<article id=\"{id}\"><h3><code>{code}</code> 404</h3>")), "{path}");
        assert!(page.contains("<main id=\"content\">") && page.contains("id=\"search\""), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_reference_tells_of_every_call() {
    let app = TestApp::start().await;
    let page = app.get("/docs").await;
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    let page = String::from_utf8(page.body).expect("text");
    let contract: Value = serde_json::from_slice(&app.get("/openapi.json").await.body).expect("JSON");
    let mut calls = 0;
    for (path, item) in contract["paths"].as_object().expect("paths") {
        for (method, of) in item.as_object().expect("methods").iter().filter(|(_, of)| of["operationId"].is_string()) {
            let id = of["operationId"].as_str().expect("an id");
            let head = format!(
                "<article id=\"{id}\"><h3><code><span class=\"method\">{}</span> {path}</code>",
                method.to_uppercase()
            );
            let from = page.find(&head).unwrap_or_else(|| panic!("{head}"));
            let article = &page[from..from + page[from..].find("</article>").expect("an end")];
            assert!(article.contains("curl -s"), "{id}");
            // An example stands in each place of its address.
            let addresses = article.split("http://127.0.0.1:8080").skip(1).map(|rest| rest.split_whitespace().next());
            addresses.flatten().for_each(|address| assert!(!address.contains('{'), "{id}: {address}"));
            calls += 1;
        }
    }
    assert!(calls > 50, "{calls}");
    for name in contract["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
    }
    app.stop().await;
}

/// The article's network on one of its rows: what the layers make of each other, checked by hand and by differences.
#[tokio::test]
async fn a_trace_takes_backpropagation_apart() {
    let app = TestApp::start().await;
    app.post("/models", xor_model("xor")).await.expect(201);
    app.post("/models/xor/trace", json!({"inputs": [0, 1], "targets": [1]})).await.problem(409, "model_not_trained");
    let xor = json!({"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0], "epochs": 50});
    app.train("xor", xor).await;
    let traced = app.post("/models/xor/trace", json!({"inputs": [0, 1], "targets": [1]})).await.expect(200);
    let predicted = app.post("/models/xor/predict", json!({"inputs": [0, 1]})).await.expect(200);
    assert_eq!(traced["outputs"], predicted["outputs"][0]);
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let [hidden, output] = [&traced["layers"][0], &traced["layers"][1]];
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{a} is not {b}");
    for (layer, input) in [(hidden, vec![0.0, 1.0]), (output, numbers(&hidden["a"]))] {
        for (unit, z) in numbers(&layer["z"]).into_iter().enumerate() {
            let products = input.iter().enumerate().map(|(from, x)| x * numbers(&layer["weights"][from])[unit]);
            near(z, products.sum::<f64>() + numbers(&layer["biases"])[unit]);
            near(numbers(&layer["a"])[unit], sigmoid(z));
        }
    }
    let y = numbers(&traced["outputs"])[0];
    near(traced["loss"].as_f64().expect("a loss"), (1.0 - y) * (1.0 - y));
    near(numbers(&output["delta"])[0], 2.0 * (y - 1.0) * y * (1.0 - y));
    for unit in 0..2 {
        let upstream = numbers(&output["delta"])[0] * numbers(&output["weights"][unit])[0];
        let a = numbers(&hidden["a"])[unit];
        near(numbers(&hidden["upstream"])[unit], upstream);
        near(numbers(&hidden["derivative"])[unit], a * (1.0 - a));
        near(numbers(&hidden["delta"])[unit], upstream * a * (1.0 - a));
        near(numbers(&hidden["weight_gradients"][1])[unit], numbers(&hidden["delta"])[unit]);
    }
    let check = &traced["check"];
    assert_eq!(check["parameters"], 9);
    assert!(check["largest_difference"].as_f64().expect("a distance") < 1e-4, "{check}");
    for (body, status, code) in [
        (json!({"inputs": [[0, 1], [1, 1]], "targets": [1, 0]}), 422, "shape_mismatch"),
        (json!({"inputs": [0, 1, 1], "targets": [1]}), 422, "shape_mismatch"),
        (json!({"inputs": [0, 1]}), 422, "missing_field"),
        (json!({"inputs": [0, 1], "targets": [1], "epochs": 1}), 422, "unknown_field"),
    ] {
        app.post("/models/xor/trace", body).await.problem(status, code);
    }
    app.post("/models", json!({"name": "wide", "layers": [100, 100, 1]})).await.expect(201);
    app.train("wide", json!({"inputs": vec![vec![0; 100]; 2], "targets": [0, 1], "epochs": 1})).await;
    let row = json!({"inputs": vec![0; 100], "targets": [1]});
    app.post("/models/wide/trace", row).await.problem(422, "invalid_value");
    app.stop().await;
}
