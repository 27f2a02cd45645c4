//! Cost against size as a drawing: one panel per operation, both axes logarithmic.

use super::comparison::{Comparison, Durable, Unit};
use super::operations as op;
use super::page::{duration, grouped};

/// Bytes of a vector that its scan cannot do without: one bit of each component.
const CODE: f64 = 48.0;
/// Bytes of a whole vector.
const WHOLE: f64 = 1536.0;

const PANELS: [(&str, Limits); 6] = [
    (op::HYBRID, Limits::Scan),
    (op::VECTOR, Limits::Scan),
    (op::FILTERED, Limits::None),
    (op::WORDS, Limits::None),
    (op::GET, Limits::None),
    (op::ONE_SHOT, Limits::None),
];
const COLUMNS: usize = 3;
/// Width and height of the drawing part of a panel.
const AREA: (f64, f64) = (250.0, 210.0);
/// What stands around it: left, top, right, bottom.
const AROUND: (f64, f64, f64, f64) = (72.0, 34.0, 18.0, 52.0);
/// The height of the legend.
const LEGEND: f64 = 74.0;

/// Whether memory has to be read for every text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Limits {
    Scan,
    None,
}

struct Series<'a> {
    points: Vec<(f64, f64)>,
    style: &'a Style,
}

struct Style {
    color: &'static str,
    dashes: &'static str,
    width: f64,
    mark: Mark,
}

#[derive(Clone, Copy)]
enum Mark {
    Disc,
    Square,
    Nothing,
}

const GARNER: Style = Style { color: "#0b5394", dashes: "none", width: 2.5, mark: Mark::Disc };
const PEER: Style = Style { color: "#c2410c", dashes: "7 4", width: 2.0, mark: Mark::Square };
const CODES: Style = Style { color: "#444444", dashes: "1.5 3.5", width: 1.5, mark: Mark::Nothing };
const WHOLES: Style =
    Style { color: "#777777", dashes: "9 3 2 3", width: 1.5, mark: Mark::Nothing };

