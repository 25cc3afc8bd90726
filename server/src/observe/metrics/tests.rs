//! The rendered page read back by a strict parser, and the table's own rules.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::coordinator::Generation;

/// A snapshot in which every metric has a sample and no two numbers are alike.
fn snapshot() -> Snapshot {
    let mut next = 100;
    let mut n = || {
        next += 1;
        next
    };
    let cores = (0..2)
        .map(|index| {
            let (service, queue) = (Histogram::new(), Histogram::new());
            for nanos in [1, 1_000, 1_024, 1_025, 5_000_000_000, u64::MAX / 4] {
                service.record(nanos);
            }
            queue.record(7);
            CoreSample {
                index,
                cpu: Some(index + 4),
                state: "running",
                connections: ConnectionCounts {
                    accepted: n(),
                    finished: n(),
                    rejected: [("max_accepts", n()), ("drain", n())].into(),
                    aborted: n(),
                    open: n(),
                    handed_in: n(),
                    handed_out: n(),
                },
                requests: RequestCounts {
                    begun: n(),
                    answered: n(),
                    rejected: [("max_accepts", n())].into(),
                    aborted: n(),
                    running: n(),
                    pending: n(),
                },
                detached: n(),
                operations_in_flight: n(),
                heartbeat_age_seconds: 0.25,
                busy: 0.5,
                turns: n(),
                buffers_in_use: n(),
                leases_kept: n(),
                bytes_received: n(),
                bytes_sent: n(),
                stale_completions: n(),
                accept_pauses: [("descriptors", n())].into(),
                protocol_errors: [("400", n()), ("431", n())].into(),
                responses: [("2xx", n()), ("5xx", n())].into(),
                tls: TlsCounts {
                    handshakes: [("full", n()), ("resumed", n())].into(),
                    failed_handshakes: [("not-tls", n())].into(),
                    in_progress: n(),
                    failures: [("does-not-open", n())].into(),
                },
                proxy_headers: n(),
                proxy_headers_failed: [("missing", n())].into(),
                clients: [("field", n()), ("socket", n())].into(),
                forwarded_refused: [("untrusted", n())].into(),
                http2: Http2Counts {
                    connections: n(),
                    begun: n(),
                    streams: n(),
                    drained: n(),
                    faults: [("http2_resets", n()), ("protocol", n())].into(),
                },
                websockets: WebSocketCounts {
                    open: n(),
                    messages: [("received", n()), ("sent", n())].into(),
                    faults: [("unmasked", n())].into(),
                },
                handler_panics: n(),
                long_polls: [("GET /slow".to_owned(), n())].into(),
                tasks: n(),
                starved_receives: n(),
                cq_overflows: n(),
                service_time: service.snapshot(),
                queue_time: queue.snapshot(),
            }
        })
        .collect();
    Snapshot {
        phase: "running",
        uptime_seconds: 12.5,
        limits: [("max_threads", 4)].into(),
        pool: [("target", 2), ("running", 1)].into(),
        queued: n(),
        parked: n(),
        slots_taken: n(),
        waiting: n(),
        clients_forgotten: n(),
        cores,
        routes: vec![
            RouteSample {
                route: "GET /users/{id}".into(),
                status: Some(200),
                answers: n(),
            },
            RouteSample {
                route: "GET /users/{id}".into(),
                status: None,
                answers: n(),
            },
        ],
        listeners: vec![ListenerSample {
            address: "unix:/tmp/a \"b\"\\\n".into(),
            slot: 1,
            owner_core: Some(0),
            queue: Some(n()),
            queue_limit: Some(n()),
        }],
        lanes: vec![LaneSample {
            name: "database".into(),
            kind: "workers",
            available: true,
            workers: [("spawned", n()), ("waiting", n())].into(),
            limits: [("max", n())].into(),
            queued: n(),
            submitted: n(),
            ended: [("finished", n()), ("panicked", n())].into(),
            refused: [("full", n())].into(),
            starts: n(),
            failed_starts: n(),
            replaced: n(),
        }],
        certificates: vec![CertificateSample {
            file: "/etc/ringgate/a.pem".into(),
            name: "a.example".into(),
            serial: "0a".into(),
            not_after: n(),
        }],
        older: vec![Generation {
            pid: 7,
            phase: "draining".into(),
            open: n(),
            staying: 0,
        }],
        log_lines_written: n(),
        log_lines_dropped: n(),
        access_log_lines_written: n(),
        access_log_lines_dropped: n(),
        file_cache_hits: n(),
        file_cache_misses: n(),
        rss_bytes: n(),
        listen_overflows: n(),
    }
}

