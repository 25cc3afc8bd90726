//! One frame of `ringgate ctl top`: what happened between two statuses as lines of text, for 80 columns, fewer or
//! more.
//!
//! Pure: a change and a view in, lines out. No line is longer than the area is wide. Text that does not fit on a
//! line goes on below its name; of the cores, columns that matter less go first; of the rows, cores. Plain
//! letters without colours, so that nothing is said by a colour alone.

use super::change::Change;
use super::keys::{Sort, View};
use serde_json::Value;

/// The room for a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) columns: usize,
    /// None where frames follow each other.
    pub(super) rows: Option<usize>,
    pub(super) foot: Foot,
}

/// Whether the keys are named below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foot {
    None,
    Keys,
}

impl Area {
    pub(super) const fn plain(columns: usize) -> Area {
        Area {
            columns,
            rows: None,
            foot: Foot::None,
        }
    }
}

/// Columns of the names at the left.
const NAMES: usize = 13;

/// The frame.
pub(super) fn lines(change: &Change<'_>, view: &View, area: Area) -> Vec<String> {
    let columns = area.columns;
    let mut lines = summary(change, columns);
    lines.extend(lanes(change, columns));
    lines.push(String::new());
    let (heading, cores) = cores(change, view.sort, columns);
    lines.push(heading);
    let foot = match area.foot {
        Foot::None => Vec::new(),
        Foot::Keys => foot(view, columns),
    };
    let room = area
        .rows
        .map(|rows| rows.saturating_sub(lines.len() + foot.len()));
    match room {
        Some(room) if room < cores.len() => {
            let shown = room.saturating_sub(1);
            let left = cores.len() - shown;
            lines.extend(cores.into_iter().take(shown));
            lines.push(format!("  ... and {left} more"));
        }
        _ => lines.extend(cores),
    }
    if let Some(rows) = area.rows {
        lines.resize(rows.saturating_sub(foot.len()), String::new());
    }
    lines.extend(foot);
    let cut = |line: String| line.chars().take(columns).collect::<String>();
    lines
        .into_iter()
        .map(|line| cut(line).trim_end().to_owned())
        .collect()
}

fn summary(change: &Change<'_>, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut row = |name: &str, items: &[String]| lines.extend(wrapped(name, items, "  ", columns));
    row(change.text("/phase").unwrap_or("-"), &process(change));
    row(
        "requests",
        &[
            rate(change.rate("/totals/requests/answered")),
            format!("p50 {}", time(change.quantile("/latency/service", 0.5))),
            format!("p99 {}", time(change.quantile("/latency/service", 0.99))),
            format!("running {}", number(change, "/totals/requests/running")),
            format!("waiting {}", number(change, "/totals/requests/pending")),
        ],
    );
    row("answers", &answers(change));
    row("refused", &refused(change));
    row("gate", &gate(change));
    row("connections", &connections(change));
    let bytes = |path| per_second(change.rate(path).map(|rate| self::bytes(rate as u64)));
    row(
        "traffic",
        &[
            format!("in {}", bytes("/totals/bytes/received")),
            format!("out {}", bytes("/totals/bytes/sent")),
        ],
    );
    if change.now.pointer("/tls").is_some_and(Value::is_object) {
        let of = |path| rate(change.rate(path));
        row(
            "tls",
            &[
                format!("handshakes {}", of("/tls/handshakes")),
                format!("resumed {}", of("/tls/handshakes/resumed")),
                format!("failed {}", of("/tls/failed_handshakes")),
                format!(
                    "in progress {}",
                    number(change, "/tls/handshakes_in_progress")
                ),
            ],
        );
    }
    if let Some(degraded) = change.text("/pool/degraded") {
        let words: Vec<String> = degraded.split(' ').map(str::to_owned).collect();
        lines.extend(wrapped("trouble", &words, " ", columns));
    }
    lines
}

