//! Where connections come in: taken until the service stops, each served by a task of its own.
//!
//! axum's own `serve` has no timeout on request heads, no bound on connections, and no way to answer what hyper refuses, so
//! the loop is ours. What it serves is the [`Router`] as any `tower::Service`.

mod accept;
mod bodies;
mod connection;
mod places;
mod refusal;
mod watched;
mod wire;

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use accept::{Accepted, Acceptor, most_connections};
use connection::{Connection, Limits};
use places::Places;
use refusal::{Closed, Doorman};

/// Of the time of `--shutdown-timeout`, the part that is kept for open requests while the jobs stop, and most of it.
const FOR_REQUESTS: (u32, Duration) = (4, Duration::from_secs(5));

/// Serves `app` on `listener` until `shutdown` resolves; then closes the app, and gives open requests what is left of the
/// time of `--shutdown-timeout` to finish. It returns when that is over, whatever is left. `router` makes the routes of an
/// app.
///
/// # Errors
/// What the listener ends with.
pub async fn serve(
    app: App,
    listener: TcpListener,
    router: fn(App) -> Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let limits = Limits::of(&app.settings);
    // A reply counts the handles that it passes through. Cores that count at one place wait for each other, so
    // connections take turns at as many routers as there are threads that answer.
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let routers: Vec<Router> = (0..threads).map(|_| router(app.counted_apart())).collect();
    let mut turns = routers.iter().cycle();
    let (meters, doorman) = (app.meters.clone(), Doorman::new(app.meters.clone()));
    let most = most_connections(app.settings.max_connections);
    let places = Places::new(most, app.settings.connections_per_address, meters.clone());
    let (close, mut closed) = watch::channel(());
    let closing = tokio::spawn(close_app(app, shutdown, close));
    let (open, mut all_ended) = mpsc::channel::<Infallible>(1);
    let mut acceptor = Acceptor::new(listener);
    loop {
        let Accepted { stream, peer, on_spare } = tokio::select! {
            accepted = acceptor.accept() => accepted,
            _ = closed.changed() => break,
        };
        let (address, peer) = (peer.ip(), peer.to_string());
        let place = match places.take(address) {
            Ok(place) if !on_spare => place,
            Ok(_) => {
                places.make_room();
                doorman.turn_away(stream, &peer, Closed::Descriptors);
                continue;
            }
            Err(none) => {
                doorman.turn_away(stream, &peer, Closed::NoPlace(none));
                continue;
            }
        };
        let (number, watched) = (place.number(), limits.watched());
        let connection = Connection {
            router: turns.next().expect("there is at least one thread").clone(),
            meters: meters.clone(),
            peer: peer.into(),
            limits,
            watched: watched.clone(),
            closed: closed.clone(),
            place,
        };
        let open = open.clone();
        let task = tokio::spawn(async move {
            connection.serve(stream).await;
            drop(open);
        });
        places.note(number, watched, task.abort_handle());
    }
    drop((acceptor, open));
    let end = closing.await.unwrap_or_else(|_| Instant::now());
    if timeout_at(end, all_ended.recv()).await.is_err() {
        let connections = places.taken();
        tracing::warn!(connections, "some requests did not finish in the time of --shutdown-timeout");
    }
    Ok(())
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
