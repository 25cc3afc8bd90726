//! The CPU time that control groups leave to this process (cgroups(7)): `cpu.max` of cgroup v2,
//! `cpu.cfs_quota_us` and `cpu.cfs_period_us` of v1, of its own group and of all above it.
//!
//! Called at the start, at a reload and by `doctor`. The reading is pure: file texts are handed in.
//! Deliberately does not look at the CPUs themselves (`cpu.rs`), nor at shares and weights, which bound
//! nothing.

use std::fmt;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// So much time in each period, over all CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuQuota {
    /// Microseconds of CPU time.
    pub quota: u64,
    /// Microseconds of real time; not 0.
    pub period: u64,
    /// The file that says so.
    pub file: PathBuf,
}

impl CpuQuota {
    /// The CPUs that the quota is worth, rounded up: with fewer threads some of it would be lost.
    pub fn cpus(&self) -> NonZeroU32 {
        let cpus = self.quota.div_ceil(self.period.max(1));
        u32::try_from(cpus)
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(match cpus {
                0 => NonZeroU32::MIN,
                _ => NonZeroU32::MAX,
            })
    }

    /// Whether this one leaves less than `other`.
    fn is_tighter(&self, other: &CpuQuota) -> bool {
        let product = |quota: u64, period: u64| u128::from(quota) * u128::from(period);
        product(self.quota, other.period) < product(other.quota, self.period)
    }
}

/// The CPUs that the quota is worth, and the file.
impl fmt::Display for CpuQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpus = self.quota as f64 / self.period.max(1) as f64;
        let cpus = (cpus * 100.0).round() / 100.0;
        write!(f, "{cpus} ({})", self.file.display())
    }
}

/// The tightest quota that holds for this process; None if there is none, or `/proc` is missing.
pub fn cpu_quota() -> Option<CpuQuota> {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let groups = read(Path::new("/proc/self/cgroup"))?;
    let mounts = read(Path::new("/proc/self/mountinfo"))?;
    tightest(&groups, &mounts, read)
}

/// The tightest quota, by the texts of `/proc/self/cgroup` and `/proc/self/mountinfo` and of the files
/// that `read` answers.
fn tightest(
    groups: &str,
    mounts: &str,
    read: impl Fn(&Path) -> Option<String>,
) -> Option<CpuQuota> {
    let mut least: Option<CpuQuota> = None;
    for mount in mounts.lines().filter_map(Mount::read) {
        let Some(group) = groups.lines().find_map(|line| mount.group_in(line)) else {
            continue;
        };
        let own = mount.directory_of(group);
        let above = own.ancestors().take_while(|dir| dir.starts_with(&mount.at));
        for quota in above.filter_map(|dir| mount.quota_in(dir, &read)) {
            if least.as_ref().is_none_or(|least| quota.is_tighter(least)) {
                least = Some(quota);
            }
        }
    }
    least
}

/// Where a hierarchy with CPU quotas is mounted.
struct Mount {
    /// The part of the hierarchy that is seen there.
    root: String,
    at: PathBuf,
    is_v2: bool,
}

impl Mount {
    /// A line of mountinfo (proc_pid_mountinfo(5)): ID, parent, device, root, mount point, options, any
    /// fields up to a dash, type, source, options of the file system.
    fn read(line: &str) -> Option<Mount> {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, at) = (mount.next()?, mount.next()?);
        let mut system = system.split(' ');
        let is_v2 = match system.next()? {
            "cgroup2" => true,
            "cgroup" if system.nth(1)?.split(',').any(|option| option == "cpu") => false,
            _ => return None,
        };
        Some(Mount {
            root: unescaped(root),
            at: PathBuf::from(unescaped(at)),
            is_v2,
        })
    }

    /// The group of a line of `/proc/self/cgroup` (`number:controllers:path`), if it is in this
    /// hierarchy.
    fn group_in<'a>(&self, line: &'a str) -> Option<&'a str> {
        let (_, line) = line.split_once(':')?;
        let (controllers, group) = line.split_once(':')?;
        let is_here = match self.is_v2 {
            true => controllers.is_empty(),
            false => controllers.split(',').any(|controller| controller == "cpu"),
        };
        is_here.then_some(group)
    }

    /// Where a group is seen. One outside of what is mounted, as in a container without a namespace of
    /// its own, is what is mounted.
    fn directory_of(&self, group: &str) -> PathBuf {
        let below = Path::new(group).strip_prefix(&self.root);
        let below = below.unwrap_or(Path::new(""));
        let is_plain = |part| matches!(part, std::path::Component::Normal(_));
        match below.components().all(is_plain) {
            true => self.at.join(below),
            false => self.at.clone(),
        }
    }

    fn quota_in(
        &self,
        directory: &Path,
        read: impl Fn(&Path) -> Option<String>,
    ) -> Option<CpuQuota> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (file, quota, period) = if self.is_v2 {
            let file = directory.join("cpu.max");
            let text = read(&file)?;
            let (quota, period) = text.trim().split_once(' ')?;
            // `max` is no number, and no bound.
            (file, number(quota)?, number(period)?)
        } else {
            let file = directory.join("cpu.cfs_quota_us");
            // -1 is no bound.
            let quota = number(&read(&file)?)?;
            let period = number(&read(&directory.join("cpu.cfs_period_us"))?)?;
            (file, quota, period)
        };
        (period > 0).then_some(CpuQuota {
            quota,
            period,
            file,
        })
    }
}

