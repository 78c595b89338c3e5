//! From a request's method and path to its handler.
//!
//! Handlers and extractors are axum's, the way to them is not: its router and middleware clone and box a service for each
//! layer of each request, which takes longer than a small prediction.

use axum::extract::Request;
use axum::handler::Handler;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use percent_encoding::percent_decode_str;

use super::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::telemetry::RouteMeters;

type Reply = BoxFuture<'static, Response>;

/// One route: a method, a path template, its handler.
pub struct Route {
    /// GET, POST, …
    pub method: Method,
    /// As in `openapi.yaml`: `/models/{model}`.
    pub path: &'static str,
    /// Its counters, once it is counted.
    pub meters: RouteMeters,
    handler: Box<dyn Fn(Request, App) -> Reply + Send + Sync>,
}

impl Route {
    /// As [`Route::new`], of GET.
    pub fn get<H: Handler<T, App, Future = Reply>, T: 'static>(path: &'static str, handler: H) -> Self {
        Route::new(Method::GET, path, handler)
    }

    /// As [`Route::new`], of POST.
    pub fn post<H: Handler<T, App, Future = Reply>, T: 'static>(path: &'static str, handler: H) -> Self {
        Route::new(Method::POST, path, handler)
    }

    /// Requests of `method` to `path` are answered by `handler`.
    pub fn new<H: Handler<T, App, Future = Reply>, T: 'static>(method: Method, path: &'static str, handler: H) -> Self {
        let handler = Box::new(move |request, app| handler.clone().call(request, app));
        Route { method, path, meters: RouteMeters::default(), handler }
    }
}

/// The values of the parameters of a request's path; `None` for one that is not percent-encoded UTF-8.
#[derive(Clone)]
pub struct PathParameters(Vec<(&'static str, Option<String>)>);

impl PathParameters {
    /// The value of the parameter `name`.
    ///
    /// # Panics
    /// If the route has none of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| *key == name);
        found.expect("the route has this parameter").1.as_deref()
    }
}

/// The routes of one path.
pub struct Resource {
    /// The names of the parameters, in their order.
    parameters: Vec<&'static str>,
    routes: Vec<Route>,
}

/// All routes.
pub struct Router(matchit::Router<Resource>);

impl Router {
    /// Of these routes.
    pub fn new(routes: Vec<Route>) -> Self {
        let mut resources: Vec<Resource> = Vec::new();
        for route in routes {
            match resources.iter_mut().find(|resource| resource.path() == route.path) {
                Some(resource) => resource.routes.push(route),
                None => resources.push(Resource { parameters: parameters(route.path), routes: vec![route] }),
            }
        }
        let mut router = matchit::Router::new();
        for resource in resources {
            router.insert(resource.path(), resource).expect("path templates are right and differ");
        }
        Router(router)
    }

    /// What is at the path of `request`, which gets the parameters of its path.
    pub fn find(&self, request: &mut Request) -> Found<'_> {
        let Ok(at) = self.0.at(request.uri().path()) else { return Found::Nothing };
        let (resource, values) = (at.value, at.params.iter().map(|(_, value)| value));
        let decoded = values.map(|value| percent_decode_str(value).decode_utf8().ok().map(Into::into));
        let parameters = PathParameters(resource.parameters.iter().copied().zip(decoded).collect());
        let wanted = request.method();
        let route = |method: &Method| resource.routes.iter().find(|route| route.method == *method);
        let found = route(wanted).or_else(|| if *wanted == Method::HEAD { route(&Method::GET) } else { None });
        let Some(route) = found else { return Found::OtherMethods(resource) };
        if !parameters.0.is_empty() {
            request.extensions_mut().insert(parameters);
        }
        Found::Route(route)
    }
}

/// What is at a path.
pub enum Found<'a> {
    /// A route for the method; also that of GET for HEAD, of whose reply hyper sends the head.
    Route(&'a Route),
    /// Routes for other methods.
    OtherMethods(&'a Resource),
    /// Nothing.
    Nothing,
}

impl Found<'_> {
    /// The path template.
    pub fn path(&self) -> Option<&'static str> {
        match self {
            Found::Route(route) => Some(route.path),
            Found::OtherMethods(resource) => Some(resource.path()),
            Found::Nothing => None,
        }
    }

    /// The reply to `request`.
    pub async fn answer(&self, request: Request, app: App) -> Response {
        match self {
            Found::Route(route) => (route.handler)(request, app).await,
            Found::OtherMethods(resource) => resource.refusal(),
            Found::Nothing => {
                ApiError::new(ErrorCode::RouteNotFound, "there is no such route: see /openapi.yaml").into_response()
            }
        }
    }
}

impl Resource {
    fn path(&self) -> &'static str {
        self.routes[0].path
    }

    /// The reply to a method that it has no route for.
    fn refusal(&self) -> Response {
        let detail = "the route does not take this method: see the Allow header";
        let mut response = ApiError::new(ErrorCode::MethodNotAllowed, detail).into_response();
        let methods = self
            .routes
            .iter()
            .map(|route| if route.method == Method::GET { "GET,HEAD" } else { route.method.as_str() });
        let allow = methods.collect::<Vec<_>>().join(",");
        response.headers_mut().insert(ALLOW, HeaderValue::from_str(&allow).expect("names of methods"));
        response
    }
}

fn parameters(path: &'static str) -> Vec<&'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}
