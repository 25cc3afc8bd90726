//! Charts as SVG: bars with their intervals, and what curves share with them. Text and colours follow the reader's choice of light or
//! dark (`prefers-color-scheme`), also where the file is shown as an image.
//!
//! Written by hand, because the colours of the charts that the plotting crates write are fixed. Nothing here
//! knows what is measured.

use std::fmt::Write;

/// Width of every chart.
const WIDTH: f64 = 860.0;
/// Space for the names on the left of bars.
const NAMES: f64 = 130.0;
/// Height of a bar with its space.
const BAR: f64 = 19.0;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}\
.title{font-size:15px;font-weight:600}.small{font-size:11px;fill:#57606a}\
.grid{stroke:#d0d7de;stroke-width:1}.bar{fill:#8c959f}.own{fill:#0969da}.floor{fill:#d0d7de}\
.whisker{stroke:#24292f;stroke-width:1.2}.curve{fill:none;stroke-width:2}\
.c0{stroke:#0969da;fill:#0969da}.c1{stroke:#6e7781;fill:#6e7781}.c2{stroke:#bc4c00;fill:#bc4c00}\
.c3{stroke:#1a7f37;fill:#1a7f37}.c4{stroke:#8250df;fill:#8250df}.c5{stroke:#cf222e;fill:#cf222e}\
.c6{stroke:#9a6700;fill:#9a6700}.c7{stroke:#bf3989;fill:#bf3989}\
.curve.c0,.curve.c1,.curve.c2,.curve.c3,.curve.c4,.curve.c5,.curve.c6,.curve.c7{fill:none}\
.back{fill:#fff}\
@media(prefers-color-scheme:dark){\
text{fill:#e6edf3}.small{fill:#8d96a0}.grid{stroke:#30363d}.bar{fill:#6e7681}.own{fill:#4493f8}\
.floor{fill:#30363d}.whisker{stroke:#e6edf3}.back{fill:#0d1117}\
.c0{stroke:#4493f8;fill:#4493f8}.c1{stroke:#9198a1;fill:#9198a1}.c2{stroke:#f0883e;fill:#f0883e}\
.c3{stroke:#3fb950;fill:#3fb950}.c4{stroke:#ab7df8;fill:#ab7df8}.c5{stroke:#f85149;fill:#f85149}\
.c6{stroke:#d29922;fill:#d29922}.c7{stroke:#f778ba;fill:#f778ba}}";

/// The colour class of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shade {
    /// The product.
    Own,
    /// The bound that nothing can be below.
    Floor,
    /// Everybody else.
    Other,
}

/// One bar.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) value: f64,
    /// Ends of the interval.
    pub(super) between: (f64, f64),
    pub(super) shade: Shade,
}

/// Bars under one heading.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) heading: String,
    pub(super) bars: Vec<Bar>,
}

/// Panels of bars, two beside each other. Bars longer than `most` are cut, and their values say so.
pub(super) fn bars(title: &str, panels: &[Panel], most: f64) -> String {
    let half = WIDTH / 2.0;
    let rows: Vec<_> = panels.chunks(2).collect();
    let height_of = |row: &[Panel]| {
        let longest = row.iter().map(|panel| panel.bars.len()).max();
        longest.unwrap_or(0) as f64 * BAR + 46.0
    };
    let height = 40.0 + rows.iter().map(|row| height_of(row)).sum::<f64>();
    let mut svg = begin(title, height);
    let mut top = 40.0;
    for row in rows {
        for (column, panel) in row.iter().enumerate() {
            panel_of_bars(&mut svg, panel, (column as f64 * half, top), half, most);
        }
        top += height_of(row);
    }
    svg + "</svg>\n"
}

fn panel_of_bars(svg: &mut String, panel: &Panel, (left, top): (f64, f64), width: f64, most: f64) {
    let scale = (width - NAMES - 64.0) / most;
    let at = |value: f64| left + NAMES + value.min(most) * scale;
    let bottom = top + 22.0 + panel.bars.len() as f64 * BAR;
    text(svg, "", "start", (left + 10.0, top + 12.0), &panel.heading);
    for tick in 0..=most as usize {
        let x = at(tick as f64);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\"/>",
            top + 20.0
        );
        text(
            svg,
            "small",
            "middle",
            (x, bottom + 12.0),
            &tick.to_string(),
        );
    }
    for (nth, bar) in panel.bars.iter().enumerate() {
        let y = top + 22.0 + nth as f64 * BAR;
        let class = match bar.shade {
            Shade::Own => "own",
            Shade::Floor => "floor",
            Shade::Other => "bar",
        };
        text(svg, "", "end", (left + NAMES - 6.0, y + 12.5), &bar.name);
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            at(0.0),
            y + 2.0,
            at(bar.value) - at(0.0),
            BAR - 5.0
        );
        let (low, high) = (at(bar.between.0), at(bar.between.1));
        let middle = y + (BAR - 1.0) / 2.0;
        let _ = writeln!(
            svg,
            "<line class=\"whisker\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>"
        );
        let right = high.max(at(bar.value)) + 5.0;
        let value = format!("{:.2}", bar.value);
        text(svg, "small", "start", (right, y + 12.5), &value);
    }
}

pub(super) fn begin(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"back\" width=\"100%\" height=\"100%\"/>\n",
        escaped(title)
    );
    text(&mut svg, "title", "start", (10.0, 22.0), title);
    svg
}

pub(super) fn text(svg: &mut String, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
    let class = match class {
        "" => String::new(),
        class => format!(" class=\"{class}\""),
    };
    let _ = writeln!(
        svg,
        "<text{class} text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escaped(text)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A number with thousands told apart.
pub(super) fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(
            (number(0.0), number(2.5), number(999.4)),
            ("0".into(), "2.5".into(), "999".into())
        );
    }

    #[test]
    fn a_chart_is_closed_and_escapes_names() {
        let bar = Bar {
            name: "a<b".to_owned(),
            value: 9.0,
            between: (8.0, 10.0),
            shade: Shade::Own,
        };
        let panel = Panel {
            heading: "one & two".to_owned(),
            bars: vec![bar],
        };
        let svg = bars("title", &[panel], 4.0);
        assert!(svg.contains("a&lt;b") && svg.contains("one &amp; two"));
        assert!(svg.contains(">9.00<"), "a bar that is cut keeps its value");
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
    }
}
