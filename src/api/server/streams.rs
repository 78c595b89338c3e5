//! HTTP/2 (RFC 9113): one connection, many requests at a time, each a stream. A stream is bounded as a connection of its own
//! is: it has a place, a client whose request is waited for, and a reply that is taken or not.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use futures_util::future::{AbortHandle, Abortable};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tower::Service;

use super::bodies::{TakenBody, WholeBody};
use super::connection::{Connection, Late};
use super::open_streams::OpenStreams;
use super::places::{Ends, Place, Seen};
use super::refusal::{Closed, refusal};
use super::watched::Watched;
use crate::api::layers::peer::Peer;

/// Streams that a client may have open at once on one connection.
const MOST_STREAMS: u32 = 100;
/// Longest list of headers, in bytes as RFC 9113 counts them.
const LONGEST_HEAD: u32 = 16 << 10;
/// Bytes of bodies that a client may send before they are read: of one stream, and of a connection.
const WINDOWS: (u32, u32) = (128 << 10, 256 << 10);
/// Bytes of a reply that wait for the client's window, for each stream.
const SEND_BUFFER: usize = 64 << 10;
/// How long a client that is told to go has for it.
const FAREWELL: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The task of a stream, within it.
    static STREAM: Arc<Task>;
}

/// The task that answers a request of a stream and hands its reply on.
struct Task {
    /// Ends it, and the stream with it.
    abort: AbortHandle,
    /// It has handed on all of the reply, which may still wait to be sent.
    is_over: AtomicBool,
}

/// The streams of one connection.
struct Streams {
    /// It is idle while no stream is open.
    connection: Connection,
    open: OpenStreams,
    /// What is known of those that are open.
    seen: Mutex<Vec<Weak<Stream>>>,
}

/// One stream: a request and its reply.
struct Stream {
    streams: Arc<Streams>,
    watched: Arc<Watched>,
    task: Arc<Task>,
    /// Its place, where it is not that of the connection.
    place: Option<Place>,
}

/// Runs each stream in a task that can be ended by itself.
#[derive(Clone)]
struct Tasks;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, stream: F) {
        let (abort, ended) = AbortHandle::new_pair();
        let task = Arc::new(Task { abort, is_over: AtomicBool::new(false) });
        tokio::spawn(async move {
            let _ = Abortable::new(STREAM.scope(task.clone(), stream), ended).await;
            task.is_over.store(true, Ordering::Relaxed);
        });
    }
}

/// Answers the requests that come on `stream` until the client goes, is late, or the service stops.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(connection: Connection, stream: S) {
    let (mut closed, limits) = (connection.closed.clone(), connection.limits);
    connection.watched.is_new();
    let open = OpenStreams::of(connection.watched.clone());
    let streams = Arc::new(Streams { connection, open, seen: Mutex::default() });
    let of_requests = streams.clone();
    let answer = service_fn(move |request| of_requests.clone().answer(request));
    let mut http = http2::Builder::new(Tasks);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LONGEST_HEAD)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_send_buf_size(SEND_BUFFER);
    let mut http = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
    let mut going = false;
    let mut deadline = std::pin::pin!(tokio::time::sleep(limits.shortest()));
    loop {
        tokio::select! {
            biased;
            // What a connection breaks off with concerns its client alone.
            _ = &mut http => break,
            _ = closed.changed(), if !going => {
                going = true;
                http.as_mut().graceful_shutdown();
            }
            () = &mut deadline => match limits.left(&streams.connection.watched) {
                Ok(left) => {
                    if streams.end_late() {
                        break;
                    }
                    deadline.as_mut().reset(Instant::now() + left);
                }
                Err(late) => {
                    streams.told(late);
                    http.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(FAREWELL, &mut http).await;
                    break;
                }
            }
        }
    }
}

impl Streams {
    /// The reply to the request of one stream.
    async fn answer(
        self: Arc<Self>,
        mut request: hyper::Request<Incoming>,
    ) -> Result<Response<TakenBody<Option<Arc<Stream>>>>, Infallible> {
        let (stream, peer) = match self.open() {
            Ok(opened) => opened,
            Err(closed) => {
                let reply = refusal(closed, &self.connection.peer.address, &self.connection.meters);
                return Ok(reply.map(|body| TakenBody::new(body, Watched::new(Duration::MAX, 0), None)));
            }
        };
        request.extensions_mut().insert(ConnectInfo(peer.clone()));
        let request = request.map(|body| Body::new(WholeBody::of_stream(body, peer)));
        let Ok(reply) = self.connection.router.clone().call(request).await;
        let watched = stream.watched.clone();
        Ok(reply.map(|body| TakenBody::new(body, watched, Some(stream))))
    }

    /// A new stream, which is being answered, and its client. Where no other one is open it has the place of its connection.
    ///
    /// # Errors
    /// There is no place for it.
    fn open(self: &Arc<Self>) -> Result<(Arc<Stream>, Peer), Closed> {
        let Connection { peer, ip, limits, places, .. } = &self.connection;
        let (watched, task) = (limits.watched(), STREAM.with(Arc::clone));
        watched.answering();
        let (place, peer) = if self.open.begins() {
            peer.received.begins();
            (None, peer.clone())
        } else {
            let place = places.take(*ip).map_err(|none| {
                self.open.ends();
                Closed::NoPlace(none)
            })?;
            let peer: Peer = Arc::new(peer.beside());
            let seen = Seen { watched: watched.clone(), peer: peer.clone(), ends: Ends::Stream(task.abort.clone()) };
            places.note(place.number(), seen);
            (Some(place), peer)
        };
        let stream = Arc::new(Stream { streams: self.clone(), watched, task, place });
        let mut seen = self.seen();
        seen.retain(|stream| stream.strong_count() > 0);
        seen.push(Arc::downgrade(&stream));
        drop(seen);
        Ok((stream, peer))
    }

    /// Ends the streams whose clients take nothing of their replies. Whether the connection is to end: of a reply that is handed on
    /// as a whole only that is left to end.
    fn end_late(&self) -> bool {
        let mut is_stuck = false;
        for stream in self.seen().iter().filter_map(Weak::upgrade) {
            if stream.watched.patience_left().is_some_and(|left| left.is_zero()) {
                self.told(Late::Reply);
                stream.task.abort.abort();
                is_stuck |= stream.task.is_over.load(Ordering::Relaxed);
            }
        }
        is_stuck
    }

    fn told(&self, late: Late) {
        late.told(&self.connection.peer.address, &self.connection.meters);
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Weak<Stream>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.place.take());
        self.streams.open.ends();
    }
}
