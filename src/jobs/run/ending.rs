//! How the end of a job is written down: its history, its version if it made one, and its row.

use bytes::Bytes;

use super::compare::Verdict;
use super::context::RunContext;
use super::finish::Made;
use crate::jobs::error::JobError;
use crate::jobs::history::to_bytes;
use crate::jobs::job::Job;
use crate::jobs::outbox::Outbox;
use crate::jobs::record::history_blob;
use crate::jobs::report::{Ending, JobReport};
use crate::jobs::state::{JobState, StopReason};
use crate::models::publication::VersionDraft;
use crate::storage::{Checksums, Storage, StorageError, Write};

/// Writes down that a job ends so, without a version, and in `outbox` that this is to be told.
///
/// # Errors
/// `Storage`: it has not ended then, or it has although that seemed to fail: the next try finds that.
pub(in crate::jobs) async fn write_end(
    storage: &Storage,
    outbox: &Outbox,
    job: &Job,
    ending: Ending,
) -> Result<JobReport, JobError> {
    let history = write_history(storage, job).await?;
    let report = job.report_ended(ending);
    let mut write = storage.catalog.write().await?;
    if !end_row(&mut write, outbox, job, &report, history).await? {
        drop(write);
        return ended_before(storage, outbox, job).await;
    }
    write.commit().await?;
    outbox.rouse();
    storage.discard(&job.record.given_up()).await;
    Ok(report)
}

/// Publishes the version of `file` and ends the job, both in one change; takes it out of `made` once that is done.
///
/// # Errors
/// Those of storage and of the registry: the job has not ended then, or it has although that seemed to fail: the next try finds that.
pub(super) async fn publish(
    context: &RunContext<'_>,
    ended: (JobState, StopReason),
    verdict: &Verdict,
    file: Bytes,
    made: &mut Option<Made>,
) -> Result<JobReport, JobError> {
    let (job, storage, registry) = (context.job, context.storage, context.registry);
    let before = || ended_before(storage, context.outbox, job);
    let Some(Made { predictor, facts }) = &*made else { return before().await };
    let model = registry.get(&job.record.model_id.to_string()).await?;
    let draft = registry.draft(predictor, file, facts.clone()).await?;
    let published = write_version(context, ended, verdict, &draft).await;
    if !matches!(published, Ok(Some(_))) {
        // What is known of the model is forgotten: the change may have been made, now or by an earlier try.
        registry.forget_record(model.id);
        registry.discard(&draft).await;
    }
    let Some((number, report)) = published? else { return before().await };
    context.outbox.rouse();
    storage.quota.grew(draft.bytes());
    if let Some(Made { predictor, .. }) = made.take() {
        registry.published(&model, number, &draft, predictor);
    }
    storage.discard(&job.record.given_up()).await;
    Ok(report)
}

/// Writes down that a draft is the next version of its model, and that the job ends with it; nothing if the job has ended before.
async fn write_version(
    context: &RunContext<'_>,
    (state, reason): (JobState, StopReason),
    verdict: &Verdict,
    draft: &VersionDraft,
) -> Result<Option<(u64, JobReport)>, JobError> {
    let job = context.job;
    let history = write_history(context.storage, job).await?;
    let mut write = context.storage.catalog.write().await?;
    let (number, serves) = context.registry.publish(&mut write, job.record.model_id, draft, verdict.serving).await?;
    let version = Some((number, draft.metrics().clone()));
    let comparison = verdict.comparison.clone().map(|comparison| comparison.ended(verdict.serving, serves));
    let report = JobReport { comparison, ..job.report_ended(Ending { state, reason, version, failure: None }) };
    if !end_row(&mut write, context.outbox, job, &report, history).await? {
        return Ok(None);
    }
    write.commit().await?;
    Ok(Some((number, report)))
}

/// How a job ended whose end was written down although that seemed to have failed. What was to follow then follows now.
async fn ended_before(storage: &Storage, outbox: &Outbox, job: &Job) -> Result<JobReport, JobError> {
    let id = job.record.id;
    let row = storage.catalog.job(id).await?.ok_or_else(|| JobError::NotFound(id.to_string()))?;
    outbox.rouse();
    storage.discard(&job.record.given_up()).await;
    JobReport::from_row(row)
}

/// A history that was written.
struct Written {
    checksums: Checksums,
    bytes: u64,
}

/// Writes the history, if there is any.
async fn write_history(storage: &Storage, job: &Job) -> Result<Option<Written>, JobError> {
    let (kept, thinned) = job.progress.history().kept();
    if kept.is_empty() {
        return Ok(None);
    }
    let mut bytes = to_bytes(&kept, thinned);
    if !thinned {
        bytes.extend(job.progress.member_histories().to_bytes(kept.len() as u64));
    }
    let written = Written { checksums: Checksums::of(&bytes), bytes: bytes.len() as u64 };
    storage.blobs.put(&history_blob(job.record.id), bytes.into()).await?;
    Ok(Some(written))
}

/// Ends the job's row, unless it has ended before, and notes that this is to be told; what it no longer refers to becomes litter.
async fn end_row(
    write: &mut Write,
    outbox: &Outbox,
    job: &Job,
    report: &JobReport,
    history: Option<Written>,
) -> Result<bool, StorageError> {
    let ends =
        write.end_job(job.record.id, &report.to_outcome(history.as_ref().map_or(0, |history| history.bytes))).await?;
    if ends {
        outbox.note(write, &job.record).await?;
    }
    if let Some(Written { checksums, .. }) = history {
        let blob = history_blob(job.record.id);
        write.put_checksums(&blob, &checksums).await?;
        // A check may have found the file of an end that was not written down, and listed it.
        write.strike_litter(&blob).await?;
    }
    for blob in job.record.given_up() {
        write.note_litter(&blob).await?;
    }
    Ok(ends)
}
