//! Data files as bodies: of any size, and read while they arrive.

use axum::extract::{FromRequest, Request};
use futures_util::future::BoxFuture;

use super::bounds::{Pace, announced};
use super::form::{self, FormFile, Options};
use super::formats::{declared_by, no_format};
use super::media::{is_packed, media_type};
use super::sink::{Sink, may_come, send_body};
use crate::api::error::{ApiError, ErrorCode};
use crate::api::idempotency::{Idempotency, Repeatable};
use crate::api::layers::deadline::untimed;
use crate::api::layers::observe::peer;
use crate::app::App;
use crate::data::ingest::Declared;
use crate::datasets::{Arrival, Arriving, Asked, DatasetError, NewDataset};
use crate::keys::Sight;
use crate::memory::{Charge, FOR_ANY, behalf};
use crate::serving::memory::client_at;
use crate::serving::threads::long_work_may_begin;

/// A data file that has arrived whole.
pub struct Upload {
    /// Unpacked.
    pub file: Arriving,
}

impl Upload {
    /// Waits for the body of a request, which long work follows; `arrival` is told how much is there.
    ///
    /// # Errors
    /// Too much long work waits; the body is none of a data file, breaks off or is too large; storage does not take it.
    pub async fn receive(request: Request, app: &App, arrival: Arrival) -> Result<Self, ApiError> {
        long_work_may_begin(app)?;
        let (mut file, _) = DataFile::begin(request, app, arrival, false).await?;
        file.receive(app, None).await?;
        Ok(Upload { file: file.data })
    }
}

/// A data file that arrives.
pub struct DataFile {
    /// What it is.
    pub format: Declared,
    data: Arriving,
    /// Takes what is made of the file.
    memory: Charge,
    /// Receives the rest, and says then what makes a repetition of the request known.
    rest: BoxFuture<'static, Result<Idempotency, ApiError>>,
    /// Lists the file among those under way as long as it is held.
    arrival: Arrival,
}

impl FromRequest<App> for DataFile {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        may_be_read(app)?;
        let arrival = arrival(&request, app);
        DataFile::begin(request, app, arrival, false).await.map(|(file, _)| file)
    }
}

/// Whether a further file may come that waits to be read.
fn may_be_read(app: &App) -> Result<(), ApiError> {
    if !app.datasets.has_too_many_files(behalf::client()) {
        return Ok(());
    }
    let detail = "too many data files wait to be read: send this one again later, as Retry-After says";
    Err(ApiError::new(ErrorCode::Overloaded, detail))
}

fn arrival(request: &Request, app: &App) -> Arrival {
    let query = request.uri().query().unwrap_or("");
    let name = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name");
    let owner = request.extensions().get::<Sight>().and_then(Sight::owner);
    app.datasets.loading.begin(name.map(|(_, name)| name.into_owned()), owner)
}

impl DataFile {
    /// A file that may be part of a form with a part `options`.
    ///
    /// # Errors
    /// Too many files wait to be read; the body is none of a data file, breaks off or is too large; storage does not take it.
    pub async fn with_options(request: Request, app: &App) -> Result<(Self, Option<Options>), ApiError> {
        may_be_read(app)?;
        let arrival = arrival(&request, app);
        DataFile::begin(request, app, arrival, true).await
    }

    async fn begin(
        request: Request,
        app: &App,
        arrival: Arrival,
        has_options: bool,
    ) -> Result<(Self, Option<Options>), ApiError> {
        let memory = app.memory.uploads.charge(peer(&request).as_deref().and_then(client_at));
        memory.bound(FOR_ANY);
        // Of any size: what bounds its time is the rate at which it comes and is worked on.
        untimed(request.extensions());
        let repeatable = Repeatable::of(&request)?;
        let media_type = media_type(request.headers()).to_ascii_lowercase();
        let packed = is_packed(request.headers())?;
        may_come(announced(&request) as u64, app)?;
        if media_type == "multipart/form-data" {
            if packed {
                let detail = "a form is not packed as a whole: pack its file, and let the name end in .gz";
                return Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail));
            }
            let FormFile { data, format, idempotency, options } =
                form::receive(request, app, repeatable, &arrival, has_options).await?;
            let file = DataFile { format, data, memory, rest: Box::pin(async { Ok(idempotency) }), arrival };
            return Ok((file, options));
        }
        let format = declared_by(request.headers())?.ok_or_else(|| no_format(request.headers()))?;
        let (mut sink, data) = Sink::start(app, packed, repeatable, &arrival, peer(&request));
        let (pace, body) = (Pace::of(&request, app), request.into_body());
        let rest = Box::pin(async move {
            send_body(body, pace, &mut sink).await?;
            sink.finish().await
        });
        Ok((DataFile { format, data, memory, rest, arrival }, None))
    }

    /// Waits until the file is whole; once. Reads it meanwhile, if it is known what is `asked` and it can be.
    ///
    /// # Errors
    /// The body breaks off or is too large; storage does not take it.
    pub async fn receive(&mut self, app: &App, asked: Option<&Asked>) -> Result<Received, ApiError> {
        let load = self.arrival.load();
        let early = async {
            Ok(match asked {
                Some(asked) => app.datasets.read_early(asked, &self.data, load, &self.memory).await,
                None => None,
            })
        };
        let rest = async { (&mut self.rest).await.inspect(|_| load.set_whole()) };
        let (idempotency, early) = tokio::try_join!(rest, early)?;
        Ok(Received { idempotency, early })
    }

    /// Reads the file, if that was not done while it was received.
    ///
    /// # Errors
    /// As [`crate::datasets::DatasetRegistry::read`].
    pub async fn read(
        &mut self,
        app: &App,
        asked: &Asked,
        early: Option<Result<NewDataset, DatasetError>>,
    ) -> Result<NewDataset, DatasetError> {
        match early {
            Some(read) => read,
            None => app.datasets.read(asked, &self.data, self.arrival.load(), &self.memory).await,
        }
    }
}

/// What is known of a data file that was received.
pub struct Received {
    /// What makes a repetition of the request known.
    pub idempotency: Idempotency,
    /// What came of reading it meanwhile.
    pub early: Option<Result<NewDataset, DatasetError>>,
}