fn process(change: &Change<'_>) -> Vec<String> {
    let by = match change.now.pointer("/pool/auto").and_then(Value::as_bool) {
        Some(true) => format!(
            " (by load, {} to {})",
            number(change, "/pool/min"),
            number(change, "/pool/max")
        ),
        _ => String::new(),
    };
    let uptime = change
        .now
        .pointer("/uptime_seconds")
        .and_then(Value::as_f64);
    let memory = change.number("/resident_bytes").map(bytes);
    vec![
        format!("pid {}", number(change, "/pid")),
        format!("up {}", uptime.map_or("-".to_owned(), age)),
        format!(
            "cores {} of {}{by}",
            number(change, "/pool/running"),
            number(change, "/pool/target")
        ),
        format!("memory {}", memory.unwrap_or("-".to_owned())),
    ]
}

fn answers(change: &Change<'_>) -> Vec<String> {
    let class = |class: &str| {
        let path = format!("/totals/responses/{class}");
        format!("{class} {}", rate(change.rate(&path)))
    };
    let mut items: Vec<String> = ["2xx", "3xx", "4xx", "5xx"].map(class).into();
    let aborted = change.rate("/totals/requests/aborted");
    items.push(format!("aborted {}", rate(aborted)));
    items
}

fn refused(change: &Change<'_>) -> Vec<String> {
    const PATH: &str = "/totals/requests/rejected";
    let mut items = vec![rate(change.rate(PATH))];
    let reasons = change.rates(PATH).into_iter();
    items.extend(reasons.map(|(reason, each)| format!("{reason} {}", rate(Some(each)))));
    items
}

fn gate(change: &Change<'_>) -> Vec<String> {
    let slots = number(change, "/gate/slots_taken");
    let of = match change.number("/limits/max_threads") {
        Some(limit) => format!("slots {slots} of {limit}"),
        None => "no limit".to_owned(),
    };
    vec![
        of,
        format!("waiting {}", number(change, "/gate/waiting")),
        format!("p50 {}", time(change.quantile("/latency/queue", 0.5))),
        format!("p99 {}", time(change.quantile("/latency/queue", 0.99))),
        format!("in the kernel {}", in_the_kernel(change)),
    ]
}

fn in_the_kernel(change: &Change<'_>) -> String {
    let queues = change.list("/listeners").iter();
    let queues = queues.filter_map(|listener| listener.pointer("/queue")?.as_u64());
    count(queues.sum())
}

/// A connection of HTTP/2 is one whatever it carries; a WebSocket counts beside what carries it.
fn connections(change: &Change<'_>) -> Vec<String> {
    let open = change.number("/totals/connections/open");
    let http2 = change.number("/http2/open");
    let others = open
        .zip(http2)
        .map(|(open, http2)| open.saturating_sub(http2));
    let shown = |number: Option<u64>| number.map_or("-".to_owned(), count);
    vec![
        format!("open {}", shown(open)),
        format!("new {}", rate(change.rate("/totals/connections/accepted"))),
        format!("HTTP/1.1 {}", shown(others)),
        format!("HTTP/2 {}", shown(http2)),
        format!("WebSockets {}", number(change, "/websockets/open")),
    ]
}

fn lanes(change: &Change<'_>, columns: usize) -> Vec<String> {
    let lanes = change.list("/lanes");
    if lanes.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new()];
    let heading = ["lane", "busy", "workers", "queued", "ended", "refused"];
    let row = |cells: [&str; 6]| {
        let [name, busy, workers, queued, ended, refused] = cells;
        format!("{name:<16} {busy:>6} {workers:>9} {queued:>7} {ended:>9} {refused:>9}")
    };
    lines.push(row(heading));
    for lane in lanes {
        let text = |path: &str| lane.pointer(path).and_then(Value::as_str);
        let of = |path: &str| lane.pointer(path).and_then(Value::as_u64);
        let shown = |path: &str| of(path).map_or("-".to_owned(), count);
        let rate = |path: &str| self::rate(change.rate_of("/lanes", lane, "name", path));
        lines.push(row([
            text("/name").unwrap_or("-"),
            &shown("/busy"),
            &format!("{}/{}", shown("/spawned"), shown("/max")),
            &shown("/queued"),
            &rate("/ended"),
            &rate("/refused"),
        ]));
        if let Some(trouble) = text("/unavailable") {
            let words: Vec<String> = trouble.split(' ').map(str::to_owned).collect();
            lines.extend(wrapped("  trouble", &words, " ", columns));
        }
    }
    lines
}

