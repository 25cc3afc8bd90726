//! Prometheus text exposition format, version 0.0.4, and docs/metrics.md, from the one table.
//!
//! Pure: a snapshot in, text out. Escaping follows the format's rules: `\` and line feed in help,
//! those and `"` in label values.

use std::fmt::{self, Display, Write};

use super::histogram::{HistogramSnapshot, LE_NANOS};
use super::snapshot::Snapshot;
use super::table::{Definition, METRICS, Unit};

/// The media type to answer a scrape with.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const NANOS_PER_SECOND: f64 = 1e9;

/// The metrics page of `snapshot`.
///
/// ```
/// use ringgate::observe::metrics::{CONTENT_TYPE, render};
/// use ringgate::{Request, Response, Router, http::StatusCode};
///
/// /// The metrics as a route of one's own.
/// async fn metrics(request: Request) -> Response {
///     match request.server().metrics().await {
///         Some(snapshot) => Response::text(render(&snapshot)).with_content_type(CONTENT_TYPE),
///         None => Response::new(StatusCode::SERVICE_UNAVAILABLE),
///     }
/// }
/// # let router = Router::new().get("/metrics", metrics);
/// ```
pub fn render(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for definition in METRICS {
        let Definition {
            name,
            kind,
            help,
            read,
            ..
        } = definition;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "# HELP {name} {}",
            Escaped {
                text: help,
                quotes: false
            }
        );
        let _ = writeln!(text, "# TYPE {name} {}", kind.as_str());
        read(
            snapshot,
            &mut Emit {
                text: &mut text,
                definition,
            },
        );
    }
    text
}

/// docs/metrics.md.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         <!-- Made from server/src/observe/metrics/table.rs; a test holds it. \
         RINGGATE_BLESS=1 cargo test -p ringgate writes it again. -->\n\n\
         `GET /metrics` at the address of `--metrics ADDR` is answered with these in the Prometheus \
         text format, version 0.0.4. \
         The head of a request has to be whole 10 s after the connection was made, and the answer \
         taken within 10 s more. 64 connections are served at a time: one more gets the place of the \
         one that has kept the server waiting for longest, or a 503 while all are being answered. \
         Counters start at 0 with the process, but for \
         `ringgate_listen_overflows_total`, which the kernel keeps. \
         A core keeps its `core` label for as long as the process lives, also when its thread is \
         replaced.\n\n\
         | Name | Type | Unit | Labels | Meaning |\n|---|---|---|---|---|\n",
    );
    for Definition {
        name,
        kind,
        unit,
        labels,
        help,
        ..
    } in METRICS
    {
        let unit = match unit {
            Unit::None => "",
            Unit::Seconds => "seconds",
            Unit::Bytes => "bytes",
        };
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        let _ = writeln!(
            text,
            "| `{name}` | {} | {unit} | {labels} | {help} |",
            kind.as_str()
        );
    }
    text.push_str(
        "\nEach core's counts balance at any moment:\n\n\
         - connections: `accepted + handed_in = finished + rejected + aborted + open + handed_out`\n\
         - requests: `begun = answered + rejected + aborted + running + pending`\n\n\
         The `le` bounds of the histograms are the powers of two of nanoseconds from 1.024 us to \
         34.4 s. The counts at these bounds are exact. Prometheus keeps each as one native histogram with these buckets \
         where its `scrape_configs` say `convert_classic_histograms_to_nhcb: true` (tried with 3.5.3). The text format has \
         neither native histograms nor exemplars; the requests behind a slow quantile are in the access log, with \
         `access_log_slow` and `request_id`.\n\n\
         `scripts/alerts.yml` has alerts on these metrics for Prometheus (`rule_files` in its configuration), and \
         `scripts/grafana-dashboard.json` a dashboard for Grafana (Dashboards, New, Import), which asks for the \
         data source and shows one server or several.\n\n\
         Patterns of routes come as they are written (`route=\"/users/{id}\"`), which is valid in a label. Prometheus, promtool \
         2.42.0 and openmetrics-parser 0.5.1 read them; prometheus-parse 0.2.5 drops such samples without an error.\n\
         parse-prometheus-text-format 1.1.1 (Node.js) makes one series of a histogram whatever its labels are, without sum and count: of several\n\
         cores it shows the last one ([its issue 13](https://github.com/yunyu/parse-prometheus-text-format/issues/13)). \
         prom2javascript 0.2.0 reads them apart.\n",
    );
    text
}

/// Takes the samples of one metric.
pub(super) struct Emit<'a> {
    text: &'a mut String,
    definition: &'a Definition,
}

impl Emit<'_> {
    pub(super) fn int(&mut self, labels: &[&dyn Display], value: u64) {
        self.sample("", labels, None, value);
    }

    pub(super) fn float(&mut self, labels: &[&dyn Display], value: f64) {
        self.sample("", labels, None, value);
    }

    pub(super) fn histogram(&mut self, labels: &[&dyn Display], value: &HistogramSnapshot) {
        for (le, count) in LE_NANOS.iter().zip(value.cumulative()) {
            let le = *le as f64 / NANOS_PER_SECOND;
            self.sample("_bucket", labels, Some(&le), count);
        }
        let count = value.count();
        self.sample("_bucket", labels, Some(&"+Inf"), count);
        self.sample(
            "_sum",
            labels,
            None,
            value.sum_nanos() as f64 / NANOS_PER_SECOND,
        );
        self.sample("_count", labels, None, count);
    }

    fn sample(
        &mut self,
        suffix: &str,
        values: &[&dyn Display],
        le: Option<&dyn Display>,
        value: impl Display,
    ) {
        let Definition { name, labels, .. } = self.definition;
        debug_assert_eq!(labels.len(), values.len(), "labels of {name}");
        let _ = write!(self.text, "{name}{suffix}");
        let le = le.map(|le| ("le", le));
        let mut open = '{';
        for (label, value) in labels.iter().copied().zip(values.iter().copied()).chain(le) {
            let _ = write!(self.text, "{open}{label}=\"");
            let _ = write!(
                Escaping {
                    out: self.text,
                    quotes: true
                },
                "{value}"
            );
            self.text.push('"');
            open = ',';
        }
        let close = if open == ',' { "}" } else { "" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaping {
            out: f,
            quotes: self.quotes,
        }
        .write_str(self.text)
    }
}

struct Escaping<'a, W> {
    out: &'a mut W,
    quotes: bool,
}

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\\' => self.out.write_str("\\\\")?,
                '\n' => self.out.write_str("\\n")?,
                '"' if self.quotes => self.out.write_str("\\\"")?,
                c => self.out.write_char(c)?,
            }
        }
        Ok(())
    }
}
