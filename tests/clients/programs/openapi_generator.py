"""Uses the client that openapi-generator's `python` made: `python openapi_generator.py URL TABLE`."""

import sys

import epochd_client as epochd

NAME, FLOWERS = "client-python", "client-python-table"
ROWS, TARGETS = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]


def ended(jobs, job):
    """The job once it has ended, which must be well."""
    job = jobs.get_job(job.id, wait=60)
    assert job.state == "succeeded" and job.error is None, job
    return job


def by_layer_sizes(api):
    models, predictions, jobs = epochd.ModelsApi(api), epochd.PredictionsApi(api), epochd.JobsApi(api)
    hidden = epochd.LayerSettings(units=8, activation="tanh")
    layers = [epochd.CreateLayersModelLayersInner(layer) for layer in (2, hidden, 1)]
    network = epochd.CreateLayersModel(name=NAME, layers=layers, output_activation="sigmoid", seed=7)
    model = models.create_model(epochd.CreateModel(network))
    assert model.name == NAME and model.parameter_count == 33 and model.task is None, model
    adam = epochd.Optimizer(epochd.AdamOptimizer(type="adam", beta1=0.8))
    settings = epochd.TrainRequest(
        inputs=ROWS, targets=list(map(epochd.TargetsInner, TARGETS)), epochs=300, batch_size=epochd.BatchSize("full"),
        learning_rate=0.05, optimizer=adam)
    job = ended(jobs, epochd.TrainingApi(api).train_model(NAME, settings))
    assert job.metrics.rmse < 0.1 and job.config.optimizer.beta1 == 0.8 and job.config.class_weight is None, job
    rows = predictions.predict(NAME, epochd.PredictRequest.from_dict({"inputs": ROWS}))
    outputs = rows.actual_instance.outputs
    assert [round(row[0]) for row in outputs] == TARGETS, outputs
    row = predictions.predict(NAME, epochd.PredictRequest.from_dict({"inputs": [0, 1]}))
    assert row.actual_instance.outputs == outputs[1:2], row
    evaluation = predictions.evaluate_model(NAME, epochd.EvaluateRequest.from_dict({"inputs": ROWS, "targets": TARGETS}))
    assert evaluation.rows == 4 and evaluation.metrics.rmse == job.metrics.rmse, evaluation
    try:
        predictions.predict(NAME, epochd.PredictRequest.from_dict({"inputs": [[0, 1, 2]]}))
        raise AssertionError("a row of three values must be refused")
    except epochd.ApiException as error:
        problem = error.data
        assert isinstance(problem, epochd.Problem), problem
        assert (problem.status, problem.code, problem.errors[0].pointer) == (422, "shape_mismatch", "/inputs/0"), problem


def by_data_set(api, table):
    predictions = epochd.PredictionsApi(api)
    job = epochd.TrainingApi(api).train_file(
        file=table, target="species", name=FLOWERS, epochs=30, types='{"year": "numeric"}', _content_type="multipart/form-data")
    job = ended(epochd.JobsApi(api), job)
    assert job.metrics.accuracy > 0.8 and job.metrics.baselines.linear.accuracy > 0.5, job
    rows = epochd.DatasetsApi(api).list_dataset_rows(FLOWERS, limit=2).data
    prediction = predictions.predict(FLOWERS, epochd.PredictRequest(records=epochd.Records(rows)), interval=0.9).actual_instance
    assert prediction.predictions[0].label == rows[0]["species"], prediction
    assert epochd.DatasetsApi(api).get_dataset(FLOWERS).rows == 344


with epochd.ApiClient(epochd.Configuration(host=sys.argv[1])) as client:
    by_layer_sizes(client)
    by_data_set(client, sys.argv[2])
