//! Replies that hold their part of the memory for requests until they are sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::memory::{Charge, Client, Refused, Share};
use crate::serving::memory::RequestMemory;

/// Replies from this size on are charged: shorter ones take hardly more than their connection.
const COUNTED: u64 = 16 << 10;
/// What a reply of unknown length takes: the piece that is sent and the next one.
const UNKNOWN: u64 = 512 << 10;

/// The reply with what is charged for its request, which [`charged`] brings down to what the reply takes.
pub fn holding(memory: RequestMemory, mut response: Response) -> Response {
    memory.into_charge().map(|charge| response.extensions_mut().insert(charge));
    response
}

/// The reply, which holds memory of `share` until it is sent or given up: a client that does not read it keeps no more than
/// that. It takes `beside` bytes beside its body. One that was made within the memory of its request takes that over.
///
/// # Errors
/// The memory for the reply is not to be had.
pub fn charged(
    share: &Share,
    client: impl FnOnce() -> Option<Client>,
    mut reply: Response,
    beside: u64,
) -> Result<Response, Refused> {
    let charge = reply.extensions_mut().remove::<Charge>();
    let of_body = match reply.body().size_hint().exact() {
        Some(bytes) => bytes,
        None if is_events(&reply) => 0,
        None => UNKNOWN,
    };
    let (head, body) = reply.into_parts();
    Ok(Response::from_parts(head, held(share, client, (body, charge), of_body + beside)?))
}

/// A body that holds so many bytes of `share` until it is sent or given up, with what was charged for it, if anything was.
///
/// # Errors
/// The memory for it is not to be had.
pub fn held(
    share: &Share,
    client: impl FnOnce() -> Option<Client>,
    (body, charge): (Body, Option<Charge>),
    bytes: u64,
) -> Result<Body, Refused> {
    let charge = match charge {
        Some(of_request) => {
            of_request.cover(bytes)?;
            of_request.hand_on(share)
        }
        None if bytes < COUNTED => return Ok(body),
        None => {
            let charge = share.charge(client());
            charge.cover(bytes)?;
            charge
        }
    };
    charge.settle(bytes);
    Ok(Body::new(Holding { body, charge }))
}

/// Whether it is a stream of events, each of which is charged by itself.
fn is_events(reply: &Response) -> bool {
    reply.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream")
}

struct Holding {
    body: Body,
    charge: Charge,
}

/// Bytes of a reply on their way to the socket: a body that is one piece is gone long before them.
struct Held {
    bytes: Bytes,
    _charge: Charge,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let held = |bytes| Bytes::from_owner(Held { bytes, _charge: self.charge.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
