"""Uses the client that openapi-python-client made: `python openapi_python_client.py URL TABLE`."""

import sys
from pathlib import Path

from epochd import models as m
from epochd.api.datasets import list_dataset_rows
from epochd.api.jobs import get_job
from epochd.api.models import create_model
from epochd.api.predictions import evaluate_model, predict
from epochd.api.training import train_file, train_model
from epochd.client import Client
from epochd.types import File

NAME, FLOWERS = "client-python-types", "client-python-types-table"
ROWS, TARGETS = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
service = Client(base_url=sys.argv[1], timeout=70)


def ended(job):
    """The job once it has ended, which must be well."""
    job = get_job.sync(job.id, client=service, wait=60)
    assert job.state == m.JobState.SUCCEEDED and job.error is None, job
    return job


def by_layer_sizes():
    hidden = m.LayerSettings(units=8, activation=m.OutputActivation.TANH)
    network = m.CreateLayersModel(
        name=NAME, layers=[2, hidden, 1], output_activation=m.OutputActivation.SIGMOID, seed=7)
    model = create_model.sync(client=service, body=network)
    assert isinstance(model, m.Model) and model.parameter_count == 33 and model.task is None, model
    settings = m.TrainRequest(inputs=ROWS, targets=TARGETS, epochs=300, learning_rate=0.05, batch_size=4,
                              optimizer=m.AdamOptimizer(type_=m.AdamOptimizerType.ADAM, beta1=0.8), early_stopping=None)
    job = ended(train_model.sync(NAME, client=service, body=settings))
    assert job.metrics.rmse < 0.1 and job.config.optimizer.beta1 == 0.8 and job.config.class_weight is None, job
    outputs = predict.sync(NAME, client=service, body=m.PredictRequest(inputs=ROWS)).outputs
    assert [round(row[0]) for row in outputs] == TARGETS, outputs
    row = predict.sync(NAME, client=service, body=m.PredictRequest(inputs=[0, 1]))
    assert row.outputs == outputs[1:2], row
    evaluation = evaluate_model.sync(NAME, client=service, body=m.EvaluateRequest(inputs=ROWS, targets=TARGETS))
    assert evaluation.rows == 4 and evaluation.metrics.rmse == job.metrics.rmse, evaluation
    problem = predict.sync(NAME, client=service, body=m.PredictRequest(inputs=[[0, 1, 2]]))
    assert isinstance(problem, m.Problem), problem
    assert problem.code == m.ErrorCode.SHAPE_MISMATCH and problem.errors[0].pointer == "/inputs/0", problem


def by_data_set(table):
    form = m.TrainFileForm(file=File(payload=table.open("rb"), file_name=table.name))
    job = ended(train_file.sync(client=service, target="species", name=FLOWERS, epochs=30, body=form))
    assert job.metrics.accuracy > 0.8 and job.metrics.baselines.linear.accuracy > 0.5, job
    rows = list_dataset_rows.sync(FLOWERS, client=service, limit=2).data
    prediction = predict.sync(FLOWERS, client=service, body=m.PredictRequest(records=rows), interval=0.9)
    assert prediction.predictions[0].label == rows[0]["species"], prediction


by_layer_sizes()
by_data_set(Path(sys.argv[2]))