type Labels = Vec<(String, String)>;

#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    samples: Vec<(String, Labels, f64)>,
}

/// Reads a page; panics on anything the format (version 0.0.4) does not allow or that a scraper
/// would take for something else: HELP, then TYPE, then the samples of that name together.
fn parse(page: &str) -> Vec<(String, Family)> {
    assert!(
        page.ends_with('\n'),
        "the last line must end with a line feed"
    );
    let mut families: Vec<(String, Family)> = Vec::new();
    let mut seen = BTreeSet::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            let help = unescape(help, false);
            families.push((
                name.into(),
                Family {
                    help,
                    ..Family::default()
                },
            ));
            assert!(seen.insert(name.to_owned()), "{name} is there twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let (open, family) = families.last_mut().unwrap();
            assert_eq!(name, open, "TYPE without its HELP");
            assert!(
                family.kind.is_empty() && family.samples.is_empty(),
                "late TYPE of {name}"
            );
            assert!(["counter", "gauge", "histogram"].contains(&kind));
            family.kind = kind.into();
        } else {
            let (name, labels, value) = sample(line);
            let (open, family) = families.last_mut().unwrap();
            let suffix = name.strip_prefix(open.as_str()).unwrap();
            match family.kind.as_str() {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
                "" => panic!("sample before TYPE: {line}"),
                _ => assert_eq!(suffix, "", "{line}"),
            }
            let twice = family
                .samples
                .iter()
                .any(|(n, l, _)| *n == name && *l == labels);
            assert!(!twice, "twice: {line}");
            family.samples.push((name, labels, value));
        }
    }
    families
}

fn sample(line: &str) -> (String, Labels, f64) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (name, mut rest) = line.split_at(line.find(|c| !is_name(c)).unwrap());
    assert!(
        name.starts_with(|c: char| c.is_ascii_alphabetic()),
        "{line}"
    );
    let mut labels = Vec::new();
    if let Some(after) = rest.strip_prefix('{') {
        rest = after;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            assert!(!label.is_empty() && label.chars().all(is_name), "{line}");
            let mut escaped = false;
            let end = after
                .find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                })
                .unwrap();
            labels.push((label.to_owned(), unescape(&after[..end], true)));
            rest = &after[end + 1..];
            match rest.split_at(1) {
                (",", after) => rest = after,
                ("}", after) => break rest = after,
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(!value.contains(' '), "{line}");
    (name.to_owned(), labels, value.parse().unwrap())
}

fn unescape(text: &str, quotes: bool) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().unwrap() {
                'n' => out.push('\n'),
                '\\' => out.push('\\'),
                '"' if quotes => out.push('"'),
                other => panic!("unknown escape {other:?} in {text}"),
            },
            '"' if quotes => panic!("bare quote in {text}"),
            c => out.push(c),
        }
    }
    out
}

#[test]
fn the_page_holds_exactly_the_table_and_every_metric_has_a_sample() {
    let families = parse(&render(&snapshot()));
    let names: Vec<&str> = families.iter().map(|(name, _)| name.as_str()).collect();
    let table: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names, table);
    for ((name, family), metric) in families.iter().zip(METRICS) {
        assert_eq!(family.help, metric.help);
        assert_eq!(family.kind, metric.kind.as_str());
        assert!(!family.samples.is_empty(), "{name} has no sample");
        for (_, labels, _) in &family.samples {
            let labels = labels
                .iter()
                .map(|(label, _)| label.as_str())
                .filter(|l| *l != "le");
            assert_eq!(labels.collect::<Vec<_>>(), metric.labels, "{name}");
        }
    }
}

