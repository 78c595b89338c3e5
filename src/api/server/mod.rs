//! Where connections come in: taken until the service stops, each served by a task of its own.
//!
//! axum's own `serve` has no timeout on request heads, no bound on connections, and no way to answer what hyper refuses, so
//! the loop is ours. What it serves is the [`Router`] as any `tower::Service`.

mod accept;
mod bodies;
mod connection;
mod handshake;
mod open_streams;
mod pace;
mod places;
mod protocol;
mod refusal;
mod streams;
mod unread;
mod watched;
mod wire;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use crate::api::layers::peer::{Caller, Peer};
use crate::api::tls::Tls;
use crate::app::App;
use crate::telemetry::Meters;
use accept::{Accepted, Acceptor, most_connections};
use connection::{Connection, Limits};
use pace::Pace;
use places::{Ends, Places, Seen};
use protocol::serve_any;
use refusal::{Closed, Doorman};

/// Of the time of `--shutdown-timeout`, the part that is kept for open requests while the jobs stop, and most of it.
const FOR_REQUESTS: (u32, Duration) = (4, Duration::from_secs(5));

/// Serves `app` on `listener` until `shutdown` resolves; then closes the app, and gives open requests what is left of the
/// time of `--shutdown-timeout` to finish. It returns when that is over, whatever is left. `router` makes the routes of an
/// app. With `tls`, HTTPS is spoken.
///
/// # Errors
/// What the listener ends with.
pub async fn serve(
    app: App,
    listener: TcpListener,
    tls: Option<Tls>,
    router: fn(App) -> Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (server, mut all_ended) = Server::new(&app, tls, router);
    let places = server.places.clone();
    let (close, closed) = watch::channel(());
    let closing = tokio::spawn(close_app(app, shutdown, close));
    server.take_connections(Acceptor::new(listener), closed).await;
    let end = closing.await.unwrap_or_else(|_| Instant::now());
    if timeout_at(end, all_ended.recv()).await.is_err() {
        let connections = places.taken();
        tracing::warn!(connections, "some requests did not finish in the time of --shutdown-timeout");
    }
    Ok(())
}

/// What connections are served with.
struct Server {
    routers: Vec<Router>,
    meters: Arc<Meters>,
    limits: Limits,
    places: Places,
    doorman: Doorman,
    tls: Option<Tls>,
    /// A clone is held by each connection: when all are dropped, all have ended.
    open: mpsc::Sender<Infallible>,
}

impl Server {
    /// The server, and what tells the end of its last connection.
    fn new(app: &App, tls: Option<Tls>, router: fn(App) -> Router) -> (Self, mpsc::Receiver<Infallible>) {
        // A reply counts the handles that it passes through. Cores that count at one place wait for each other, so
        // connections take turns at as many routers as there are threads that answer.
        let threads = tokio::runtime::Handle::current().metrics().num_workers();
        let routers = (0..threads).map(|_| router(app.counted_apart())).collect();
        let (settings, meters) = (&app.settings, app.meters.clone());
        let most = most_connections(settings.max_connections);
        meters.connections_limit.set(i64::try_from(most).unwrap_or(i64::MAX));
        let places = Places::new(most, settings.connections_per_address, meters.clone());
        let (open, all_ended) = mpsc::channel(1);
        let (limits, doorman) = (Limits::of(settings), Doorman::new(tls.clone(), meters.clone()));
        tls.as_ref().inspect(|tls| tls.watch(meters.clone()));
        (Server { routers, meters, limits, places, doorman, tls, open }, all_ended)
    }

    /// Serves what comes until `closed` changes.
    async fn take_connections(self, mut acceptor: Acceptor, mut closed: watch::Receiver<()>) {
        let mut turns = self.routers.iter().cycle();
        loop {
            let accepted = tokio::select! {
                accepted = acceptor.accept() => accepted,
                _ = closed.changed() => return,
            };
            let router = turns.next().expect("there is at least one thread");
            self.serve(accepted, router, closed.clone());
        }
    }

    /// Serves a connection if there is a place for it.
    fn serve(&self, accepted: Accepted, router: &Router, closed: watch::Receiver<()>) {
        let Accepted { stream, peer, on_spare } = accepted;
        let (place, ip, peer) = (self.places.take(peer.ip()), peer.ip(), peer.to_string());
        let place = match place {
            Ok(place) if !on_spare => place,
            Ok(_) => {
                self.places.make_room();
                return self.doorman.turn_away(stream, &peer, Closed::Descriptors);
            }
            Err(none) => return self.doorman.turn_away(stream, &peer, Closed::NoPlace(none)),
        };
        let (number, watched) = (place.number(), self.limits.watched());
        let peer: Peer = Arc::new(Caller::new(peer.into()));
        let connection = Connection {
            router: router.clone(),
            meters: self.meters.clone(),
            peer: peer.clone(),
            ip,
            limits: self.limits,
            watched: watched.clone(),
            closed,
            _place: place,
            places: self.places.clone(),
        };
        let (open, tls, of_stream) = (self.open.clone(), self.tls.clone(), watched.clone());
        let task = tokio::spawn(async move {
            match tls {
                None => serve_any(connection, Pace::new(stream, of_stream)).await,
                Some(tls) => handshake::serve(connection, tls, stream).await,
            }
            drop(open);
        });
        self.places.note(number, Seen { watched, peer, ends: Ends::Connection(task.abort_handle()) });
    }
}

/// Closes `app` when `shutdown` resolves, and drops `close` when it is closed, or there is no time to wait any longer;
/// returns when the time of `--shutdown-timeout` is over.
async fn close_app(app: App, shutdown: impl Future<Output = ()>, close: watch::Sender<()>) -> Instant {
    shutdown.await;
    let timeout = app.settings.shutdown_timeout;
    let end = Instant::now() + timeout;
    let for_requests = (timeout / FOR_REQUESTS.0).min(FOR_REQUESTS.1);
    // A task of its own: it goes on beyond its time, as long as the process does.
    let closing = tokio::spawn(async move { app.close().await });
    if timeout_at(end - for_requests, closing).await.is_err() {
        tracing::warn!(
            "some jobs did not stop in the time of --shutdown-timeout: they go on from their last checkpoint"
        );
    }
    drop(close);
    end
}
