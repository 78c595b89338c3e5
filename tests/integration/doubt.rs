//! Commits in doubt: the change was made, and the database did not say so. What follows from it follows all the same.

use serde_json::json;

use crate::support::doubt::Doubt;
use crate::support::{TestApp, text, xor_training};

/// Files that the end of a training writes: that of the version, and the history.
const PUTS_OF_AN_END: u64 = 2;

#[tokio::test]
async fn a_version_whose_publication_seemed_to_fail_serves_and_keeps_its_file() {
    let doubt = Doubt::default();
    let service = TestApp::behind(doubt.gate(), |_| ()).await;
    service.with_xor().await;
    let predicted = async |service: &TestApp| {
        let reply = service.post("/models/xor/predict", json!({"inputs": [[0, 1]]})).await;
        reply.expect(200)["version"].clone()
    };
    assert_eq!(predicted(&service).await, 1);
    let job = service.post("/models/xor/train", xor_training(20_000)).await.expect(202);
    doubt.arm(PUTS_OF_AN_END);
    let job = service.ended(&job).await;
    assert!(doubt.has_come());
    assert_eq!((text(&job["state"]), &job["version"]), ("succeeded", &json!(2)), "{job}");
    assert_eq!(predicted(&service).await, 2, "what was in memory of the model is forgotten");
    let catalog = &service.app.storage.catalog;
    let (blobs, litter) =
        (catalog.version_blobs().await.expect("blobs"), catalog.litter().await.expect("what is listed"));
    assert_eq!(blobs.len(), 2);
    assert!(litter.iter().all(|listed| !blobs.contains(listed)), "{litter:?} is to be deleted, of {blobs:?}");
    assert_eq!(predicted(&service.restarted().await).await, 2);
}
