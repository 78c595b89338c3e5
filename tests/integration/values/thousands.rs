//! Numbers above 1000 in columns that had none in training: what is read of them, and what helps where nothing tells.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, text};

/// Trains a model on prices below 100, none of which shows what separates thousands.
async fn trained(service: &TestApp, name: &str, price: impl Fn(u32, u32) -> String) {
    let row = |row: u32| format!("\"{}\",{}\n", price(20 + row % 20, 10 + row % 4 * 20), row * 5 % 23);
    let rows: String = (0..60).map(row).collect();
    let path = format!("/train?name={name}&target=y&task=regression&epochs=2&hidden_layers=4");
    let job = service.post_csv(&path, format!("p,y\n{rows}")).await.expect(202);
    let job = service.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let dataset = service.get(&format!("/datasets/{name}")).await.expect(200);
    assert_eq!(dataset["columns"][0]["format"]["thousands"], Value::Null, "{dataset}");
}

/// What is predicted for a price in a record.
async fn by_record(service: &TestApp, model: &str, price: Value) -> Value {
    let path = format!("/models/{model}/predict");
    service.post(&path, json!({"records": [{"p": price}]})).await.expect(200)["predictions"].clone()
}

/// The same for one in a CSV file.
async fn by_csv(service: &TestApp, model: &str, price: &str) -> Value {
    let path = format!("/models/{model}/predict");
    let request = service.raw(Method::POST, &path).header("content-type", "text/csv");
    let request = request.header("accept", "application/json").body(format!("p\n\"{price}\"\n"));
    service.send(Method::POST, &path, request).await.expect(200)["predictions"].clone()
}

#[tokio::test]
async fn thousands_are_read_where_a_fraction_tells_what_separates_them_and_else_refused_with_what_helps() {
    let service = TestApp::start().await;
    trained(&service, "euros", |whole, cents| format!("{whole},{cents} €")).await;
    trained(&service, "dollars", |whole, cents| format!("${whole}.{cents}")).await;
    let point = r#"types={"p":{"decimal":",","thousands":"."}}"#;
    let comma = r#"types={"p":{"decimal":".","thousands":","}}"#;
    for (model, written, unclear, other, helps) in [
        ("euros", ["1.299,00 €", "1 299,00", "1'299,00€"], "1.299 €", "1,299.00 €", point),
        ("dollars", ["$1,299.00", "1,299.00", "$1 299.00"], "$1,299", "$1.299,00", comma),
    ] {
        let (predict, evaluate) = (format!("/models/{model}/predict"), format!("/models/{model}/evaluate"));
        let append = format!("/datasets/{model}/append");
        let expected = by_record(&service, model, json!(1299)).await;
        assert_eq!(expected[0]["flags"], json!([{"column": "p", "flag": "above_max"}]), "{expected}");
        let rows = |price: Value| json!({"records": [{"p": price, "y": 3}, {"p": 25.3, "y": 4}]});
        let measured = service.post(&evaluate, rows(json!(1299))).await.expect(200);
        for price in written {
            assert_eq!(by_record(&service, model, json!(price)).await, expected, "{price}");
            assert_eq!(by_csv(&service, model, price).await, expected, "{price}");
            assert_eq!(service.post(&evaluate, rows(json!(price))).await.expect(200), measured, "{price}");
            let grown = service.post_csv(&append, format!("p,y\n\"{price}\",3\n")).await.expect(201);
            let column = &grown["columns"][0];
            assert_eq!(
                (column["max"].as_f64(), &column["format"]["thousands"]),
                (Some(1299.0), &Value::Null),
                "{price}"
            );
        }
        // By itself it may be a thousand or a bit more than one.
        for (price, hint) in [(unclear, helps), (other, "")] {
            let file = format!("p,y\n\"{price}\",3\n");
            for problem in [
                service.post(&predict, json!({"records": [{"p": price}]})).await.problem(422, "invalid_value"),
                service.post_csv(&predict, format!("p\n\"{price}\"\n")).await.problem(422, "invalid_value"),
                service.post(&evaluate, rows(json!(price))).await.problem(422, "invalid_value"),
                service.post_csv(&append, file).await.problem(422, "unfit_data"),
            ] {
                let detail = text(&problem["detail"]);
                assert!(detail.contains(price) && detail.contains(hint), "{detail}");
                assert_eq!(detail.contains("separates thousands"), !hint.is_empty(), "{detail}");
            }
        }
    }
    // What helps does so.
    let types: String = point["types=".len()..].bytes().map(|byte| format!("%{byte:02X}")).collect();
    let dataset =
        service.post_csv(&format!("/datasets?types={types}"), "p,y\n\"52,24 €\",1\n\"1.299 €\",2\n").await.expect(201);
    assert_eq!(dataset["columns"][0]["max"].as_f64(), Some(1299.0), "{dataset}");
}

#[tokio::test]
async fn plain_numbers_stay_plain() {
    let service = TestApp::start().await;
    trained(&service, "plain", |whole, cents| format!("{whole}.{cents}")).await;
    for price in ["1,299.00", "1,299", "1 299.00"] {
        let csv = format!("p\n\"{price}\"\n");
        let problem = service.post_csv("/models/plain/predict", csv).await.problem(422, "invalid_value");
        assert!(text(&problem["detail"]).ends_with(&format!("a number is expected, got \"{price}\"")), "{problem}");
    }
}
