//! How much memory the process may use: what its control group, or else the machine, has.

use std::fs;
use std::path::Path;

/// Where the control groups are mounted, by common consent.
const GROUPS: &str = "/sys/fs/cgroup";

/// The memory that this process may use, in bytes: the smallest limit of its control groups (Linux, version 1 and 2) and
/// the machine's memory; `None` where the system does not say.
pub fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let of_group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| group_limit(&text, Path::new(GROUPS)));
    machine.into_iter().chain(of_group).min()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(kib * 1024)
}

/// The smallest limit of the groups that `/proc/self/cgroup` names, and of those around them. In a container the path named
/// may be the host's: then only the mounted root is there, which is the container's own group.
fn group_limit(text: &str, mounted: &Path) -> Option<u64> {
    let groups = text.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "" => Some((mounted.to_owned(), path, "memory.max")),
            names if names.split(',').any(|name| name == "memory") => {
                Some((mounted.join("memory"), path, "memory.limit_in_bytes"))
            }
            _ => None,
        }
    });
    let limits = groups.flat_map(|(root, path, file)| {
        let group = root.join(path.trim_start_matches('/'));
        let around = group.ancestors().take_while(|folder| folder.starts_with(&root));
        around.filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok()).min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_limit_around_the_process_counts() {
        let root = tempfile::tempdir().expect("a folder");
        let inner = root.path().join("system.slice/epochd.service");
        fs::create_dir_all(&inner).expect("folders");
        let write = |folder: &Path, limit: &str| fs::write(folder.join("memory.max"), limit).expect("a file");
        write(&inner, "max\n");
        assert_eq!(group_limit("0::/system.slice/epochd.service\n", root.path()), None);
        write(inner.parent().expect("a folder around it"), "2147483648\n");
        assert_eq!(group_limit("0::/system.slice/epochd.service\n", root.path()), Some(2 << 30));
        write(&inner, "1073741824\n");
        assert_eq!(group_limit("0::/system.slice/epochd.service\n", root.path()), Some(1 << 30));
        write(root.path(), "536870912\n");
        assert_eq!(group_limit("0::/docker/0123abcd\n", root.path()), Some(512 << 20), "the root of a container");
    }

    #[test]
    fn groups_of_version_1_are_read() {
        let root = tempfile::tempdir().expect("a folder");
        let group = root.path().join("memory/docker/abc");
        fs::create_dir_all(&group).expect("folders");
        fs::write(group.join("memory.limit_in_bytes"), "268435456\n").expect("a file");
        let text = "12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n";
        assert_eq!(group_limit(text, root.path()), Some(256 << 20));
    }

    #[test]
    fn the_machine_says_what_it_has() {
        assert_eq!(total("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert!(!cfg!(target_os = "linux") || available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
