//! A part of a list that is read piece by piece.

/// The most entries of one page.
pub const PAGE_ENTRIES_MAX: u32 = 100;
/// A page ends with the entry that reaches this many bytes of text, however few entries it has.
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Some entries of a list, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At least one if there is any after the place that was asked for.
    pub entries: Vec<T>,
    /// Whether there are more after them.
    pub has_more: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            has_more: false,
        }
    }
}

/// Fills a page from entries that come in order, one of which more than fits is asked for.
pub(crate) struct Filling<T> {
    page: Page<T>,
    entries_max: usize,
    bytes: usize,
}

impl<T> Filling<T> {
    /// For at most `limit` entries, of 1 to [`PAGE_ENTRIES_MAX`].
    pub(crate) fn new(limit: u32) -> Self {
        let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
        Self {
            page: Page::default(),
            entries_max: usize::try_from(limit).unwrap_or(1),
            bytes: 0,
        }
    }

    /// How many entries to ask for.
    pub(crate) fn asked(&self) -> i64 {
        i64::try_from(self.entries_max).unwrap_or(1) + 1
    }

    /// Whether the next entry fits; if not, the page knows that there is one.
    pub(crate) fn has_room(&mut self) -> bool {
        let is_full = self.page.entries.len() >= self.entries_max || self.bytes >= PAGE_BYTES_MAX;
        self.page.has_more |= is_full;
        !is_full
    }

    pub(crate) fn add(&mut self, entry: T, bytes: usize) {
        self.page.entries.push(entry);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(crate) fn into_page(self) -> Page<T> {
        self.page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(limit: u32, sizes: &[usize]) -> Page<usize> {
        let mut filling = Filling::new(limit);
        for size in sizes {
            if filling.has_room() {
                filling.add(*size, *size);
            }
        }
        filling.into_page()
    }

    #[test]
    fn a_page_ends_with_its_number_of_entries_or_of_bytes() {
        let page = filled(2, &[1, 1, 1]);
        assert_eq!((page.entries.len(), page.has_more), (2, true));
        let page = filled(3, &[1, 1, 1]);
        assert_eq!((page.entries.len(), page.has_more), (3, false));
        let page = filled(9, &[PAGE_BYTES_MAX + 1, 1]);
        assert_eq!((page.entries.len(), page.has_more), (1, true));
        assert_eq!(filled(0, &[1, 1]).entries.len(), 1);
    }
}
