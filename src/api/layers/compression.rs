//! Long replies of text packed (compressed) with gzip by tower-http's layer, which short ones do not pass.
//!
//! The layer packs on the thread that asks it for more, as the client takes what is packed. A reply is therefore handed to it
//! in chunks, and while one of them is packed another thread takes over the tasks of this one. No thread waits for a client.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::Response;
use futures_util::FutureExt;
use http_body::{Frame, SizeHint};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// Replies from this size on are packed: smaller ones fit into a few packets as they are.
const WORTH_IT: u64 = 8 << 10;
/// Bytes that are packed at once, in about 0.3 ms.
const CHUNK: usize = 64 << 10;

/// The reply, packed if it is a long text and the client takes it so, as its `Accept-Encoding` says.
pub fn packed(accepted: Option<HeaderValue>, reply: Response) -> Response {
    let short = reply.body().size_hint().upper().is_some_and(|size| size < WORTH_IT);
    if short || !is_text(reply.headers()) { reply } else { by_layer(accepted, reply) }
}

/// Numbers as octets hardly shrink, and events are to arrive one by one.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("");
    let text = kind.starts_with("text/") && kind != "text/event-stream";
    text || kind.ends_with("json") || kind.ends_with("yaml")
}

/// The reply as tower-http's layer gives it.
fn by_layer(accepted: Option<HeaderValue>, reply: Response) -> Response {
    let mut request = Request::default();
    accepted.clone().map(|accepted| request.headers_mut().insert(ACCEPT_ENCODING, accepted));
    let names_gzip = accepted.as_ref().is_some_and(|names| names.to_str().is_ok_and(|names| names.contains("gzip")));
    let mut reply = Some(if names_gzip { reply.map(|body| Body::new(Chunks::of(body))) } else { reply });
    let made = service_fn(move |_: Request| {
        let reply = reply.take().expect("it is called once");
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    // The quickest level: it takes a fifth of the time of the usual one and leaves numbers little longer.
    let always = |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| true;
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(always);
    let Ok(reply) = layer.layer(made).oneshot(request).now_or_never().expect("the reply is there already");
    reply.map(|body| if names_gzip { Body::new(Apart(Body::new(body))) } else { Body::new(body) })
}

/// A body whose frames take their time to make: the tasks of the thread go on elsewhere meanwhile.
struct Apart(Body);

impl HttpBody for Apart {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut next = || Pin::new(&mut self.0).poll_frame(context);
        match Handle::current().runtime_flavor() {
            // There is no other thread.
            RuntimeFlavor::CurrentThread => next(),
            _ => block_in_place(next),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// A body in chunks of at most 64 KiB, after each of which its task lets others go first.
struct Chunks {
    body: Body,
    /// What is left of the frame that came last.
    rest: Bytes,
    /// Whether others had their turn since the last chunk.
    yielded: bool,
}

impl Chunks {
    fn of(body: Body) -> Self {
        Chunks { body, rest: Bytes::new(), yielded: true }
    }
}

impl HttpBody for Chunks {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !std::mem::replace(&mut self.yielded, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        self.yielded = false;
        let length = self.rest.len().min(CHUNK);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
