// Uses the client that openapi-generator's `typescript-axios` made: `node typescript_axios.js URL TABLE`.
import assert from "node:assert/strict";
import { File } from "node:buffer";
import { readFileSync } from "node:fs";
import { isAxiosError } from "axios";
import * as epochd from "./typescript-axios/index";

const [url, table] = process.argv.slice(2);
const name = "client-axios";
const flowers = `${name}-table`;
const inputs = [[0, 0], [0, 1], [1, 0], [1, 1]];
const targets = [0, 1, 1, 0];
const configuration = new epochd.Configuration({ basePath: url });
const predictions = new epochd.PredictionsApi(configuration);
const training = new epochd.TrainingApi(configuration);

/** The job once it has ended, which must be well. */
async function ended(id: string) {
  const { data: job } = await new epochd.JobsApi(configuration).getJob(id, 60);
  assert(job.state === "succeeded" && job.error === null && job.metrics, JSON.stringify(job));
  return job;
}

async function byLayerSizes() {
  const { data: model } = await new epochd.ModelsApi(configuration).createModel({
    name, layers: [2, { units: 8, activation: "tanh" }, 1], output_activation: "sigmoid", seed: 7,
  });
  assert(model.parameter_count === 33 && model.task === null, JSON.stringify(model));
  const { data: queued } = await training.trainModel(name, {
    inputs, targets, epochs: 300, batch_size: "full", learning_rate: 0.05, optimizer: { type: "adam", beta1: 0.8 },
  });
  const job = await ended(queued.id);
  assert(job.metrics!.rmse! < 0.1 && job.config.optimizer.beta1 === 0.8, JSON.stringify(job));
  const { data: rows } = await predictions.predict(name, { inputs });
  assert("outputs" in rows);
  assert.deepEqual(rows.outputs.map(([output]) => Math.round(output!)), targets);
  const { data: row } = await predictions.predict(name, { inputs: [0, 1] });
  assert("outputs" in row);
  assert.deepEqual(row.outputs, [rows.outputs[1]]);
  const { data: evaluation } = await predictions.evaluateModel(name, { inputs, targets });
  assert(evaluation.rows === 4 && evaluation.metrics.rmse === job.metrics!.rmse);
  const refused = await predictions.predict(name, { inputs: [[0, 1, 2]] }).catch((error: unknown) => error);
  assert(isAxiosError<epochd.Problem>(refused) && refused.response);
  const problem = refused.response.data;
  assert(problem.code === "shape_mismatch" && problem.errors[0].pointer === "/inputs/0", JSON.stringify(problem));
}

async function byDataSet() {
  const file = new File([readFileSync(table!)], "penguins.csv") as unknown as globalThis.File;
  const { data: queued } = await training.trainFile(file, "species", flowers, undefined, undefined, 30);
  const job = await ended(queued.id);
  assert(job.metrics!.accuracy! > 0.8 && job.metrics!.baselines!.linear!.accuracy! > 0.5, JSON.stringify(job));
  const { data: rows } = await new epochd.DatasetsApi(configuration).listDatasetRows(flowers, 2);
  const { data: prediction } = await predictions.predict(flowers, { records: rows.data }, 0.9);
  assert("predictions" in prediction);
  assert.equal(prediction.predictions[0].label, rows.data[0].species);
}

async function main() {
  await byLayerSizes();
  await byDataSet();
}

void main();
