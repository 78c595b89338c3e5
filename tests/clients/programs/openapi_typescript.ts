// Uses the types that openapi-typescript made, with openapi-fetch: `node openapi_typescript.js URL TABLE`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi-typescript/service";
import type { paths as LayersPaths } from "./openapi-typescript/layers";
import type { paths as TablePaths } from "./openapi-typescript/table";

const [url, table] = process.argv.slice(2);
const name = "client-typescript";
const flowers = `${name}-table`;
const inputs = [[0, 0], [0, 1], [1, 0], [1, 1]];
const targets = [0, 1, 1, 0];
const service = createClient<paths>({ baseUrl: url });

/** The job once it has ended, which must be well. */
async function ended(id: string) {
  const params = { path: { job: id }, query: { wait: 60 } };
  const { data: job } = await service.GET("/jobs/{job}", { params });
  assert(job && job.state === "succeeded" && job.error === null && job.metrics, JSON.stringify(job));
  return job;
}

async function byLayerSizes() {
  const path = { model: name };
  const { data: model } = await service.POST("/models", {
    body: { name, layers: [2, { units: 8, activation: "tanh" }, 1], output_activation: "sigmoid", seed: 7 },
  });
  assert(model && model.parameter_count === 33 && model.task === null, JSON.stringify(model));
  const { data: queued } = await service.POST("/models/{model}/train", {
    params: { path },
    body: {
      inputs, targets, epochs: 300, batch_size: "full", learning_rate: 0.05, optimizer: { type: "adam", beta1: 0.8 },
    },
  });
  const job = await ended(queued!.id);
  assert(job.metrics!.rmse! < 0.1 && job.config.optimizer.beta1 === 0.8, JSON.stringify(job));
  const { data: rows } = await service.POST("/models/{model}/predict", { params: { path }, body: { inputs } });
  assert(rows && typeof rows === "object" && "outputs" in rows);
  assert.deepEqual(rows.outputs.map(([output]) => Math.round(output!)), targets);
  const { data: row } = await service.POST("/models/{model}/predict", { params: { path }, body: { inputs: [0, 1] } });
  assert(row && typeof row === "object" && "outputs" in row);
  assert.deepEqual(row.outputs, [rows.outputs[1]]);
  const { data: evaluation } = await service.POST("/models/{model}/evaluate", {
    params: { path }, body: { inputs, targets },
  });
  assert(evaluation && evaluation.rows === 4 && evaluation.metrics.rmse === job.metrics!.rmse);
  const { error } = await service.POST("/models/{model}/predict", {
    params: { path }, body: { inputs: [[0, 1, 2]] },
  });
  const problem: components["schemas"]["Problem"] | undefined = error;
  assert(problem && problem.code === "shape_mismatch" && problem.errors[0].pointer === "/inputs/0");
}

async function byDataSet() {
  const { data: queued } = await service.POST("/train", {
    params: { query: { target: "species", name: flowers, epochs: 30, types: '{"year": "numeric"}' } },
    headers: { "Content-Type": "text/csv" },
    body: readFileSync(table!, "utf8") as never,
    bodySerializer: (body: unknown) => body as string,
  });
  const job = await ended(queued!.id);
  assert(job.metrics!.accuracy! > 0.8 && job.metrics!.baselines!.linear!.accuracy! > 0.5, JSON.stringify(job));
  const params = { path: { dataset: flowers }, query: { limit: 2 } };
  const { data: rows } = await service.GET("/datasets/{dataset}/rows", { params });
  const { data: prediction } = await service.POST("/models/{model}/predict", {
    params: { path: { model: flowers }, query: { interval: 0.9 } }, body: { records: rows!.data },
  });
  assert(prediction && typeof prediction === "object" && "predictions" in prediction);
  assert.equal(prediction.predictions[0].label, rows!.data[0].species);
}

/** What the models' own documents describe. */
async function byOwnDocuments() {
  const layers = createClient<LayersPaths>({ baseUrl: url });
  const { data: row } = await layers.POST("/models/documented/predict", { body: { inputs: [0, 1] } });
  assert(row && row.outputs[0].length === 1);
  const penguins = createClient<TablePaths>({ baseUrl: url });
  const { data: prediction } = await penguins.POST("/models/documented-table/predict", {
    params: { query: { interval: 0.9 } }, body: { records: { bill_length_mm: 47.2, island: "Biscoe", sex: null } },
  });
  assert(prediction && prediction.predictions[0].label_set!.includes(prediction.predictions[0].label));
}

async function main() {
  await byLayerSizes();
  await byDataSet();
  await byOwnDocuments();
}

void main();
