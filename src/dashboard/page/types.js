// What the service sends, as far as the page reads it; `openapi.yaml` has it in full.

/** @typedef {{ pointer?: string, parameter?: string, detail: string }} ProblemPlace */
/**
 * @typedef {{ type: string, title: string, status: number, code: string, detail: string, remedy?: string,
 *   errors: ProblemPlace[], request_id: string }} Problem
 */
/**
 * @typedef {{ name: string, type: string, missing: number, distinct: number, min: any, max: any, mean: number | null,
 *   std: number | null, format: Record<string, any> | null, date_order?: string, missing_words?: string[],
 *   top: { value: string, count: number }[] }} Column
 */
/** @typedef {{ code: string, message: string, column: string | null, columns: string[], count: number }} Finding */
/**
 * @typedef {{ id: string, name: string | null, rows: number, bytes: number, created_at: string, columns: Column[],
 *   parent_id: string | null, findings: Finding[] }} Dataset
 */
/** @typedef {{ name: string | null, state: string, bytes: number, rows: number, started_at: string }} Loading */
/**
 * @typedef {{ class: number, label?: string, precision: number | null, recall: number | null, f1: number | null,
 *   support: number }} ClassMetrics
 */
/** @typedef {Record<string, number | null>} Baseline */
/**
 * @typedef {{ accuracy?: number, log_loss?: number | null, macro_f1?: number, roc_auc?: number | null,
 *   rmse?: number | null, mae?: number | null, r2?: number | null, pinball_loss?: number | null, share_below?: number,
 *   poisson_deviance?: number | null, confusion_matrix?: number[][] | null,
 *   per_class?: ClassMetrics[], rows_used?: string, rows?: number, baselines?: Record<string, Baseline>,
 *   split?: { type: string, column: string | null, reason: string }, candidates?: Candidate[], linear_share?: number,
 *   selection?: { validation_loss: number, on_other_rows: number },
 *   distilled?: { version: number, rows: number, metric: string, value: number | null, of_version: number | null,
 *     measures_flatter?: boolean, reason?: string } }} Metrics
 */
/**
 * @typedef {{ code: string, message: string, column: string | null, epoch: number | null, layer: number | null,
 *   count: number }} Warning
 */
/**
 * @typedef {{ rows: number, metric: string, candidate: number | null, active: number | null,
 *   active_version: number | null, activated: boolean, reason: string }} Comparison
 */
/**
 * @typedef {{ id: string, model_id: string, state: string, created_at: string, started_at: string | null,
 *   finished_at: string | null, epoch: number, epochs: number, progress: number, eta_seconds: number | null,
 *   estimated_seconds?: number,
 *   rows: number, rows_per_second: number | null, loss: number | null, validation_loss: number | null,
 *   best_epoch: number | null, stop_reason: string | null, warnings: Warning[], version: number | null,
 *   metrics: Metrics | null, comparison: Comparison | null, config: Record<string, any>, dataset_id: string | null,
 *   split: { type: string, column: string | null, reason: string } | null, candidates?: Candidate[],
 *   error: Problem | null }} Job
 */
/**
 * @typedef {{ candidate: number, hidden_layers: number[], dropout: number, learning_rate: number, weight_decay: number,
 *   wave_deviation: number | null, seed: number, epochs: number | null, validation_loss: number | null,
 *   loss_together?: number, weight: number }} Candidate
 */
/**
 * @typedef {{ epoch: number, loss: number | null, validation_loss: number | null, learning_rate: number,
 *   elapsed_seconds: number }} Epoch
 */
/**
 * @typedef {{ id: string, name: string | null, kind: string, layers: number[] | null, activations: string[] | null,
 *   dropout: number[] | null, loss: string | null, quantile?: number, parameter_count: number | null,
 *   dataset_id: string | null, task: string | null, target: string | null, features: string[] | null,
 *   classes: string[] | null, active_version: number | null, created_at: string, updated_at: string,
 *   metadata: Record<string, string> }} Model
 */
/**
 * @typedef {{ version: number, job_id: string | null, created_at: string, active: boolean, recipe?: string | null,
 *   metrics: Metrics, epochs: number, loss: number | null, validation_loss: number | null, aliases: string[],
 *   dataset_id: string | null, rows: number | null, features: string[] | null, classes: string[] | null,
 *   warnings: Warning[] }} Version
 */
/**
 * @typedef {{ name: string, type: string, used: boolean, note: string | null, missing: boolean,
 *   categories: string[] | null, min: any, max: any }} Feature
 */
/**
 * @typedef {{ model_id: string, name: string | null, kind: string, version: number, inputs: number | null,
 *   outputs: number | null, target: { name: string, task: string, classes: string[] | null } | null,
 *   features: Feature[] | null, example: any }} Schema
 */
/**
 * @typedef {{ base: number, features: { column: string, value: any, contribution: number }[], rest: number }} Explanation
 */
/**
 * @typedef {{ label?: string, probability?: number, probabilities?: Record<string, number>, label_set?: string[],
 *   value?: number | null, lower?: number | null, upper?: number | null, id?: string,
 *   explanation?: Explanation,
 *   flags: { column: string, flag: string }[] }} Predicted
 */
/** @typedef {{ bin: string, expected: number, actual: number | null }} Bin */
/** @typedef {{ column: string, type: string, population_stability: number | null, bins: Bin[] }} DriftColumn */
/**
 * @typedef {{ id: string, name: string, role: string, models: string[] | null, created_at: string,
 *   expires_at: string | null, last_used_at: string | null, requests_per_second: number | null }} Key
 */
/** @typedef {(number | null)[]} Values */
/**
 * @typedef {{ activation: string, weights: Values[], biases: Values, z: Values, a: Values, upstream: Values | null,
 *   derivative: Values | null, delta: Values, weight_gradients: Values[], bias_gradients: Values }} TracedLayer
 */
/**
 * @typedef {{ version: number, inputs: Values, targets: Values, outputs: Values, loss: number | null,
 *   layers: TracedLayer[], check: { step: number, parameters: number, largest_difference: number | null,
 *   largest_gradient: number | null } }} Trace
 */

export {};
