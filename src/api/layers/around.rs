//! A layer that notes something of a request and finishes its reply with it, without a box of its own.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// What is done around a request.
pub trait Around: Clone {
    /// What is kept of the request until its reply is there.
    type Noted;

    /// Notes what is needed of a request.
    fn note(&self, request: &Request) -> Self::Noted;

    /// Finishes the reply to it.
    fn finish(&self, noted: Self::Noted, reply: Response) -> Response;
}

/// Puts an [`Around`] of its own around each route.
#[derive(Clone)]
pub struct AroundLayer<F>(F);

impl<F> AroundLayer<F> {
    /// `make` makes what goes around one route.
    pub fn new(make: F) -> Self {
        AroundLayer(make)
    }
}

impl<S, A, F: Fn() -> A> Layer<S> for AroundLayer<F> {
    type Service = Wrapped<S, A>;

    fn layer(&self, inner: S) -> Wrapped<S, A> {
        Wrapped { inner, around: (self.0)() }
    }
}

/// A service with something around it.
#[derive(Clone)]
pub struct Wrapped<S, A> {
    inner: S,
    around: A,
}

impl<S, A> Service<Request> for Wrapped<S, A>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    A: Around,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Finishing<S::Future, A>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let noted = Some(self.around.note(&request));
        Finishing { reply: self.inner.call(request), around: self.around.clone(), noted }
    }
}

pin_project! {
    /// A reply under way.
    pub struct Finishing<F, A: Around> {
        #[pin]
        reply: F,
        around: A,
        noted: Option<A::Noted>,
    }
}

impl<F, A> Future for Finishing<F, A>
where
    F: Future<Output = Result<Response, Infallible>>,
    A: Around,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let reply = ready!(this.reply.poll(context))?;
        let noted = this.noted.take().expect("a future is not polled after it ended");
        Poll::Ready(Ok(this.around.finish(noted, reply)))
    }
}
