//! How a data file is read, as the command line says it.

use clap::Args;

/// How a data file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Data file")]
pub struct Reading {
    /// Content type of the file [default: by its ending; text/csv for standard input]
    #[arg(long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// Types of columns in place of what is found, as JSON: {"zip":"categorical"}
    #[arg(long, value_name = "JSON")]
    pub types: Option<String>,
    /// A word that means that there is no value; may be repeated
    #[arg(long, value_name = "WORD")]
    pub missing: Vec<String>,
    /// A column to leave out; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub skip_columns: Vec<String>,
    /// Sheet of an Excel workbook [default: the first with cells]
    #[arg(long)]
    pub sheet: Option<String>,
}

impl Reading {
    /// It as parameters of a request.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let mut query: Vec<(&str, String)> = self.types.clone().map(|types| ("types", types)).into_iter().collect();
        query.extend(self.missing.iter().map(|word| ("missing", word.clone())));
        query.extend(self.skip_columns.iter().map(|column| ("skip_columns", column.clone())));
        query.extend(self.sheet.clone().map(|sheet| ("sheet", sheet)));
        query
    }
}
