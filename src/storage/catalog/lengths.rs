//! How many bytes a row says, and refers to, in SQL: asked before it is read, which takes memory, and counted as what is stored.

/// Bytes of a row's texts, by its table.
macro_rules! text_bytes {
    (datasets) => {
        "OCTET_LENGTH(profile)"
    };
    (models) => {
        "OCTET_LENGTH(spec) + OCTET_LENGTH(metadata)"
    };
    (versions) => {
        "OCTET_LENGTH(metrics) + OCTET_LENGTH(COALESCE(network, '')) + OCTET_LENGTH(COALESCE(features, '')) \
         + OCTET_LENGTH(COALESCE(classes, '')) + OCTET_LENGTH(COALESCE(held_out, '')) \
         + OCTET_LENGTH(COALESCE(warnings, '')) + OCTET_LENGTH(COALESCE(settings, ''))"
    };
    (jobs) => {
        "OCTET_LENGTH(config) + OCTET_LENGTH(COALESCE(outcome, '')) + OCTET_LENGTH(COALESCE(metrics, ''))"
    };
}

/// Bytes of the blobs that a row refers to.
macro_rules! blob_bytes {
    (datasets) => {
        "bytes"
    };
    (models) => {
        "COALESCE(initial_bytes, 0)"
    };
    (versions) => {
        "COALESCE(file_bytes, 0)"
    };
    (jobs) => {
        "COALESCE(kept_bytes, 0)"
    };
}

/// Bytes of both, of all rows of a table or those of a condition.
macro_rules! bytes_in {
    ($table:ident $(, $condition:literal)?) => {
        concat!(
            "(SELECT COALESCE(SUM(", blob_bytes!($table), " + ", text_bytes!($table), "), 0) FROM ", stringify!($table),
            $(" WHERE ", $condition,)? ")"
        )
    };
}

pub(super) use {blob_bytes, bytes_in, text_bytes};
