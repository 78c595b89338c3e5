//! Excel workbooks (`.xlsx`): a zip archive of XML parts, of which one is the sheet that is read.
//!
//! <https://learn.microsoft.com/openspecs/office_standards/ms-xlsx> and ECMA-376, part 1, §18. The parts come in this order:
//! `archive` finds and unpacks them, `xml` reads their elements within bounds, `workbook` says what sheets there are,
//! `strings` holds the texts that cells share, `formats` tells dates from numbers, `sheet` gives cell after cell,
//! `layout` finds the table among them, `pieces` hands over its rows, `rows` some of them at a time.
//!
//! A reader of our own, over `quick-xml` and `flate2`: the known ones make room for as many strings as a file claims to have,
//! and gather texts of any length, before anybody can say how much that may be.

mod archive;
mod damage;
mod formats;
mod layout;
pub(super) mod pieces;
mod rows;
mod sheet;
mod strings;
mod workbook;
mod xml;

pub use pieces::OTHER_SHEETS;
pub use rows::ExcelRows;
