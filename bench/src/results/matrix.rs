//! Parts of the page that compare in many loads with one contestant: a table with a row for each, a column for each
//! load, and the ratio to that one in the cells.

use std::fmt::Write;

use crate::kept::Kept;
use crate::race::Cell;
use crate::results::bootstrap::Interval;
use crate::results::{Page, circumstances, of_invalid, race::shown};

/// A part of the page, and the record that it is made from.
pub(super) struct Part {
    /// The record's file.
    pub(super) file: &'static str,
    heading: &'static str,
    /// To whom the others are compared.
    reference: &'static str,
    told: &'static str,
}

/// All of them, in the order of the page.
pub(super) const PARTS: [Part; 3] = [
    Part {
        file: "switches.json",
        heading: "Switches",
        reference: "ringgate",
        told: "\
Ringgate with one flag of its rings, size of its buffers or number of its entries changed, against Ringgate as it is in the same
round: above 1 the change costs. What each is and why it is as it is: [docs/performance.md](../docs/performance.md).",
    },
    Part {
        file: "connections.json",
        heading: "Many connections",
        reference: "uring",
        told: "\
One request after the other on each connection, against the raw io_uring loop with as many of them in the same round.",
    },
    Part {
        file: "floor.json",
        heading: "Beside the floor alone",
        reference: "uring",
        told: "\
Ringgate and the raw io_uring loop by turns and nobody else, in more rounds than the race has: what Ringgate adds to the kernel's work.",
    },
];

/// Writes the part.
pub(super) fn write(page: &mut Page, kept: &Kept<Cell>, part: &Part) {
    let seconds = "s of load in each cell";
    circumstances(&mut page.text, part.heading, kept, seconds);
    let (mut scenarios, mut names) = (Vec::new(), Vec::new());
    for cell in &kept.cells {
        let (scenario, name) = (cell.scenario.as_str(), cell.peer.as_str());
        if !scenarios.contains(&scenario) {
            scenarios.push(scenario);
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // The first of a round is another one in each.
    names.sort_by_key(|name| (*name != part.reference, *name));
    let text = &mut page.text;
    let _ = writeln!(
        text,
        "{} In each cell the CPU time a request in microseconds, and the median ratio with the 95 % interval of the bootstrap; \
         at least {} rounds.\n\n| | {} |\n|---|{}",
        part.told,
        rounds_min(kept, &scenarios, &names),
        scenarios.join(" | "),
        "---|".repeat(scenarios.len())
    );
    for name in names {
        let cells: Vec<_> = (scenarios.iter())
            .map(|scenario| in_table(kept, scenario, name, part.reference))
            .collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text.push('\n');
    of_invalid(text, kept);
}

fn of<'a>(kept: &'a Kept<Cell>, scenario: &str, name: &str) -> impl Iterator<Item = &'a Cell> {
    (kept.cells.iter()).filter(move |cell| cell.scenario == scenario && cell.peer == name)
}

/// The fewest rounds behind a figure.
fn rounds_min(kept: &Kept<Cell>, scenarios: &[&str], names: &[&str]) -> usize {
    let counts = (scenarios.iter()).flat_map(|scenario| {
        let of_name = |name: &&str| of(kept, scenario, name).count();
        names.iter().map(of_name).filter(|count| *count > 0)
    });
    counts.min().unwrap_or(0)
}

fn in_table(kept: &Kept<Cell>, scenario: &str, name: &str, reference: &str) -> String {
    let cpu: Vec<_> = of(kept, scenario, name)
        .map(|cell| cell.cpu_us_per_request)
        .collect();
    let Some(cpu) = Interval::of(&cpu) else {
        return "-".to_owned();
    };
    if name == reference {
        return format!("{:.2}", cpu.median);
    }
    let ratios: Vec<_> = of(kept, scenario, name)
        .filter_map(|cell| {
            let mut others = of(kept, scenario, reference);
            let other = others.find(|other| other.round == cell.round)?;
            Some(cell.cpu_us_per_request / other.cpu_us_per_request)
        })
        .collect();
    format!("{:.2}: {}", cpu.median, shown(Interval::of(&ratios)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::race::tests::{cell, kept};

    #[test]
    fn each_is_compared_with_the_one_of_its_round() {
        let mut kept = kept(&[
            ("ringgate", [4.0, 5.0, 8.0]),
            ("changed", [8.0, 10.0, 16.0]),
        ]);
        // A load that only one has seen has no ratio.
        let lonely = Cell {
            scenario: "close-c32".to_owned(),
            ..cell(0, "changed", 3.0)
        };
        kept.cells.push(lonely);
        let mut page = Page::default();
        write(&mut page, &kept, &PARTS[0]);
        for line in [
            "| | plain-c32 | close-c32 |",
            "| ringgate | 5.00 | - |",
            "| changed | 10.00: 2.00 [2.00, 2.00] | 3.00: - |",
            "at least 1 rounds",
        ] {
            assert!(page.text.contains(line), "{line}: {}", page.text);
        }
    }
}
