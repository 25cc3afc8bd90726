//! The part of the page that a race fills: a table a scenario, a sentence on who is ahead, and the chart of bars.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::kept::Kept;
use crate::race::{Cell, Scenario};
use crate::results::bootstrap::Interval;
use crate::results::svg::{self, Bar, Panel, Shade};
use crate::results::{Page, circumstances, of_invalid};

/// The product's name in the cells.
pub(super) const OWN: &str = "ringgate";
/// The floor's name in the cells.
const FLOOR: &str = "uring";
/// Names of the servers that parse nothing.
const FLOORS: [&str; 2] = [FLOOR, "epoll"];
/// The scenarios of the chart, as far as they were run.
const IN_CHART: [&str; 4] = ["plain-c32", "plain-c256", "pipeline16-c32", "close-c32"];
/// Fewer rounds tell nobody apart: the interval of so few values is too narrow.
const ROUNDS_MIN: usize = 5;
/// Longest bar of the chart, as a multiple of the floor.
const CHART_MOST: f64 = 4.0;

const HOW_TO_READ: &str = "\
**How to read it.** Every server runs with one thread (or one process) on one CPU, the load on another, in rounds that
visit everybody; every answer is compared with what it has to be. The figure to compare is the CPU time of the server, user
and system, per request. Both ratios are taken within a round; given are the median over the rounds and, in brackets, the
95 % interval of the bootstrap. *To the floor* compares with a raw io_uring loop that parses nothing and answers a constant,
*to Ringgate* with Ringgate: above 1 the server needs more than Ringgate, below 1 it needs less. Who has 1 inside the brackets
is not told apart from Ringgate by this run. The bare loops (ringline, monoio, compio, glommio, tokio-uring) parse with
httparse and know one path; they have no router, no limits, no timeouts and no books, all of which the others have to some
extent and Ringgate in full. Requests a second are not listed, because they say more about the load's CPU than about
the server's.

";

const OF_CONTEST: &str = "\
Sums, items and delays are profiles of the contest HttpArena, which [Ringgate's entry](../docs/benchmarking.md#the-entry-for-httparena)
answers; hyper and actix make the same JSON with the same crates, and compress it at the same level with a compressor for each answer,
where Ringgate uses those of its core again. The other servers make no answer from what a request asks for.

";

/// Writes the part.
pub(super) fn write(page: &mut Page, kept: &Kept<Cell>) {
    circumstances(&mut page.text, "The race", kept, "s of load in each cell");
    let mut scenarios: Vec<&str> = Vec::new();
    for cell in &kept.cells {
        if !scenarios.contains(&cell.scenario.as_str()) {
            scenarios.push(&cell.scenario);
        }
    }
    let is_in_chart = |name: &&&str| IN_CHART.contains(*name);
    let panels: Vec<_> = (scenarios.iter())
        .filter(is_in_chart)
        .map(|name| panel(kept, name))
        .collect();
    if !panels.is_empty() {
        let title = "CPU time a request, as a multiple of a raw io_uring loop (less is better)";
        page.charts
            .push(("cpu.svg", svg::bars(title, &panels, CHART_MOST)));
        page.text += "![CPU time a request of each server](results/cpu.svg)\n\n";
    }
    page.text += HOW_TO_READ;
    let is_of_contest = |name: &&str| {
        let scenario = name.parse::<Scenario>();
        scenario.is_ok_and(|scenario| scenario.job().answer.is_of_contest())
    };
    if scenarios.iter().any(is_of_contest) {
        page.text += OF_CONTEST;
    }
    for scenario in scenarios {
        table(&mut page.text, kept, scenario);
    }
    of_invalid(&mut page.text, kept);
}

/// CPU time of one server in one scenario.
struct Row<'a> {
    name: &'a str,
    cpu: Interval,
    user: Interval,
    to_floor: Option<Interval>,
    to_own: Option<Interval>,
    /// Bytes of an answer.
    bytes: Option<f64>,
}

/// The rows of a scenario, the cheapest first.
fn rows<'a>(kept: &'a Kept<Cell>, scenario: &str) -> Vec<Row<'a>> {
    let mut of: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for cell in kept.cells.iter().filter(|cell| cell.scenario == scenario) {
        of.entry(&cell.peer).or_default().push(cell);
    }
    let ratio = |cells: &[&Cell], other: &str| {
        let others = of.get(other)?;
        let ratios = cells.iter().filter_map(|cell| {
            let other = others.iter().find(|other| other.round == cell.round)?;
            Some(cell.cpu_us_per_request / other.cpu_us_per_request)
        });
        Interval::of(&ratios.collect::<Vec<_>>())
    };
    let mut rows: Vec<_> = (of.iter())
        .filter_map(|(name, cells)| {
            let values = |value: fn(&Cell) -> f64| {
                Interval::of(&cells.iter().map(|cell| value(cell)).collect::<Vec<_>>())
            };
            Some(Row {
                name,
                cpu: values(|cell| cell.cpu_us_per_request)?,
                user: values(|cell| cell.user_us_per_request)?,
                to_floor: ratio(cells, FLOOR),
                to_own: ratio(cells, OWN),
                bytes: cells.first().and_then(|cell| cell.bytes_per_answer),
            })
        })
        .collect();
    let key = |row: &Row<'_>| row.to_floor.map_or(row.cpu.median, |ratio| ratio.median);
    rows.sort_by(|one, other| key(one).total_cmp(&key(other)));
    rows
}

