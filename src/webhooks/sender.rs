//! The sender: a task that takes what is due from the outbox and tries to deliver it, for as long as the service runs.

use std::io;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::backoff::wait;
use super::documents::{Document, settle};
use super::request::{Receiver, Told};
use crate::app::App;
use crate::storage::StorageError;
use crate::storage::catalog::DeliveryRow;

/// Deliveries that are sent at once.
const AT_ONCE: usize = 8;
/// Deliveries that may wait, and the bytes of their bodies; the oldest beyond that are dropped.
const MOST: (u64, u64) = (10_000, 64 << 20);
/// Pause after an error of storage.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is looked for what has become due while others are under way: one that nobody answers takes fifteen seconds.
const BESIDE: Duration = Duration::from_secs(1);
/// Longest sleep where nothing is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// The task that sends. It ends when this is dropped; what it was about to tell is told at the next start.
pub struct Sender(JoinHandle<()>);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the task works with.
struct Sending {
    app: App,
    receiver: Receiver,
    document: Document,
}

impl Sender {
    /// Starts to tell the URL of `--webhook`; `None` if nobody is to be told.
    ///
    /// # Errors
    /// The settings cannot be used, or TLS has no certificates.
    pub fn start(app: &App, document: Document) -> io::Result<Option<Self>> {
        let target = app.settings.webhook.target().map_err(io::Error::other)?;
        let Some((url, key)) = target else { return Ok(None) };
        let receiver = Receiver::new(url, key).map_err(|error| io::Error::other(format!("--webhook: {error}")))?;
        let sending = Sending { app: app.clone(), receiver, document };
        Ok(Some(Sender(tokio::spawn(sending.go_on()))))
    }
}

impl Sending {
    async fn go_on(self) {
        let in_vain = |error: StorageError| {
            tracing::warn!(%error, "storage does not work: webhooks wait");
            PAUSE
        };
        let mut sent = FuturesUnordered::new();
        // Those of `sent`, which stay due until it is written down what became of them.
        let mut under_way = Vec::new();
        loop {
            let sleep = match self.due(&under_way).await {
                Ok((due, sleep)) => {
                    under_way.extend(due.iter().map(|delivery| delivery.id));
                    sent.extend(due.into_iter().map(|delivery| self.deliver(delivery)));
                    sleep
                }
                Err(error) => in_vain(error),
            };
            tokio::select! {
                Some((id, done)) = sent.next() => {
                    under_way.retain(|sent| *sent != id);
                    if let Err(error) = done {
                        tokio::time::sleep(in_vain(error)).await;
                    }
                }
                () = self.app.jobs.outbox().noted() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// What is to be sent beside what is under way, and how long there is nothing else to do.
    async fn due(&self, under_way: &[Uuid]) -> Result<(Vec<DeliveryRow>, Duration), StorageError> {
        let catalog = &self.app.storage.catalog;
        settle(&self.app, self.document).await?;
        self.bound().await?;
        let mut due = catalog.due_deliveries(AT_ONCE + under_way.len()).await?;
        due.retain(|delivery| !under_way.contains(&delivery.id));
        due.truncate(AT_ONCE - under_way.len());
        if !due.is_empty() || !under_way.is_empty() {
            return Ok((due, BESIDE));
        }
        let next = catalog.next_delivery().await?;
        let left = next.map(|at| (at - Timestamp::now().as_millisecond()).max(1).unsigned_abs());
        Ok((due, left.map_or(LONGEST_SLEEP, Duration::from_millis).min(LONGEST_SLEEP)))
    }

    /// Drops the oldest deliveries where more wait than may, and tells how many there are.
    async fn bound(&self) -> Result<(), StorageError> {
        let catalog = &self.app.storage.catalog;
        let (mut count, bytes) = catalog.count_deliveries().await?;
        if count > MOST.0 || bytes > MOST.1 {
            let lengths = catalog.delivery_lengths().await?;
            if let Some(last) = first_beyond(lengths, MOST) {
                let mut write = catalog.write().await?;
                let dropped = write.drop_deliveries_up_to(last).await?;
                write.commit().await?;
                count -= dropped.min(count);
                self.app.meters.webhook_deliveries.with_label_values(&["dropped"]).inc_by(dropped);
                tracing::error!(dropped, "too many ends of jobs wait to be told: the oldest are told no more");
            }
        }
        self.app.meters.webhooks_waiting.set(count as i64);
        Ok(())
    }

    /// Writes down that a delivery is tried again after a pause, or no more.
    async fn write_down(&self, id: Uuid, again: Option<Duration>) -> Result<(), StorageError> {
        let mut write = self.app.storage.catalog.write().await?;
        match again {
            Some(pause) => write.postpone_delivery(id, Timestamp::now().as_millisecond() + millis(pause)).await?,
            None => write.remove_delivery(id).await?,
        }
        write.commit().await
    }

    /// Tries to deliver, and writes down what became of it.
    async fn deliver(&self, delivery: DeliveryRow) -> (Uuid, Result<(), StorageError>) {
        (delivery.id, self.try_to_deliver(&delivery).await)
    }

    async fn try_to_deliver(&self, delivery: &DeliveryRow) -> Result<(), StorageError> {
        let DeliveryRow { id, job_id, body, attempts, traceparent, .. } = delivery;
        let (attempt, body) = (attempts + 1, body.as_deref().unwrap_or_default());
        let told = self.receiver.tell(&id.to_string(), body, traceparent.as_deref()).await;
        let (result, error) = match &told {
            Told::Taken(_) => ("delivered", None),
            Told::Refused(status) => ("refused", Some(format!("it answered {status}"))),
            Told::Gone => ("refused", Some("it answered 410: it wants to be told no more".into())),
            Told::Silent(error) => ("unreachable", Some(error.clone())),
        };
        let count = |result| self.app.meters.webhook_deliveries.with_label_values(&[result]).inc();
        let again = error.as_ref().filter(|_| told != Told::Gone).and_then(|_| wait(attempt, rand::random()));
        let written = self.write_down(*id, again).await;
        // The try was made, whatever became of the row. Who sees the count finds the line in the log.
        count(result);
        written?;
        match (error, again) {
            (None, _) => tracing::info!(webhook_id = %id, %job_id, attempt, "webhook delivered"),
            (Some(error), Some(pause)) => {
                let seconds = pause.as_secs();
                tracing::warn!(webhook_id = %id, %job_id, attempt, error, again_in = seconds, "webhook not delivered");
            }
            (Some(error), None) => {
                count("dropped");
                tracing::error!(webhook_id = %id, %job_id, attempt, error, "webhook given up");
            }
        }
        Ok(())
    }
}

/// The newest of deliveries, newest first, that is one too many.
fn first_beyond(lengths: impl IntoIterator<Item = (Uuid, u64)>, most: (u64, u64)) -> Option<Uuid> {
    let (mut count, mut bytes) = (0, 0);
    let mut lengths = lengths.into_iter();
    let beyond = lengths.find(|(_, length)| {
        (count, bytes) = (count + 1, bytes + length);
        count > most.0 || bytes > most.1
    });
    beyond.map(|(id, _)| id)
}

fn millis(pause: Duration) -> i64 {
    i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_as_far_as_they_fit() {
        let lengths = || (0..4).map(|n| (Uuid::from_u128(9 - n), 10));
        assert_eq!(first_beyond(lengths(), (4, 40)), None);
        assert_eq!(first_beyond(lengths(), (3, 40)), Some(Uuid::from_u128(6)));
        assert_eq!(first_beyond(lengths(), (4, 25)), Some(Uuid::from_u128(7)));
    }
}
