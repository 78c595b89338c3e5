//! What jobs do, and how long each part of it takes.

use std::time::Instant;

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::register::{counter, counters, gauges, histogram, histograms};

/// Upper bounds of the buckets of the time in the queue, in seconds: 10 ms to 1 h.
const QUEUE_BUCKETS: [f64; 6] = [0.01, 0.1, 1.0, 10.0, 300.0, 3600.0];
/// Upper bounds of the buckets of a checkpoint's time, in seconds: 0.1 ms to 10 s.
const CHECKPOINT_BUCKETS: [f64; 6] = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];
/// Upper bounds of the buckets of a phase's time, in seconds: 10 ms to 1 h.
const PHASE_BUCKETS: [f64; 6] = [0.01, 0.1, 1.0, 10.0, 300.0, 3600.0];
/// The states that a job can be in.
const STATES: [&str; 5] = ["queued", "running", "succeeded", "failed", "cancelled"];

/// A part of what a job does, in this order; models by layer sizes have only some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Phase {
    /// Reads rows, the model and the last checkpoint.
    Load,
    /// Chooses the rows to validate on, fits the encoder and encodes.
    Fit,
    /// Goes through the epochs.
    Train,
    /// Fits the calibration of probabilities.
    Calibrate,
    /// Measures the network on the rows held out.
    Measure,
    /// Finds how much each feature matters.
    Importance,
    /// Trains the linear baseline.
    Baseline,
    /// Writes the version down and ends the job.
    Publish,
}

impl Phase {
    const ALL: [(Phase, &str); 8] = [
        (Phase::Load, "load"),
        (Phase::Fit, "fit"),
        (Phase::Train, "train"),
        (Phase::Calibrate, "calibrate"),
        (Phase::Measure, "measure"),
        (Phase::Importance, "importance"),
        (Phase::Baseline, "baseline"),
        (Phase::Publish, "publish"),
    ];

    /// As metrics and spans name it.
    pub fn word(self) -> &'static str {
        Phase::ALL[self as usize].1
    }
}

/// The counters of jobs.
pub struct JobMeters {
    /// Time that jobs waited in the queue.
    pub queue_seconds: Histogram,
    /// Epochs trained.
    pub epochs: IntCounter,
    /// Time that trainings were held up by their checkpoints.
    pub checkpoint_seconds: Histogram,
    /// Jobs that ended after they had run, by state.
    ended: IntCounterVec,
    /// Jobs that are stored, by state.
    jobs: IntGaugeVec,
    /// By [`Phase`]: jobs that are in it, and how long those took that left it.
    phases: Vec<(IntGauge, Histogram)>,
}

/// A phase under way; over when this is dropped.
pub struct UnderWay<'a> {
    since: Instant,
    meters: &'a (IntGauge, Histogram),
}

impl JobMeters {
    pub(super) fn new(registry: &Registry) -> Self {
        let under_way =
            gauges(registry, "epochd_job_phase_jobs", "Jobs that are in a phase at the moment.", &["phase"]);
        let seconds = histograms(
            registry,
            "epochd_job_phase_seconds",
            "Time that jobs spent in a phase.",
            &PHASE_BUCKETS,
            &["phase"],
        );
        let of_phase = |(_, name)| (under_way.with_label_values(&[name]), seconds.with_label_values(&[name]));
        let ended = counters(registry, "epochd_jobs_ended_total", "Jobs that ended after they had run.", &["state"]);
        STATES[2..].iter().for_each(|state| ended.with_label_values(&[state]).reset());
        JobMeters {
            queue_seconds: histogram(
                registry,
                "epochd_job_queue_seconds",
                "Time that jobs waited before they ran.",
                &QUEUE_BUCKETS,
            ),
            epochs: counter(registry, "epochd_epochs_total", "Epochs trained."),
            checkpoint_seconds: histogram(
                registry,
                "epochd_checkpoint_seconds",
                "Time that checkpoints held trainings up.",
                &CHECKPOINT_BUCKETS,
            ),
            ended,
            jobs: gauges(registry, "epochd_jobs", "Jobs by state.", &["state"]),
            phases: Phase::ALL.into_iter().map(of_phase).collect(),
        }
    }

    /// Begins a phase of a job.
    pub fn enter(&self, phase: Phase) -> UnderWay<'_> {
        let meters = &self.phases[phase as usize];
        meters.0.inc();
        UnderWay { since: Instant::now(), meters }
    }

    /// Counts a job that has run and ended in `state`.
    pub fn ended(&self, state: &'static str) {
        self.ended.with_label_values(&[state]).inc();
    }

    /// Sets how many jobs are stored in each state; there are none in those that are not named.
    pub(super) fn set_stored(&self, jobs: &[(&'static str, u64)]) {
        STATES.iter().for_each(|state| self.jobs.with_label_values(&[state]).set(0));
        jobs.iter().for_each(|(state, count)| self.jobs.with_label_values(&[state]).set(*count as i64));
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let (under_way, seconds) = self.meters;
        under_way.dec();
        seconds.observe(self.since.elapsed().as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_told_while_it_lasts_and_timed_when_it_is_over() {
        assert!(Phase::ALL.iter().enumerate().all(|(index, (phase, _))| *phase as usize == index));
        let meters = JobMeters::new(&Registry::new());
        let (under_way, seconds) = &meters.phases[Phase::Calibrate as usize];
        let calibrating = meters.enter(Phase::Calibrate);
        assert_eq!((under_way.get(), seconds.get_sample_count()), (1, 0));
        drop(calibrating);
        assert_eq!((under_way.get(), seconds.get_sample_count()), (0, 1));
    }
}
