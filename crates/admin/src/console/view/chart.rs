//! Requests over time as stacked columns, made here, with the same in a table for who reads that instead.

use maud::{Markup, html};

use super::layout::wide;
use super::number::grouped;
use super::time::formatted;

const WIDTH: u64 = 720;
/// Of the columns; above them is room for what is rounded up.
const HEIGHT: u64 = 120;
const TOP: u64 = 16;
const LEFT: u64 = 56;
/// Room for the times below.
const BELOW: u64 = 20;
/// Between two columns.
const GAP: u64 = 1;

/// What became of requests: its word, and the class that shows it, by pattern as well as by colour.
const KINDS: [(&str, &str); 3] = [
    ("admitted", "admitted"),
    ("limited", "limited"),
    ("refused", "refused"),
];

/// Requests within one step of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Column {
    pub(in super::super) from_ms: u64,
    /// Admitted, limited, refused.
    pub(in super::super) counts: [u64; 3],
}

/// What a chart is of.
pub(in super::super) struct Chart<'a> {
    /// Of the page's own choice: there may be more than one.
    pub(in super::super) id: &'a str,
    pub(in super::super) title: &'a str,
    /// How steps are named, in a form of strftime.
    pub(in super::super) form: &'a str,
    /// What a step is, for the table.
    pub(in super::super) step: &'a str,
    pub(in super::super) columns: &'a [Column],
}

impl Chart<'_> {
    pub(in super::super) fn show(&self) -> Markup {
        let sums = self.sums();
        let title_id = format!("{}-title", self.id);
        html! {
            figure.chart {
                figcaption id=(title_id) { (self.title) }
                ul.legend {
                    @for ((word, class), sum) in KINDS.iter().zip(sums) {
                        li {
                            svg aria-hidden="true" width="12" height="12" {
                                rect class=(class) width="12" height="12" fill=(self.fill(class)) {}
                            }
                            span { (word) " " b { (grouped(sum)) } }
                        }
                    }
                }
                (wide(self.title, &self.drawing(&title_id)))
                details id={ (self.id) "-table" } {
                    summary { "The same as a table" }
                    (self.table())
                }
            }
        }
    }

    fn sums(&self) -> [u64; 3] {
        let mut sums = [0_u64; 3];
        for column in self.columns {
            for (sum, count) in sums.iter_mut().zip(column.counts) {
                *sum = sum.saturating_add(count);
            }
        }
        sums
    }

    fn drawing(&self, title_id: &str) -> Markup {
        let total = |column: &Column| {
            column
                .counts
                .iter()
                .fold(0_u64, |sum, one| sum.saturating_add(*one))
        };
        let most = self.columns.iter().map(total).max().unwrap_or_default();
        let count = u64::try_from(self.columns.len()).unwrap_or(1).max(1);
        let step = ((WIDTH - LEFT) / count).max(2);
        let base = TOP + HEIGHT;
        let times = [
            (0, "start"),
            (self.columns.len() / 2, "middle"),
            (self.columns.len().saturating_sub(1), "end"),
        ];
        let at = |number: usize| LEFT + u64::try_from(number).unwrap_or_default() * step;
        html! {
            svg role="img" aria-labelledby=(title_id) aria-describedby={ (self.id) "-table" }
                viewBox={ "0 0 " (WIDTH) " " (base + BELOW) } {
                (self.patterns())
                @for (label, y) in [(most, TOP), (most / 2, TOP + HEIGHT / 2), (0, base)] {
                    line.grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                    text.axis x=(LEFT - 6) y=(y + 4) text-anchor="end" { (grouped(label)) }
                }
                @for (number, column) in self.columns.iter().enumerate() {
                    (self.column(column, at(number), step - GAP, most))
                }
                @for (number, anchor) in times {
                    @if let Some(column) = self.columns.get(number) {
                        text.axis x=(at(number) + if anchor == "end" { step } else { 0 }) y=(base + BELOW - 4) text-anchor=(anchor) {
                            (formatted(column.from_ms, self.form))
                        }
                    }
                }
            }
        }
    }

    /// From below; what is not nothing is seen.
    fn column(&self, column: &Column, x: u64, width: u64, most: u64) -> Markup {
        let mut y = TOP + HEIGHT;
        let mut parts = Vec::new();
        for ((_, class), count) in KINDS.iter().zip(column.counts) {
            let height = u128::from(count) * u128::from(HEIGHT);
            let height = height.div_ceil(u128::from(most.max(1)));
            let height = u64::try_from(height).unwrap_or(HEIGHT).min(HEIGHT);
            y = y.saturating_sub(height);
            if height > 0 {
                parts.push((*class, y, height));
            }
        }
        html! {
            @for (class, y, height) in parts {
                rect class=(class) fill=(self.fill(class)) x=(x) y=(y) width=(width) height=(height) {}
            }
        }
    }

    fn fill(&self, class: &str) -> String {
        format!("url(#{}-{class})", self.id)
    }

    /// Plain, striped, dotted: told apart without colours.
    fn patterns(&self) -> Markup {
        let id = |class: &str| format!("{}-{class}", self.id);
        html! {
            defs {
                pattern id=(id("admitted")) width="4" height="4" patternUnits="userSpaceOnUse" {
                    rect.ground-admitted width="4" height="4" {}
                }
                pattern id=(id("limited")) width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect.ground-limited width="4" height="4" {}
                    rect.mark width="1.5" height="4" {}
                }
                pattern id=(id("refused")) width="4" height="4" patternUnits="userSpaceOnUse" {
                    rect.ground-refused width="4" height="4" {}
                    circle.mark cx="2" cy="2" r="1" {}
                }
            }
        }
    }

    fn table(&self) -> Markup {
        html! {
            table {
                caption { (self.title) }
                thead { tr {
                    th scope="col" { (self.step) }
                    @for (word, _) in KINDS { th.number scope="col" { (word) } }
                } }
                tbody {
                    @for column in self.columns {
                        tr {
                            th scope="row" { (formatted(column.from_ms, self.form)) }
                            @for count in column.counts { td.number { (grouped(count)) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(columns: &[Column]) -> String {
        let chart = Chart {
            id: "traffic",
            title: "Requests",
            form: "%H:%M",
            step: "minute",
            columns,
        };
        chart.show().into_string()
    }

    #[test]
    fn what_is_not_nothing_is_seen_and_stands_in_the_table() {
        let one = |from_ms, counts| Column { from_ms, counts };
        let page = drawn(&[one(0, [1_000_000, 1, 0]), one(60_000, [0, 0, 0])]);
        assert!(
            page.contains("height=\"120\"") && page.contains("height=\"1\""),
            "{page}"
        );
        assert!(page.contains("<th scope=\"row\">00:01</th>"), "{page}");
        // Two columns are drawn, beside three signs of the legend and the grounds of three patterns.
        assert_eq!(page.matches("fill=\"url(#traffic-").count(), 5, "{page}");
    }

    #[test]
    fn the_largest_numbers_are_drawn_within_bounds() {
        let column = Column {
            from_ms: u64::MAX,
            counts: [u64::MAX; 3],
        };
        let page = drawn(&[column; 100]);
        assert!(
            page.contains("y=\"16\"") || page.contains("y=\"0\""),
            "{page}"
        );
        assert!(drawn(&[]).contains("</svg>"));
    }
}
