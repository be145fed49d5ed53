//! The figures beside each other: aligned for a terminal, and as Markdown.

use crate::scenario::Scenario;
use crate::summary::Summary;

/// One contender's line.
pub(crate) struct Row {
    /// Its table.
    pub(crate) scenario: Scenario,
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) does: &'static str,
    /// Resident memory at the end, in bytes.
    pub(crate) resident_bytes: u64,
    /// Its figures.
    pub(crate) summary: Summary,
}

/// A whole run.
pub(crate) struct Report {
    /// Machine, versions, load.
    pub(crate) surroundings: Vec<String>,
    /// Everybody's figures.
    pub(crate) rows: Vec<Row>,
}

const HEADINGS: [&str; 9] = [
    "contender",
    "CPU µs/request",
    "spread",
    // And the name of the contender whose cost is the measure.
    "×",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "RSS MiB",
    "does",
];
/// The column of ratios.
const RATIO: usize = 3;
/// The columns that hold words; the others are set flush right.
const WORDS: [usize; 2] = [0, 8];

impl Report {
    /// For a terminal.
    pub(crate) fn aligned(&self) -> String {
        let mut text = String::new();
        for line in &self.surroundings {
            text.push_str(&format!("{line}\n"));
        }
        for (scenario, table) in self.tables() {
            text.push_str(&format!("\n{}\n", scenario.title()));
            let width = |column: usize| {
                let cells = table.iter().map(|row| row[column].chars().count());
                cells.max().unwrap_or(0)
            };
            for row in &table {
                for (column, cell) in row.iter().enumerate() {
                    let pad = " ".repeat(width(column) - cell.chars().count());
                    if WORDS.contains(&column) {
                        text.push_str(&format!("{cell}{pad}  "));
                    } else {
                        text.push_str(&format!("{pad}{cell}  "));
                    }
                }
                text.truncate(text.trim_end().len());
                text.push('\n');
            }
        }
        text
    }

    /// For a page.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for line in &self.surroundings {
            text.push_str(&format!("- {line}\n"));
        }
        for (scenario, table) in self.tables() {
            text.push_str(&format!("\n### {}\n\n", scenario.title()));
            for (index, row) in table.iter().enumerate() {
                text.push_str(&format!("| {} |\n", row.join(" | ")));
                if index == 0 {
                    let rule = |column| {
                        if WORDS.contains(&column) {
                            "---|"
                        } else {
                            "---:|"
                        }
                    };
                    let rules: String = (0..HEADINGS.len()).map(rule).collect();
                    text.push_str(&format!("|{rules}\n"));
                }
            }
        }
        text
    }

    /// The cells of every scenario that anybody took part in, headings first.
    fn tables(&self) -> Vec<(Scenario, Vec<[String; 9]>)> {
        let mut tables = Vec::new();
        for scenario in Scenario::ALL {
            let rows: Vec<&Row> = self
                .rows
                .iter()
                .filter(|row| row.scenario == scenario)
                .collect();
            if rows.is_empty() {
                continue;
            }
            let measure = rows.iter().find(|row| row.name == scenario.measure());
            let measure = measure.map(|row| row.summary.cpu_us);
            let mut headings = HEADINGS.map(str::to_owned);
            headings[RATIO] = format!("× {}", scenario.measure());
            let mut table = vec![headings];
            table.extend(rows.iter().map(|row| cells(row, measure)));
            tables.push((scenario, table));
        }
        tables
    }
}

#[expect(clippy::cast_precision_loss, reason = "MiB for people")]
fn cells(row: &Row, measure_cpu_us: Option<f64>) -> [String; 9] {
    let summary = &row.summary;
    let (least, most) = summary.cpu_us_range;
    let ratio = measure_cpu_us.filter(|cost| *cost > 0.0).map_or_else(
        || "–".to_owned(),
        |cost| format!("{:.2}", summary.cpu_us / cost),
    );
    let mut does = row.does.to_owned();
    if summary.cpu_us_behind > 0.0 {
        let front = summary.cpu_us - summary.cpu_us_behind;
        does.push_str(&format!(
            " (CPU: {front:.2} µs Envoy's, {:.2} µs Tollgate's)",
            summary.cpu_us_behind
        ));
    }
    if let Some(remark) = &summary.remark {
        does.push_str(&format!(" ({remark})"));
    }
    [
        row.name.to_owned(),
        format!("{:.2}", summary.cpu_us),
        format!("({least:.1}–{most:.1})"),
        ratio,
        format!("{:.0}", summary.per_second),
        format!("{:.2}", summary.p50_us / 1e3),
        format!("{:.2}", summary.p99_us / 1e3),
        format!("{:.1}", row.resident_bytes as f64 / (1024.0 * 1024.0)),
        does,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let row = |name, cpu_us| Row {
            scenario: Scenario::Job,
            name,
            does: "the job",
            resident_bytes: 5 * 1024 * 1024,
            summary: Summary {
                cpu_us,
                cpu_us_range: (cpu_us - 1.0, cpu_us + 1.0),
                cpu_us_behind: 0.0,
                per_second: 20_000.0,
                p50_us: 1_500.0,
                p99_us: 3_000.0,
                remark: None,
            },
        };
        Report {
            surroundings: vec!["memory: little".to_owned()],
            rows: vec![row("haproxy", 50.0), row("tollgate", 20.0)],
        }
    }

    #[test]
    fn the_terminals_columns_line_up_and_ratios_are_to_the_measure() {
        let text = report().aligned();
        let expected = "\
memory: little

Verified users within their limits: forwarded
contender  CPU µs/request       spread  × haproxy  requests/s  p50 ms  p99 ms  RSS MiB  does
haproxy             50.00  (49.0–51.0)       1.00       20000    1.50    3.00      5.0  the job
tollgate            20.00  (19.0–21.0)       0.40       20000    1.50    3.00      5.0  the job
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_process_behind_used_is_said() {
        let mut report = report();
        report.rows[1].summary.cpu_us_behind = 8.0;
        let text = report.aligned();
        assert!(text.contains("the job (CPU: 12.00 µs Envoy's, 8.00 µs Tollgate's)\n"));
    }

    #[test]
    fn the_markdown_is_a_table_of_the_same_cells() {
        let text = report().markdown();
        assert!(text.starts_with("- memory: little\n\n### Verified users"));
        assert!(text.contains("|---|---:|---:|---:|---:|---:|---:|---:|---|\n"));
        assert!(text.contains("| tollgate | 20.00 | (19.0–21.0) | 0.40 | 20000 |"));
    }
}
