//! The part of the page about footprints: start, size of the program, memory of idle connections.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::footprint::Cell;
use crate::kept::Kept;
use crate::results::bootstrap::Interval;
use crate::results::curves::{self, Axes, Curve};
use crate::results::svg::number;
use crate::results::{Page, circumstances, of_chart, of_invalid};

const INTRODUCTION: &str = "\
*First answer*: from the start of the process to the end of its first answer, which is asked for as soon as it accepts (looked
for every 5 ms). *Program*: without symbols; all peers that are Rust libraries are one program, so its size says nothing
about each of them. *At rest*: private memory with one connection. *A connection*: private memory between the first and
the last number of connections, each of which has made one request and idles; what the kernel keeps for sockets is not in it.
Negative values are noise.

";

/// Writes the part.
pub(super) fn write(page: &mut Page, kept: &Kept<Cell>) {
    let text = &mut page.text;
    circumstances(text, "Footprint", kept, "");
    *text += INTRODUCTION;
    *text += "| server | first answer, ms | program, KiB | at rest, KiB | bytes a connection | rounds |\n|---|---|---|---|---|---|\n";
    let mut of: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for cell in &kept.cells {
        of.entry(&cell.peer).or_default().push(cell);
    }
    let values = |cells: &[&Cell], value: fn(&Cell) -> f64| {
        Interval::of(&cells.iter().map(|cell| value(cell)).collect::<Vec<_>>())
    };
    let mut rows: Vec<_> = (of.iter())
        .filter_map(|(name, cells)| {
            let start = values(cells, |cell| cell.first_answer_ms)?;
            let rest = values(cells, |cell| cell.private_bytes as f64)?;
            let each = values(cells, |cell| cell.bytes_per_connection)?;
            Some((*name, cells, start, rest, each))
        })
        .collect();
    rows.sort_by(|one, other| one.4.median.total_cmp(&other.4.median));
    for (name, cells, start, rest, each) in &rows {
        let program = cells.first().and_then(|cell| cell.program_bytes);
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {} | {} | {} | {} |",
            start.median,
            program.map_or("-".to_owned(), |bytes| number(bytes as f64 / 1024.0)),
            number(rest.median / 1024.0),
            number(each.median),
            each.values
        );
    }
    text.push('\n');
    let curves = (of_chart(rows.iter().map(|(name, ..)| *name)).into_iter()).filter_map(|name| {
        let cell = of.get(name)?.first()?;
        let points = cell.steps.iter().map(|step| {
            (
                step.connections as f64,
                step.memory.private as f64 / f64::from(1 << 20),
            )
        });
        Some(Curve {
            name: name.to_owned(),
            points: points.collect(),
        })
    });
    let title = "Private memory over idle connections";
    let axes = Axes {
        title,
        x: "idle connections",
        y: "MiB",
        is_logarithmic: true,
        x_name: number,
    };
    let svg = curves::chart(axes, &curves.collect::<Vec<_>>());
    let _ = writeln!(text, "![{title}](results/memory.svg)\n");
    page.charts.push(("memory.svg", svg));
    of_invalid(text, kept);
}
