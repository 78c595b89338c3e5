//! Pages of lists: `?limit=` and `?cursor=`, newest first.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::api::error::{ApiError, ErrorCode};

/// Entries of a page when none are asked for, and at most.
const PAGE: (usize, usize) = (100, 1000);

/// The parameters of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageParams {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// Checked parameters: where to go on, and how far.
#[derive(Debug)]
pub struct PageQuery<C> {
    /// The cursor of the page before: its last entry's key.
    pub before: Option<C>,
    /// Entries at most.
    pub limit: usize,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

impl PageParams {
    /// Checks limit and cursor.
    ///
    /// # Errors
    /// `invalid_value` with the parameter's name.
    pub fn check<C: FromStr>(self) -> Result<PageQuery<C>, ApiError> {
        page(self.limit, self.cursor)
    }
}

/// Checks `limit` and `cursor` of a list.
///
/// # Errors
/// `invalid_value` with the parameter's name.
pub fn page<C: FromStr>(limit: Option<usize>, cursor: Option<String>) -> Result<PageQuery<C>, ApiError> {
    let limit = in_range("limit", limit.unwrap_or(PAGE.0), 1, PAGE.1)?;
    let foreign = |_| {
        let detail = "this is not the next_cursor of a page of this list";
        ApiError::parameter(ErrorCode::InvalidValue, "cursor", detail)
    };
    let before = cursor.map(|cursor| cursor.parse::<C>().map_err(foreign)).transpose()?;
    Ok(PageQuery { before, limit })
}

/// `value` if it lies in the range.
///
/// # Errors
/// `invalid_value` with the parameter's name.
pub fn in_range<N: PartialOrd + std::fmt::Display>(name: &str, value: N, least: N, most: N) -> Result<N, ApiError> {
    if value >= least && value <= most {
        return Ok(value);
    }
    let detail = format!("{name} is {value}; it must be between {least} and {most}");
    Err(ApiError::parameter(ErrorCode::InvalidValue, name, detail))
}

impl<T> Page<T> {
    /// A page of these entries.
    pub fn of(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Page { data, next_cursor }
    }
}
