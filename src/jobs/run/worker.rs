//! One job from its start to its end: reads what it starts from, trains, measures, publishes.
//!
//! A job that was accepted ends only by its training, by its owner, or by what it needs being damaged.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use super::beside_distilled::beside_distilled;
use super::compare::{MeasuredRows, Verdict, judge};
use super::context::RunContext;
use super::ending::{publish, write_end};
use super::epochs::{Epochs, Opening, Trained, Untrained};
use super::finish::{self, Made};
use super::learned::Learned;
use super::start::Start;
use super::stored::checkpoint_useless;
use super::unpublished::{Stopped, Unpublished};
use crate::jobs::error::JobFailure;
use crate::jobs::report::{Ending, JobReport};
use crate::jobs::state::{JobState, StopReason};
use crate::models::artifact;
use crate::telemetry::{Phase, Traced};

/// Starts in a row without a checkpoint after which a job is taken for the cause of the process's death.
const MAX_ATTEMPTS: u64 = 20;

/// How a run leaves its job.
pub(in crate::jobs) enum Done {
    /// It has ended, and the catalog says so.
    Ended(Box<JobReport>),
    /// The service stops: it goes on when it is started again.
    Suspended,
}

/// A version to publish, and how the job that made it ends.
struct NewVersion {
    state: JobState,
    reason: StopReason,
    made: Made,
    verdict: Verdict,
}

/// Runs a job. Never panics: a panic of the training becomes a failed job.
pub(in crate::jobs) fn run(context: &RunContext) -> Done {
    let record = &context.job.record;
    let span = context.traces.of_work("job", record.traceparent.as_deref());
    let _entered = span.as_ref().map(Traced::enter);
    let done = catch_unwind(AssertUnwindSafe(|| match version(context) {
        Ok(version) => end_with(context, version),
        Err(Unpublished::Ended(ending)) => end_without(context, &ending),
        Err(Unpublished::Suspended) => Done::Suspended,
    }));
    let panicked = || end_without(context, &Ending::failed(StopReason::Error, JobFailure::Panicked));
    let done = done.unwrap_or_else(|_| panicked());
    let (id, model, request) = (record.id, record.model_id, &record.request_id);
    if let Some(span) = &span {
        describe(span, context, &done);
    }
    match &done {
        Done::Suspended => tracing::info!(job_id = %id, model_id = %model, "job interrupted: it goes on later"),
        Done::Ended(report) => {
            let (state, reason) = (report.state.word(), report.stop_reason.map(StopReason::word));
            context.meters.jobs.ended(state);
            let error = report.failure.as_ref().map(ToString::to_string);
            tracing::info!(job_id = %id, model_id = %model, request_id = request.as_str(), state, reason, error, "job ended");
        }
    }
    done
}

/// Tells of a job's span how its run ends.
fn describe(span: &Traced, context: &RunContext, done: &Done) {
    span.tell_word("epochd.job", || context.job.record.id.to_string());
    span.tell_word("epochd.model", || context.job.record.model_id.to_string());
    match done {
        Done::Ended(report) if report.state == JobState::Failed => span.failed("the job failed"),
        Done::Ended(report) => span.tell("epochd.job.state", report.state.word()),
        Done::Suspended => span.tell("epochd.job.state", "suspended"),
    }
}

/// The version that the job makes.
fn version(context: &RunContext) -> Result<NewVersion, Unpublished> {
    let job = context.job;
    if job.record.attempts >= MAX_ATTEMPTS {
        let detail = format!("the process ended {MAX_ATTEMPTS} times while this job ran, before its first checkpoint");
        return Err(Unpublished::failed(StopReason::Interrupted, JobFailure::Interrupted(detail)));
    }
    context.meters.jobs.queue_seconds.observe(job.progress.waited().as_secs_f64());
    train(context, context.persist(true, || Start::read(context, true))?)
}