/// Draws every panel; `bandwidth` is in bytes a second.
pub(crate) fn plot(comparisons: &[Comparison], bandwidth: f64) -> String {
    let (left, top, right, bottom) = AROUND;
    let (width, height) = (AREA.0 + left + right, AREA.1 + top + bottom);
    let rows = PANELS.len().div_ceil(COLUMNS) as f64;
    let (all_width, all_height) = (width * COLUMNS as f64 + 10.0, height * rows + LEGEND);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all_width} {all_height}\" \
         width=\"{all_width}\" height=\"{all_height}\" role=\"img\" font-family=\"sans-serif\" \
         font-size=\"12\" fill=\"#222\">\n<title>Cost of recall against the number of \
         fragments</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    svg.push_str(&legend(bandwidth));
    let axes = Axes::of(comparisons, bandwidth);
    for (at, (operation, limits)) in PANELS.into_iter().enumerate() {
        let x = width * (at % COLUMNS) as f64 + left;
        let y = height * (at / COLUMNS) as f64 + top + LEGEND;
        svg.push_str(&format!("<g transform=\"translate({x:.0} {y:.0})\">\n"));
        svg.push_str(&axes.frame(operation));
        for series in series(comparisons, operation, limits, bandwidth) {
            svg.push_str(&axes.line(&series));
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn series(
    comparisons: &[Comparison],
    operation: &str,
    limits: Limits,
    bandwidth: f64,
) -> Vec<Series<'static>> {
    let read = Unit::Seconds(Durable::No);
    let of = |value: &dyn Fn(&Comparison) -> Option<f64>| {
        comparisons.iter().filter_map(|c| Some((c.size as f64, value(c)?))).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    if limits == Limits::Scan {
        let scan = |bytes: f64| of(&|c| Some(c.size as f64 * bytes / bandwidth));
        all.push(Series { points: scan(CODE), style: &CODES });
        all.push(Series { points: scan(WHOLE), style: &WHOLES });
    }
    let peer = of(&|c| Some(c.best_of_peer(operation, read)?.value));
    let garner = of(&|c| Some(c.of_garner(operation)?.value));
    all.push(Series { points: peer, style: &PEER });
    all.push(Series { points: garner, style: &GARNER });
    all
}

/// What both axes reach, as powers of ten.
struct Axes {
    sizes: (f64, f64),
    seconds: (f64, f64),
}

impl Axes {
    fn of(comparisons: &[Comparison], bandwidth: f64) -> Self {
        let sizes = comparisons.iter().map(|comparison| (comparison.size as f64).log10());
        let first = sizes.clone().fold(f64::INFINITY, f64::min);
        let last = sizes.fold(f64::NEG_INFINITY, f64::max).max(first + 1.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (operation, limits) in PANELS {
            for series in series(comparisons, operation, limits, bandwidth) {
                for (_, seconds) in series.points {
                    (low, high) = (low.min(seconds.log10()), high.max(seconds.log10()));
                }
            }
        }
        Self { sizes: (first - 0.12, last + 0.12), seconds: (low.floor(), high.ceil()) }
    }

    fn x(&self, size: f64) -> f64 {
        (size.log10() - self.sizes.0) / (self.sizes.1 - self.sizes.0) * AREA.0
    }

    fn y(&self, seconds: f64) -> f64 {
        (self.seconds.1 - seconds.log10()) / (self.seconds.1 - self.seconds.0) * AREA.1
    }

    fn frame(&self, title: &str) -> String {
        let (width, height) = AREA;
        let mut text = format!(
            "<text x=\"{:.1}\" y=\"-12\" text-anchor=\"middle\" font-size=\"14\" \
             font-weight=\"bold\">{title}</text>\n",
            width / 2.0
        );
        for power in self.seconds.0 as i32..=self.seconds.1 as i32 {
            let seconds = 10_f64.powi(power);
            let y = self.y(seconds);
            text.push_str(&format!(
                "<path d=\"M0 {y:.1}H{width}\" stroke=\"#ddd\"/><text x=\"-8\" y=\"{:.1}\" \
                 text-anchor=\"end\">{}</text>\n",
                y + 4.0,
                short(seconds)
            ));
        }
        for size in [1_000_u64, 10_000, 100_000, 1_000_000] {
            let x = self.x(size as f64);
            if (0.0..=width).contains(&x) {
                text.push_str(&format!(
                    "<path d=\"M{x:.1} 0V{height}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" \
                     y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                    height + 18.0,
                    grouped(size)
                ));
            }
        }
        text.push_str(&format!(
            "<rect width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#888\"/><text \
             x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">fragments</text><text \
             transform=\"translate(-60 {:.1}) rotate(-90)\" text-anchor=\"middle\">median \
             time</text>\n",
            width / 2.0,
            height + 38.0,
            height / 2.0
        ));
        text
    }

    fn line(&self, series: &Series<'_>) -> String {
        let at = |(size, seconds): &(f64, f64)| (self.x(*size), self.y(*seconds));
        let points: Vec<(f64, f64)> = series.points.iter().map(at).collect();
        let mut text = path(&points, series.style);
        for point in points {
            text.push_str(&mark(point, series.style));
        }
        text
    }
}

fn path(points: &[(f64, f64)], style: &Style) -> String {
    let Style { color, dashes, width, .. } = style;
    let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    if line.is_empty() {
        return String::new();
    }
    format!(
        "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" \
         stroke-dasharray=\"{dashes}\"/>\n",
        line.join("L")
    )
}

fn mark((x, y): (f64, f64), style: &Style) -> String {
    let color = style.color;
    match style.mark {
        Mark::Disc => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{color}\"/>\n"),
        Mark::Square => format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\" fill=\"white\" \
             stroke=\"{color}\" stroke-width=\"2\"/>\n",
            x - 4.5,
            y - 4.5
        ),
        Mark::Nothing => String::new(),
    }
}

fn legend(bandwidth: f64) -> String {
    let speed = bandwidth / 1e9;
    let entries = [
        (&GARNER, "Garner".to_owned()),
        (&PEER, "memori-ai-core 0.7.1, its fastest setup".to_owned()),
        (&CODES, format!("physical limit: a bit of each component read once at {speed:.1} GB/s")),
        (&WHOLES, "physical limit: whole vectors (f32) read once".to_owned()),
    ];
    let mut text = String::new();
    for (at, (style, words)) in entries.into_iter().enumerate() {
        let (x, y) = (30.0 + 420.0 * (at / 2) as f64, 24.0 + 24.0 * (at % 2) as f64);
        text.push_str(&path(&[(x, y), (x + 46.0, y)], style));
        text.push_str(&mark((x + 23.0, y), style));
        text.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{:.1}\">{words}</text>\n",
            x + 56.0,
            y + 4.0
        ));
    }
    text
}

/// Returns a power of ten without decimals.
fn short(seconds: f64) -> String {
    let text = duration(seconds * 1.000_001);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}
