//! Findings as clients see them: those of a kind together, the dearest first, at most ten unless all are asked for.

use std::borrow::Cow;

use serde::Serialize;

use crate::data::profile::Finding;
use crate::findings::{FURTHER_FINDINGS, Group, Told, grouped};
use crate::models::notice::Notice;

/// Findings that a reply lists unless all are asked for: as many as a person reads.
const MOST: usize = 10;

/// Findings of one kind.
#[derive(Default, Serialize)]
pub struct FindingBody<'a> {
    code: &'a str,
    message: Cow<'a, str>,
    /// The column, if there is exactly one.
    column: Option<&'a str>,
    columns: Vec<&'a str>,
    /// How many findings these are.
    count: usize,
    /// Each of several, where all are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    each: Vec<EachBody<'a>>,
}

/// One of several findings of a kind.
#[derive(Serialize)]
struct EachBody<'a> {
    column: Option<&'a str>,
    message: &'a str,
}

/// Warnings of one kind, in a job or a version.
#[derive(Serialize)]
pub struct WarningBody<'a> {
    #[serde(flatten)]
    told: FindingBody<'a>,
    epoch: Option<u64>,
    layer: Option<usize>,
}

impl<'a> FindingBody<'a> {
    fn of<T: Told>(group: &Group<'a, T>, in_full: bool) -> Self {
        let (first, columns) = (group.first(), group.columns());
        let each = |finding: &&'a T| EachBody { column: finding.column(), message: finding.message() };
        FindingBody {
            code: first.code(),
            message: group.message(),
            column: if let [only] = columns.as_slice() { Some(*only) } else { None },
            count: group.members.len(),
            each: if in_full && group.members.len() > 1 {
                group.members.iter().map(each).collect()
            } else {
                Vec::new()
            },
            columns,
        }
    }

    /// What is said of those that are not listed; `all` is where all are.
    fn of_further<T>(groups: &[Group<'a, T>], all: &str) -> Self {
        let count = groups.iter().map(|group| group.members.len()).sum();
        let message = format!("And {count} more, of {} kinds: GET {all}?all=true lists all.", groups.len());
        FindingBody { code: FURTHER_FINDINGS, message: message.into(), count, ..FindingBody::default() }
    }
}

impl<'a> WarningBody<'a> {
    fn of(group: &Group<'a, Notice>, in_full: bool) -> Self {
        let Notice { epoch, layer, .. } = group.first();
        WarningBody { told: FindingBody::of(group, in_full), epoch: *epoch, layer: *layer }
    }
}

/// The findings of the data set at the path `at`, `in_full` or as many as a person reads.
pub fn findings<'a>(findings: &'a [Finding], at: &str, in_full: bool) -> Vec<FindingBody<'a>> {
    let groups = grouped(findings);
    let (listed, further) = cut(&groups, in_full);
    let listed = listed.iter().map(|group| FindingBody::of(group, in_full));
    listed.chain(further.map(|further| FindingBody::of_further(further, at))).collect()
}

/// The same of a job's warnings.
pub fn warnings<'a>(warnings: &'a [Notice], at: &str, in_full: bool) -> Vec<WarningBody<'a>> {
    let groups = grouped(warnings);
    let (listed, further) = cut(&groups, in_full);
    let listed = listed.iter().map(|group| WarningBody::of(group, in_full));
    let further = further.map(|further| FindingBody::of_further(further, at));
    listed.chain(further.map(|told| WarningBody { told, epoch: None, layer: None })).collect()
}

/// What was told of a version: all kinds, as there is no more of it to ask for.
pub fn version_warnings(warnings: &[Notice]) -> Vec<WarningBody<'_>> {
    grouped(warnings).iter().map(|group| WarningBody::of(group, false)).collect()
}

/// Those that are listed, and the others if there are any: what is said of these counts as one.
fn cut<'g, 'a, T>(groups: &'g [Group<'a, T>], in_full: bool) -> (&'g [Group<'a, T>], Option<&'g [Group<'a, T>]>) {
    if in_full || groups.len() <= MOST {
        return (groups, None);
    }
    let (listed, further) = groups.split_at(MOST - 1);
    (listed, Some(further))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::KINDS;

    #[test]
    fn ten_are_listed_and_the_rest_is_counted() {
        let found: Vec<Finding> = KINDS[..12]
            .iter()
            .flat_map(|kind| {
                ["a", "b"].map(|column| Finding {
                    column: Some(column.into()),
                    ..Finding::of_file(kind.code, "It is.".into())
                })
            })
            .rev()
            .collect();
        let short = serde_json::to_value(findings(&found, "/datasets/x", false)).expect("plain data");
        let short = short.as_array().expect("a list");
        assert_eq!(short.len(), 10);
        assert_eq!((&short[0]["code"], &short[0]["count"]), (&KINDS[0].code.into(), &2.into()));
        let last = &short[9];
        assert_eq!((&last["code"], &last["count"]), (&FURTHER_FINDINGS.into(), &6.into()));
        assert_eq!(last["message"], "And 6 more, of 3 kinds: GET /datasets/x?all=true lists all.");
        assert!(short.iter().all(|finding| finding.get("each").is_none()));
        let full = serde_json::to_value(findings(&found, "/datasets/x", true)).expect("plain data");
        let full = full.as_array().expect("a list");
        assert_eq!((full.len(), full[11]["each"].as_array().map(Vec::len)), (12, Some(2)));
        assert_eq!(findings(&found[..20], "/datasets/x", false).len(), 10);
        assert!(findings(&found[..20], "/datasets/x", false).iter().all(|finding| finding.code != FURTHER_FINDINGS));
    }

    #[test]
    fn warnings_of_earlier_releases_do_not_say_their_columns_and_are_told_together_as_well() {
        let stored = r#"{"code":"text_column","message":"column \"a\" holds text","epoch":null,"layer":null}"#;
        let stored: Vec<Notice> = (0..3).map(|_| serde_json::from_str(stored).expect("a warning")).collect();
        let told = serde_json::to_value(warnings(&stored, "/jobs/x", false)).expect("plain data");
        assert_eq!((&told[0]["count"], &told[0]["columns"]), (&3.into(), &serde_json::json!([])));
        assert!(told[0]["message"].as_str().is_some_and(|text| text.starts_with("3 columns hold text")), "{told}");
    }
}
