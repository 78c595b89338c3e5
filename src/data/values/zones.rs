//! Names of time zones that stand for one distance from UTC each.

/// How many minutes ahead of UTC. The American ones are those of RFC 822. Letters that several zones share, such as `BST` and
/// `IST`, are not among them, and no name of a place, whose distance changes over the year.
const ZONES: [(&[u8], i64); 36] = [
    (b"HST", -600),
    (b"AKST", -540),
    (b"AKDT", -480),
    (b"PST", -480),
    (b"PDT", -420),
    (b"MST", -420),
    (b"MDT", -360),
    (b"CST", -360),
    (b"CDT", -300),
    (b"EST", -300),
    (b"EDT", -240),
    (b"WET", 0),
    (b"WEST", 60),
    (b"WAT", 60),
    (b"CET", 60),
    (b"MEZ", 60),
    (b"CEST", 120),
    (b"MESZ", 120),
    (b"CAT", 120),
    (b"SAST", 120),
    (b"EET", 120),
    (b"EEST", 180),
    (b"EAT", 180),
    (b"PKT", 300),
    (b"WIB", 420),
    (b"HKT", 480),
    (b"SGT", 480),
    (b"AWST", 480),
    (b"JST", 540),
    (b"KST", 540),
    (b"ACST", 570),
    (b"AEST", 600),
    (b"ACDT", 630),
    (b"AEDT", 660),
    (b"NZST", 720),
    (b"NZDT", 780),
];

/// How many minutes ahead of UTC the zone is that these letters name, in any case.
pub(super) fn minutes_ahead(name: &[u8]) -> Option<i64> {
    ZONES.iter().find(|(zone, _)| name.eq_ignore_ascii_case(zone)).map(|(_, minutes)| *minutes)
}