/// Blanks and the like in a path stand as octal numbers in mountinfo.
fn unescaped(field: &str) -> String {
    let pairs = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    pairs
        .iter()
        .fold(field.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str =
        "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const V1: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
        34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";

    /// Returns the text of the tightest quota, and the CPUs that it is worth.
    fn found(groups: &str, mounts: &str, files: &[(&str, &str)]) -> Option<(String, u32)> {
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| format!("{text}\n"))
        };
        let quota = tightest(groups, mounts, read)?;
        Some((quota.to_string(), quota.cpus().get()))
    }

    #[test]
    fn a_group_of_v2_is_bound_by_itself_and_by_all_above_it() {
        let groups = "0::/user.slice/app.service\n";
        let own = "/sys/fs/cgroup/user.slice/app.service/cpu.max";
        let above = "/sys/fs/cgroup/user.slice/cpu.max";
        let max = "max 100000";
        let table = [
            (max, max, None),
            ("150000 100000", max, Some((own, "1.5", 2))),
            (max, "50000 100000", Some((above, "0.5", 1))),
            ("400000 100000", "200000 100000", Some((above, "2", 2))),
            ("20000 10000", "200001 100000", Some((own, "2", 2))),
            ("garbage", "300000 100000", Some((above, "3", 3))),
            ("100000 0", max, None),
        ];
        for (of_own, of_above, wanted) in table {
            let files = [(own, of_own), (above, of_above)];
            let wanted = wanted.map(|(file, cpus, count)| (format!("{cpus} ({file})"), count));
            assert_eq!(found(groups, V2, &files), wanted, "{of_own:?} {of_above:?}");
        }
    }

    #[test]
    fn a_group_of_v1_has_two_files_in_the_hierarchy_of_its_controller() {
        let groups =
            "5:cpuset:/other\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n";
        let quota = "/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us";
        let period = "/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us";
        let with = |text| found(groups, V1, &[(quota, text), (period, "100000")]);
        assert_eq!(with("-1"), None);
        assert_eq!(with("250000"), Some((format!("2.5 ({quota})"), 3)));
        assert_eq!(found(groups, V1, &[(quota, "250000")]), None, "no period");
    }

    #[test]
    fn in_a_container_what_is_mounted_is_the_group_itself() {
        let max = [("/sys/fs/cgroup/cpu.max", "100000 100000")];
        let one = Some(("1 (/sys/fs/cgroup/cpu.max)".to_owned(), 1));
        // With a namespace of its own, without one but mounted so, and seen from outside of it.
        assert_eq!(found("0::/\n", V2, &max), one);
        let mounted = V2.replace(" / ", " /docker/abc ");
        assert_eq!(found("0::/docker/abc\n", &mounted, &max), one);
        assert_eq!(found("0::/../other\n", V2, &max), one);
        assert_eq!(found("0::/elsewhere\n", &mounted, &max), one);
    }

    #[test]
    fn of_both_versions_at_once_the_tighter_bounds() {
        let mounts = format!(
            "{V1}{}",
            V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
        );
        let groups = "4:cpu,cpuacct:/\n0::/\n";
        let files = [
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000"),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000"),
            ("/sys/fs/cgroup/unified/cpu.max", "150000 100000"),
        ];
        let wanted = "1.5 (/sys/fs/cgroup/unified/cpu.max)".to_owned();
        assert_eq!(found(groups, &mounts, &files), Some((wanted, 2)));
    }

    #[test]
    fn paths_with_blanks_and_lines_of_nonsense_do_no_harm() {
        let mounts = "29 23 0:26 / /a\\040b rw - cgroup2 none rw\nnonsense\n - cgroup2\n";
        let files = [("/a b/cpu.max", "100000 50000")];
        let wanted = Some(("2 (/a b/cpu.max)".to_owned(), 2));
        assert_eq!(found("x\n0::/\n", mounts, &files), wanted);
        assert_eq!(found("", mounts, &files), None);
    }
}
