//! The epochs of a job: of the networks of a training side by side, or of one candidate after the other.

use std::time::Instant;

use super::checkpoint::Checkpoint;
use super::context::RunContext;
use super::finish::TableStart;
use super::observer::{JobObserver, Standpoint};
use super::search::Search;
use super::unpublished::{Halt, Stopped, Unpublished};
use crate::data::profile::Finding;
use crate::jobs::candidate::Tried;
use crate::jobs::control::Stop;
use crate::jobs::error::JobFailure;
use crate::jobs::report::Ending;
use crate::jobs::speed::of_row;
use crate::jobs::state::{JobState, StopReason};
use crate::jobs::training::Training;
use crate::learning::hindsight::Hindsight;
use crate::learning::members::Members;
use crate::learning::network::Network;
use crate::learning::report::{Diverged, EndReason, EpochReport, Summary};
use crate::learning::snapshot::{Snapshot, SnapshotMisfit};
use crate::learning::split::SplitUsed;
use crate::learning::team::Team;
use crate::learning::trainer::Trainer;
use crate::learning::training::ValidTrainingSpec;
use crate::telemetry::Phase;

/// What is trained.
pub(super) struct Epochs<'a> {
    pub(super) context: &'a RunContext<'a>,
    pub(super) training: &'a Training,
    pub(super) table: Option<&'a TableStart>,
    /// Taken before the first epoch.
    pub(super) opening: Option<Opening>,
}

/// What is told of a training before its first epoch.
pub(super) struct Opening {
    /// How the rows held out were chosen.
    pub(super) split: Option<SplitUsed>,
    /// What is worth knowing about the data.
    pub(super) findings: Vec<Finding>,
    /// Whether it goes on from a checkpoint, which has what was told.
    pub(super) goes_on: bool,
}

/// What the epochs of a job leave.
pub(super) struct Trained {
    pub(super) members: Members,
    /// The epoch that the parameters are of: of several candidates, that of the best.
    pub(super) reached: EpochReport,
    pub(super) hindsight: Hindsight,
    pub(super) state: JobState,
    pub(super) reason: StopReason,
    pub(super) tried: Tried,
}

/// Why they leave nothing.
pub(super) enum Untrained {
    Unpublished(Unpublished),
    /// The checkpoint is of another training.
    Misfit(SnapshotMisfit),
}

impl From<Unpublished> for Untrained {
    fn from(unpublished: Unpublished) -> Self {
        Untrained::Unpublished(unpublished)
    }
}

/// Networks at the end of their epochs.
struct Done {
    networks: Vec<Network>,
    summary: Result<Summary, Diverged>,
    hindsight: Hindsight,
    time_is_up: bool,
}

