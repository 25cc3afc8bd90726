//! The part of the page about tails: latencies at parts of the capacity, as a table and a chart.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::kept::Kept;
use crate::results::bootstrap::Interval;
use crate::results::curves::{self, Axes, Curve};
use crate::results::race::{OWN, shown};
use crate::results::{Page, circumstances, of_chart, of_invalid};
use crate::tails::{Cell, Part};

const INTRODUCTION: &str = "\
A closed loop on 64 connections finds what a server answers at most, on this machine mostly what the load's CPU can ask for.
Then requests come by a timetable at random instants, at parts of that, and their latency counts from the instant at which
they were due. Both CPUs are then virtual ones that are busy for most of the time, and the hypervisor holds up any thread for
milliseconds now and then: the highest percentiles are as much about the machine as about the servers. Medians over the rounds,
in microseconds, with the interval of the bootstrap for the last two percentiles, and the 99th as a ratio to Ringgate's of the
same round: where 1 is inside the brackets, the two are not told apart by this run.

";

/// Writes the part.
pub(super) fn write(page: &mut Page, kept: &Kept<Cell>) {
    let text = &mut page.text;
    circumstances(text, "Tails", kept, "s at each part of the capacity");
    *text += INTRODUCTION;
    let mut of: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for cell in &kept.cells {
        of.entry(&cell.peer).or_default().push(cell);
    }
    let percents: Vec<u32> = (kept.cells.first()).map_or(Vec::new(), |cell| {
        cell.parts.iter().map(|part| part.percent).collect()
    });
    for percent in &percents {
        let _ = writeln!(
            text,
            "### At {percent} % of the capacity\n\n| server | requests a second | p50 | p90 | p99 | p99.9 | p99 to \
             Ringgate's | rounds |\n|---|---|---|---|---|---|---|---|"
        );
        let mut rows: Vec<_> = (of.iter())
            .filter_map(|(name, cells)| Some((name, row(cells, *percent)?)))
            .collect();
        rows.sort_by(|(_, one), (_, other)| one[3].median.total_cmp(&other[3].median));
        for (name, [rate, p50, p90, p99, p99_9]) in &rows {
            let _ = writeln!(
                text,
                "| {name} | {:.0} | {:.0} | {:.0} | {} | {} | {} | {} |",
                rate.median,
                p50.median,
                p90.median,
                whole(*p99),
                whole(*p99_9),
                shown(to_own(&of, name, *percent)),
                p99.values
            );
        }
        text.push('\n');
        let curves =
            (of_chart(rows.iter().map(|(name, _)| **name)).into_iter()).filter_map(|name| {
                let (_, row) = rows.iter().find(|(other, _)| **other == name)?;
                let points = row[1..].iter().zip(1..);
                Some(Curve {
                    name: name.to_owned(),
                    points: points
                        .map(|(value, nth)| (f64::from(nth), value.median))
                        .collect(),
                })
            });
        let (file, title) = match percent {
            50 => ("latency-50.svg", "Latency at 50 % of the capacity"),
            80 => ("latency-80.svg", "Latency at 80 % of the capacity"),
            _ => continue,
        };
        let axes = Axes {
            title,
            x: "percentile of the requests",
            y: "microseconds",
            is_logarithmic: true,
            x_name: |nth| ["50", "90", "99", "99.9"][(nth as usize).clamp(1, 4) - 1].to_owned(),
        };
        let svg = curves::chart(axes, &curves.collect::<Vec<_>>());
        let _ = writeln!(text, "![{title}](results/{file})\n");
        page.charts.push((file, svg));
    }
    of_invalid(text, kept);
}

/// A median and its interval without decimals.
fn whole(of: Interval) -> String {
    format!("{:.0} [{:.0}, {:.0}]", of.median, of.low, of.high)
}

/// The 99th percentile by that of the product in the same round.
fn to_own(of: &BTreeMap<&str, Vec<&Cell>>, name: &str, percent: u32) -> Option<Interval> {
    let p99 = |cell: &Cell| {
        let mut parts = cell.parts.iter();
        Some(parts.find(|part| part.percent == percent)?.p99)
    };
    let own = of.get(OWN)?;
    let ratios = of.get(name)?.iter().filter_map(|cell| {
        let own = own.iter().find(|own| own.round == cell.round)?;
        Some(p99(cell)? / p99(own)?)
    });
    Interval::of(&ratios.collect::<Vec<_>>())
}

/// Rate, p50, p90, p99 and p99.9.
fn row(cells: &[&Cell], percent: u32) -> Option<[Interval; 5]> {
    let parts: Vec<&Part> = (cells.iter())
        .filter_map(|cell| cell.parts.iter().find(|part| part.percent == percent))
        .collect();
    let of = |value: fn(&Part) -> f64| {
        Interval::of(&parts.iter().map(|part| value(part)).collect::<Vec<_>>())
    };
    Some([
        of(|part| part.rate as f64)?,
        of(|part| part.p50)?,
        of(|part| part.p90)?,
        of(|part| part.p99)?,
        of(|part| part.p99_9)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    fn cell(round: u32, peer: &str, p99: f64) -> Cell {
        Cell {
            round,
            scenario: "open-loop".to_owned(),
            peer: peer.to_owned(),
            capacity: 2000.0,
            parts: vec![Part {
                percent: 50,
                rate: 1000,
                p50: 100.0,
                p90: 200.0,
                p99,
                p99_9: 5000.0,
                max: 6000.0,
            }],
        }
    }

    #[test]
    fn the_99th_percentile_is_compared_within_a_round() {
        let kept = Kept {
            machine: Machine::here().unwrap(),
            runs: Vec::new(),
            seconds: 1,
            cells: vec![
                cell(0, "ringgate", 400.0),
                cell(0, "other", 800.0),
                cell(1, "ringgate", 3000.0),
                cell(1, "other", 6000.0),
            ],
            invalid: Vec::new(),
        };
        let mut page = Page::default();
        write(&mut page, &kept);
        let line = "| other | 1000 | 100 | 200 | 3400 [800, 6000] | 5000 [5000, 5000] | 2.00 [2.00, 2.00] | 2 |";
        assert!(page.text.contains(line), "{}", page.text);
    }
}
