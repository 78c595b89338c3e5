//! The one layer of our own: it notes what is needed of a request, and packs, words and tells of its reply. Three layers
//! would move request and reply three times.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::admission::Refusal;
use super::compression::packed;
use super::cors::{Asked, Cors};
use super::deadline::Deadline;
use super::door::Door;
use super::gate::Gate;
use super::observe::{Observe, Seen, UNMATCHED, is_probe};
use super::request_id::REQUEST_ID;
use super::safety::secure;
use crate::api::body::media::takes_gzip;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::reply::held::charged;
use crate::app::{App, Pressure};
use crate::telemetry::{RouteMeters, Traces};

/// Puts an [`Exchange`] of its own around each route.
#[derive(Clone)]
pub struct ExchangeLayer {
    template: &'static str,
    gate: Arc<Gate>,
    cors: Option<Arc<Cors>>,
    door: Door,
    app: App,
    timeout: Duration,
    /// None for probes, which are always answered.
    pressure: Option<Pressure>,
    traces: Traces,
}

impl ExchangeLayer {
    /// Of the path `template` behind `door`; counts in the meters of `app`, and charges replies to its memory.
    pub fn new(template: &'static str, door: Door, app: &App) -> Self {
        let pressure = (!is_probe(template)).then(|| app.pressure.clone());
        let gate = Arc::new(Gate::new(template, app));
        let cors = Cors::of(&app.settings.browsers.cors_origins).map(Arc::new);
        let (timeout, traces) = (app.settings.request_timeout, app.traces.clone());
        ExchangeLayer { template, gate, cors, door, app: app.clone(), timeout, pressure, traces }
    }
}

impl<S> Layer<S> for ExchangeLayer {
    type Service = Exchange<S>;

    fn layer(&self, inner: S) -> Exchange<S> {
        let of_route = match self.template {
            UNMATCHED => RouteMeters::of_no_route(),
            _ => RouteMeters::of(self.door.methods()),
        };
        let observe = Observe::new(self.template, of_route, &self.app);
        let (gate, cors, pressure) = (self.gate.clone(), self.cors.clone(), self.pressure.clone());
        let (door, timeout, traces, template) = (self.door.clone(), self.timeout, self.traces.clone(), self.template);
        Exchange { inner, gate, cors, observe, door, timeout, pressure, traces, template }
    }
}

/// A route with what goes around it.
#[derive(Clone)]
pub struct Exchange<S> {
    inner: S,
    gate: Arc<Gate>,
    cors: Option<Arc<Cors>>,
    observe: Observe,
    door: Door,
    timeout: Duration,
    pressure: Option<Pressure>,
    traces: Traces,
    template: &'static str,
}

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for Exchange<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let (mut seen, takes_gzip) = (Seen::of(&request), takes_gzip(request.headers()));
        seen.trace(&self.traces, self.template, request.headers());
        let foreign = self.gate.refusal(&request);
        // A page that is not listed is told nothing: the layer would answer its question with 200.
        let cors = self.cors.as_ref().filter(|_| foreign.is_none());
        let asked = cors.and_then(|cors| Some(Page(cors.clone(), Asked::of(&request)?)));
        let is_question = asked.as_ref().is_some_and(|Page(_, asked)| asked.is_question());
        let known = |reply: Response| Outcome::Known { reply: Some(Box::new(reply)) };
        let reply = match foreign {
            Some(error) => known(error.into_response()),
            None if is_question => known(Response::default()),
            // Who may not come in takes no place from those who may.
            None => {
                let admitted = self.door.admit(&mut request);
                seen.comes_with_key(request.extensions());
                let admission = || self.pressure.as_ref().and_then(|pressure| Refusal::of(pressure, seen.caller()));
                match admitted.map(|()| admission()) {
                    Ok(None) => Outcome::Answer { reply: self.inner.call(request) },
                    Ok(Some(refusal)) => Outcome::Refusal { refusal },
                    Err(error) => known(error.into_response()),
                }
            }
        };
        let (observe, deadline) = (self.observe.clone(), Deadline::new(self.timeout));
        Answering { reply, observe, seen: Some((seen, takes_gzip, asked)), deadline }
    }
}

/// What a browser is told of a reply beside it.
struct Page(Arc<Cors>, Asked);

pin_project! {
    /// A reply under way.
    pub struct Answering<F> {
        #[pin]
        reply: Outcome<F>,
        observe: Observe,
        seen: Option<(Seen, bool, Option<Page>)>,
        deadline: Deadline,
    }

    impl<F> PinnedDrop for Answering<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some((seen, ..)) = this.seen.take() {
                this.observe.abandon(seen);
            }
        }
    }
}

pin_project! {
    /// What comes of a request.
    #[project = OutcomeProjection]
    enum Outcome<F> {
        Answer {
            #[pin]
            reply: F,
        },
        Refusal {
            refusal: Refusal,
        },
        Known {
            reply: Option<Box<Response>>,
        },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Outcome<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            OutcomeProjection::Answer { reply } => reply.poll(context),
            OutcomeProjection::Refusal { refusal } => refusal.poll(context).map(|error| Ok(error.into_response())),
            OutcomeProjection::Known { reply } => Poll::Ready(Ok(*reply.take().expect("it is polled once"))),
        }
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Answering<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = this.seen.as_ref().map(|(seen, ..)| (seen.enter(), seen.works_for()));
        let polled = this.reply.poll(context)?;
        drop(entered);
        let mut reply = match polled {
            Poll::Ready(reply) => reply,
            // The work is dropped with this future.
            Poll::Pending => {
                let peer = this.seen.as_ref().and_then(|(seen, ..)| seen.caller());
                ready!(this.deadline.poll_late(peer, context));
                late().into_response()
            }
        };
        let (seen, takes_gzip, asked) = this.seen.take().expect("a future is not polled after it ended");
        // Handlers leave an error in their reply: only here is it known which request it is of.
        if let Some(error) = reply.extensions_mut().remove::<ApiError>() {
            this.observe.refuse(&error, &seen);
            reply = error.reply(seen.id());
        }
        let client = || seen.caller()?.client;
        let charge = |reply, more| charged(this.observe.memory(), client, reply, more);
        let mut reply = match packed(takes_gzip, reply, charge) {
            Ok(reply) => reply,
            Err(refused) => {
                let error = ApiError::from(refused);
                this.observe.refuse(&error, &seen);
                error.reply(seen.id())
            }
        };
        if let Some(Page(cors, asked)) = asked {
            reply = cors.told(asked, reply);
        }
        secure(reply.headers_mut());
        // tower-http's layer would copy it from the request, beside an extension that nobody reads.
        reply.headers_mut().insert(REQUEST_ID, seen.request_id().value());
        Poll::Ready(Ok(this.observe.tell(seen, reply)))
    }
}

/// The error of a request that was not answered in time.
fn late() -> ApiError {
    ApiError::new(
        ErrorCode::RequestTimeout,
        "the reply was not there in time (--request-timeout): ask for less at once",
    )
}
