//! The door: who may call which route. What a route asks of a key stands in the list of routes (`api/mod.rs`) and is held here.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method};

use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::config::MetricsAuth;
use crate::keys::{Key, KeyRing, Role, Sight};

/// What a route asks for, once there are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: probes of health.
    Open,
    /// What `--metrics-auth` says.
    Metrics,
    /// A key of at least this role.
    Key(Role),
}

/// The door of a path. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Door(Arc<Doorway>);

struct Doorway {
    keys: KeyRing,
    metrics: MetricsAuth,
    routes: Vec<(Method, Access)>,
}

impl Door {
    /// Of a path with these methods.
    pub fn new(routes: Vec<(Method, Access)>, app: &App) -> Self {
        let (keys, metrics) = (app.keys.clone(), app.settings.metrics_auth);
        Door(Arc::new(Doorway { keys, metrics, routes }))
    }

    /// The methods that the path takes.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.0.routes.iter().map(|(method, _)| method.as_str())
    }

    /// Lets a request in, and notes on it who asks. What is no route is let through: that it is none is no secret.
    ///
    /// # Errors
    /// `key_required`, `key_invalid`, `key_forbids`, `rate_exceeded`.
    pub fn admit(&self, request: &mut Request) -> Result<(), ApiError> {
        let Doorway { keys, .. } = &*self.0;
        if !keys.is_closed() {
            return Ok(());
        }
        let Some(least) = self.0.least_role(request.method()) else { return Ok(()) };
        let unknown = || ApiError::new(ErrorCode::KeyInvalid, "no key has this secret, or it is over");
        let key = keys.find(bearer(request.headers())?).ok_or_else(unknown)?;
        request.extensions_mut().insert(Sight::of(key.clone()));
        judge(&key, least)
    }
}

impl Doorway {
    /// The least role that may call the method of the path; none where no key is asked for.
    fn least_role(&self, method: &Method) -> Option<Role> {
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        match self.routes.iter().find(|(method, _)| method == asked)?.1 {
            Access::Open => None,
            Access::Key(role) => Some(role),
            Access::Metrics => match self.metrics {
                MetricsAuth::None => None,
                MetricsAuth::Any => Some(Role::Predict),
                MetricsAuth::Admin => Some(Role::Admin),
            },
        }
    }
}

/// Whether the key may, now.
fn judge(key: &Key, least: Role) -> Result<(), ApiError> {
    key.is_used().map_err(|seconds| {
        let rate = key.requests_per_second.unwrap_or_default();
        let detail = format!("the key may ask {rate} times a second (requests_per_second): wait as Retry-After says");
        ApiError::new(ErrorCode::RateExceeded, detail).after(seconds)
    })?;
    if key.role < least {
        let detail = format!("the key's role is {}; this takes {}", key.role.word(), least.word());
        return Err(ApiError::new(ErrorCode::KeyForbids, detail));
    }
    Ok(())
}

/// The secret of `Authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&[u8], ApiError> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let required = || ApiError::new(ErrorCode::KeyRequired, "send Authorization: Bearer and a key");
    let (value, further) = (given.next().ok_or_else(required)?.as_bytes(), given.next());
    let (scheme, secret) = value.split_at_checked(7).ok_or_else(required)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") || further.is_some() {
        return Err(required());
    }
    Ok(secret.trim_ascii())
}
