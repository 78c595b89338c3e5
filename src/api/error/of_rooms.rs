//! The codes that the errors of the rooms below get.

use super::ApiError;
use super::ErrorCode::{self, *};
use crate::data::encoder::EncodeError;
use crate::data::error::{DataError, DataErrorKind};
use crate::data::octets::OctetsError;
use crate::datasets::DatasetError;
use crate::jobs::JobError;
use crate::jobs::error::JobFailure;
use crate::keys::KeyError;
use crate::learning::error::{SpecError, SpecErrorKind};
use crate::memory::Refused;
use crate::models::ModelError;
use crate::serving::ServingError;
use crate::serving::error::Wrong;
use crate::storage::StorageError;

impl From<OctetsError> for ApiError {
    fn from(error: OctetsError) -> Self {
        let code = match error {
            OctetsError::Length { .. } => ShapeMismatch,
            OctetsError::NotFinite { .. } => InvalidValue,
        };
        ApiError::new(code, error.to_string())
    }
}

impl From<SpecError> for ApiError {
    fn from(error: SpecError) -> Self {
        let code = match error.kind {
            SpecErrorKind::Invalid => InvalidValue,
            SpecErrorKind::Shape => ShapeMismatch,
            SpecErrorKind::TooLarge => ModelTooLarge,
        };
        ApiError::at(code, error.pointer, error.detail)
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> Self {
        let detail = error.to_string();
        match error {
            ModelError::NotFound(_) => ApiError::new(ModelNotFound, detail),
            ModelError::VersionNotFound { .. } | ModelError::AliasNotFound { .. } => {
                ApiError::new(VersionNotFound, detail)
            }
            ModelError::Alias(_) => ApiError::new(InvalidValue, detail),
            ModelError::VersionAliased { .. } => ApiError::new(VersionAliased, detail),
            ModelError::WrongKind { .. } => ApiError::new(WrongModelKind, detail),
            ModelError::DriftUnavailable { .. } => ApiError::new(DriftUnavailable, detail),
            ModelError::NoExplanation => ApiError::new(ExplanationUnavailable, detail),
            ModelError::NoInterval(_) => ApiError::new(IntervalUnavailable, detail),
            ModelError::NotTrained { .. } => ApiError::new(ModelNotTrained, detail),
            ModelError::NameTaken(_) => ApiError::at(NameTaken, "/name", detail),
            ModelError::Invalid { pointer, detail } => ApiError::at(InvalidValue, pointer, detail),
            ModelError::VersionNeeded(_) => ApiError::new(ModelBusy, detail),
            ModelError::VersionActive(_) => ApiError::new(VersionActive, detail),
            ModelError::VersionDamaged { .. } => ApiError::new(VersionDamaged, detail),
            ModelError::File(_) => ApiError::new(MalformedFile, detail),
            ModelError::TooLarge { .. } => ApiError::new(ModelTooLarge, detail),
            ModelError::MemoryFull { .. } => ApiError::new(Overloaded, detail),
            ModelError::Spec(error) => error.into(),
            ModelError::Storage(error) => error.into(),
        }
    }
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        let detail = error.to_string();
        let code = match error {
            JobError::NotFound(_) => JobNotFound,
            JobError::Ended(_) => JobEnded,
            JobError::Open(_) => JobOpen,
            JobError::QueueFull { .. } | JobError::QueueHeavy { .. } => QueueFull,
            JobError::Stopping => Stopping,
            JobError::TooLarge { .. } => TrainingTooLarge,
            JobError::ModelBusy(_) => ModelBusy,
            JobError::Model(error) => return error.into(),
            JobError::Spec(error) => return error.into(),
            JobError::Dataset(error) => return error.into(),
            JobError::Unfit(error) => return error.into(),
            JobError::Storage(error) => return error.into(),
        };
        ApiError::new(code, detail)
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        let detail = error.to_string();
        match error {
            KeyError::NotFound(_) => ApiError::new(KeyNotFound, detail),
            KeyError::NameTaken(_) => ApiError::at(NameTaken, "/name", detail),
            KeyError::Invalid { pointer, .. } => ApiError::at(InvalidValue, pointer, detail),
            KeyError::Given(_) | KeyError::NoRandomness => ApiError::defect(),
            KeyError::Storage(error) => error.into(),
        }
    }
}

