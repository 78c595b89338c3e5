//! Steps by weighted rows, held against NumPy.

use serde_json::json;

use super::{losses, numbers_in};
use crate::support::TestApp;

/// Five steps of gradient descent on Σ w·(y − ŷ)² / Σ w, as NumPy takes them:
///
/// ```python
/// import numpy as np
/// x = np.array([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.1, 0.9]])
/// y, w = np.array([1.0, -0.5, 2.0, 0.3]), np.array([0.5, 3.0, 1.25, 2.0])
/// w1, b1 = np.array([[0.3, -0.2, 0.5], [-0.4, 0.1, 0.25]]), np.array([0.1, 0.0, -0.1])
/// w2, b2 = np.array([0.7, -0.6, 0.2]), 0.05
/// for _ in range(5):
///     h = np.tanh(x @ w1 + b1)
///     e = h @ w2 + b2 - y
///     print(f"{(w * e**2).sum() / w.sum():.9f}")
///     d = 2 * w * e / w.sum()
///     d1 = np.outer(d, w2) * (1 - h**2)
///     w2, b2 = w2 - 0.1 * h.T @ d, b2 - 0.1 * d.sum()
///     w1, b1 = w1 - 0.1 * x.T @ d1, b1 - 0.1 * d1.sum(axis=0)
/// print(np.tanh(x @ w1 + b1) @ w2 + b2)
/// ```
#[tokio::test]
async fn weighted_steps_are_those_of_numpy() {
    let service = TestApp::start().await;
    let inputs = json!([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [0.1, 0.9]]);
    let model = json!({"name": "m", "layers": [2, 3, 1], "activation": "tanh", "initial_parameters": [
        {"weights": [[0.3, -0.2, 0.5], [-0.4, 0.1, 0.25]], "biases": [0.1, 0.0, -0.1]},
        {"weights": [[0.7], [-0.6], [0.2]], "biases": [0.05]}]});
    service.post("/models", model).await.expect(201);
    let body = json!({"inputs": inputs, "targets": [1.0, -0.5, 2.0, 0.3], "weights": [0.5, 3.0, 1.25, 2.0], "epochs": 5,
                      "batch_size": "full", "optimizer": "sgd", "learning_rate": 0.1});
    let job = service.train("m", body).await;
    let expected = [1.939_442_872, 1.388_600_796, 1.074_772_897, 0.872_211_274, 0.727_543_911];
    for ([ours, _], theirs) in losses(&service, &job).await.into_iter().zip(expected) {
        assert!((ours - theirs).abs() < 1e-6, "{ours} is not {theirs}");
    }
    let outputs = service.post("/models/m/predict", json!({"inputs": inputs})).await.expect(200)["outputs"].clone();
    let outputs: Vec<f64> = numbers_in(&outputs);
    for (ours, theirs) in outputs.iter().zip([0.089_438_08, 0.056_201_02, 0.498_947_58, 0.322_537_78]) {
        assert!((ours - theirs).abs() < 1e-5, "{outputs:?}");
    }
}
