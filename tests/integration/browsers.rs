//! What a web page can have a browser ask: nothing, unless the operator lists its origin.

use reqwest::{Method, RequestBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Reply, TestApp, contract::contract, xor_model};

const EVIL: &str = "https://evil.example";

/// A request as a browser sends it for a page of another origin.
fn of_page(request: RequestBuilder, origin: &str) -> RequestBuilder {
    request.header("origin", origin).header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "no-cors")
}

async fn sent(
    service: &TestApp,
    method: Method,
    path: &str,
    change: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Reply {
    service.send(method.clone(), path, change(service.raw(method, path))).await
}

#[tokio::test]
async fn no_request_of_a_foreign_page_changes_anything() {
    let service = TestApp::start().await;
    service.with_xor().await;
    let form =
        "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.csv\"\r\n\r\na,b\n1,2\n3,4\n\r\n--B--\r\n";
    let simple = [
        ("/datasets?name=evil", "multipart/form-data; boundary=B", form),
        ("/train?name=evil&target=b", "multipart/form-data; boundary=B", form),
        ("/models/xor/versions/1/activate", "text/plain", "x"),
        ("/models", "text/plain", r#"{"layers":[2,1]}"#),
        ("/models/xor/train", "application/x-www-form-urlencoded", "a=b"),
        ("/models/xor/predict", "application/json", r#"{"inputs":[[0,1]]}"#),
    ];
    for (path, kind, body) in simple {
        let request = |request| of_page(request, EVIL).header("content-type", kind).body(body);
        sent(&service, Method::POST, path, request).await.problem(403, "origin_not_allowed");
    }
    for origin in [EVIL, "null", "http://localhost:3000", "http://127.0.0.1", ""] {
        let request = |request: RequestBuilder| request.header("origin", origin);
        let path = "/models/xor/versions/1/activate";
        sent(&service, Method::POST, path, request).await.problem(403, "origin_not_allowed");
    }
    let twice = |request: RequestBuilder| request.header("origin", service.url("")).header("origin", EVIL);
    sent(&service, Method::DELETE, "/models/xor", twice).await.problem(403, "origin_not_allowed");
    service.get("/models/evil").await.problem(404, "model_not_found");
    service.get("/datasets/evil").await.problem(404, "dataset_not_found");
    service.get("/models/xor").await.expect(200);
}

#[tokio::test]
async fn what_pages_embed_without_an_origin_is_known_by_the_site() {
    let service = TestApp::start().await;
    let asks = |site: &'static str, mode: &'static str, dest: &'static str, path: &'static str| {
        let request = move |request: RequestBuilder| {
            request.header("sec-fetch-site", site).header("sec-fetch-mode", mode).header("sec-fetch-dest", dest)
        };
        sent(&service, Method::GET, path, request)
    };
    for site in ["cross-site", "same-site", "anything"] {
        for dest in ["image", "script", "iframe", "document"] {
            asks(site, "no-cors", dest, "/models").await.problem(403, "origin_not_allowed");
        }
        asks(site, "navigate", "document", "/models").await.problem(403, "origin_not_allowed");
        asks(site, "navigate", "iframe", "/docs/errors").await.problem(403, "origin_not_allowed");
        assert_eq!(asks(site, "navigate", "document", "/docs/errors").await.status, 200, "a link is followed");
    }
    for site in ["same-origin", "none"] {
        asks(site, "navigate", "document", "/models").await.expect(200);
    }
    let socket = |request: RequestBuilder| of_page(request, EVIL).header("upgrade", "websocket");
    sent(&service, Method::GET, "/jobs", socket).await.problem(403, "origin_not_allowed");
}

#[tokio::test]
async fn every_route_asks_where_a_request_comes_from() {
    let service = TestApp::start().await;
    for (method, path) in contract().routes() {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let path = path.replace(['{', '}'], "");
        sent(&service, method.clone(), &path, |request| of_page(request, EVIL))
            .await
            .problem(403, "origin_not_allowed");
        let rebound = |request: RequestBuilder| request.header("host", "evil.example:8080");
        sent(&service, method, &path, rebound).await.problem(403, "host_not_allowed");
    }
    let reply = of_page(service.raw(Method::GET, "/nothing"), EVIL).send().await.expect("a reply");
    assert_eq!(reply.status(), 403);
}

#[tokio::test]
async fn a_service_on_loopback_answers_to_the_names_of_loopback() {
    let service = TestApp::with(|settings| settings.browsers.allowed_hosts = vec!["epochd.internal".into()]).await;
    let hosts =
        ["localhost:1", "LOCALHOST", "a.localhost:80", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "epochd.internal:8"];
    for host in hosts {
        sent(&service, Method::GET, "/models", |request| request.header("host", host)).await.expect(200);
    }
    for host in ["evil.example", "localhost.evil.example", "10.0.0.1:8080", "[::2]", "0.0.0.0"] {
        let asked = async |path| sent(&service, Method::GET, path, |request| request.header("host", host)).await;
        asked("/models").await.problem(403, "host_not_allowed");
        // Probes of Kubernetes and Prometheus come by a pod's address, and no page can have that lead elsewhere.
        let is_address = ["10.0.0.1:8080", "[::2]", "0.0.0.0"].contains(&host);
        assert_eq!(asked("/livez").await.status, if is_address { 200 } else { 403 }, "{host}");
    }
    // A rebound name is the page's own origin: only the name gives it away.
    let rebound = |request: RequestBuilder| {
        request
            .header("host", "evil.example:80")
            .header("origin", "http://evil.example:80")
            .header("sec-fetch-site", "same-origin")
    };
    sent(&service, Method::GET, "/models", rebound).await.problem(403, "host_not_allowed");
    let own = |request: RequestBuilder| {
        request.header("origin", service.url("")).header("sec-fetch-site", "same-origin").json(&xor_model("own"))
    };
    sent(&service, Method::POST, "/models", own).await.expect(201);
}

#[tokio::test]
async fn beyond_loopback_any_name_will_do_unless_some_are_listed() {
    let open = TestApp::with(|settings| {
        settings.listen = "0.0.0.0:0".parse().expect("an address");
        settings.allow_anonymous = true;
    })
    .await;
    let named = |request: RequestBuilder| request.header("host", "epochd:8080");
    sent(&open, Method::GET, "/models", named).await.expect(200);
    let page = |request: RequestBuilder| named(request).header("origin", "http://other:8080");
    sent(&open, Method::GET, "/models", page).await.problem(403, "origin_not_allowed");
    let listed = TestApp::with(|settings| {
        settings.listen = "0.0.0.0:0".parse().expect("an address");
        settings.allow_anonymous = true;
        settings.browsers.allowed_hosts = vec!["epochd:8080".into()];
    })
    .await;
    sent(&listed, Method::GET, "/models", named).await.expect(200);
    let other = |request: RequestBuilder| request.header("host", "other:8080");
    sent(&listed, Method::GET, "/models", other).await.problem(403, "host_not_allowed");
}

#[tokio::test]
async fn pages_of_a_listed_origin_are_asked_for_and_told() {
    let app = "https://app.example";
    let service = TestApp::with(|settings| settings.browsers.cors_origins = vec![app.into()]).await;
    let question = |origin: &'static str| {
        let asks =
            service.raw(Method::OPTIONS, "/models").header("origin", origin).header("sec-fetch-site", "cross-site");
        asks.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
    };
    let reply = question(app).await.expect("a reply");
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["access-control-allow-origin"]),
        (200, &app.parse().expect("text"))
    );
    assert!(reply.headers()["access-control-allow-methods"].to_str().expect("text").contains("POST"));
    assert_eq!(reply.headers()["access-control-allow-headers"], "content-type");
    assert!(
        !reply.headers().contains_key("access-control-allow-credentials")
            && reply.headers().contains_key("x-request-id")
    );
    assert_eq!(reply.headers()["x-content-type-options"], "nosniff");
    let reply = question(EVIL).await.expect("a reply");
    assert!(reply.status() == 403 && !reply.headers().contains_key("access-control-allow-origin"));

    let created = |request: RequestBuilder| of_page(request, app).json(&xor_model("xor"));
    let reply = sent(&service, Method::POST, "/models", created).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (201, app));
    assert!(reply.header("access-control-expose-headers").contains("x-request-id"));
    // A page may read what went wrong as well.
    let missing = sent(&service, Method::GET, "/models/nobody", |request| of_page(request, app)).await;
    assert_eq!(missing.header("access-control-allow-origin"), app);
    missing.problem(404, "model_not_found");
    let other = sent(&service, Method::GET, "/models", |request| of_page(request, EVIL)).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    other.problem(403, "origin_not_allowed");
    sent(&service, Method::OPTIONS, "/models", |request| request).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn without_listed_origins_nothing_is_said_of_them() {
    let service = TestApp::start().await;
    let reply = service.raw(Method::OPTIONS, "/models").header("origin", EVIL);
    let reply = reply.header("access-control-request-method", "DELETE").send().await.expect("a reply");
    assert_eq!(reply.status(), 403);
    assert!(!reply.headers().keys().any(|name| name.as_str().starts_with("access-control")), "{:?}", reply.headers());
}

