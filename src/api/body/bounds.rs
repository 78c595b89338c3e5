//! What a body may take: time between two pieces of it, time as a whole, and bytes.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use futures_util::FutureExt;
use http_body_util::BodyExt;

use bytesize::ByteSize;

use crate::api::error::{ApiError, ErrorCode};
use crate::app::App;
use crate::config::Settings;
use crate::keys::Sight;
use crate::serving::sight::Named;

/// How much longer a client may be waited for. Waiting uses the time up, and what comes earns it back at the rate of
/// `--min-rate`, up to the longest pause: so a body that drips ends as surely as one that stops.
pub struct Pace {
    left: Duration,
    /// Bytes that came and are not counted in `left` yet.
    came: usize,
    pause: Duration,
    /// Bytes a second.
    rate: f64,
    /// Who sends it: what a key has begun ends with the key.
    who: Sight,
    /// What it is for, where not all is seen.
    named: Option<(Named, App)>,
}

impl Pace {
    /// Of the body of `request`, which begins.
    pub fn of(request: &Request, app: &App) -> Self {
        let Settings { body_timeout: pause, min_rate, .. } = app.settings;
        let extensions = request.extensions();
        let who = extensions.get::<Sight>().cloned().unwrap_or_default();
        let named = extensions.get::<Named>().map(|named| (named.clone(), app.clone()));
        Pace { left: pause, came: 0, pause, rate: min_rate.as_u64() as f64, who, named }
    }

    /// Waits for something from the client, but not for ever.
    ///
    /// # Errors
    /// `request_timeout`; `key_invalid`: its key is over meanwhile; that what it is for is not seen any more.
    pub async fn wait<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, ApiError> {
        let earned = Duration::try_from_secs_f64(std::mem::take(&mut self.came) as f64 / self.rate);
        self.left = self.left.saturating_add(earned.unwrap_or(self.pause)).min(self.pause);
        let since = Instant::now();
        let came = tokio::time::timeout(self.left, wait).await.map_err(|_| self.late())?;
        self.left = self.left.saturating_sub(since.elapsed());
        self.check_key()?;
        if let Some((named, app)) = &self.named {
            named.check(app, &self.who).await?;
        }
        Ok(came)
    }

    /// So many bytes came.
    pub fn earn(&mut self, bytes: usize) {
        self.came = self.came.saturating_add(bytes);
    }

    /// The next piece of a body if it is there already.
    ///
    /// # Errors
    /// `malformed_request`: the body breaks off; `key_invalid`.
    pub fn piece_at_hand(&mut self, body: &mut Body) -> Option<Result<Option<Bytes>, ApiError>> {
        if let Err(error) = self.check_key() {
            return Some(Err(error));
        }
        loop {
            match body.frame().now_or_never()? {
                Some(Ok(frame)) => {
                    // What is no data is a trailer, which nobody asks for.
                    if let Ok(data) = frame.into_data() {
                        self.earn(data.len());
                        return Some(Ok(Some(data)));
                    }
                }
                Some(Err(error)) => return Some(Err(broken(&error))),
                None => return Some(Ok(None)),
            }
        }
    }

    /// The next piece of a body; nothing at its end.
    ///
    /// # Errors
    /// `request_timeout`, `key_invalid`; `malformed_request`: the body breaks off.
    pub async fn piece(&mut self, body: &mut Body) -> Result<Option<Bytes>, ApiError> {
        // What is there already needs no clock.
        while !body.is_end_stream() {
            if let Some(piece) = self.piece_at_hand(body) {
                return piece;
            }
            let Some(frame) = self.wait(body.frame()).await? else { break };
            if let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() {
                self.earn(data.len());
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    fn check_key(&self) -> Result<(), ApiError> {
        let over =
            || ApiError::new(ErrorCode::KeyInvalid, "the key has ended while the body came: nothing of it is kept");
        self.who.holds().then_some(()).ok_or_else(over)
    }

    fn late(&self) -> ApiError {
        let (pause, rate) = (self.pause.as_secs_f64(), self.rate);
        let detail =
            format!("the body came too slowly: it paused for {pause} s, or sent less than {rate} bytes a second");
        ApiError::new(ErrorCode::RequestTimeout, detail)
    }
}

fn broken(error: &axum::Error) -> ApiError {
    ApiError::new(ErrorCode::MalformedRequest, format!("the body broke off: {error}"))
}

/// How many bytes the body of a request has, where its head says so; else none.
pub fn announced(request: &Request) -> usize {
    usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX)
}

/// Whether a body may have so many bytes.
///
/// # Errors
/// `payload_too_large`.
pub fn check_size(bytes: u64, app: &App) -> Result<(), ApiError> {
    let most = ByteSize::b(app.max_body);
    let detail = || format!("the body is larger than {most} (--max-body)");
    if bytes <= most.as_u64() { Ok(()) } else { Err(ApiError::new(ErrorCode::PayloadTooLarge, detail())) }
}
