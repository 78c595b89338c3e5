//! Replies that hold their share of the memory for requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::serving::memory::RequestMemory;

/// The reply, which holds a share of the memory for requests until it is sent or given up: a client that does not read it
/// keeps no more than that.
pub fn holding(memory: RequestMemory, response: Response) -> Response {
    if memory.is_none() { response } else { response.map(|body| Body::new(Holding { body, memory: Arc::new(memory) })) }
}

struct Holding {
    body: Body,
    memory: Arc<RequestMemory>,
}

/// Bytes of a reply on their way to the socket: a body that is one piece is gone long before them.
struct Held {
    bytes: Bytes,
    _memory: Arc<RequestMemory>,
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
        let held = |bytes| Bytes::from_owner(Held { bytes, _memory: self.memory.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
