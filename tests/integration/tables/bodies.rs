//! Bodies of another kind than a route takes: what is said of them, and what to send instead.

use reqwest::Method;
use serde_json::json;

use super::fruit::fruit_service;
use crate::support::{TestApp, text};

const TABLES: &str =
    "Send Content-Type: text/csv for CSV, application/json for JSON, or another that the detail names.";
const NAMED: &str =
    "Send JSON with Content-Type: application/json; POST a data file to /datasets, and name it as `dataset`.";

#[tokio::test]
async fn of_another_content_type_the_remedy_names_those_that_the_route_takes() {
    let (service, _) = fruit_service().await;
    for (path, remedy) in [
        ("/datasets?name=other", TABLES),
        ("/datasets/fruit/append", TABLES),
        ("/train?target=kind&name=other", TABLES),
        ("/models/kinds/predict", TABLES),
        ("/models/kinds/train", NAMED),
        ("/models/kinds/evaluate", NAMED),
        ("/models/kinds/feedback", "Send Content-Type: application/json."),
        ("/models", "Send Content-Type: application/json."),
        ("/models/import?name=other", "Send Content-Type: application/octet-stream."),
    ] {
        // As curl --data-binary sends a file, and without any type.
        let form = service.post_file(path, "application/x-www-form-urlencoded", "weight,kind\n100,peach\n").await;
        let bare = service.raw(Method::POST, path).body("weight,kind\n100,peach\n");
        let bare = service.send(Method::POST, path, bare).await;
        for (reply, got) in [(form, "got \"application/x-www-form-urlencoded\""), (bare, "there is no Content-Type")] {
            let problem = reply.problem(415, "unsupported_media_type");
            assert_eq!(problem["remedy"], remedy, "{path}: {problem}");
            assert!(text(&problem["detail"]).starts_with(got), "{path}: {problem}");
        }
    }
    let problem = service.post_csv("/models/kinds/train", "a\n1\n").await.problem(415, "unsupported_media_type");
    assert!(problem["remedy"] == NAMED && text(&problem["detail"]).contains("POST it to /datasets"), "{problem}");
    let packed = service.raw(Method::POST, "/models").header("content-encoding", "br").json(&json!({}));
    let problem = service.send(Method::POST, "/models", packed).await.problem(415, "unsupported_media_type");
    assert_eq!(problem["remedy"], "Send the body as the detail says.", "{problem}");
}

#[tokio::test]
async fn of_a_list_in_place_of_an_object_with_rows_it_is_said_where_they_go() {
    let (service, _) = fruit_service().await;
    service.with_xor().await;
    for path in [
        "/models/kinds/predict",
        "/models/kinds/versions/1/predict",
        "/predict?model=kinds",
        "/models/kinds/evaluate",
        "/models/xor/predict",
        "/models/xor/evaluate",
    ] {
        for body in [json!([{"a": 1}]), json!([[0, 1]]), json!([])] {
            let problem = service.post(path, body).await.problem(422, "invalid_value");
            let detail = text(&problem["detail"]);
            assert!(detail.contains(r#"{"records": [{…}]}"#) && detail.contains(r#"{"inputs": [[…]]}"#), "{detail}");
            assert_eq!(problem["errors"][0]["pointer"], "", "{path}: {problem}");
        }
    }
    // Of what holds no rows it would be wrong.
    let problem = service.post("/models/kinds/train", json!([1])).await.problem(422, "invalid_value");
    assert!(!text(&problem["detail"]).contains("records"), "{problem}");
}

/// What is said of a CSV file with this header.
async fn refused(service: &TestApp, header: &str) -> String {
    let cells = vec!["1"; header.split(';').count()].join(";");
    let reply = service.post_csv("/models/kinds/predict", format!("{header}\n{cells}\n")).await;
    text(&reply.problem(422, "unknown_field")["detail"]).to_owned()
}

#[tokio::test]
async fn each_column_that_is_not_known_is_told_with_the_name_that_may_be_meant() {
    let (service, _) = fruit_service().await;
    let detail = refused(&service, "Weight;zzz;Colour").await;
    let said = r#"no columns "Weight", "zzz", "Colour"; did you mean "weight" by "Weight", "colour" by "Colour"? ("#;
    assert!(detail.contains(said), "{detail}");
    let detail = refused(&service, "zzz;Colour;size").await;
    assert!(detail.contains(r#"no columns "zzz", "Colour"; did you mean "colour" by "Colour"? ("#), "{detail}");
    let detail = refused(&service, "Weight;size").await;
    assert!(detail.contains(r#"no column "Weight"; did you mean "weight"? ("#), "{detail}");
    let detail = refused(&service, "zzz;yyy").await;
    assert!(detail.contains(r#"no columns "zzz", "yyy" ("#), "{detail}");
    // No more of them than are named.
    let detail = refused(&service, "Weight;Size;Colour;Fresh;Picked;Number;Note").await;
    assert!(detail.contains(r#""picked" by "Picked"? ("#) && detail.contains("and 2 more;"), "{detail}");
}
