//! Data as spreadsheets and scripts write it, and what is said about it.

use serde_json::json;

use crate::support::{TestApp, text};

#[tokio::test]
async fn features_are_named_once_each() {
    let service = TestApp::start().await;
    let rows: String = (0..40).map(|row| format!("{},{},{},{}\n", row % 7, row % 5, row % 3, row % 2)).collect();
    let csv = format!("\"a,b\",c,d,y\n{rows}");
    let path = "/train?target=y&epochs=1&hidden_layers=4";
    for (features, expected) in [
        ("", json!(["a,b", "c", "d"])),
        ("&features=a%2Cb&features=d", json!(["a,b", "d"])),
        ("&features=d,%20c", json!(["d", "c"])),
        ("&features=a,b", json!(["a,b"])),
    ] {
        let job = service.post_csv(&format!("{path}{features}"), csv.clone()).await.expect(202);
        let model = service.get(&format!("/models/{}", text(&job["model_id"]))).await.expect(200);
        assert_eq!(model["features"], expected, "{features}");
    }
    for features in ["e", "c,e", "y", "c,c", ""] {
        let path = format!("{path}&features={features}");
        let problem = service.post_csv(&path, csv.clone()).await.problem(422, "invalid_value");
        assert_eq!(problem["errors"][0]["parameter"], "features", "{features}: {problem}");
    }
}