impl Epochs<'_> {
    /// Trains `members`, or goes on from a checkpoint.
    ///
    /// # Errors
    /// There is nothing to publish, or the checkpoint cannot be used.
    pub(super) fn run(
        &mut self,
        members: Members,
        checkpoint: Option<Checkpoint<'static>>,
    ) -> Result<Trained, Untrained> {
        let network = members.first().spec().clone();
        match Search::new(self.training, self.table, &network) {
            None => self.alone(members, checkpoint.map(|checkpoint| checkpoint.snapshots)),
            Some(search) => self.search(search, members, checkpoint),
        }
    }

    fn alone(&mut self, members: Members, snapshots: Option<Vec<Snapshot>>) -> Result<Trained, Untrained> {
        let (networks, weights) = members.into_parts();
        let Done { networks, summary, hindsight, time_is_up } =
            self.train(&self.training.settings, networks, snapshots, Standpoint::default())?;
        let summary = summary.map_err(failed)?;
        let (state, reason, keep) = self.ended(summary.end, time_is_up);
        let reached = summary.published.filter(|_| keep).ok_or_else(|| without(state, reason))?;
        let members = Members::of_parts(networks, weights);
        Ok(Trained { members, reached, hindsight, state, reason, tried: Tried::default() })
    }

    /// Candidate after candidate, until all were tried or the time is up; the first of them is `members`.
    fn search(
        &mut self,
        mut search: Search,
        members: Members,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Trained, Untrained> {
        let mut snapshots = None;
        if let Some(Checkpoint { snapshots: of_networks, reached, found }) = checkpoint {
            let go_on = || !self.context.job.control.is_urgent();
            let resumed = search.resume(reached.candidates, found, &go_on).map_err(|halt| self.halted(halt))?;
            resumed.map_err(Untrained::Misfit)?;
            snapshots = Some(of_networks);
        }
        let (mut first, mut hindsight) = (Some(members.into_parts().0), Hindsight::default());
        let (state, reason) = loop {
            if snapshots.is_none() && !search.begin_next() {
                break (JobState::Succeeded, StopReason::Completed);
            }
            let is_first = search.candidates.len() == 1;
            let networks = match first.take().filter(|_| is_first) {
                Some(networks) => networks,
                None => search.networks().map_err(|halt| self.halted(halt))?,
            };
            let (ended, seen) = self.candidate(&mut search, networks, snapshots.take())?;
            if is_first {
                hindsight = seen;
            }
            if let Some(ended) = ended {
                break ended;
            }
        };
        let go_on = || !self.context.job.control.is_urgent();
        let chosen = search.chosen(&go_on).map_err(|Stopped| Unpublished::stopped(self.context.job))?;
        let (members, reached, tried) = chosen.ok_or_else(|| without(state, reason))?;
        Ok(Trained { members, reached, hindsight, state, reason, tried })
    }

    /// Trains the candidate that has begun, and takes it into the search. How the job ends, if it is to; and what is to be said of
    /// the networks.
    fn candidate(
        &mut self,
        search: &mut Search,
        networks: Vec<Network>,
        snapshots: Option<Vec<Snapshot>>,
    ) -> Result<(Option<(JobState, StopReason)>, Hindsight), Untrained> {
        let job = self.context.job;
        let (is_later, epochs_before) = (search.candidates.len() > 1, search.epochs_before());
        job.progress.try_candidates(&search.candidates);
        let standpoint = Standpoint { epochs_before, found: search.found(), is_later };
        let done = self.train(&search.settings(), networks, snapshots, standpoint)?;
        let (end, published) = match done.summary {
            Ok(summary) => (Some(summary.end), summary.published),
            // Settings that were drawn may be bad ones; those of the recipe should not.
            Err(_) if is_later => (None, None),
            Err(diverged) => return Err(failed(diverged).into()),
        };
        let ended = end.filter(|end| *end == EndReason::Stopped).map(|end| self.ended(end, done.time_is_up));
        if let Some((state, reason, false)) = ended {
            return Err(without(state, reason).into());
        }
        let of_job = |reached: EpochReport| EpochReport { epoch: epochs_before + reached.epoch, ..reached };
        let made = published.map(|reached| (done.networks, of_job(reached)));
        let epochs = job.progress.epochs_done() - epochs_before;
        let go_on = || !job.control.is_urgent();
        search.take(epochs, made, ended.is_some(), &go_on).map_err(|Stopped| Unpublished::stopped(job))?;
        job.progress.try_candidates(&search.candidates);
        Ok((ended.map(|(state, reason, _)| (state, reason)), done.hindsight))
    }

    /// Trains networks side by side from here to their last epoch.
    fn train(
        &mut self,
        settings: &ValidTrainingSpec,
        networks: Vec<Network>,
        snapshots: Option<Vec<Snapshot>>,
        standpoint: Standpoint,
    ) -> Result<Done, Untrained> {
        let Training { train: rows, validation, folds, .. } = self.training;
        let of_network = networks.first().map_or(0.0, |network| of_row(network.spec()));
        let trainer = Trainer::of_members(networks, settings, rows, validation.as_ref(), folds);
        let mut trainer = trainer.on(Team::on(self.context.cores));
        snapshots.map_or(Ok(()), |snapshots| trainer.resume(snapshots)).map_err(Untrained::Misfit)?;
        if let Some(opening) = self.opening.take() {
            self.open(opening, &trainer, standpoint.epochs_before);
            let of_epoch = of_network * trainer.epoch_rows() as f64;
            self.context.job.progress.expect(self.context.speed.seconds(of_epoch, settings));
        }
        let mut observer = JobObserver::new(self.context, standpoint);
        let (since, rows_before) = (Instant::now(), trainer.rows_done());
        let summary = self.context.in_phase(Phase::Train, || trainer.run(&mut observer));
        let rows_done = trainer.rows_done().saturating_sub(rows_before) as f64;
        self.context.speed.saw(of_network * rows_done, since.elapsed().as_secs_f64());
        let (suspended, time_is_up) = (observer.suspended, observer.time_is_up);
        drop(observer);
        if suspended {
            return Err(Unpublished::Suspended.into());
        }
        let published = summary.as_ref().ok().and_then(|summary| summary.published);
        let hindsight = published.map(|reached| trainer.look_back(&reached)).unwrap_or_default();
        Ok(Done { networks: trainer.into_networks(), summary, hindsight, time_is_up })
    }

    /// Says on what the job trains, and from where.
    fn open(&self, opening: Opening, trainer: &Trainer, epochs_before: u64) {
        let (progress, epoch_rows) = (&self.context.job.progress, trainer.epoch_rows());
        let rows_done = epochs_before * epoch_rows + trainer.rows_done();
        progress.begin(self.training.train.rows(), epoch_rows, opening.split, rows_done);
        if !opening.goes_on {
            opening.findings.into_iter().for_each(|finding| progress.warn(finding));
        }
    }

    /// How a job ends whose training ended so, and whether there is to be a version.
    fn ended(&self, end: EndReason, time_is_up: bool) -> (JobState, StopReason, bool) {
        match (end, self.context.job.control.stop()) {
            (EndReason::Completed, _) => (JobState::Succeeded, StopReason::Completed, true),
            (EndReason::EarlyStopping, _) => (JobState::Succeeded, StopReason::EarlyStopping, true),
            (EndReason::Stopped, _) if time_is_up => (JobState::Succeeded, StopReason::TimeLimit, true),
            (EndReason::Stopped, stop) => (JobState::Cancelled, StopReason::Cancelled, stop == Some(Stop::Keep)),
        }
    }

    fn halted(&self, halt: Halt) -> Unpublished {
        match halt {
            Halt::Stopped => Unpublished::stopped(self.context.job),
            Halt::Failed(error) => Unpublished::failed(StopReason::Error, JobFailure::Unfit(error.to_string())),
        }
    }
}

fn failed(diverged: Diverged) -> Unpublished {
    Unpublished::failed(StopReason::Diverged, JobFailure::Diverged(diverged.to_string()))
}

/// The job ends so, without a version.
fn without(state: JobState, reason: StopReason) -> Unpublished {
    Unpublished::Ended(Ending { state, reason, version: None, failure: None })
}