#[test]
fn no_two_metrics_read_the_same_number() {
    // The snapshot numbers its counts from 101 up, each once: a metric that reads the field of
    // another shows up as a number told twice, a field nobody reads as one never told.
    let told: Vec<u64> = parse(&render(&snapshot()))
        .iter()
        .filter(|(_, family)| family.kind != "histogram")
        .flat_map(|(_, family)| family.samples.iter().map(|(_, _, value)| *value as u64))
        .filter(|value| *value > 100)
        .collect();
    let distinct: BTreeSet<u64> = told.iter().copied().collect();
    assert_eq!(told.len(), distinct.len(), "{told:?}");
    let last = snapshot().listen_overflows;
    assert_eq!(distinct, (101..=last).collect());
}

#[test]
fn an_empty_snapshot_is_a_valid_page() {
    assert_eq!(parse(&render(&Snapshot::default())).len(), METRICS.len());
}

#[test]
fn names_end_as_their_kind_and_unit_demand() {
    for metric in METRICS {
        let name = metric.name;
        assert!(name.starts_with("ringgate_"), "{name}");
        assert!(
            name.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{name}"
        );
        let base = match metric.kind {
            Kind::Counter => name.strip_suffix("_total").expect(name),
            Kind::Gauge | Kind::Histogram => {
                let taken = ["_total", "_count", "_sum", "_bucket"];
                assert!(!taken.iter().any(|suffix| name.ends_with(suffix)), "{name}");
                name
            }
        };
        assert_eq!(
            base.ends_with("_seconds"),
            metric.unit == Unit::Seconds,
            "{name}"
        );
        assert_eq!(
            base.ends_with("_bytes"),
            metric.unit == Unit::Bytes,
            "{name}"
        );
        assert!(
            !metric.help.ends_with('.') && !metric.help.contains('|'),
            "{name}"
        );
        assert!(!metric.labels.contains(&"le"), "{name}");
    }
}

#[test]
fn label_values_survive_quotes_backslashes_and_line_feeds() {
    let snapshot = snapshot();
    let families = parse(&render(&snapshot));
    let (_, family) = families
        .iter()
        .find(|(name, _)| name == "ringgate_listener_queue")
        .unwrap();
    let (_, labels, _) = &family.samples[0];
    assert_eq!(
        labels[0],
        ("address".to_owned(), snapshot.listeners[0].address.clone())
    );
}

#[test]
fn what_is_not_known_has_no_number() {
    let mut snapshot = snapshot();
    let listener = &mut snapshot.listeners[0];
    (listener.queue, listener.queue_limit) = (None, None);
    snapshot.cores[0].cpu = None;
    let page = render(&snapshot);
    assert!(!page.contains("ringgate_listener_queue{"), "{page}");
    assert!(!page.contains("ringgate_listener_queue_limit{"), "{page}");
    let line = "ringgate_core_info{core=\"0\",cpu=\"\",state=\"running\"} 1\n";
    assert!(page.contains(line), "{page}");
}

#[test]
fn a_histogram_is_cumulative_and_ends_with_its_count() {
    let families = parse(&render(&snapshot()));
    let (name, family) = families
        .iter()
        .find(|(name, _)| name == "ringgate_request_service_seconds")
        .unwrap();
    let mut buckets: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let core = labels[0].1.as_str();
        match sample.strip_prefix(name.as_str()).unwrap() {
            "_bucket" => {
                let (label, le) = &labels[1];
                assert_eq!(label, "le");
                let le = if le == "+Inf" {
                    f64::INFINITY
                } else {
                    le.parse().unwrap()
                };
                buckets.entry(core).or_default().push((le, *value));
            }
            "_count" => assert!(counts.insert(core, *value).is_none()),
            _ => {}
        }
    }
    assert_eq!(buckets.len(), 2);
    for (core, buckets) in buckets {
        assert!(
            buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
            "{buckets:?}"
        );
        // Of 1, 1000, 1024, 1025 ns, 5 s and 146 years.
        assert_eq!(buckets[0], (0.000_001_024, 3.0));
        assert_eq!(buckets[1], (0.000_002_048, 4.0));
        assert_eq!(buckets[buckets.len() - 2].1, 5.0);
        assert_eq!(*buckets.last().unwrap(), (f64::INFINITY, 6.0));
        assert_eq!(counts[core], 6.0);
    }
}

#[test]
fn the_document_lists_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let expected = markdown();
    if std::env::var_os("RINGGATE_BLESS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        found, expected,
        "docs/metrics.md is not what the table says; RINGGATE_BLESS=1 cargo test -p ringgate \
         writes it again"
    );
}
