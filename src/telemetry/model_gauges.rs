//! How models do in service, as Prometheus reads it: made anew for each scrape of what is written down, so that what is gone
//! has no series left.

use prometheus::{CounterVec, GaugeVec, Opts, Registry, TextEncoder};

use super::meters::register::register;

/// The bytes of a column's name that a label keeps, so that a scrape stays short whatever columns are called.
const LABEL_BYTES: usize = 40;

/// The gauges of models.
pub struct ModelGauges {
    registry: Registry,
    stability: GaugeVec,
    told: CounterVec,
    rows: GaugeVec,
    accuracy: GaugeVec,
    calibration_error: GaugeVec,
    rmse: GaugeVec,
}

impl Default for ModelGauges {
    fn default() -> Self {
        let registry = Registry::new();
        let gauge =
            |name: &str, help: &str, labels: &[&str]| register(&registry, GaugeVec::new(Opts::new(name, help), labels));
        let of_model = |name, help| gauge(name, help, &["model"]);
        let told =
            Opts::new("epochd_feedback_rows_total", "True outcomes told of predictions of a version, active or not.");
        ModelGauges {
            stability: gauge(
                "epochd_drift_population_stability",
                "How far a column has moved from the training rows: the columns of a model that moved most.",
                &["model", "column"],
            ),
            told: register(&registry, CounterVec::new(told, &["model", "version"])),
            rows: of_model(
                "epochd_feedback_measured_rows",
                "True outcomes that the measures of the active version's predictions are made of.",
            ),
            accuracy: of_model(
                "epochd_feedback_accuracy",
                "Share of predictions of the active version that came true.",
            ),
            calibration_error: of_model(
                "epochd_feedback_calibration_error",
                "Mean difference of the confidence of predictions and the share of them that came true.",
            ),
            rmse: of_model(
                "epochd_feedback_rmse",
                "Root of the mean squared error of the active version's predictions.",
            ),
            registry,
        }
    }
}

impl ModelGauges {
    /// How far a column of a model has moved. Of columns whose names are the same as far as a label keeps them, the one that
    /// moved most is told.
    pub fn stability(&self, model: &str, column: &str, far: f64) {
        let column = &column[..column.floor_char_boundary(LABEL_BYTES)];
        let gauge = self.stability.with_label_values(&[model, column]);
        gauge.set(gauge.get().max(far));
    }

    /// Outcomes told of a version of a model.
    pub fn told(&self, model: &str, version: u64, rows: u64) {
        self.told.with_label_values(&[model, &version.to_string()]).inc_by(rows as f64);
    }

    /// Outcomes told of a model's active version, which its measures are made of.
    pub fn rows(&self, model: &str, rows: u64) {
        self.rows.with_label_values(&[model]).set(rows as f64);
    }

    /// How often classes were right, and by how much that differs from the confidence.
    pub fn classes(&self, model: &str, accuracy: f64, calibration_error: f64) {
        self.accuracy.with_label_values(&[model]).set(accuracy);
        self.calibration_error.with_label_values(&[model]).set(calibration_error);
    }

    /// How far values were off.
    pub fn rmse(&self, model: &str, rmse: f64) {
        self.rmse.with_label_values(&[model]).set(rmse);
    }

    /// All of it as Prometheus text (format 0.0.4).
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("metrics are UTF-8 text")
    }
}
