//! The one table of error codes: name, word, status, what it means, what to do.

/// Makes [`ErrorCode`] of the table below.
macro_rules! error_codes {
    ($($name:ident $code:literal $status:literal $title:literal $remedy:literal;)*) => {
        /// What went wrong, as a stable word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $title] $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The code's row of the table: word, HTTP status, what it means, what to do.
            pub fn entry(self) -> (&'static str, u16, &'static str, &'static str) {
                match self {
                    $(ErrorCode::$name => ($code, $status, $title, $remedy),)*
                }
            }
        }
    };
}

error_codes! {
    MalformedJson "malformed_json" 400 "The body is not JSON" "Mend the body at the line and column named.";
    MalformedRequest "malformed_request" 400 "The request cannot be read" "Mend the part of the request that is named.";
    MalformedData "malformed_data" 400 "The data file cannot be read" "Mend the file at the line and column named.";
    MalformedFile "malformed_file" 400 "The file is no version of a model" "Send a file that GET …/export gave, unchanged.";
    KeyRequired "key_required" 401 "The request needs a key" "Send Authorization: Bearer and a key.";
    KeyInvalid "key_invalid" 401 "The key is not known, or is over" "Ask an admin of the service for another.";
    KeyForbids "key_forbids" 403 "The key may not do this" "Use a key of the role that is named, or a name that the key sees.";
    KeyNotFound "key_not_found" 404 "There is no such key" "GET /keys lists those that are stored.";
    HostNotAllowed "host_not_allowed" 403 "The service does not answer to this host" "Ask for localhost, or list the host in --allowed-hosts.";
    OriginNotAllowed "origin_not_allowed" 403 "A page of another origin asked" "List the page's origin in --cors-origins.";
    ModelNotFound "model_not_found" 404 "There is no such model" "GET /models lists those there are.";
    VersionNotFound "version_not_found" 404 "The model has no such version" "GET /models/{model}/versions lists them.";
    JobNotFound "job_not_found" 404 "There is no such job" "GET /jobs lists them.";
    DatasetNotFound "dataset_not_found" 404 "There is no such data set" "GET /datasets lists those there are.";
    PlotUnavailable "plot_unavailable" 404 "There is no such plot" "Ask for one that goes with what the version predicts; the detail says which.";
    RouteNotFound "route_not_found" 404 "There is no such route" "GET /openapi.yaml lists the routes.";
    MethodNotAllowed "method_not_allowed" 405 "The route does not take this method" "The Allow header lists those it takes.";
    RequestTimeout "request_timeout" 408 "The request took too long" "Send it without long pauses, and ask for less at once.";
    NameTaken "name_taken" 409 "The name is taken" "Choose another, or use what has it.";
    ModelBusy "model_busy" 409 "A training of the model is queued or running" "Wait for it or cancel it first.";
    DatasetBusy "dataset_busy" 409 "A training that needs the data set is queued or running" "Wait for it or cancel it first.";
    DatasetOvertaken "dataset_overtaken" 409 "Another has appended to the data set meanwhile" "Append to the data set that has the name now, or give another name.";
    ModelNotTrained "model_not_trained" 409 "The model is not trained yet" "Train it first.";
    IntervalUnavailable "interval_unavailable" 409 "The version has no interval of this level" "Train with more validation rows, or ask for a lower level.";
    ExplanationUnavailable "explanation_unavailable" 409 "The version has nothing to explain its answers by" "Train the model again.";
    DriftUnavailable "drift_unavailable" 409 "The active version has no histograms to measure drift against" "Train the model again; drift is for models by data set.";
    VersionActive "version_active" 409 "The version is the active one" "Activate another version first.";
    VersionAliased "version_aliased" 409 "The version has an alias" "Move the alias to another version, or delete it, first.";
    JobOpen "job_open" 409 "The job is queued or running" "Wait for it or cancel it first.";
    JobEnded "job_ended" 409 "The job has ended" "There is nothing left to cancel.";
    PayloadTooLarge "payload_too_large" 413 "The body is too large" "Send less, or start the service with more of what the detail names.";
    UriTooLong "uri_too_long" 414 "The request's target is too long" "Send what is long in the body.";
    HeadersTooLarge "headers_too_large" 431 "The request's headers are too large" "Send fewer or shorter headers.";
    ReplyTooLarge "reply_too_large" 413 "The reply would be too large" "Send fewer rows at a time.";
    UnsupportedMediaType "unsupported_media_type" 415 "The content type is not taken" "Send the body as the detail says.";
    UnknownField "unknown_field" 422 "A field is not known" "Mend its name, or leave it out.";
    MissingField "missing_field" 422 "A field is missing" "Add the field named.";
    InvalidValue "invalid_value" 422 "A value cannot be used" "Mend the value at the pointer named.";
    ShapeMismatch "shape_mismatch" 422 "Rows or columns do not fit" "Mend the row at the pointer named.";
    WrongModelKind "wrong_model_kind" 422 "The request is for models of the other kind" "A model by layer sizes takes inputs, one by data set takes records.";
    UnfitData "unfit_data" 422 "The data cannot be learned from" "Mend what is named, or name other columns.";
    ModelTooLarge "model_too_large" 422 "The model is too large" "Use fewer or narrower layers.";
    TrainingTooLarge "training_too_large" 422 "The training needs too much memory" "Send fewer rows, or start the service with more --training-memory.";
    TrainingDiverged "training_diverged" 422 "The training diverged" "Lower the learning rate or scale the inputs.";
    IdempotencyKeyReused "idempotency_key_reused" 422 "The Idempotency-Key was used for another request" "Use a new key for a new request.";
    QueueFull "queue_full" 429 "The queue is full" "Try again after the seconds of Retry-After.";
    RateExceeded "rate_exceeded" 429 "The key's rate is spent" "Try again after the seconds of Retry-After.";
    Overloaded "overloaded" 429 "The service is overloaded" "Try again after the seconds of Retry-After.";
    VersionDamaged "version_damaged" 500 "The version's file is missing or damaged" "Activate another version, train again, or restore a backup.";
    StateDamaged "state_damaged" 500 "Stored state is missing or damaged" "The service's log says what; restore a backup.";
    JobInterrupted "job_interrupted" 500 "The process died again and again during the training" "Look for the cause in its log; train with fewer rows or a smaller model.";
    Internal "internal" 500 "A defect of the service" "Its log, searched for the request_id, says more.";
    Stopping "stopping" 503 "The service is stopping" "Try again; another instance may answer.";
    StorageUnavailable "storage_unavailable" 503 "The database or the object store does not work" "Try again; the service's log says what is wrong.";
    StorageFull "storage_full" 507 "The storage is full" "Make room where the state is kept; then try again.";
    QuotaExceeded "quota_exceeded" 507 "The quota of the stored state is spent" "Delete data sets, models, versions or ended jobs, or allow for more: by --max-stored-bytes and --max-stored-objects, or by a key with more stored_bytes.";
}