/// A column of the table of cores; those with a higher rank go first where there is no room.
struct Column {
    name: &'static str,
    width: usize,
    rank: u8,
}

const COLUMNS: [Column; 8] = {
    const fn column(name: &'static str, width: usize, rank: u8) -> Column {
        Column { name, width, rank }
    }
    [
        column("core", 5, 0),
        column("cpu", 4, 4),
        column("state", 11, 3),
        column("busy", 5, 0),
        column("req/s", 8, 0),
        column("open", 7, 1),
        column("running", 8, 2),
        column("waiting", 8, 2),
    ]
};
const STATE: usize = 2;
/// Columns of a bar, at least and at most.
const BAR: (usize, usize) = (8, 50);

/// The heading of the cores, and a line for each.
fn cores(change: &Change<'_>, sort: Sort, columns: usize) -> (String, Vec<String>) {
    let wide = |rank: u8| -> usize {
        let fit = COLUMNS.iter().filter(|column| column.rank <= rank);
        fit.map(|column| column.width).sum()
    };
    let rank = (0..=4)
        .rev()
        .find(|rank| wide(*rank) <= columns)
        .unwrap_or(0);
    let bar = columns.saturating_sub(wide(rank) + 2).min(BAR.1);
    let line = |cells: [String; 8], busy: usize| {
        let mut line = String::new();
        for (at, (column, cell)) in COLUMNS.iter().zip(cells).enumerate() {
            let width = column.width;
            match column.rank <= rank {
                false => {}
                true if at == STATE => line.push_str(&format!("  {cell:<0$}", width - 2)),
                true => line.push_str(&format!("{cell:>width$}")),
            }
        }
        if bar >= BAR.0 {
            line.push_str("  ");
            line.extend(std::iter::repeat_n('#', busy * bar / 1000));
        }
        line
    };
    let heading = line(COLUMNS.map(|column| column.name.to_owned()), 0);
    let mut cores: Vec<Of<'_>> = change
        .list("/cores")
        .iter()
        .map(|core| Of::new(change, core))
        .collect();
    let key = |core: &Of<'_>| match sort {
        Sort::Core => 0.0,
        Sort::Busy => core.busy as f64,
        Sort::Rate => core.rate.unwrap_or(0.0),
        Sort::Open => core.number("/connections/open") as f64,
    };
    // A stable sort: equal ones stay in the order of their numbers.
    cores.sort_by(|one, other| key(other).total_cmp(&key(one)));
    let rows = cores.iter().map(|core| line(core.cells(), core.busy));
    (heading, rows.collect())
}

/// One core.
struct Of<'a> {
    core: &'a Value,
    busy: usize,
    rate: Option<f64>,
}

impl<'a> Of<'a> {
    fn new(change: &Change<'a>, core: &'a Value) -> Of<'a> {
        let busy = core.pointer("/busy_permille").and_then(Value::as_u64);
        Of {
            core,
            busy: busy.unwrap_or(0).min(1000) as usize,
            rate: change.rate_of("/cores", core, "index", "/requests/answered"),
        }
    }

    fn number(&self, path: &str) -> u64 {
        self.core.pointer(path).and_then(Value::as_u64).unwrap_or(0)
    }

    fn cells(&self) -> [String; 8] {
        let text = |path: &str| match self.core.pointer(path) {
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => text.clone(),
            _ => "-".to_owned(),
        };
        [
            text("/index"),
            text("/cpu"),
            text("/state"),
            format!("{}%", self.busy / 10),
            self.rate.map_or("-".to_owned(), plain_rate),
            count(self.number("/connections/open")),
            count(self.number("/requests/running")),
            count(self.number("/requests/pending")),
        ]
    }
}

