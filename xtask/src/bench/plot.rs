//! Plots as SVG: what went on when in a build, and how time grows.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;

use crate::timings::Timed;

/// The tasks of a build.
#[derive(Debug, Serialize)]
pub struct Stages {
    pub title: String,
    pub tasks: Vec<Timed>,
}

/// Points of one line: what grows, and seconds.
#[derive(Debug, Serialize)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 900.0;
const LEFT: f64 = 60.0;
const COLOURS: [&str; 6] = [
    "#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#e15759", "#76b7b2",
];

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn begin(height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    )
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = escaped(words);
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

/// One bar for each task, one below the other where they overlap, in a colour for each kind.
pub fn stages(all: &[Stages]) -> String {
    const BAR: f64 = 7.0;
    let mut body = String::new();
    let mut top = 20.0;
    let mut colours: BTreeMap<&str, &str> = BTreeMap::new();
    for stages in all {
        let end = stages
            .tasks
            .iter()
            .fold(0.1, |end: f64, task| end.max(task.end));
        let scale = (WIDTH - LEFT - 20.0) / end;
        text(&mut body, LEFT, top, "start", &stages.title);
        top += 8.0;
        let mut tasks: Vec<&Timed> = stages.tasks.iter().collect();
        tasks.sort_by(|one, other| one.begin.total_cmp(&other.begin));
        // Each row remembers when it becomes free.
        let mut rows: Vec<f64> = Vec::new();
        for task in tasks {
            let next = colours.len();
            let colour = *colours
                .entry(task.kind.as_str())
                .or_insert(COLOURS[next % COLOURS.len()]);
            let free = rows.iter().position(|free| *free <= task.begin);
            let row = free.unwrap_or_else(|| {
                rows.push(0.0);
                rows.len() - 1
            });
            rows[row] = task.end;
            let (x, y) = (LEFT + task.begin * scale, top + row as f64 * BAR);
            let width = ((task.end - task.begin) * scale).max(0.3);
            let title = escaped(&format!(
                "{} {}: {:.2} s from {:.2} s on",
                task.kind,
                task.name,
                task.end - task.begin,
                task.begin
            ));
            let _ = writeln!(
                body,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" \
                 fill=\"{colour}\"><title>{title}</title></rect>",
                BAR - 1.0
            );
        }
        top += rows.len() as f64 * BAR + 12.0;
        for tick in 0..=5 {
            let at = end * f64::from(tick) / 5.0;
            text(
                &mut body,
                LEFT + at * scale,
                top,
                "middle",
                &format!("{at:.1} s"),
            );
        }
        top += 30.0;
    }
    for (at, (kind, colour)) in colours.iter().enumerate() {
        let x = LEFT + at as f64 * 120.0;
        let _ = writeln!(
            body,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>",
            top - 9.0
        );
        text(&mut body, x + 14.0, top, "start", kind);
    }
    format!("{}{body}</svg>\n", begin(top + 20.0))
}

/// One panel for each series, both axes logarithmic, with a line of slope one through its last point:
/// what is parallel to that grows linearly.
pub fn scaling(all: &[Series]) -> String {
    const HEIGHT: f64 = 220.0;
    let mut body = String::new();
    let mut top = 20.0;
    for (number, series) in all.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        text(&mut body, LEFT, top, "start", &series.name);
        let range = |pick: fn(&(f64, f64)) -> f64| {
            let values = series
                .points
                .iter()
                .map(|point| pick(point).max(1e-3).log10());
            let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            (low - 0.1, high.max(low + 0.1) + 0.1)
        };
        let (xs, ys) = (range(|point| point.0), range(|point| point.1));
        let x = |value: f64| {
            LEFT + (value.max(1e-3).log10() - xs.0) / (xs.1 - xs.0) * (WIDTH - LEFT - 100.0)
        };
        let base = top + HEIGHT - 30.0;
        let y =
            |value: f64| base - (value.max(1e-3).log10() - ys.0) / (ys.1 - ys.0) * (HEIGHT - 50.0);
        let line: String = series
            .points
            .iter()
            .map(|(at, seconds)| format!("{:.1},{:.1} ", x(*at), y(*seconds)))
            .collect();
        let _ = writeln!(
            body,
            "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        if let (Some(first), Some(last)) = (series.points.first(), series.points.last())
            && series.name.contains("by GB")
        {
            let expected = last.1 * first.0 / last.0;
            let _ = writeln!(
                body,
                "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#bbb\" \
                 stroke-dasharray=\"4\"/>",
                x(first.0),
                y(expected),
                x(last.0),
                y(last.1)
            );
        }
        for (at, seconds) in &series.points {
            let (cx, cy) = (x(*at), y(*seconds));
            let _ = writeln!(
                body,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
            text(
                &mut body,
                cx + 6.0,
                cy - 6.0,
                "start",
                &format!("{seconds:.2} s"),
            );
            text(&mut body, cx, base + 16.0, "middle", &format!("{at}"));
        }
        top += HEIGHT + 20.0;
    }
    format!("{}{body}</svg>\n", begin(top))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_are_svg_with_everything_in_them() {
        let task = |name: &str, begin, end| Timed {
            kind: "building".to_owned(),
            name: name.to_owned(),
            begin,
            end,
            bytes: 1,
            given_up: false,
        };
        let drawn = stages(&[Stages {
            title: "a & b".to_owned(),
            tasks: vec![task("one", 0.0, 2.0), task("two", 1.0, 3.0)],
        }]);
        assert!(drawn.contains("a &amp; b") && drawn.ends_with("</svg>\n"));
        assert_eq!(drawn.matches("<title>").count(), 2);
        let drawn = scaling(&[Series {
            name: "by GB".to_owned(),
            points: vec![(0.1, 0.2), (1.0, 2.0), (6.0, 12.0)],
        }]);
        assert_eq!(drawn.matches("<circle").count(), 3);
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    }
}
