//! The part of the page about tails: latencies at parts of the capacity, as a table and a chart.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::kept::Kept;
use crate::results::bootstrap::Interval;
use crate::results::curves::{self, Axes, Curve};
use crate::results::{Page, circumstances, of_chart, of_invalid};
use crate::tails::{Cell, Part};

const INTRODUCTION: &str = "\
A closed loop on 64 connections finds what a server answers at most, on this machine mostly what the load's CPU can ask for.
Then requests come by a timetable at random instants, at parts of that, and their latency counts from the instant at which
they were due. Both CPUs are then virtual ones that are busy for most of the time, and the hypervisor holds up any thread for
milliseconds now and then: the last column is as much about the machine as about the servers. Medians over the rounds,
in microseconds, with the interval of the bootstrap for the 99th percentile.

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
            "### At {percent} % of the capacity\n\n| server | requests a second | p50 | p90 | p99 | p99.9 | rounds |\n\
             |---|---|---|---|---|---|---|"
        );
        let mut rows: Vec<_> = (of.iter())
            .filter_map(|(name, cells)| Some((name, row(cells, *percent)?)))
            .collect();
        rows.sort_by(|(_, one), (_, other)| one[3].median.total_cmp(&other[3].median));
        for (name, [rate, p50, p90, p99, p99_9]) in &rows {
            let _ = writeln!(
                text,
                "| {name} | {:.0} | {:.0} | {:.0} | {:.0} [{:.0}, {:.0}] | {:.0} | {} |",
                rate.median,
                p50.median,
                p90.median,
                p99.median,
                p99.low,
                p99.high,
                p99_9.median,
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
