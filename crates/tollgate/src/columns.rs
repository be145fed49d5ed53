//! Tables on a terminal: columns as wide as what is in them.

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Text,
    Number,
}

/// Lines of a table: a head, then a row a line. A cell has no control character: what somebody called itself
/// cannot move the cursor.
pub(crate) fn lines(
    head: &[(&str, Column)],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Vec<String> {
    let heads = head.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut all: Vec<Vec<String>> = vec![heads];
    let clean = |cell: String| cell.replace(char::is_control, "\u{fffd}");
    all.extend(
        rows.into_iter()
            .map(|row| row.into_iter().map(clean).collect()),
    );
    let width = |place: usize| {
        let cells = all.iter().filter_map(|row| row.get(place));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(head);
        let cells = cells.map(|((cell, width), (_, column))| match column {
            Column::Text => format!("{cell:<width$}"),
            Column::Number => format!("{cell:>width$}"),
        });
        let line: Vec<String> = cells.collect();
        line.join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them_and_nobody_moves_the_cursor() {
        let rows = [["é", "5"], ["\u{1b}[2J", "123"]].map(|row| row.map(str::to_owned).to_vec());
        let lines = lines(&[("who", Column::Text), ("n", Column::Number)], rows);
        assert_eq!(lines, ["who     n", "é       5", "\u{fffd}[2J  123"]);
    }
}
