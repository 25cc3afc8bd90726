//! The part of the page about several cores: the CPU time of a request and requests a second over the cores of a server,
//! as a table and two charts.
//!
//! Where the load has no CPUs of its own, requests a second say nothing about more cores. They are then computed from the CPU
//! time, and table and chart say so.

use std::fmt::Write;

use crate::kept::Kept;
use crate::race::{Cell, Scenario};
use crate::results::bootstrap::Interval;
use crate::results::curves::{self, Axes, Curve};
use crate::results::race::{OWN, shown};
use crate::results::svg::number;
use crate::results::{Page, circumstances, of_invalid};

const INTRODUCTION: &str = "\
Servers of several cores, or threads, in one process; nginx, which has a process for each, is not among them. For each the CPU time a
request, over all cores, and what it is by that with the fewest cores in the same round, with the 95 % interval of the
bootstrap: 1 where a further core costs the others nothing.

";
const SHARED: &str = "\
The load ran on the CPUs of the servers, as many threads of it as CPUs, whatever the cores of the server. *Reached together* is
therefore what a server and its load could do with the same CPUs, and does not show what more cores bring. *By the CPU time* and
the chart of requests a second are no measurement but extrapolated: cores divided by the CPU time a request, as if the load had
CPUs of its own and nothing but these ran short.

";
const APART: &str = "The load ran on CPUs of its own, so the chart shows the requests a second as they were measured.\n\n";

/// One server in one load with one number of cores.
struct Row<'a> {
    server: &'a str,
    load: Scenario,
    cores: usize,
    cpu: Interval,
    to_fewest: Option<Interval>,
    reached: Interval,
}

impl Row<'_> {
    /// Requests a second for which so many cores have the CPU time.
    fn by_cpu_time(&self) -> f64 {
        self.cores as f64 * 1e6 / self.cpu.median
    }
}

/// Writes the part.
pub(super) fn write(page: &mut Page, kept: &Kept<Cell>) {
    let text = &mut page.text;
    circumstances(text, "Several cores", kept, "s of load in each cell");
    *text += INTRODUCTION;
    let is_shared = kept.cells.iter().any(|cell| cell.shares_cpus);
    *text += if is_shared { SHARED } else { APART };
    let rows = rows(kept);
    let mut loads: Vec<_> = rows.iter().map(|row| row.load).collect();
    loads.dedup();
    for load in &loads {
        let reached = match is_shared {
            true => "reached together | by the CPU time, extrapolated",
            false => "requests a second | by the CPU time",
        };
        let _ = writeln!(
            text,
            "{}\n\n| server | cores | CPU, us | by its fewest cores | {reached} | rounds |\n|---|---|---|---|---|---|---|",
            load.told()
        );
        for row in rows.iter().filter(|row| row.load == *load) {
            let _ = writeln!(
                text,
                "| {} | {} | {:.2} | {} | {} | {} | {} |",
                row.server,
                row.cores,
                row.cpu.median,
                shown(row.to_fewest),
                number(row.reached.median),
                number(row.by_cpu_time()),
                row.cpu.values
            );
        }
        text.push('\n');
    }
    // A chart has room for one load.
    if let Some(load) = loads.first() {
        let of_load: Vec<_> = rows.iter().filter(|row| row.load == *load).collect();
        charts(page, &of_load, is_shared);
    }
    of_invalid(&mut page.text, kept);
}

fn charts(page: &mut Page, rows: &[&Row<'_>], is_shared: bool) {
    let title = match is_shared {
        true => "Requests a second over cores: extrapolated, cores by the CPU time a request",
        false => "Requests a second over cores",
    };
    let rate = |row: &Row<'_>| match is_shared {
        true => row.by_cpu_time(),
        false => row.reached.median,
    };
    chart(
        page,
        "cores-rate.svg",
        (title, "requests a second"),
        rows,
        rate,
    );
    let title = "CPU time a request over cores";
    let cpu = |row: &Row<'_>| row.cpu.median;
    chart(page, "cores-cpu.svg", (title, "microseconds"), rows, cpu);
}

fn chart(
    page: &mut Page,
    file: &'static str,
    (title, y): (&str, &str),
    rows: &[&Row<'_>],
    value: impl Fn(&Row<'_>) -> f64,
) {
    let mut curves: Vec<Curve> = Vec::new();
    for row in rows {
        let point = (row.cores as f64, value(row));
        match curves.iter_mut().find(|curve| curve.name == row.server) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve {
                name: row.server.to_owned(),
                points: vec![point],
            }),
        }
    }
    let axes = Axes {
        title,
        x: "cores",
        y,
        is_logarithmic: false,
        x_name: number,
    };
    let _ = writeln!(page.text, "![{title}](results/{file})\n");
    page.charts.push((file, curves::chart(axes, &curves)));
}