fn foot(view: &View, columns: usize) -> Vec<String> {
    let said = match (&view.said, view.asks_to_drain, view.is_paused) {
        (_, true, _) => "Drain the server, so that it ends? y is yes, any other key no.".to_owned(),
        (Some(said), ..) => said.clone(),
        (None, _, true) => "Paused.".to_owned(),
        (None, _, false) => String::new(),
    };
    let sort = format!("s sort ({})", view.sort.name());
    let keys = ["q quit", "p pause", &sort, "+ - cores", "a auto", "d drain"];
    let keys = keys.map(str::to_owned);
    let mut lines = vec![said];
    lines.extend(joined(&keys, "  ", columns));
    lines
}

/// Items behind a name, and below it where a line is full.
fn wrapped(name: &str, items: &[String], gap: &str, columns: usize) -> Vec<String> {
    let lines = joined(items, gap, columns.saturating_sub(NAMES));
    let lines = lines.into_iter().enumerate();
    lines
        .map(|(row, line)| match row {
            0 => format!("{name:<NAMES$}{line}"),
            _ => format!("{:NAMES$}{line}", ""),
        })
        .collect()
}

/// Items on as few lines as they fit on.
fn joined(items: &[String], gap: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for item in items {
        let last = lines.last_mut().expect("there is a line");
        if last.is_empty() {
            last.push_str(item);
        } else if last.chars().count() + gap.len() + item.chars().count() <= columns {
            last.push_str(gap);
            last.push_str(item);
        } else {
            lines.push(item.clone());
        }
    }
    lines
}

fn number(change: &Change<'_>, path: &str) -> String {
    match path {
        "/pid" => change.number(path).map(|pid| pid.to_string()),
        _ => change.number(path).map(count),
    }
    .unwrap_or("-".to_owned())
}

/// Three digits that count, and their unit.
fn count(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => scaled(number as f64 / 1e3, "k"),
        1_000_000..1_000_000_000 => scaled(number as f64 / 1e6, "M"),
        _ => scaled(number as f64 / 1e9, "G"),
    }
}

fn scaled(number: f64, unit: &str) -> String {
    match number < 99.95 {
        true => format!("{number:.1}{unit}"),
        false => format!("{number:.0}{unit}"),
    }
}

fn rate(rate: Option<f64>) -> String {
    per_second(rate.map(plain_rate))
}

fn plain_rate(rate: f64) -> String {
    match rate > 0.0 && rate < 9.95 {
        true => format!("{rate:.1}"),
        false => count(rate.round() as u64),
    }
}

fn per_second(shown: Option<String>) -> String {
    shown.map_or("-".to_owned(), |shown| format!("{shown}/s"))
}

fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = UNITS.iter().find(|(bits, _)| bytes >> bits > 0);
    match unit {
        Some((bits, name)) => scaled(bytes as f64 / (1u64 << bits) as f64, &format!(" {name}")),
        None => format!("{bytes} B"),
    }
}

fn time(nanos: Option<u64>) -> String {
    match nanos {
        None => "-".to_owned(),
        Some(nanos @ 0..1_000) => format!("{nanos}ns"),
        Some(nanos @ 1_000..1_000_000) => scaled(nanos as f64 / 1e3, "us"),
        Some(nanos @ 1_000_000..1_000_000_000) => scaled(nanos as f64 / 1e6, "ms"),
        Some(nanos) => scaled(nanos as f64 / 1e9, "s"),
    }
}

fn age(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}
