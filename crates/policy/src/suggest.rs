//! The nearest known name for a misspelt one.

/// Longer names are not compared.
const NAME_BYTES_MAX: usize = 256;

/// The candidate with the fewest edits from `name`, if they are few for its length.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    let allowed = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let bound = best.map_or(allowed, |(edits, _)| edits.saturating_sub(1));
        if candidate.len() > NAME_BYTES_MAX
            || candidate.chars().count().abs_diff(wanted.len()) > bound
        {
            continue;
        }
        let edits = distance(
            &wanted,
            &candidate.to_lowercase().chars().collect::<Vec<_>>(),
        );
        if edits <= bound && best.is_none_or(|(known, _)| edits < known) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements, and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn listing<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let known = ["limits", "routes", "class", "POST /items"];
        assert_eq!(nearest("limts", known), Some("limits"));
        assert_eq!(nearest("ruotes", known), Some("routes"));
        assert_eq!(nearest("POST /itmes", known), Some("POST /items"));
        assert_eq!(nearest("Limits", known), Some("limits"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn words_are_listed_as_in_prose() {
        assert_eq!(listing(["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(listing(["a"]), "`a`");
    }
}
