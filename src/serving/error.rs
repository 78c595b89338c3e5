//! Why a use case cannot be done.

use bytesize::ByteSize;

use crate::data::encoder::EncodeError;
use crate::data::error::DataError;
use crate::datasets::DatasetError;
use crate::jobs::JobError;
use crate::learning::error::SpecError;
use crate::memory::Refused;
use crate::models::ModelError;
use crate::storage::StorageError;

/// Why a use case cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// A field of what is asked for cannot be used.
    #[error("{detail}")]
    Field {
        /// In which way.
        wrong: Wrong,
        /// Where it stands in what is asked for, as a JSON pointer; `None` if it is all of it.
        pointer: Option<String>,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// A parameter beside the data cannot be used.
    #[error("{detail}")]
    Parameter {
        /// Which one.
        name: &'static str,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// The memory for requests is taken at the moment.
    #[error("the memory for requests is taken (--request-memory): try again in a moment")]
    Overloaded,
    /// All cores have long work to do, and had for as long as was waited.
    #[error("the service has more long requests than it can work off: try again in a moment")]
    Busy,
    /// What the request asks for takes more memory than one request may have.
    #[error("what is made of the request takes more than {} of memory: send fewer rows at a time", ByteSize::b(*.0))]
    MemoryNeverFree(u64),
    /// The rows need more memory than requests may ever have.
    #[error("{0}")]
    RowsTooLarge(String),
    /// There would be more to answer than a reply may hold.
    #[error("{0}")]
    AnswerTooLarge(String),
    /// The version has no such plot.
    #[error("{0}")]
    PlotUnavailable(String),
    /// The data set that the model was made for is deleted.
    #[error("{0}")]
    DatasetGone(String),
    /// The work panicked; the log says where.
    #[error("the request met a defect of the service")]
    Defect,
    /// Of a model or a version.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Of a job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// Of a data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Of data that is read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Of columns that do not fit the model.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Of a model's or a training's settings.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Of stored state.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// In which way a field cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is missing.
    Missing,
    /// The model does not know it.
    Unknown,
    /// Its value is none that it may have.
    Value,
    /// It has the wrong number of rows or columns.
    Shape,
    /// It is for models of the other kind.
    Kind,
    /// Its data cannot be learned from or measured on.
    Unfit,
}

impl From<Refused> for ServingError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Now => ServingError::Overloaded,
            Refused::Never { limit } => ServingError::MemoryNeverFree(limit),
        }
    }
}

impl ServingError {
    /// A field at `pointer` that is wrong.
    pub fn at(wrong: Wrong, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        ServingError::Field { wrong, pointer: Some(pointer.into()), detail: detail.into() }
    }

    /// What is asked for is wrong as a whole.
    pub fn whole(wrong: Wrong, detail: impl Into<String>) -> Self {
        ServingError::Field { wrong, pointer: None, detail: detail.into() }
    }
}
