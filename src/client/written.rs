//! The forms that predictions are written in, by the ending of the file they go to.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::ArrowError;

use super::error::ClientError;

/// What the service is asked for, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is written as it comes, in this content type.
    AsItIs(&'static str),
    /// A stream of Arrow becomes a file of Arrow, which has an index behind it.
    ArrowFile,
}

/// The content type of a stream of Arrow.
const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// Endings and what they stand for.
const FORMS: [(&str, Written); 7] = [
    ("csv", Written::AsItIs("text/csv")),
    ("txt", Written::AsItIs("text/csv")),
    ("json", Written::AsItIs("application/json")),
    ("arrows", Written::AsItIs(ARROW_STREAM)),
    ("arrow", Written::ArrowFile),
    ("feather", Written::ArrowFile),
    ("ipc", Written::ArrowFile),
];
/// Endings of data files that no predictions are written in.
const OTHERS: [&str; 7] = ["gz", "tsv", "ndjson", "jsonl", "parquet", "xlsx", "xls"];

impl Written {
    /// The form by the ending of a path; none where the ending says nothing.
    ///
    /// # Errors
    /// The ending is that of another form.
    pub fn by_path(path: &Path) -> Result<Option<Self>, ClientError> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if OTHERS.contains(&ending.as_str()) {
            let endings: Vec<String> = FORMS.iter().map(|(ending, _)| format!(".{ending}")).collect();
            let (name, endings) = (path.display(), endings.join(", "));
            let told =
                format!("{name}: predictions are not written as .{ending}: let the name end in one of {endings}");
            return Err(ClientError::Usage(told));
        }
        Ok(FORMS.iter().find(|(known, _)| *known == ending).map(|(_, form)| *form))
    }

    /// The content type that the service is asked for.
    pub fn content_type(self) -> &'static str {
        match self {
            Written::AsItIs(content_type) => content_type,
            Written::ArrowFile => ARROW_STREAM,
        }
    }
}

/// A stream of Arrow as a file of Arrow, batch by batch.
///
/// # Errors
/// It breaks off, or the file cannot be written.
pub fn arrow_file(stream: &File, file: impl Write) -> Result<(), ArrowError> {
    let reader = StreamReader::try_new(BufReader::new(stream), None)?;
    let mut writer = FileWriter::try_new(BufWriter::new(file), &reader.schema())?;
    for batch in reader {
        writer.write(&batch?)?;
    }
    writer.finish()?;
    Ok(writer.get_mut().flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_form_or_is_refused() {
        let of = |path: &str| Written::by_path(Path::new(path));
        assert_eq!(of("a/p.JSON").expect("a form"), Some(Written::AsItIs("application/json")));
        assert_eq!(of("p.arrow").expect("a form").map(Written::content_type), Some(ARROW_STREAM));
        assert!(of("p").expect("no form").is_none() && of("p.out").expect("no form").is_none());
        for path in ["p.xlsx", "p.parquet", "p.csv.gz", "p.tsv", "p.ndjson"] {
            let told = of(path).expect_err(path);
            assert!(
                told.exit_status() == 2
                    && told.to_string().ends_with(".csv, .txt, .json, .arrows, .arrow, .feather, .ipc")
            );
        }
    }
}
