//! One connection of HTTP/1, from its first byte to its last, or to where its client says that it speaks HTTP/2.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::Service;

use super::bodies::{WatchedBody, WholeBody};
use super::places::{Place, Places};
use super::refusal::{refuse, refuse_plain};
use super::unread::{Unread, linger};
use super::watched::{Phase, Watched};
use super::wire::Wire;
use crate::api::layers::peer::Peer;
use crate::config::Settings;
use crate::telemetry::Meters;

/// Bytes that are read at once, and the longest head.
const BUFFER: usize = 80 << 10;
/// What a client that knows that HTTP/2 is spoken begins with (RFC 9113, section 3.4), up to where it is no HTTP/1.
const HTTP_2: &[u8] = b"PRI * HTTP/2";

/// How long a client may take where it could hold a connection for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte of a head to its end.
    head: Duration,
    /// From a reply to the next request.
    idle: Duration,
    /// For taking nothing of a reply.
    reply: Duration,
    /// Bytes a second of a reply.
    rate: u64,
    /// Bytes of the longest body, also of one that nobody wants.
    body: u64,
}

/// What a connection is served with.
pub struct Connection {
    /// The routes.
    pub router: Router,
    /// Where refusals are counted.
    pub meters: Arc<Meters>,
    /// The client.
    pub peer: Peer,
    /// Its address without the port.
    pub ip: IpAddr,
    /// How long the client may take.
    pub limits: Limits,
    /// Where the connection stands.
    pub watched: Arc<Watched>,
    /// Changes when the service stops.
    pub closed: watch::Receiver<()>,
    /// Held until the end.
    pub _place: Place,
    /// Where a further request at the same time takes a place.
    pub places: Places,
}

/// Why a connection is ended before its client ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// For the head of a request.
    Head,
    /// Between two requests.
    Idle,
    /// For taking a reply.
    Reply,
}

impl Connection {
    /// Answers the requests that come on `stream`, the last one that it is in when the service stops. Hands the connection
    /// on, with all that has come on it, if its client speaks HTTP/2.
    pub async fn serve<S>(self, stream: S) -> Option<(Self, impl AsyncRead + AsyncWrite + Unpin + Send + 'static)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Connection { router, meters, peer, limits, watched, .. } = &self;
        let mut closed = self.closed.clone();
        let unread = Arc::new(Unread::default());
        let (router, requests, caller, rest) = (router.clone(), watched.clone(), peer.clone(), unread.clone());
        let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
            requests.answering();
            caller.received.begins();
            let sends_unasked = !request.headers().contains_key(header::EXPECT);
            request.extensions_mut().insert(ConnectInfo(caller.clone()));
            let body = |body| Body::new(WholeBody::of_connection(body, caller.clone(), rest.clone()));
            let (reply, watched, rest) = (router.clone().call(request.map(body)), requests.clone(), rest.clone());
            async move {
                let Ok(reply) = reply.await;
                if rest.is_there() {
                    Box::pin(rest.read_short(sends_unasked)).await;
                }
                Ok::<_, Infallible>(on_its_way(reply, watched, rest.is_there()))
            }
        });
        let wire = TokioIo::new(Wire::new(stream, watched.clone()));
        let mut connection = http1::Builder::new().max_buf_size(BUFFER).serve_connection(wire, answer);
        let mut closing = false;
        let mut deadline = std::pin::pin!(tokio::time::sleep(limits.shortest()));
        let late = loop {
            tokio::select! {
                biased;
                // What a connection breaks off with concerns its client alone.
                _ = &mut connection => break None,
                _ = closed.changed(), if !closing => {
                    closing = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = &mut deadline => match limits.left(watched) {
                    Ok(left) => deadline.as_mut().reset(Instant::now() + left),
                    Err(late) => break Some(late),
                }
            }
        };
        let parts = connection.into_parts();
        let (stream, refused) = parts.io.into_inner().into_parts();
        if late.is_none() && parts.read_buf.starts_with(HTTP_2) {
            let (read, write) = tokio::io::split(stream);
            let read = io::Cursor::new(parts.read_buf).chain(read);
            return Some((self, tokio::io::join(read, write)));
        }
        late.inspect(|late| late.told(&peer.address, meters));
        match (refused, late) {
            (Some(status), _) => refuse(stream, status, &peer.address, meters).await,
            (None, Some(Late::Head)) => refuse(stream, StatusCode::REQUEST_TIMEOUT, &peer.address, meters).await,
            (None, None) if unread.is_there() => {
                watched.begin(Phase::Lingering);
                if linger(stream, limits.body, closed).await {
                    meters.connections_cut.with_label_values(&["unread"]).inc();
                }
            }
            (None, _) => {}
        }
        None
    }

    /// Tells a client that speaks no TLS that this port does.
    pub async fn refuse_plain(self, stream: TcpStream) {
        refuse_plain(stream, &self.peer.address, &self.meters).await;
    }
}

/// The reply, which says that it is the last one where the connection is not kept: after a long head, or where more of the
/// body `is_left`.
fn on_its_way(mut reply: Response, watched: Arc<Watched>, is_left: bool) -> Response<WatchedBody> {
    if is_left || watched.has_long_head() {
        reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    reply.map(|body| WatchedBody::new(body, watched))
}

impl Late {
    /// Counts that a client at `peer` was late, and tells the log of it.
    pub fn told(self, peer: &str, meters: &Meters) {
        let reason = match self {
            Late::Head => "head",
            Late::Idle => "idle",
            Late::Reply => "reply",
        };
        meters.connections_cut.with_label_values(&[reason]).inc();
        if self == Late::Reply {
            tracing::info!(peer, "a client took its reply too slowly (--reply-timeout, --min-rate)");
        }
    }
}

impl Limits {
    /// As the settings have them.
    pub fn of(settings: &Settings) -> Self {
        let (head, idle, reply) = (settings.head_timeout, settings.idle_timeout, settings.reply_timeout);
        let body = settings.max_upload.max(settings.max_body.unwrap_or_default()).as_u64();
        Limits { head, idle, reply, rate: settings.min_rate.as_u64(), body }
    }

    /// The watch over a new connection.
    pub fn watched(&self) -> Arc<Watched> {
        Watched::new(self.reply, self.rate)
    }

    /// The time of a head, which is that of a handshake too.
    pub fn head(&self) -> Duration {
        self.head
    }

    /// How long to wait at most before looking again.
    pub fn shortest(&self) -> Duration {
        self.head.min(self.idle).min(self.reply)
    }

    /// After how long to look again whether the client takes too long.
    ///
    /// # Errors
    /// What it takes too long for.
    pub fn left(&self, watched: &Watched) -> Result<Duration, Late> {
        let (phase, lasts) = watched.now();
        let (left, late) = match (watched.patience_left(), phase) {
            (Some(left), _) => (Some(left), Late::Reply),
            (None, Phase::Idle) => (self.idle.checked_sub(lasts), Late::Idle),
            (None, Phase::Head) => (self.head.checked_sub(lasts), Late::Head),
            (None, Phase::Answering | Phase::Sending | Phase::Lingering) => return Ok(self.shortest()),
        };
        match left {
            // What begins meanwhile has its own time, which may be shorter.
            Some(left) if !left.is_zero() => Ok(left.min(self.shortest())),
            _ => Err(late),
        }
    }
}
