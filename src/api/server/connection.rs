//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;
use tower::Service;

use super::refusal::refuse;
use super::wire::{Phase, Watched, WatchedBody, Wire};
use crate::api::layers::observe::Peer;
use crate::telemetry::Meters;

/// How long a client may take where it could hold a connection for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte of a head to its end.
    pub head: Duration,
    /// From a reply to the next request.
    pub idle: Duration,
}

/// What a connection is served with.
pub struct Connection {
    /// The routes.
    pub router: Router,
    /// Where refusals are counted.
    pub meters: Arc<Meters>,
    /// The client's address.
    pub peer: SocketAddr,
    /// How long the client may take.
    pub limits: Limits,
    /// Changes when the service stops.
    pub closed: watch::Receiver<()>,
}

impl Connection {
    /// Answers the requests that come on `stream`, the last one that it is in when the service stops.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Connection { router, meters, peer, limits, mut closed } = self;
        let watched = Watched::new();
        let requests = watched.clone();
        let told: Peer = peer.to_string().into();
        let peer = told.clone();
        let answer = service_fn(move |mut request: hyper::Request<Incoming>| {
            requests.answering();
            request.extensions_mut().insert(ConnectInfo(told.clone()));
            let (reply, watched) = (router.clone().call(request.map(Body::new)), requests.clone());
            async move { reply.await.map(|reply| reply.map(|body| WatchedBody::new(body, watched))) }
        });
        let wire = TokioIo::new(Wire::new(stream, watched.clone()));
        let mut connection = http1::Builder::new().serve_connection(wire, answer);
        let mut closing = false;
        let mut deadline = std::pin::pin!(tokio::time::sleep(limits.head.min(limits.idle)));
        let late = loop {
            tokio::select! {
                biased;
                // What a connection breaks off with concerns its client alone.
                _ = &mut connection => break None,
                _ = closed.changed(), if !closing => {
                    closing = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = &mut deadline => match limits.left(&watched) {
                    Ok(left) => deadline.as_mut().reset(Instant::now() + left),
                    Err(phase) => break Some(phase),
                }
            }
        };
        let (stream, refused) = connection.into_parts().io.into_inner().into_parts();
        let late = (late == Some(Phase::Head)).then_some(StatusCode::REQUEST_TIMEOUT);
        if let Some(status) = refused.or(late) {
            refuse(stream, status, &peer, &meters).await;
        }
    }
}

impl Limits {
    /// After how long to look again whether the client takes too long.
    ///
    /// # Errors
    /// The phase in which it does.
    fn left(&self, watched: &Watched) -> Result<Duration, Phase> {
        let (phase, lasts) = watched.now();
        let limit = match phase {
            Phase::Idle => self.idle,
            Phase::Head => self.head,
            Phase::Answering | Phase::Sending => return Ok(self.head.min(self.idle)),
        };
        match limit.checked_sub(lasts) {
            // A head that begins meanwhile has its own, shorter time.
            Some(left) if !left.is_zero() => Ok(left.min(self.head)),
            _ => Err(phase),
        }
    }
}
