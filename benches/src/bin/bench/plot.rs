//! A plot of costs over sizes, as SVG.

use std::fmt::Write as _;

/// A line of the plot.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Size, and cost in times of the first one's.
    pub(crate) points: Vec<(f64, f64)>,
}

/// The edges of what is plotted, in pixels.
const LEFT: f64 = 60.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 320.0;
/// The sizes at the left and at the right edge, as powers of ten.
const SIZES: std::ops::RangeInclusive<i32> = 1..=6;
/// The costs at the bottom and at the top.
const COSTS: [f64; 5] = [0.0, 0.5, 1.0, 1.5, 2.0];
const COLOURS: [&str; 5] = ["#0b6e99", "#d9730d", "#0f7b6c", "#ad1a72", "#6940a5"];

/// Draws the lines on white.
pub(crate) fn svg(lines: &[Line]) -> String {
    let height = BOTTOM + 50.0 + 20.0 * f64::from(u32::try_from(lines.len()).unwrap_or(0));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    push_grid(&mut svg);
    for (position, (line, colour)) in lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
        push_line(&mut svg, line, colour);
        let y = BOTTOM + 60.0 + 20.0 * f64::from(u32::try_from(position).unwrap_or(0));
        push(
            &mut svg,
            format_args!(
                "<rect x=\"{LEFT}\" y=\"{}\" width=\"20\" height=\"3\" fill=\"{colour}\"/>",
                y - 5.0
            ),
        );
        push(
            &mut svg,
            format_args!("<text x=\"{}\" y=\"{y}\">{}</text>", LEFT + 28.0, line.name),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn push_grid(svg: &mut String) {
    for cost in COSTS {
        let y = y(cost);
        push(
            svg,
            format_args!("<path d=\"M{LEFT} {y}H{RIGHT}\" stroke=\"#ddd\"/>"),
        );
        push(
            svg,
            format_args!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{cost}</text>",
                LEFT - 8.0,
                y + 4.0
            ),
        );
    }
    for power in SIZES {
        let x = x(10_f64.powi(power));
        push(
            svg,
            format_args!("<path d=\"M{x} {TOP}V{BOTTOM}\" stroke=\"#ddd\"/>"),
        );
        push(
            svg,
            format_args!(
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">10<tspan dy=\"-5\" font-size=\"9\">{power}</tspan></text>",
                BOTTOM + 18.0
            ),
        );
    }
    push(
        svg,
        format_args!(
            "<text x=\"{LEFT}\" y=\"{}\">hosts; cost of a request, of that at the smallest size</text>",
            BOTTOM + 38.0
        ),
    );
}

fn push_line(svg: &mut String, line: &Line, colour: &str) {
    let mut path = String::new();
    for (position, (size, cost)) in line.points.iter().enumerate() {
        let command = if position == 0 { 'M' } else { 'L' };
        push(
            &mut path,
            format_args!("{command}{:.1} {:.1}", x(*size), y(*cost)),
        );
        push(
            svg,
            format_args!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                x(*size),
                y(*cost)
            ),
        );
    }
    let path = path.trim_end();
    push(
        svg,
        format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"),
    );
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes whatever is written");
}

fn x(size: f64) -> f64 {
    let (first, last) = (f64::from(*SIZES.start()), f64::from(*SIZES.end()));
    LEFT + (RIGHT - LEFT) * (size.log10() - first) / (last - first)
}

/// What costs more than the plot shows lies at its upper edge.
fn y(cost: f64) -> f64 {
    let most = COSTS[COSTS.len() - 1];
    BOTTOM - (BOTTOM - TOP) * cost.min(most) / most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_the_same_is_a_level_line() {
        let line = Line {
            name: "a".into(),
            points: vec![(1e3, 1.0), (1e6, 1.0)],
        };
        let svg = svg(&[line]);
        let level = y(1.0);
        assert!(
            svg.contains(&format!(
                "M{:.1} {level:.1}\nL{:.1} {level:.1}\"",
                x(1e3),
                x(1e6)
            )),
            "{svg}"
        );
    }
}
