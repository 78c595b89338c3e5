//! What the run of a job works with.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::datasets::DatasetRegistry;
use crate::jobs::job::Job;
use crate::jobs::outbox::Outbox;
use crate::jobs::speed::Speed;
use crate::learning::team::Cores;
use crate::memory::Charge;
use crate::models::ModelRegistry;
use crate::storage::Storage;
use crate::telemetry::traces::Kind;
use crate::telemetry::{Meters, Phase, Traced, Traces};

/// The job, and all that it is run with.
#[derive(Clone, Copy)]
pub(in crate::jobs) struct RunContext<'a> {
    pub(in crate::jobs) job: &'a Arc<Job>,
    /// What the job holds of the memory of all trainings.
    pub(in crate::jobs) memory: &'a Charge,
    pub(in crate::jobs) storage: &'a Storage,
    pub(in crate::jobs) registry: &'a ModelRegistry,
    pub(in crate::jobs) datasets: &'a DatasetRegistry,
    pub(in crate::jobs) meters: &'a Meters,
    /// Where its end is noted for those who are to be told.
    pub(in crate::jobs) outbox: &'a Outbox,
    /// What makes spans of its phases.
    pub(in crate::jobs) traces: &'a Traces,
    /// Runs what waits for storage.
    pub(in crate::jobs) runtime: &'a Handle,
    /// The processors that all jobs share.
    pub(in crate::jobs) cores: &'a Arc<Cores>,
    /// How fast it has trained so far.
    pub(in crate::jobs) speed: &'a Speed,
    /// Least time between two checkpoints.
    pub(in crate::jobs) checkpoint_interval: Duration,
}

impl RunContext<'_> {
    /// Whether what is done before the first epoch is still wanted.
    pub(super) fn goes_on(&self) -> bool {
        !self.job.control.is_in_vain()
    }

    /// Does `work`, which is this part of the job and has a span of its own.
    pub(super) fn in_phase<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let _under_way = self.meters.jobs.enter(phase);
        let span = self.traces.part(phase.word(), Kind::Work);
        let _entered = span.as_ref().map(Traced::enter);
        work()
    }
}
