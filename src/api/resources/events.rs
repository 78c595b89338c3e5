//! `GET /jobs/{job}/events`: a job's events as they happen (server-sent events, WHATWG HTML section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;

use super::jobs::JobBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{JobPath, NoQuery};
use crate::jobs::events::{Event, EventId, Watcher};
use crate::keys::Sight;

/// A comment goes out when nothing else has for so long, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Streams the events after `Last-Event-ID`, all if there is none, and ends after the final state. When there is
/// nothing left to tell the reply is 204, on which browsers stop asking.
pub async fn events(JobPath(job): JobPath, who: Sight, _: NoQuery, headers: HeaderMap) -> Result<Response, ApiError> {
    let told = match headers.get("last-event-id") {
        None => EventId::default(),
        Some(id) => id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
            ApiError::new(ErrorCode::MalformedRequest, "Last-Event-ID is not the id of an event of a job: 12-3")
        })?,
    };
    if told.is_end() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(stream_of(Watcher::new(job, told), who)).keep_alive(keep_alive).into_response())
}

/// The events of a watcher. When storage fails, or the key is over, the stream ends, and the client asks again.
fn stream_of(watcher: Watcher, who: Sight) -> impl Stream<Item = Result<SseEvent, Infallible>> {
    stream::unfold((watcher, who), |(mut watcher, who)| async move {
        let (id, event) = watcher.next().await.ok()??;
        who.holds().then(|| (Ok(written(id, &event)), (watcher, who)))
    })
}

fn written(id: EventId, event: &Event) -> SseEvent {
    let (name, data) = match event {
        Event::Epoch(entry) => ("epoch", json(entry)),
        Event::State(report) => ("state", json(&JobBody::of(report))),
    };
    SseEvent::default().id(id.to_string()).event(name).data(data)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("events are plain data")
}
