//! Work off the async threads, and work that outlives who asked for it.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::error::ServingError;
use crate::app::App;
use crate::memory::behalf::{client, done_for};
use crate::telemetry::traces::{carried, carried_call};

/// How long work waits for one of the places of long work: longer than any burst, shorter than clients have patience.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `work` on a thread that lets those go first that answer short requests, when one of the places of `app` for long work is
/// free for the client that it is done for: more of it at once than there are cores would be done no sooner.
///
/// # Errors
/// `Busy` if no place was free for long; `Defect` if it panicked.
pub fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> BoxFuture<'static, Result<T, ServingError>> {
    let (app, client) = (app.clone(), client());
    // On the heap: the future of a short request, which has this among its branches, stays small.
    Box::pin(async move {
        let place = tokio::time::timeout(PATIENCE, app.long_work.take(client)).await.map_err(|_| ServingError::Busy)?;
        let work = move || {
            let done = work();
            drop(place);
            done
        };
        app.long_work_threads.spawn(carried_call(work)).await.map_err(|_| ServingError::Defect)
    })
}

/// Whether long work of a request may begin. Asked where a refusal loses nothing that the client cannot send again; what ends
/// an upload, or writes the reply of a change, goes on with [`blocking`], which waits.
///
/// # Errors
/// `Busy` where more of it comes than can be done: to be told so at once is better than to wait and be told late.
pub fn long_work_may_begin(app: &App) -> Result<(), ServingError> {
    if app.long_work.are_crowded(client()) { Err(ServingError::Busy) } else { Ok(()) }
}

/// Does `work` to its end, even if the client that asked for it goes away: a change is made whole and then known.
///
/// # Errors
/// `Defect` if it panicked.
pub async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, ServingError> {
    let work = done_for(client(), carried(work));
    tokio::spawn(work).await.map_err(|_| ServingError::Defect)
}

/// How many threads a large request may keep busy.
pub fn cores() -> usize {
    tokio::runtime::Handle::current().metrics().num_workers()
}
