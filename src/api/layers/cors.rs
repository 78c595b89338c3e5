//! Replies to pages of the origins that `--cors-origins` lists (CORS), by tower-http's layer. Where none is listed, no request
//! passes it.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_DISPOSITION, LOCATION, ORIGIN, RETRY_AFTER,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::Response;
use futures_util::FutureExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// For how long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(600);
/// What a browser asks first about a service in a network that is nearer than the page's.
const PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");

/// The layer, for the listed origins.
pub struct Cors(CorsLayer);

/// What the layer looks at of a request.
pub struct Asked(Box<Request>);

impl Cors {
    /// For pages of these origins; nothing where there are none.
    pub fn of(origins: &[String]) -> Option<Self> {
        let origins: Vec<HeaderValue> =
            origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
        let names = ["x-request-id", "x-model-id", "x-model-version", "x-shape", "x-rows-failed"];
        let shown = names.map(HeaderName::from_static).into_iter().chain([LOCATION, RETRY_AFTER, CONTENT_DISPOSITION]);
        let layer = CorsLayer::new()
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .allow_private_network(true)
            .expose_headers(shown.collect::<Vec<_>>())
            .max_age(MAX_AGE);
        (!origins.is_empty()).then(|| Cors(layer.allow_origin(AllowOrigin::list(origins))))
    }

    /// The reply with what tells a browser that the page may read it, or, to a question before a request, the answer.
    pub fn told(&self, asked: Asked, reply: Response) -> Response {
        let mut reply = Some(reply);
        let made = service_fn(move |_: Request| {
            let reply = reply.take().expect("it is called once");
            std::future::ready(Ok::<_, Infallible>(reply))
        });
        let Ok(reply) = self.0.layer(made).oneshot(*asked.0).now_or_never().expect("the reply is there already");
        reply
    }
}

impl Asked {
    /// Of a request; nothing of an `OPTIONS` that is no question of a browser, which the layer would take for one.
    pub fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let asks = headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) && headers.contains_key(ORIGIN);
        if request.method() == Method::OPTIONS && !asks {
            return None;
        }
        let mut asked = Request::new(Body::empty());
        *asked.method_mut() = request.method().clone();
        for name in [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS, PRIVATE_NETWORK] {
            headers.get(&name).map(|value| asked.headers_mut().insert(name, value.clone()));
        }
        Some(Asked(Box::new(asked)))
    }

    /// Whether a browser asks before it sends a request.
    pub fn is_question(&self) -> bool {
        self.0.method() == Method::OPTIONS
    }
}