impl From<DatasetError> for ApiError {
    fn from(error: DatasetError) -> Self {
        let detail = error.to_string();
        match error {
            DatasetError::NotFound(_) => ApiError::new(DatasetNotFound, detail),
            DatasetError::NameTaken(_) => ApiError::at(NameTaken, "/name", detail),
            DatasetError::Name(_) => ApiError::at(InvalidValue, "/name", detail),
            DatasetError::Busy(_) => ApiError::new(DatasetBusy, detail),
            DatasetError::Overtaken(_) => ApiError::new(DatasetOvertaken, detail),
            DatasetError::Data(error) => error.into(),
            DatasetError::Storage(error) => error.into(),
        }
    }
}

impl From<DataError> for ApiError {
    fn from(error: DataError) -> Self {
        let code = match error.kind {
            DataErrorKind::Malformed | DataErrorKind::NotUtf8 => MalformedData,
            DataErrorKind::Unfit => UnfitData,
            DataErrorKind::TooLarge => PayloadTooLarge,
            DataErrorKind::Overloaded => Overloaded,
            DataErrorKind::Stopped => Stopping,
            DataErrorKind::Io => StorageUnavailable,
        };
        ApiError::new(code, error.to_string())
    }
}

/// Of data as a whole; where a request has a place for it, its handler says where.
impl From<EncodeError> for ApiError {
    fn from(error: EncodeError) -> Self {
        ApiError::new(UnfitData, error.to_string())
    }
}

/// Says no more than a client can use; the log says the rest. That a quota or the space for scratch files is spent is no fault of
/// the service, and may be asked for again and again.
impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        if !matches!(error, StorageError::QuotaSpent(_) | StorageError::ScratchTaken) {
            tracing::error!(%error, "storage failed");
        }
        match error {
            StorageError::Full => ApiError::new(StorageFull, error.to_string()),
            StorageError::ScratchTaken => {
                let remedy = "Send smaller files, or fewer at a time, or start the service with more --scratch-space.";
                ApiError::new(StorageFull, error.to_string()).with_remedy(remedy)
            }
            StorageError::QuotaSpent(_) => ApiError::new(QuotaExceeded, error.to_string()),
            StorageError::Unavailable(_) => {
                ApiError::new(StorageUnavailable, "the service cannot reach its state at the moment: try again")
            }
            StorageError::Missing(_) | StorageError::Damaged { .. } => {
                ApiError::new(StateDamaged, "a part of the service's state is missing or damaged")
            }
            StorageError::Conflict => ApiError::defect(),
        }
    }
}

impl From<ServingError> for ApiError {
    fn from(error: ServingError) -> Self {
        let detail = error.to_string();
        match error {
            ServingError::Field { wrong, pointer: Some(pointer), .. } => ApiError::at(wrong.into(), pointer, detail),
            ServingError::Field { wrong, pointer: None, .. } => ApiError::new(wrong.into(), detail),
            ServingError::Parameter { name, .. } => ApiError::parameter(InvalidValue, name, detail),
            ServingError::Overloaded | ServingError::Busy => ApiError::new(Overloaded, detail),
            ServingError::RowsTooLarge(_) => ApiError::new(TrainingTooLarge, detail),
            ServingError::MemoryNeverFree(_) => ApiError::new(PayloadTooLarge, detail),
            ServingError::AnswerTooLarge(_) => ApiError::new(ReplyTooLarge, detail),
            ServingError::PlotUnavailable(_) => ApiError::new(PlotUnavailable, detail),
            ServingError::DatasetGone(_) => ApiError::new(DatasetNotFound, detail),
            ServingError::Defect => ApiError::defect(),
            ServingError::Model(error) => error.into(),
            ServingError::Job(error) => error.into(),
            ServingError::Dataset(error) => error.into(),
            ServingError::Data(error) => error.into(),
            ServingError::Encode(error) => error.into(),
            ServingError::Spec(error) => error.into(),
            ServingError::Storage(error) => error.into(),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        ServingError::from(refused).into()
    }
}

impl From<Wrong> for ErrorCode {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Missing => MissingField,
            Wrong::Unknown => UnknownField,
            Wrong::Value => InvalidValue,
            Wrong::Shape => ShapeMismatch,
            Wrong::Kind => WrongModelKind,
            Wrong::Unfit => UnfitData,
        }
    }
}

impl From<&JobFailure> for ApiError {
    fn from(failure: &JobFailure) -> Self {
        let code = match failure {
            JobFailure::Diverged(_) => TrainingDiverged,
            JobFailure::Unfit(_) => UnfitData,
            JobFailure::Panicked => Internal,
            JobFailure::Damaged(_) => StateDamaged,
            JobFailure::Interrupted(_) => JobInterrupted,
        };
        ApiError::new(code, failure.to_string())
    }
}
