"""Writes a folder that MLServer serves a small scikit-learn network from: make_mlserver.py FOLDER PORT GRPC_PORT METRICS_PORT."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier

folder, ports = Path(sys.argv[1]), [int(port) for port in sys.argv[2:5]]
rng = np.random.default_rng(0)
model = MLPClassifier(hidden_layer_sizes=[16], max_iter=5).fit(rng.normal(size=(64, 4)), np.arange(64) % 3)
joblib.dump(model, folder / "model.joblib")
settings = dict(zip(["http_port", "grpc_port", "metrics_port"], ports), host="127.0.0.1", parallel_workers=0)
(folder / "settings.json").write_text(json.dumps(settings))
described = {"name": "small", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib"}}
(folder / "model-settings.json").write_text(json.dumps(described))
