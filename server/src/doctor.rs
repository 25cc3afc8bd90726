//! `ringgate doctor`: what this machine offers, what is degraded, and the cure.
//!
//! Called by the program. Decides what is worth advice; the findings come from the runtime's probe and
//! from `sys`, and, if a configuration is named, from `certificates` and `readings`. Deliberately changes
//! nothing. The fields of `--json` are documented in `docs/doctor.md` and stay stable.

mod readings;
mod ring_memory;

use std::io::{self, Write};

use crate::certificates::{self, Examination, Fault, Usable};
use crate::config::{self, Config};
pub(crate) use readings::faults;
use ring_memory::RingMemory;
use ringgate_runtime::probe::{self, Need};
use ringgate_runtime::sys::{cgroup, cpu, limits, process};
use serde::Serialize;

/// Grows when a field of the JSON output changes its meaning or goes; not when one is added.
const JSON_VERSION: u32 = 1;

/// Descriptors below which advice is given: a connection takes one, and 10,000 connections with as
/// many upstream connections and files must fit with room to spare.
const NOFILE_ADVISED: u64 = 65_536;

/// The kernel's own default of net.core.somaxconn since Linux 5.4; less was set on purpose or long ago.
const SOMAXCONN_ADVISED: u64 = 4096;

/// The end of an examination.
///
/// ```
/// use ringgate::doctor::Verdict;
///
/// assert_eq!((Verdict::Degraded.exit_code(), Verdict::CannotRun.exit_code()), (0, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything Ringgate uses is there.
    Fine,
    /// Ringgate runs; something optional is missing or a limit is low.
    Degraded,
    /// Ringgate refuses to start here.
    CannotRun,
}

impl Verdict {
    /// 0 if Ringgate runs here, 1 if it cannot.
    pub const fn exit_code(self) -> u8 {
        match self {
            Verdict::Fine | Verdict::Degraded => 0,
            Verdict::CannotRun => 1,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Verdict::Fine => "fine",
            Verdict::Degraded => "degraded: ringgate runs, see the cures above",
            Verdict::CannotRun => "ringgate cannot run here",
        }
    }
}

/// Examines this machine, and what a start with a configuration would read, and writes the findings to `out`, as text or as
/// one JSON document.
///
/// ```
/// use ringgate::doctor;
///
/// let mut text = Vec::new();
/// let verdict = doctor::run(false, None, &mut text)?;
/// assert!(String::from_utf8_lossy(&text).contains("io_uring"));
/// # let _ = verdict;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Whatever writing to `out` answers; what cannot be examined is a finding and no error.
pub fn run(json: bool, config: Option<&Config>, out: &mut dyn Write) -> io::Result<Verdict> {
    let mut diagnosis = Diagnosis::gather();
    if let Some(config) = config {
        diagnosis.add(certificates::examine(config, certificates::unix_secs()));
        diagnosis.add_faults(faults(config));
    }
    if json {
        serde_json::to_writer_pretty(&mut *out, &diagnosis)?;
        writeln!(out)?;
    } else {
        diagnosis.write_text(out)?;
    }
    out.flush()?;
    Ok(diagnosis.verdict)
}

/// Everything that is printed; its fields are the JSON output.
#[derive(Debug, Serialize)]
struct Diagnosis {
    version: u32,
    verdict: Verdict,
    kernel: String,
    cpus: Option<Vec<usize>>,
    io_uring: IoUring,
    features: Vec<Feature>,
    limits: Limits,
    certificates: Option<Vec<Usable>>,
    advice: Vec<Advice>,
}

