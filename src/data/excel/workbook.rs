//! What a workbook is made of: its sheets, in their order, and what their cells refer to.

use std::collections::HashMap;

use super::archive::{Archive, key};
use super::damage::damaged;
use super::formats::Formats;
use super::sheet::SheetReader;
use super::strings::Strings;
use super::xml::{Node, Xml, attribute};
use crate::data::error::DataError;
use crate::data::source::Growing;
use crate::memory::Charge;
use crate::wording::Shown;

/// Where it is told which part is the workbook.
const RELATIONS: &str = "_rels/.rels";
const USUAL: &str = "xl/workbook.xml";
/// Sheets at most, and relations of a part.
const MOST_SHEETS: usize = 1 << 12;
/// Names of sheets that a message lists.
const MOST_NAMED: usize = 10;

/// A workbook whose sheets are known.
pub(super) struct Workbook<S> {
    pub archive: Archive<S>,
    pub sheets: Vec<Sheet>,
    pub strings: Strings,
    pub formats: Formats,
    /// Whether days count from 1904 on.
    pub since_1904: bool,
}

/// A sheet of a workbook.
#[derive(Debug)]
pub(super) struct Sheet {
    pub name: String,
    /// As the archive has it.
    pub part: String,
    pub is_hidden: bool,
}

/// The parts that a part names, each with its type.
type Relations = HashMap<String, (String, String)>;

impl<S: Growing + 'static> Workbook<S> {
    /// Reads all but the cells.
    ///
    /// # Errors
    /// `Malformed`: it is no workbook; `Unfit`: it is none that can be read; `TooLarge`, `Overloaded`.
    pub fn open(source: S, memory: &Charge) -> Result<Self, DataError> {
        let archive = Archive::open(source, memory)?;
        let of_package = relations(&archive, RELATIONS, "")?;
        let main = target(&of_package, "officeDocument").unwrap_or(USUAL).to_owned();
        let (folder, name) = main.rsplit_once('/').unwrap_or(("", &main));
        let related = relations(&archive, &format!("{folder}/_rels/{name}.rels"), folder)?;
        let (sheets, since_1904) = sheets(xml(&archive, &main)?, &related)?;
        let part = |kind| target(&related, kind).map_or(Ok(None), |name| archive.part(name));
        let strings = match part("sharedStrings")? {
            Some(part) => Strings::read(Xml::new(part), memory)?,
            None => Strings::none(memory),
        };
        let formats = part("styles")?.map_or(Ok(Formats::default()), |part| Formats::read(Xml::new(part)))?;
        Ok(Workbook { archive, sheets, strings, formats, since_1904 })
    }

    /// The cells of a sheet, from the first on.
    ///
    /// # Errors
    /// `Malformed`: it is not there.
    pub fn cells(&self, sheet: usize) -> Result<SheetReader, DataError> {
        Ok(SheetReader::new(xml(&self.archive, &self.sheets[sheet].part)?))
    }

    /// Where the sheet of a name stands.
    ///
    /// # Errors
    /// `Unfit`: there is none.
    pub fn sheet(&self, name: &str) -> Result<usize, DataError> {
        self.sheets.iter().position(|sheet| sheet.name == name).ok_or_else(|| {
            DataError::unfit(format!("the workbook has no sheet {}; it has {}", Shown(name), self.names(|_| true)))
        })
    }

    /// The names of sheets, as a message lists them.
    pub fn names(&self, listed: impl Fn(usize) -> bool) -> String {
        let named: Vec<_> = self.sheets.iter().enumerate().filter(|(at, _)| listed(*at)).collect();
        let mut names: Vec<_> =
            named.iter().take(MOST_NAMED).map(|(_, sheet)| Shown(&sheet.name).to_string()).collect();
        names.extend(named.len().checked_sub(MOST_NAMED).filter(|more| *more > 0).map(|more| format!("{more} more")));
        names.join(", ")
    }
}

fn xml<S: Growing + 'static>(archive: &Archive<S>, name: &str) -> Result<Xml, DataError> {
    let part = archive.part(name)?;
    part.map(Xml::new).ok_or_else(|| damaged(format!("its part {} is missing", Shown(name))))
}

/// The parts that the part `name` lists, which are told from `folder`; none if it is missing.
fn relations<S: Growing + 'static>(archive: &Archive<S>, name: &str, folder: &str) -> Result<Relations, DataError> {
    let Some(part) = archive.part(name)? else { return Ok(Relations::new()) };
    let (mut xml, mut relations) = (Xml::new(part), Relations::new());
    loop {
        xml.anew();
        match xml.next()? {
            None => return Ok(relations),
            Some(Node::Begin(element)) if element.local_name().as_ref() == b"Relationship" => {
                let get = |name| Ok::<_, DataError>(attribute(&element, name)?.unwrap_or_default().into_owned());
                let target = get("Target")?;
                let target = match target.strip_prefix('/') {
                    Some(whole) => whole.to_owned(),
                    None if folder.is_empty() => target,
                    None => format!("{folder}/{target}"),
                };
                relations.insert(get("Id")?, (get("Type")?, target));
            }
            _ => {}
        }
        if relations.len() > MOST_SHEETS {
            return Err(DataError::too_large("the workbook has too many parts"));
        }
    }
}

/// The part of a type, which is an address that ends in `kind`.
fn target<'a>(relations: &'a Relations, kind: &str) -> Option<&'a str> {
    let of_kind = |(found, _): &&(String, String)| found.rsplit('/').next() == Some(kind);
    relations.values().find(of_kind).map(|(_, target)| target.as_str())
}

/// The sheets that have cells, and whether days count from 1904 on.
fn sheets(mut workbook: Xml, related: &Relations) -> Result<(Vec<Sheet>, bool), DataError> {
    let (mut sheets, mut since_1904) = (Vec::new(), false);
    loop {
        workbook.anew();
        match workbook.next()? {
            None => return Ok((sheets, since_1904)),
            Some(Node::Begin(element)) => match element.local_name().as_ref() {
                b"workbookPr" => {
                    since_1904 = attribute(&element, "date1904")?.is_some_and(|value| matches!(&*value, "1" | "true"));
                }
                b"sheet" => {
                    let get = |name| Ok::<_, DataError>(attribute(&element, name)?.unwrap_or_default().into_owned());
                    let is_hidden = attribute(&element, "state")?.is_some_and(|state| state != "visible");
                    // Others are sheets of charts.
                    let part = related.get(&get("id")?).filter(|(kind, _)| kind.ends_with("/worksheet"));
                    if let Some((_, part)) = part {
                        sheets.push(Sheet { name: get("name")?, part: key(part), is_hidden });
                    }
                }
                _ => {}
            },
            Some(_) => {}
        }
        if sheets.len() > MOST_SHEETS {
            return Err(DataError::too_large("the workbook has too many sheets"));
        }
    }
}
