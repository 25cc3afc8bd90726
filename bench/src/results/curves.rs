//! Curves over one pair of axes, as SVG, in the colours of [`crate::results::svg`].

use std::fmt::Write;

use crate::results::svg::{begin, number, text};

/// Curves that can be told apart.
const COLOURS: usize = 8;

/// One curve; its points are sorted by x.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// Axes of a chart of curves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// Whether equal steps up are equal factors.
    pub(super) is_logarithmic: bool,
    /// How a place on the lower axis is called.
    pub(super) x_name: fn(f64) -> String,
}

/// Curves over one pair of axes; at most eight are drawn.
pub(super) fn chart(axes: Axes<'_>, curves: &[Curve]) -> String {
    const LEFT: f64 = 70.0;
    const TOP: f64 = 50.0;
    const RIGHT: f64 = 690.0;
    const BOTTOM: f64 = 330.0;
    let mut svg = begin(axes.title, 380.0);
    let curves = &curves[..curves.len().min(COLOURS)];
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let most_x = points().map(|(x, _)| x).fold(0.0, f64::max);
    let most_y = points().map(|(_, y)| y).fold(0.0, f64::max);
    let least_y = points().map(|(_, y)| y).fold(f64::MAX, f64::min);
    let ticks = match axes.is_logarithmic {
        true => decades(least_y, most_y),
        false => round_steps(most_y),
    };
    let (Some(lowest), Some(highest)) = (ticks.first().copied(), ticks.last().copied()) else {
        return svg + "</svg>\n";
    };
    let place = |value: f64| match axes.is_logarithmic {
        true => (value.max(lowest) / lowest).ln() / (highest / lowest).ln(),
        false => value / highest,
    };
    let y_of = |value: f64| BOTTOM - place(value) * (BOTTOM - TOP);
    let x_of = |value: f64| LEFT + value / most_x * (RIGHT - LEFT);
    for tick in &ticks {
        let y = y_of(*tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
        text(
            &mut svg,
            "small",
            "end",
            (LEFT - 6.0, y + 4.0),
            &number(*tick),
        );
    }
    let mut xs: Vec<_> = points().map(|(x, _)| x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let mut free = f64::MIN;
    for x in xs {
        let at = x_of(x);
        if at >= free {
            text(
                &mut svg,
                "small",
                "middle",
                (at, BOTTOM + 16.0),
                &(axes.x_name)(x),
            );
            free = at + 44.0;
        }
    }
    text(
        &mut svg,
        "small",
        "middle",
        ((LEFT + RIGHT) / 2.0, BOTTOM + 36.0),
        axes.x,
    );
    text(&mut svg, "small", "start", (10.0, TOP - 10.0), axes.y);
    let mut ends: Vec<(f64, usize)> = Vec::new();
    for (nth, curve) in curves.iter().enumerate() {
        let line: Vec<_> = (curve.points.iter())
            .map(|(x, y)| format!("{:.1},{:.1}", x_of(*x), y_of(*y)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline class=\"curve c{nth}\" points=\"{}\"/>",
            line.join(" ")
        );
        for (x, y) in &curve.points {
            let (x, y) = (x_of(*x), y_of(*y));
            let _ = writeln!(
                svg,
                "<circle class=\"c{nth}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>"
            );
        }
        if let Some((_, y)) = curve.points.last() {
            ends.push((y_of(*y), nth));
        }
    }
    // Names stand where the curves end, but never over each other.
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = TOP;
    for (y, nth) in ends {
        let y = y.max(free);
        free = y + 15.0;
        let (x, middle) = (RIGHT + 12.0, y);
        let _ = writeln!(
            svg,
            "<circle class=\"c{nth}\" cx=\"{x:.1}\" cy=\"{middle:.1}\" r=\"4\"/>"
        );
        text(&mut svg, "", "start", (x + 9.0, y + 4.0), &curves[nth].name);
    }
    svg + "</svg>\n"
}

/// Powers of ten around what is between.
fn decades(least: f64, most: f64) -> Vec<f64> {
    if least.is_nan() || least <= 0.0 || most < least {
        return Vec::new();
    }
    let (low, high) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    (low..=high.max(low + 1))
        .map(|power| 10f64.powi(power))
        .collect()
}

/// About five equal steps from 0 to at least `most`.
fn round_steps(most: f64) -> Vec<f64> {
    if most.is_nan() || most <= 0.0 {
        return Vec::new();
    }
    let raw = most / 5.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= raw)
        .unwrap_or(raw);
    let count = (most / step).ceil() as usize;
    (0..=count).map(|nth| nth as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_span_what_is_drawn() {
        assert_eq!(round_steps(4.3), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(decades(30.0, 4_000.0), [10.0, 100.0, 1_000.0, 10_000.0]);
        assert!(round_steps(0.0).is_empty() && decades(0.0, 1.0).is_empty());
    }
}