#[derive(Debug, Serialize)]
struct IoUring {
    usable: bool,
    reason: Option<String>,
    cure: Option<String>,
    disabled: Option<i64>,
    group: Option<i64>,
    seccomp: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Feature {
    name: &'static str,
    since: &'static str,
    required: bool,
    present: bool,
    used_for: &'static str,
    without_it: &'static str,
    cure: &'static str,
    answer: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Limits {
    nofile: Option<Limit>,
    memlock: Option<Limit>,
    ring_memory: Option<RingMemory>,
    cpu_quota: Option<CpuQuota>,
    somaxconn: Option<u64>,
    tcp_max_syn_backlog: Option<u64>,
}

/// CPU time that the control group leaves.
#[derive(Clone, Debug, Serialize)]
struct CpuQuota {
    cpus: f64,
    file: String,
}

/// Without a number means unlimited.
#[derive(Clone, Copy, Debug, Serialize)]
struct Limit {
    soft: Option<u64>,
    hard: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Advice {
    about: &'static str,
    finding: String,
    cure: String,
}

impl Diagnosis {
    fn gather() -> Diagnosis {
        let limit = |limit: io::Result<limits::Limit>| {
            limit.ok().map(|limit| Limit {
                soft: limit.soft,
                hard: limit.hard,
            })
        };
        let limits = Limits {
            nofile: limit(limits::nofile()),
            memlock: limit(limits::memlock()),
            ring_memory: limits::memlock()
                .ok()
                .and_then(|limit| RingMemory::measure(limit.soft)),
            cpu_quota: cgroup::cpu_quota().map(|quota| CpuQuota {
                cpus: quota.quota as f64 / quota.period as f64,
                file: quota.file.display().to_string(),
            }),
            somaxconn: limits::somaxconn().ok(),
            tcp_max_syn_backlog: limits::tcp_max_syn_backlog().ok(),
        };
        Diagnosis::of(probe::probe(), limits, cpu::cpu_mask().ok())
    }

    fn of(report: probe::Report, limits: Limits, cpus: Option<Vec<usize>>) -> Diagnosis {
        let features: Vec<Feature> = report.findings.iter().map(Feature::of).collect();
        let advice = advice(&limits);
        let verdict = if report.unavailable.is_some() {
            Verdict::CannotRun
        } else if !advice.is_empty() || features.iter().any(|feature| !feature.present) {
            Verdict::Degraded
        } else {
            Verdict::Fine
        };
        let (reason, cure) = match report.unavailable {
            Some(refusal) => (Some(refusal.reason), Some(refusal.cure)),
            None => (None, None),
        };
        let io_uring = IoUring {
            usable: reason.is_none(),
            reason,
            cure,
            disabled: sysctl("io_uring_disabled"),
            group: sysctl("io_uring_group"),
            seccomp: process::seccomp_filtered().ok(),
        };
        let (version, kernel) = (JSON_VERSION, report.kernel);
        Diagnosis {
            version,
            verdict,
            kernel,
            cpus,
            io_uring,
            features,
            limits,
            certificates: None,
            advice,
        }
    }

    /// Adds what was found of certificates.
    fn add(&mut self, found: Examination) {
        let about = "certificate";
        for Fault {
            finding,
            cure,
            is_fatal,
        } in found.faults
        {
            match (self.verdict, is_fatal) {
                (_, true) => self.verdict = Verdict::CannotRun,
                (Verdict::Fine, false) => self.verdict = Verdict::Degraded,
                (Verdict::Degraded | Verdict::CannotRun, false) => {}
            }
            self.advice.push(Advice {
                about,
                finding,
                cure,
            });
        }
        self.certificates = Some(found.usable);
    }

    /// Adds what would end a start besides.
    fn add_faults(&mut self, faults: Vec<config::Error>) {
        for fault in faults {
            self.verdict = Verdict::CannotRun;
            let (about, text) = match fault {
                config::Error::Value(wrong) => {
                    let reason = wrong.reason.unwrap_or_default();
                    let (value, allowed) = (wrong.value, wrong.allowed);
                    (wrong.key, format!("{value}: {reason}; name {allowed}"))
                }
                config::Error::Conflict { message, keys, .. } => {
                    (keys.first().copied().unwrap_or_default(), message)
                }
                other => ("configuration", other.to_string()),
            };
            let (finding, cure) = text
                .split_once("; ")
                .unwrap_or((&text, "see docs/configuration.md"));
            self.advice.push(Advice {
                about,
                finding: finding.to_owned(),
                cure: cure.to_owned(),
            });
        }
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let line =
            |out: &mut dyn Write, name: &str, value: String| writeln!(out, "{name:<20} {value}");
        let number = |value: Option<i64>| value.map_or("not there".into(), |v| v.to_string());
        let count = |value: Option<u64>| value.map_or("unknown".into(), |v| v.to_string());
        line(out, "kernel", self.kernel.clone())?;
        let cpus = self.cpus.as_ref().map_or("unknown".to_string(), |cpus| {
            let list: Vec<_> = cpus.iter().map(usize::to_string).collect();
            format!("{} ({} in all)", list.join(","), cpus.len())
        });
        line(out, "cpus", cpus)?;
        let quota = self.limits.cpu_quota.as_ref();
        let quota = quota.map_or("none".to_string(), |CpuQuota { cpus, file }| {
            format!("{cpus} ({file}); cores = auto starts no more, rounded up")
        });
        line(out, "cpu quota", quota)?;
        line(out, "io_uring_disabled", number(self.io_uring.disabled))?;
        line(out, "io_uring_group", number(self.io_uring.group))?;
        let seccomp = match self.io_uring.seccomp {
            Some(true) => "a filter is in force",
            Some(false) => "no filter",
            None => "unknown",
        };
        line(out, "seccomp", seccomp.to_string())?;
        line(out, "nofile", limit_text(self.limits.nofile))?;
        line(out, "memlock", limit_text(self.limits.memlock))?;
        let rings = self.limits.ring_memory;
        let rings = rings.map_or("unknown".to_string(), |rings| rings.text());
        line(out, "ring memory", rings)?;
        line(out, "somaxconn", count(self.limits.somaxconn))?;
        line(
            out,
            "tcp_max_syn_backlog",
            count(self.limits.tcp_max_syn_backlog),
        )?;
        for usable in self.certificates.iter().flatten() {
            let Usable {
                file,
                names,
                key,
                not_after,
                ..
            } = usable;
            let names = names.join(", ");
            line(
                out,
                "certificate",
                format!("{file} ({names}), {key}, until {not_after}"),
            )?;
        }
        writeln!(
            out,
            "\nfeatures of the kernel (name, first kernel, what ringgate uses it for)"
        )?;
        for feature in &self.features {
            feature.write_text(out)?;
        }
        writeln!(out)?;
        for Advice {
            about,
            finding,
            cure,
        } in &self.advice
        {
            writeln!(out, "{about}: {finding}\n  cure: {cure}")?;
        }
        if let (Some(reason), Some(cure)) = (&self.io_uring.reason, &self.io_uring.cure) {
            writeln!(out, "io_uring cannot be used: {reason}\n  cure: {cure}")?;
        }
        writeln!(out, "verdict: {}", self.verdict.text())
    }
}

impl Feature {
    fn of(finding: &probe::Finding) -> Feature {
        let facts = finding.feature.facts();
        Feature {
            name: facts.name,
            since: facts.since,
            required: facts.need == Need::Required,
            present: finding.present(),
            used_for: facts.used_for,
            without_it: facts.without_it,
            cure: facts.cure,
            answer: finding.failure.as_ref().map(ToString::to_string),
        }
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mark = if self.present { "yes" } else { "NO" };
        writeln!(
            out,
            "  {mark:<3} {:<18} {:<5} {}",
            self.name, self.since, self.used_for
        )?;
        if let Some(answer) = &self.answer {
            writeln!(out, "        without it: {}", self.without_it)?;
            writeln!(out, "        cure: {}", self.cure)?;
            writeln!(out, "        answer: {answer}")?;
        }
        Ok(())
    }
}

/// The limits worth changing although Ringgate runs. Only the hard limit on descriptors counts: Ringgate
/// raises the soft one itself. tcp_max_syn_backlog and memlock are shown without judgment: the first
/// matters only with syncookies off, and whether rings are charged to the second depends on the kernel
/// and on privileges; a start that fails for it says so.
fn advice(limits: &Limits) -> Vec<Advice> {
    let mut advice = Vec::new();
    if let Some(Limit {
        hard: Some(hard), ..
    }) = limits.nofile
        && hard < NOFILE_ADVISED
    {
        advice.push(Advice {
            about: "nofile",
            finding: format!("at most {hard} descriptors, so fewer connections than that"),
            cure: "raise LimitNOFILE= in the unit, or the hard limit with ulimit -Hn".to_string(),
        });
    }
    if let Some(somaxconn) = limits.somaxconn
        && somaxconn < SOMAXCONN_ADVISED
    {
        advice.push(Advice {
            about: "somaxconn",
            finding: format!("a listener queues at most {somaxconn} connections"),
            cure: format!("sysctl -w net.core.somaxconn={SOMAXCONN_ADVISED}"),
        });
    }
    advice
}

fn limit_text(limit: Option<Limit>) -> String {
    limit.map_or("unknown".to_string(), |Limit { soft, hard }| {
        limits::Limit { soft, hard }.to_string()
    })
}

/// A number under `/proc/sys/kernel`; `None` if this kernel does not have it.
fn sysctl(name: &str) -> Option<i64> {
    std::fs::read_to_string(format!("/proc/sys/kernel/{name}"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ringgate_runtime::probe::{Cause, Failure, Finding, Report, Unavailable};
    use serde_json::Value;

    use super::*;

    const DOCUMENT: &str = include_str!("../../docs/doctor.md");

    fn report(missing: &[probe::Feature], unavailable: Option<Unavailable>) -> Report {
        let failure = Failure {
            call: "io_uring_setup",
            errno: 22,
        };
        let findings = probe::Feature::ALL
            .into_iter()
            .map(|feature| Finding {
                feature,
                failure: missing.contains(&feature).then(|| failure.clone()),
            })
            .collect();
        Report {
            kernel: "6.1.0".to_string(),
            findings,
            unavailable,
        }
    }

    fn text(diagnosis: &Diagnosis) -> String {
        let mut out = Vec::new();
        diagnosis.write_text(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Every key in the document, with the way to it: `limits.nofile.soft`, `features[].name`.
    fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{key}");
                    found.insert(path.clone());
                    fields(value, &path, found);
                }
            }
            Value::Array(items) => {
                items
                    .iter()
                    .for_each(|item| fields(item, &format!("{path}[]"), found));
            }
            _ => {}
        }
    }

    #[test]
    fn the_json_has_the_documented_fields_and_no_others() {
        let low = Limits {
            nofile: Some(Limit {
                soft: Some(1024),
                hard: Some(4096),
            }),
            memlock: Some(Limit {
                soft: None,
                hard: None,
            }),
            ring_memory: RingMemory::measure(Some(8 << 20)),
            cpu_quota: Some(CpuQuota {
                cpus: 1.5,
                file: "cpu.max".to_string(),
            }),
            somaxconn: Some(128),
            tcp_max_syn_backlog: Some(512),
        };
        let mut diagnosis = Diagnosis::of(report(&[], None), low, Some(vec![0, 2]));
        diagnosis.add(Examination {
            usable: vec![Usable {
                file: "/etc/a.pem".to_owned(),
                names: vec!["a.example".to_owned()],
                key: "ecdsa",
                chain_length: 2,
                not_after: "2027-01-15T00:00:00Z".to_owned(),
                expires_in_seconds: -1,
            }],
            faults: Vec::new(),
        });
        let mut found = BTreeSet::new();
        fields(&serde_json::to_value(&diagnosis).unwrap(), "", &mut found);
        let documented: BTreeSet<String> = DOCUMENT
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(field, _)| field.to_string())
            .collect();
        assert_eq!(found, documented);
    }

    #[test]
    fn the_json_of_this_machine_can_be_read_back() {
        let mut out = Vec::new();
        let verdict = run(true, None, &mut out).unwrap();
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["version"], JSON_VERSION);
        assert_eq!(value["verdict"], serde_json::to_value(verdict).unwrap());
        assert_eq!(
            value["features"].as_array().unwrap().len(),
            probe::Feature::ALL.len()
        );
        assert_eq!(value["io_uring"]["usable"], verdict.exit_code() == 0);
        assert!(!value["cpus"].as_array().unwrap().is_empty());
    }

    #[test]
    fn the_text_of_this_machine_ends_with_the_verdict() {
        let mut out = Vec::new();
        let verdict = run(false, None, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text.lines().last().unwrap(),
            format!("verdict: {}", verdict.text())
        );
    }

    #[test]
    fn a_missing_feature_says_what_is_worse_and_the_cure() {
        let report = report(&[probe::Feature::NoSqarray], None);
        let diagnosis = Diagnosis::of(report, Limits::default(), None);
        assert_eq!(
            (diagnosis.verdict, diagnosis.verdict.exit_code()),
            (Verdict::Degraded, 0)
        );
        let text = text(&diagnosis);
        for says in [
            "  NO  no-sqarray         6.6   ",
            "without it: one more cache line",
            "cure: run Linux 6.6",
            "answer: io_uring_setup: Invalid argument",
        ] {
            assert!(text.contains(says), "{says:?} is not in\n{text}");
        }
        assert_eq!(text.matches("without it:").count(), 1);
    }

    #[test]
    fn a_machine_with_everything_is_fine() {
        let limits = Limits {
            nofile: Some(Limit {
                soft: Some(1024),
                hard: None,
            }),
            somaxconn: Some(SOMAXCONN_ADVISED),
            ..Limits::default()
        };
        let diagnosis = Diagnosis::of(report(&[], None), limits, Some(vec![0]));
        assert_eq!(diagnosis.verdict, Verdict::Fine);
        assert_eq!(diagnosis.advice, []);
    }

    #[test]
    fn a_certificate_worth_a_word_degrades_and_one_that_cannot_be_used_stops_a_start() {
        let with = |is_fatal| {
            let limits = Limits::default();
            let mut diagnosis = Diagnosis::of(report(&[], None), limits, None);
            diagnosis.add(Examination {
                usable: Vec::new(),
                faults: vec![Fault {
                    finding: "a.pem: expires soon".to_owned(),
                    cure: "renew it".to_owned(),
                    is_fatal,
                }],
            });
            let text = text(&diagnosis);
            assert!(
                text.contains("certificate: a.pem: expires soon\n  cure: renew it"),
                "{text}"
            );
            diagnosis.verdict
        };
        assert_eq!(with(false), Verdict::Degraded);
        assert_eq!(with(true), Verdict::CannotRun);
    }

    #[test]
    fn a_low_limit_degrades_and_names_the_cure() {
        let limits = Limits {
            nofile: Some(Limit {
                soft: Some(64),
                hard: Some(1024),
            }),
            somaxconn: Some(128),
            ..Limits::default()
        };
        let diagnosis = Diagnosis::of(report(&[], None), limits, None);
        assert_eq!(diagnosis.verdict, Verdict::Degraded);
        let about: Vec<_> = diagnosis.advice.iter().map(|advice| advice.about).collect();
        assert_eq!(about, ["nofile", "somaxconn"]);
        assert!(text(&diagnosis).contains("cure: raise LimitNOFILE="));
    }

    #[test]
    fn where_io_uring_is_forbidden_the_exit_code_is_1_and_the_cure_is_told() {
        let refusal = Unavailable {
            cause: Cause::Disabled,
            reason: "it is switched off".to_string(),
            cure: "switch it on".to_string(),
        };
        let report = report(&probe::Feature::ALL, Some(refusal));
        let diagnosis = Diagnosis::of(report, Limits::default(), None);
        assert_eq!(
            (diagnosis.verdict, diagnosis.verdict.exit_code()),
            (Verdict::CannotRun, 1)
        );
        assert!(!diagnosis.io_uring.usable);
        let text = text(&diagnosis);
        assert!(
            text.contains("cannot be used: it is switched off\n  cure: switch it on"),
            "{text}"
        );
    }
}