fn table(text: &mut String, kept: &Kept<Cell>, scenario: &str) {
    let rows = rows(kept, scenario);
    let told = scenario
        .parse::<Scenario>()
        .map_or(String::new(), Scenario::told);
    let _ = writeln!(
        text,
        "### {scenario}\n\n{told}\n\n| server | CPU, us | in user space | to the floor | to Ringgate | bytes of an answer | \
         rounds |\n|---|---|---|---|---|---|---|"
    );
    for row in &rows {
        let name = match row.name {
            OWN => "**ringgate**".to_owned(),
            FLOOR => "uring (the floor)".to_owned(),
            "epoll" => "epoll (a floor)".to_owned(),
            name => name.to_owned(),
        };
        let _ = writeln!(
            text,
            "| {name} | {:.2} | {:.2} | {} | {} | {} | {} |",
            row.cpu.median,
            row.user.median,
            shown(row.to_floor),
            shown(row.to_own),
            row.bytes
                .map_or("-".to_owned(), |bytes| svg::number(bytes.round())),
            row.cpu.values
        );
    }
    let _ = writeln!(text, "\n{}\n", verdict(&rows));
}

pub(super) fn shown(interval: Option<Interval>) -> String {
    interval.map_or(
        "-".to_owned(),
        |Interval {
             median, low, high, ..
         }| { format!("{median:.2} [{low:.2}, {high:.2}]") },
    )
}

/// Sentences that name the servers ahead of Ringgate, behind, and not told apart from it; too few rounds name none.
fn verdict(rows: &[Row<'_>]) -> String {
    let rounds = (rows.iter().map(|row| row.cpu.values).min()).unwrap_or(0);
    if rounds < ROUNDS_MIN {
        return format!(
            "{rounds} rounds are too few to say who is ahead: the intervals are narrower than they should be."
        );
    }
    let (mut ahead, mut behind, mut level) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        if row.name == OWN || FLOORS.contains(&row.name) {
            continue;
        }
        match row.to_own {
            Some(ratio) if ratio.high < 1.0 => ahead.push(row.name),
            Some(ratio) if ratio.low > 1.0 => behind.push(row.name),
            Some(_) => level.push(row.name),
            None => {}
        }
    }
    let said = |what: &str, names: &[&str]| match names {
        [] => format!("{what}: nobody."),
        names => format!("{what}: {}.", names.join(", ")),
    };
    [
        said("Needs less than Ringgate", &ahead),
        said("Not told apart", &level),
        said("Needs more", &behind),
    ]
    .join(" ")
}

fn panel(kept: &Kept<Cell>, scenario: &str) -> Panel {
    let bars = rows(kept, scenario).into_iter().filter_map(|row| {
        let ratio = row.to_floor?;
        Some(Bar {
            name: row.name.to_owned(),
            value: ratio.median,
            between: (ratio.low, ratio.high),
            shade: match row.name {
                OWN => Shade::Own,
                name if FLOORS.contains(&name) => Shade::Floor,
                _ => Shade::Other,
            },
        })
    });
    Panel {
        heading: scenario.to_owned(),
        bars: bars.collect(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::machine::Machine;

    pub(in crate::results) fn cell(round: u32, peer: &str, cpu: f64) -> Cell {
        Cell {
            round,
            scenario: "plain-c32".to_owned(),
            peer: peer.to_owned(),
            requests: 1,
            cpu_us_per_request: cpu,
            user_us_per_request: 0.1,
            requests_per_second: 1.0,
            bytes_per_answer: Some(126.0),
            load: "own".to_owned(),
            shares_cpus: false,
        }
    }

    pub(in crate::results) fn kept(of: &[(&str, [f64; 3])]) -> Kept<Cell> {
        let cells = of.iter().flat_map(|(peer, values)| {
            let rounds = values.iter().chain(values).zip(0..);
            rounds.map(|(cpu, round)| cell(round, peer, *cpu))
        });
        Kept {
            machine: Machine::here().unwrap(),
            runs: Vec::new(),
            seconds: 1,
            cells: cells.collect(),
            invalid: Vec::new(),
        }
    }

    #[test]
    fn who_needs_less_than_ringgate_is_said_to_be_ahead() {
        let kept = kept(&[
            (FLOOR, [4.0, 4.0, 4.0]),
            ("quick", [4.1, 4.2, 4.1]),
            (OWN, [4.5, 4.4, 4.6]),
            ("like", [4.4, 4.5, 4.6]),
            ("slow", [9.0, 9.0, 9.0]),
        ]);
        let mut page = Page::default();
        write(&mut page, &kept);
        let verdict = "Needs less than Ringgate: quick. Not told apart: like. Needs more: slow.";
        assert!(page.text.contains(verdict), "{}", page.text);
        let place = |name: &str| page.text.find(name).unwrap();
        assert!(place("| quick |") < place("| **ringgate** |"));
        assert_eq!(page.charts[0].0, "cpu.svg");
    }

    #[test]
    fn few_rounds_tell_nobody_apart() {
        let mut kept = kept(&[(OWN, [4.5, 4.4, 4.6]), ("slow", [9.0, 9.0, 9.0])]);
        kept.cells.retain(|cell| cell.round < 3);
        let mut page = Page::default();
        write(&mut page, &kept);
        assert!(page.text.contains("3 rounds are too few"), "{}", page.text);
        assert!(!page.text.contains("Needs more"), "{}", page.text);
    }

    #[test]
    fn without_a_floor_there_is_a_table_and_no_ratio_to_it() {
        let kept = kept(&[(OWN, [4.5, 4.4, 4.6]), ("like", [4.4, 4.5, 4.6])]);
        let mut page = Page::default();
        write(&mut page, &kept);
        assert!(
            page.text.contains("| like | 4.50 | 0.10 | - | 1.00 ["),
            "{}",
            page.text
        );
    }
}