#[tokio::test]
async fn every_reply_tells_browsers_to_make_no_more_of_it() {
    let service = TestApp::start().await;
    let mut pages = 0;
    for (method, path) in contract().routes() {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = service.raw(method, &path.replace(['{', '}'], "")).header("accept", "text/html");
        let reply = request.send().await.expect("a reply");
        let header = |name: &str| reply.headers().get(name).map_or("", |value| value.to_str().expect("text"));
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "no-referrer"), "{path}");
        if header("content-type").starts_with("text/html") {
            pages += 1;
            let policy = header("content-security-policy");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{path}: {policy}"
            );
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
        }
    }
    assert!(pages > 0, "there is a page");
    let refused = raw(&service, b"nonsense\r\n\r\n").await;
    assert!(refused.contains("x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"), "{refused}");
}

/// Sends `bytes` and reads to the end.
async fn raw(service: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(service.address()).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("text");
    reply
}

#[tokio::test]
async fn a_request_names_one_host() {
    let service = TestApp::start().await;
    let get = |hosts: &str, version: &str| format!("GET /livez HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
    let (twice, two) = ("host: localhost\r\nhost: localhost\r\n", "host: localhost\r\nhost: evil.example\r\n");
    for hosts in ["", twice, two, "host: a@localhost\r\n", "host: local host\r\n", "host: localhost/\r\n"] {
        let reply = raw(&service, get(hosts, "1.1").as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 400 ") && reply.contains("malformed_request"), "{reply}");
    }
    assert!(raw(&service, get("", "1.0").as_bytes()).await.starts_with("HTTP/1.0 200 "));
    assert!(raw(&service, get("host:\r\n", "1.1").as_bytes()).await.starts_with("HTTP/1.1 403 "));
    // A target in full names the host as well.
    let target = b"GET http://evil.example/livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert!(raw(&service, target).await.contains("host_not_allowed"));
    // Who refuses to name hosts twice does so where any name is allowed as well: proxies may differ in which one they take.
    let open = TestApp::with(|settings| {
        settings.listen = "0.0.0.0:0".parse().expect("an address");
        settings.allow_anonymous = true;
    })
    .await;
    for hosts in ["host: a\r\nhost: b\r\n", "host: a@b\r\n"] {
        assert!(raw(&open, get(hosts, "1.1").as_bytes()).await.starts_with("HTTP/1.1 400 "), "{hosts}");
    }
}