fn train(context: &RunContext, start: Start) -> Result<NewVersion, Unpublished> {
    let Start { mut training, members, checkpoint, table, trained_on, split, findings, answers } = start;
    let job = context.job;
    let targets = answers.map(|answers| training.train.exchange_targets(answers));
    let opening = Some(Opening { split, findings, goes_on: checkpoint.is_some() });
    let mut epochs = Epochs { context, training: &training, table: table.as_ref(), opening };
    let trained = match epochs.run(members, checkpoint) {
        Ok(trained) => trained,
        Err(Untrained::Unpublished(unpublished)) => return Err(unpublished),
        Err(Untrained::Misfit(misfit)) => {
            checkpoint_useless(job, &misfit);
            return train(context, context.persist(true, || Start::read(context, false))?);
        }
    };
    let Trained { members, reached, hindsight, state, reason, tried } = trained;
    if let Some(targets) = targets {
        training.train.exchange_targets(targets);
    }
    let stopped = |Stopped| Unpublished::stopped(job);
    let (made, rows) = match (table, job.record.data.datasets()) {
        (Some(start), (Some(train), validation)) => {
            let origin = start.origin.as_ref().filter(|origin| origin.may_know_rows_held_out());
            let known_to = origin.filter(|origin| origin.is_distilled).map(|origin| origin.version);
            // Without a rule nobody can tell which of several networks has not learned from a row.
            let is_told = training.folds.is_empty() || start.parts.rule.is_some();
            let are_known = !is_told || origin.is_some_and(|origin| origin.learned == Learned::All);
            let mut rows = if are_known { Vec::new() } else { start.measured.clone() };
            rows.sort_unstable();
            let (dataset, is_apart) = (validation.unwrap_or(train), validation.is_some());
            let rows = MeasuredRows::Table { dataset, is_apart, rows, known_to };
            let finished = finish::table(context, &training, (members, tried), start).map_err(stopped)?;
            drop(training);
            let (finished, distilled) = beside_distilled(context, finished, &rows, known_to.is_some())?;
            (finished.made(job, &reached, trained_on, distilled), rows)
        }
        _ => {
            let measure = || finish::layers(job, &reached, &training, trained_on, members);
            let made = context.in_phase(Phase::Measure, measure).map_err(stopped)?;
            (made, MeasuredRows::Plain(training.validation))
        }
    };
    let (mut made, verdict) = judge(context, made, &rows)?;
    job.progress.look_back(hindsight);
    made.facts.warnings = job.progress.warnings_kept();
    Ok(NewVersion { state, reason, made, verdict })
}

/// Ends the job with a version, for as long as it takes to write that down.
fn end_with(context: &RunContext, version: NewVersion) -> Done {
    let NewVersion { state, reason, made, verdict } = version;
    let is_urgent = || context.job.control.is_urgent();
    let stopped = || match Unpublished::stopped(context.job) {
        Unpublished::Ended(ending) => end_without(context, &ending),
        Unpublished::Suspended => Done::Suspended,
    };
    if is_urgent() {
        return stopped();
    }
    let file = Bytes::from(artifact::encode(&made.predictor, Some(&made.facts)));
    // A version is read again after a restart: one whose file could not be is not published.
    if let (Some(_), Err(error)) = (made.predictor.table().ok(), artifact::decode(&file)) {
        let detail = format!("the version's file could not be read again: {error}");
        return end_without(context, &Ending::failed(StopReason::Error, JobFailure::Unfit(detail)));
    }
    if is_urgent() {
        return stopped();
    }
    let mut made = Some(made);
    let ended = (state, reason);
    let publish = || Ok(context.write(publish(context, ended, &verdict, file.clone(), &mut made))??);
    match context.in_phase(Phase::Publish, || context.persist(false, publish)) {
        Ok(report) => Done::Ended(Box::new(report)),
        // What cannot be published fails, and that is written down in its place.
        Err(Unpublished::Ended(ending)) => end_without(context, &ending),
        Err(Unpublished::Suspended) => Done::Suspended,
    }
}

/// Ends the job without a version, for as long as it takes to write that down.
fn end_without(context: &RunContext, ending: &Ending) -> Done {
    let job = context.job;
    let write = || Ok(context.write(write_end(context.storage, context.outbox, job, ending.clone()))??);
    match context.persist(false, write) {
        Ok(report) => {
            // It may have ended with a version before, which nobody has been told of yet.
            context.registry.forget_record(job.record.model_id);
            Done::Ended(Box::new(report))
        }
        Err(Unpublished::Suspended) => Done::Suspended,
        Err(Unpublished::Ended(_)) => {
            let id = job.record.id;
            tracing::error!(job_id = %id, "the job's end cannot be written down: it goes on at the next start");
            Done::Suspended
        }
    }
}
