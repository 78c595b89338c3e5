//! Long replies of text packed (compressed) with gzip by tower-http's layer, which short ones do not pass.
//!
//! A reply of one chunk is packed whole at once, so that no packer (hundreds of kilobytes) waits for a client. A longer one the
//! layer packs on the thread that asks it for more, as the client takes what is packed: its packer is charged with it. It is
//! handed to the layer in chunks, and while one of them is packed another thread takes over the tasks of this one. No thread
//! waits for a client.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::Response;
use futures_util::{FutureExt, stream};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Collected};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::memory::Refused;

/// Replies from this size on are packed: smaller ones fit into a few packets as they are.
const WORTH_IT: u64 = 8 << 10;
/// Bytes that are packed at once, in about 0.3 ms.
const CHUNK: usize = 64 << 10;
/// What a packer takes that waits for its client.
const PACKER: u64 = 384 << 10;

/// The reply, packed if it is a long text and the client `takes_gzip`. It is charged by `charged`, which is told what it takes
/// beside its body.
///
/// # Errors
/// The memory for the reply is not to be had.
pub fn packed(
    takes_gzip: bool,
    reply: Response,
    charged: impl FnOnce(Response, u64) -> Result<Response, Refused>,
) -> Result<Response, Refused> {
    let size = reply.body().size_hint();
    if size.upper().is_some_and(|size| size < WORTH_IT) || !is_text(reply.headers()) {
        return charged(reply, 0);
    }
    match size.upper() {
        _ if !takes_gzip => Ok(by_layer(false, charged(reply, 0)?)),
        Some(size) if size <= CHUNK as u64 => charged(by_layer(true, reply).map(at_once), 0),
        _ => {
            let reply = charged(reply, PACKER)?.map(|body| Body::new(Chunks::of(body)));
            Ok(by_layer(true, reply).map(|body| Body::new(Apart(body))))
        }
    }
}

/// The body as it is once it is packed, which one that is there already is now.
fn at_once(body: Body) -> Body {
    let bytes = |packed: Result<Collected<Bytes>, axum::Error>| packed.map(Collected::to_bytes);
    let mut whole = Box::pin(body.collect());
    match whole.as_mut().now_or_never() {
        Some(Ok(packed)) => packed.to_bytes().into(),
        Some(Err(error)) => Body::from_stream(stream::iter([Err::<Bytes, _>(error)])),
        None => Body::from_stream(stream::once(whole.map(bytes))),
    }
}

/// Numbers as octets hardly shrink, and events are to arrive one by one.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("");
    let text = kind.starts_with("text/") && kind != "text/event-stream";
    text || kind.ends_with("json") || kind.ends_with("yaml")
}

/// The reply as tower-http's layer gives it, which is told nothing but whether to pack: by the client's own words it could make
/// a packer that nobody is charged for.
fn by_layer(packs: bool, reply: Response) -> Response {
    let mut request = Request::default();
    if packs {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let mut reply = Some(reply);
    let made = service_fn(move |_: Request| {
        let reply = reply.take().expect("it is called once");
        std::future::ready(Ok::<_, Infallible>(reply))
    });
    // The quickest level: it takes a fifth of the time of the usual one and leaves numbers little longer.
    let always = |_: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| true;
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(always);
    let Ok(reply) = layer.layer(made).oneshot(request).now_or_never().expect("the reply is there already");
    reply.map(Body::new)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(length: usize) -> Response {
        let mut reply = Response::new(Body::from("0123456789abcdef".repeat(length / 16)));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply
    }

    /// The length of a reply once it is packed, if that is known, and what it takes beside its body.
    fn taken(length: usize) -> (Option<u64>, u64) {
        taken_by(true, length)
    }

    fn taken_by(takes_gzip: bool, length: usize) -> (Option<u64>, u64) {
        let mut beside = 0;
        let charged = |reply, more| {
            beside = more;
            Ok(reply)
        };
        let packed = packed(takes_gzip, reply(length), charged).expect("nobody counts");
        (packed.body().size_hint().exact(), beside)
    }

    #[tokio::test]
    async fn no_packer_waits_for_a_client_that_is_not_charged() {
        let (whole, beside) = taken(WORTH_IT as usize);
        assert!(whole < Some(1 << 10) && beside == 0, "a short reply is packed at once: {whole:?}");
        let (whole, beside) = taken(CHUNK);
        assert!(whole < Some(1 << 10) && beside == 0, "{whole:?}");
        assert_eq!(taken(CHUNK + 16), (None, PACKER));
        assert_eq!(taken(WORTH_IT as usize - 16), (Some(WORTH_IT - 16), 0));
        let length = CHUNK + 16;
        assert_eq!(taken_by(false, length), (Some(length as u64), 0), "there is no packer");
    }

    #[tokio::test]
    async fn what_is_packed_at_once_is_refused_as_it_is() {
        let refused = |_, _| Err(Refused::Now);
        assert!(packed(true, reply(CHUNK), refused).is_err());
    }
}
