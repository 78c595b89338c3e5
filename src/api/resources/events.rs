//! `GET /jobs/{job}/events`: a job's events as they happen (server-sent events, WHATWG HTML section 9.2).

use std::io::Write;
use std::pin::pin;
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream;

use super::jobs::JobBody;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::{JobPath, NoQuery};
use crate::api::layers::follower::{Follower, Following, LOOK};
use crate::api::reply::document::written;
use crate::api::reply::held::held;
use crate::api::reply::json::with_type;
use crate::app::App;
use crate::jobs::JobHandle;
use crate::jobs::events::{Event, EventId, Watcher};
use crate::keys::Sight;
use crate::memory::Client;
use crate::memory::behalf;
use crate::serving::sight;

/// A comment goes out when nothing else has for so long, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const COMMENT: &str = ":\n\n";

/// Streams the events after `Last-Event-ID`, all if there is none, and ends after the final state. When there is
/// nothing left to tell the reply is 204, on which browsers stop asking.
pub async fn events(
    State(app): State<App>,
    JobPath(job): JobPath,
    who: Sight,
    follower: Follower,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let told = match headers.get("last-event-id") {
        None => EventId::default(),
        Some(id) => id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
            ApiError::new(ErrorCode::MalformedRequest, "Last-Event-ID is not the id of an event of a job: 12-3")
        })?,
    };
    if told.is_end() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (client, watcher) = (behalf::client(), Watcher::new(job.clone(), told));
    let telling = Telling { app, client, job, watcher, who, _following: follower.follows() };
    let events = stream::unfold(telling, |mut telling| async move {
        let event = telling.next().await?;
        Some((event, telling))
    });
    let mut reply = with_type(StatusCode::OK, "text/event-stream", Body::from_stream(events.flat_map(frames)));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(reply)
}

fn frames(event: Body) -> BodyDataStream {
    event.into_data_stream()
}

/// Events on their way to who asked for them.
struct Telling {
    app: App,
    /// Who holds an event until it is sent.
    client: Option<Client>,
    job: JobHandle,
    watcher: Watcher,
    who: Sight,
    _following: Following,
}

impl Telling {
    /// The next event, or a comment where none comes. When storage fails, the key is over or does not see the job any more, or
    /// there is no memory for an event, the stream ends, and the client asks again.
    async fn next(&mut self) -> Option<Body> {
        let Telling { app, job, watcher, who, .. } = self;
        let silent_until = Instant::now() + KEEP_ALIVE;
        let (id, event) = {
            let mut next = pin!(watcher.next());
            loop {
                let came = tokio::time::timeout(LOOK, &mut next).await;
                if !who.holds() || sight::still_sees(app, who, job).await.is_err() {
                    return None;
                }
                match came {
                    Ok(next) => break next.ok()??,
                    Err(_) if Instant::now() >= silent_until => return Some(COMMENT.into()),
                    Err(_) => {}
                }
            }
        };
        self.written(id, event).await.ok()
    }

    async fn written(&self, id: EventId, event: Event) -> Result<Body, ApiError> {
        let (app, client) = (&self.app, self.client);
        let warnings = if let Event::State(report) = &event { report.warnings.len() } else { 0 };
        let event = written(app, client, warnings, move |sheet| {
            match &event {
                Event::Epoch(entry) => {
                    write!(sheet, "id: {id}\nevent: epoch\ndata: ")?;
                    sheet.json(entry)?;
                }
                Event::State(report) => {
                    write!(sheet, "id: {id}\nevent: state\ndata: ")?;
                    sheet.json(&JobBody::of(report))?;
                }
            }
            sheet.write_all(b"\n\n")
        })
        .await?;
        let bytes = event.0.size_hint().lower();
        Ok(held(&app.memory.replies, || client, event, bytes)?)
    }
}
