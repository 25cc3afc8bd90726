//! The part of the page about overload: what a server with a limit does when multiples of its peak are asked of it.

use std::fmt::Write;

use crate::kept::Kept;
use crate::overload::{Cell, OverloadReport, Part};
use crate::results::bootstrap::Interval;
use crate::results::svg::number;
use crate::results::{Page, circumstances, of_invalid};

const INTRODUCTION: &str = "\
A server on one CPU with a limit on requests in force. A closed loop with a connection for each slot finds its peak; then
multiples of that are offered by a timetable from the other CPU; then the closed loop comes again, a second later. Medians over
the runs; the share of the peak that was served, with the lowest and the highest of the runs. The p99 counts from when a
connection took a request up: what a request waits for a free connection is the client's own limit. *Broken* are requests that
were reset, cut or refused a connection, had no answer in time, or one that is neither 2xx nor 503; *unsent* those for which the
client had no connection free.

";

/// Writes the part.
pub(super) fn write(page: &mut Page, kept: &Kept<Cell>) {
    let text = &mut page.text;
    circumstances(text, "Overload", kept, "s for each part");
    *text += INTRODUCTION;
    let mut servers: Vec<&str> = Vec::new();
    for cell in &kept.cells {
        if !servers.contains(&cell.peer.as_str()) {
            servers.push(&cell.peer);
        }
    }
    for server in servers {
        let of_server = kept.cells.iter().filter(|cell| cell.peer == server);
        table(text, server, &of_server.collect::<Vec<_>>());
    }
    of_invalid(text, kept);
}

fn table(text: &mut String, server: &str, runs: &[&Cell]) {
    let _ = writeln!(
        text,
        "`{server}`, {} runs:\n\n| | offered a second | served a second | of the peak | p99 of the served, ms | refused | \
         broken | unsent | memory, MiB |\n|---|---|---|---|---|---|---|---|---|",
        runs.len()
    );
    let factors = runs.first().map_or(0, |run| run.report.overloads.len());
    let reports = || runs.iter().map(|run| &run.report);
    let all = |part: fn(&OverloadReport) -> &Part| reports().map(part).collect::<Vec<_>>();
    row(text, "the peak", &all(|report| &report.peak));
    for nth in 0..factors {
        let parts: Vec<_> = reports()
            .filter_map(|report| report.overloads.get(nth))
            .collect();
        let factor = parts.first().and_then(|part| part.factor);
        row(text, &format!("{} times", factor.unwrap_or(0)), &parts);
    }
    row(
        text,
        "the peak, a second later",
        &all(|report| &report.recovered),
    );
    text.push('\n');
}

fn row(text: &mut String, name: &str, parts: &[&Part]) {
    let median = |value: fn(&Part) -> f64| {
        let values: Vec<_> = parts.iter().map(|part| value(part)).collect();
        Interval::of(&values).map_or(f64::NAN, |interval| interval.median)
    };
    let shares = || parts.iter().map(|part| part.goodput * 100.0);
    let _ = writeln!(
        text,
        "| {name} | {} | {} | {:.1} % [{:.1}, {:.1}] | {:.0} | {} | {} | {} | {:.1} |",
        number(median(|part| part.offered_per_second).round()),
        number(median(|part| part.served_per_second).round()),
        median(|part| part.goodput * 100.0),
        shares().fold(f64::INFINITY, f64::min),
        shares().fold(0.0, f64::max),
        median(|part| part.served_p99_us / 1000.0),
        number(median(|part| part.refused as f64)),
        number(parts.iter().map(|part| part.broken as f64).sum()),
        number(parts.iter().map(|part| part.unsent as f64).sum()),
        median(|part| part.rss as f64 / f64::from(1 << 20)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    fn part(factor: Option<u32>, goodput: f64, broken: u64) -> Part {
        Part {
            factor,
            offered_per_second: 6000.0,
            served_per_second: 2000.0 * goodput,
            goodput,
            refused: 5,
            broken,
            unsent: 0,
            served_p99_us: 40_000.0,
            rss: 7 << 20,
        }
    }

    fn run(round: u32, goodput: f64, broken: u64) -> Cell {
        Cell {
            round,
            scenario: "overload".to_owned(),
            peer: "server --limit 64".to_owned(),
            report: OverloadReport {
                peak: part(None, 1.0, 0),
                overloads: vec![part(Some(3), goodput, broken)],
                recovered: part(None, 1.01, 0),
            },
        }
    }

    #[test]
    fn a_line_for_each_multiple_has_the_middle_share_and_every_break() {
        let kept = Kept {
            machine: Machine::here().unwrap(),
            runs: Vec::new(),
            seconds: 4,
            cells: vec![run(0, 0.97, 2), run(1, 0.99, 0), run(2, 0.91, 1)],
            invalid: Vec::new(),
        };
        let mut page = Page::default();
        write(&mut page, &kept);
        for line in [
            "`server --limit 64`, 3 runs:",
            "| the peak | 6,000 | 2,000 | 100.0 % [100.0, 100.0] | 40 | 5 | 0 | 0 | 7.0 |",
            "| 3 times | 6,000 | 1,940 | 97.0 % [91.0, 99.0] | 40 | 5 | 3 | 0 | 7.0 |",
            "| the peak, a second later | 6,000 | 2,020 | 101.0 %",
        ] {
            assert!(page.text.contains(line), "{line}: {}", page.text);
        }
    }
}
