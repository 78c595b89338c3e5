// Uses the client that openapi-generator's `typescript-fetch` made: `node typescript_fetch.js URL TABLE`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as epochd from "./typescript-fetch/index";

const [url, table] = process.argv.slice(2);
const name = "client-fetch";
const flowers = `${name}-table`;
const inputs = [[0, 0], [0, 1], [1, 0], [1, 1]];
const targets = [0, 1, 1, 0];
const configuration = new epochd.Configuration({ basePath: url });
const predictions = new epochd.PredictionsApi(configuration);
const training = new epochd.TrainingApi(configuration);

/** The job once it has ended, which must be well. */
async function ended(id: string) {
  const job = await new epochd.JobsApi(configuration).getJob({ job: id, wait: 60 });
  assert(job.state === "succeeded" && job.error === null && job.metrics, JSON.stringify(job));
  return job;
}

async function byLayerSizes() {
  const model = await new epochd.ModelsApi(configuration).createModel({
    createModel: { name, layers: [2, { units: 8, activation: "tanh" }, 1], output_activation: "sigmoid", seed: 7 },
  });
  assert(model.parameter_count === 33 && model.task === null, JSON.stringify(model));
  const queued = await training.trainModel({
    model: name,
    trainRequest: {
      inputs, targets, epochs: 300, batch_size: "full", learning_rate: 0.05, optimizer: { type: "adam", beta1: 0.8 },
    },
  });
  const job = await ended(queued.id);
  assert(job.metrics!.rmse! < 0.1 && job.config.optimizer.beta1 === 0.8, JSON.stringify(job));
  const rows = await predictions.predict({ model: name, predictRequest: { inputs } });
  assert("outputs" in rows);
  assert.deepEqual(rows.outputs.map(([output]) => Math.round(output!)), targets);
  const row = await predictions.predict({ model: name, predictRequest: { inputs: [0, 1] } });
  assert("outputs" in row);
  assert.deepEqual(row.outputs, [rows.outputs[1]]);
  const evaluation = await predictions.evaluateModel({ model: name, evaluateRequest: { inputs, targets } });
  assert(evaluation.rows === 4 && evaluation.metrics.rmse === job.metrics!.rmse);
  const refused = await predictions.predict({ model: name, predictRequest: { inputs: [[0, 1, 2]] } })
    .catch((error: unknown) => error);
  assert(refused instanceof epochd.ResponseError, String(refused));
  const problem = (await refused.response.json()) as epochd.Problem;
  assert(problem.code === "shape_mismatch" && problem.errors[0].pointer === "/inputs/0", JSON.stringify(problem));
}

async function byDataSet() {
  const file = new Blob([readFileSync(table!)], { type: "text/csv" });
  const job = await ended((await training.trainFile({ target: "species", name: flowers, epochs: 30, file })).id);
  assert(job.metrics!.accuracy! > 0.8 && job.metrics!.baselines!.linear!.accuracy! > 0.5, JSON.stringify(job));
  const { data: records } = await new epochd.DatasetsApi(configuration).listDatasetRows({ dataset: flowers, limit: 2 });
  const prediction = await predictions.predict({ model: flowers, predictRequest: { records }, interval: 0.9 });
  assert("predictions" in prediction);
  assert.equal(prediction.predictions[0].label, records[0].species);
}

async function main() {
  await byLayerSizes();
  await byDataSet();
}

void main();