/// All rows: load by load, the product first, then by names, each with its cores in rising order.
fn rows(kept: &Kept<Cell>) -> Vec<Row<'_>> {
    let of_cell = |cell: &'_ Cell| {
        let scenario: Scenario = cell.scenario.parse().ok()?;
        Some((scenario.without_cores(), scenario.cores?))
    };
    let mut keys: Vec<_> = (kept.cells.iter())
        .filter_map(|cell| {
            let (load, cores) = of_cell(cell)?;
            Some((load, cell.peer != OWN, cell.peer.as_str(), cores))
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let cells = |load, server: &str, cores| {
        let server = server.to_owned();
        (kept.cells.iter())
            .filter(move |cell| cell.peer == server && of_cell(cell) == Some((load, cores)))
    };
    let row = |(load, _, server, cores): (Scenario, bool, &'_ str, usize)| {
        let values = |value: fn(&Cell) -> f64| {
            Interval::of(&cells(load, server, cores).map(value).collect::<Vec<_>>())
        };
        let mut of_server = keys.iter().filter(|key| (key.0, key.2) == (load, server));
        let fewest = of_server.next().map_or(cores, |key| key.3);
        let ratios = cells(load, server, cores).filter_map(|cell| {
            let mut others = cells(load, server, fewest);
            let other = others.find(|other| other.round == cell.round)?;
            Some(cell.cpu_us_per_request / other.cpu_us_per_request)
        });
        let to_fewest = Interval::of(&ratios.collect::<Vec<_>>()).filter(|_| cores != fewest);
        Some((
            values(|cell| cell.cpu_us_per_request)?,
            to_fewest,
            values(|cell| cell.requests_per_second)?,
        ))
    };
    keys.iter()
        .filter_map(|key| {
            let (cpu, to_fewest, reached) = row(*key)?;
            let (load, _, server, cores) = *key;
            Some(Row {
                server,
                load,
                cores,
                cpu,
                to_fewest,
                reached,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::race::tests::{cell, kept};

    /// Two rounds, in which the second core costs a tenth and the 15th after it four tenths more.
    fn measured(shares_cpus: bool) -> Page {
        let mut kept = kept(&[]);
        for (round, slow) in [(0, 1.0), (1, 2.0)] {
            for (cores, cpu, rate) in [(16, 7.5, 1e6), (1, 5.0, 150e3), (2, 5.5, 160e3)] {
                for (server, factor) in [("hyper", 2.0), (OWN, 1.0)] {
                    kept.cells.push(Cell {
                        scenario: format!("plain-c64@{cores}"),
                        requests_per_second: rate,
                        shares_cpus,
                        ..cell(round, server, cpu * slow * factor)
                    });
                }
            }
        }
        let mut page = Page::default();
        write(&mut page, &kept);
        page
    }

    fn chart<'a>(page: &'a Page, name: &str) -> &'a str {
        let found = page.charts.iter().find(|(file, _)| *file == name);
        &found.expect(name).1
    }

    #[test]
    fn each_is_compared_with_itself_on_the_fewest_cores_of_the_round() {
        let page = measured(false);
        for line in [
            "| ringgate | 1 | 7.50 | - | 150,000 | 133,333 | 2 |",
            "| ringgate | 2 | 8.25 | 1.10 [1.10, 1.10] | 160,000 | 242,424 | 2 |",
            "| ringgate | 16 | 11.25 | 1.50 [1.50, 1.50] | 1,000,000 | 1,422,222 | 2 |",
            "| hyper | 2 | 16.50 | 1.10 [1.10, 1.10] | 160,000 | 121,212 | 2 |",
        ] {
            assert!(page.text.contains(line), "{line}: {}", page.text);
        }
    }

    #[test]
    fn curves_rise_with_the_cores_that_were_measured() {
        let page = measured(false);
        for name in ["cores-rate.svg", "cores-cpu.svg"] {
            let svg = chart(&page, name);
            let line = svg.lines().find(|line| line.contains("curve c0")).unwrap();
            let points = line.split_once("points=\"").unwrap().1;
            let points = points.split('"').next().unwrap().split(' ');
            let places: Vec<_> = (points.map(|point| point.split(',').next().unwrap())).collect();
            // Sixteen cores at the right end, one and two at their sixteenths.
            assert_eq!(places, ["108.8", "147.5", "690.0"], "{name}");
            assert!(svg.contains(">16</text>") && svg.contains(">hyper</text>"));
        }
    }

    #[test]
    fn what_is_extrapolated_is_said_to_be_no_measurement() {
        let (shared, apart) = (measured(true), measured(false));
        let title = "Requests a second over cores: extrapolated, cores by the CPU time a request";
        for page in [&shared.text, &chart(&shared, "cores-rate.svg").to_owned()] {
            assert!(page.contains(title), "{page}");
        }
        assert!(shared.text.contains("no measurement but extrapolated"));
        assert!(!apart.text.contains("extrapolated"), "{}", apart.text);
        let rate = |page| chart(page, "cores-rate.svg").to_owned();
        assert!(!rate(&apart).contains("extrapolated"));
        // With 16 cores 1,000,000 were reached, and there is CPU time for 1,422,222.
        assert!(rate(&apart).contains(">1,000,000<") && !rate(&apart).contains(">1,500,000<"));
        assert!(rate(&shared).contains(">1,500,000<"), "{}", rate(&shared));
    }
}
