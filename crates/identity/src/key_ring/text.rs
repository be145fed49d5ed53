//! A key ring as text, for whoever keeps it: new keys, rotation, retirement.

use std::{fmt, path::Path};

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::{KEY_BYTES, KeyId, KeyRing, RingKey, read_private};
use crate::IdentityError;

const DAY_S: u64 = 86_400;

const HEADING: &str = "# Keys of bucket ids: kid, secret, not-before, not-after (seconds since 1970), state.\n\
                       # Whoever reads this can name every user's buckets. Keep it at mode 0600.\n";

/// The text of a valid ring. Comments and the order of keys stay when it changes; it is zeroed when
/// dropped and never shown.
pub struct KeyRingText(Zeroizing<String>);

/// What may be said of a key: everything but its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyNote {
    /// Its name.
    pub kid: KeyId,
    /// New ids are made with it.
    pub current: bool,
    /// Ids under it are accepted from here on, in seconds since 1970.
    pub not_before_s: Option<u64>,
    /// Ids under it are accepted until here, exclusive.
    pub not_after_s: Option<u64>,
}

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The new current key.
    pub current: KeyId,
    /// The one before, and until when ids under it are accepted.
    pub before: KeyNote,
    /// Keys whose time had passed; they are gone.
    pub dropped: Vec<KeyId>,
}

// === impl KeyRingText ===

impl KeyRingText {
    /// A ring of one new key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn generate(now_s: u64) -> Result<Self, IdentityError> {
        let mut text = Zeroizing::new(String::with_capacity(4096));
        text.push_str(HEADING);
        push_current(&mut text, name(now_s, |_| false))?;
        Self::checked(text)
    }

    /// Reads a ring from a file that only its owner may read and write.
    ///
    /// # Errors
    /// As [`KeyRing::load`].
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        Self::checked(read_private(path)?)
    }

    /// The file's new content.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The keys in their order.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyNote> {
        self.0.lines().filter_map(KeyNote::of).collect()
    }

    /// Makes a new key the current one. Ids under the one before are accepted for `overlap_s`
    /// seconds more; keys whose time has passed are dropped.
    ///
    /// # Errors
    /// When the ring is full, or without random bytes.
    pub fn rotate(&mut self, now_s: u64, overlap_s: u64) -> Result<Rotated, IdentityError> {
        let notes = self.keys();
        let is_over = |note: &KeyNote| note.not_after_s.is_some_and(|end| end <= now_s);
        let mut before = notes
            .iter()
            .copied()
            .find(|note| note.current)
            .ok_or(NO_CURRENT)?;
        let end_s = now_s.saturating_add(overlap_s);
        before.not_after_s = Some(before.not_after_s.map_or(end_s, |own_s| own_s.min(end_s)));
        before.current = false;
        let over = |note: &KeyNote| is_over(if note.current { &before } else { note });
        let current = name(now_s, |kid| notes.iter().any(|note| note.kid == kid));
        let mut text = self.rewritten(|line, note| match note {
            Some(note) if over(note) => None,
            Some(note) if note.current => Some(demoted(line, &before)),
            _ => Some(Zeroizing::new(line.to_owned())),
        });
        push_current(&mut text, current)?;
        *self = Self::checked(text)?;
        Ok(Rotated {
            current,
            before,
            dropped: notes
                .iter()
                .filter(|note| over(note))
                .map(|note| note.kid)
                .collect(),
        })
    }

    /// Removes a key: ids under it are refused from now on.
    ///
    /// # Errors
    /// When there is no such key, or it is the current one.
    pub fn retire(&mut self, kid: KeyId) -> Result<(), IdentityError> {
        let reason = match self.keys().iter().find(|note| note.kid == kid) {
            None => "there is no key of this name",
            Some(note) if note.current => "the current key cannot be retired; rotate first",
            Some(_) => {
                *self = Self::checked(self.rewritten(|line, note| {
                    let gone = note.is_some_and(|note| note.kid == kid);
                    (!gone).then(|| Zeroizing::new(line.to_owned()))
                }))?;
                return Ok(());
            }
        };
        Err(IdentityError::KeyRing { reason })
    }

    /// Only what [`KeyRing`] takes is a ring, also after a change.
    fn checked(text: Zeroizing<String>) -> Result<Self, IdentityError> {
        KeyRing::parse(&text)?;
        Ok(Self(text))
    }

    /// The text with each line as `change` has it; `None` leaves it out.
    fn rewritten(
        &self,
        change: impl Fn(&str, Option<&KeyNote>) -> Option<Zeroizing<String>>,
    ) -> Zeroizing<String> {
        // Room for all of it and a key more: a string that grows leaves copies of secrets behind.
        let mut text = Zeroizing::new(String::with_capacity(2 * self.0.len() + 256));
        for line in self.0.lines() {
            if let Some(line) = change(line, KeyNote::of(line).as_ref()) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        text
    }
}

impl fmt::Debug for KeyRingText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRingText").field(&self.keys()).finish()
    }
}

const NO_CURRENT: IdentityError = IdentityError::KeyRing {
    reason: "no key is marked `current`",
};

// === impl KeyNote ===

impl KeyNote {
    /// Of a line that holds a key.
    fn of(line: &str) -> Option<Self> {
        let (key, current) = RingKey::parse(line.trim()).ok()?;
        Some(Self {
            kid: key.kid,
            current,
            not_before_s: (key.not_before_s > 0).then_some(key.not_before_s),
            not_after_s: (key.not_after_s < u64::MAX).then_some(key.not_after_s),
        })
    }
}

/// The line of the key that was current, as `note` has it from now on.
fn demoted(line: &str, note: &KeyNote) -> Zeroizing<String> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let secret = fields.next().unwrap_or_default();
    let time = |time_s: Option<u64>| time_s.map_or("-".to_owned(), |time_s| time_s.to_string());
    let (begin, end) = (time(note.not_before_s), time(note.not_after_s));
    Zeroizing::new(format!("{} {secret} {begin} {end} accepted", note.kid))
}

/// Adds a new key as the current one.
fn push_current(text: &mut String, kid: KeyId) -> Result<(), IdentityError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(&mut bytes[..]).map_err(|_| IdentityError::Randomness)?;
    let secret = Zeroizing::new(BASE64URL_NOPAD.encode(&bytes[..]));
    for part in [kid.as_str(), " ", &secret, " - - current\n"] {
        text.push_str(part);
    }
    Ok(())
}

/// A name that says the day: days since 1970 in base 36 (4 digits until the year 6568), or the next
/// free one. So a name hardly ever stands for two keys one after the other.
fn name(now_s: u64, taken: impl Fn(KeyId) -> bool) -> KeyId {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    const NAMES: u64 = 36_u64.pow(4);
    let of = |day: u64| {
        let digit = |power: u32| DIGITS[usize::try_from(day / 36_u64.pow(power) % 36).unwrap_or(0)];
        let digits = [3, 2, 1, 0].map(digit);
        let zeros = digits[..3]
            .iter()
            .take_while(|digit| **digit == b'0')
            .count();
        let text = str::from_utf8(&digits[zeros..]).unwrap_or("0");
        KeyId::new(text)
    };
    let today = now_s / DAY_S;
    // A ring has fewer keys than there are names.
    (today..today.saturating_add(NAMES))
        .filter_map(|day| of(day % NAMES))
        .find(|kid| !taken(*kid))
        .unwrap_or(KeyId {
            chars: *b"k\0\0\0",
            len: 1,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24.
    const NOW_S: u64 = 1_795_478_400;
    const DAY: &str = "g19";

    fn kid(name: &str) -> KeyId {
        KeyId::new(name).unwrap()
    }

    fn ring(text: &KeyRingText) -> KeyRing {
        KeyRing::parse(str::from_utf8(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_new_ring_has_one_key_of_todays_name() {
        let text = KeyRingText::generate(NOW_S).unwrap();
        assert_eq!(
            text.keys(),
            [KeyNote {
                kid: kid(DAY),
                current: true,
                not_before_s: None,
                not_after_s: None,
            }]
        );
        let other = KeyRingText::generate(NOW_S).unwrap();
        assert_ne!(text.as_bytes(), other.as_bytes(), "secrets are random");
    }

    #[test]
    fn a_rotation_keeps_the_key_before_for_the_overlap_and_changes_no_id_of_it() {
        let mut text = KeyRingText::generate(NOW_S).unwrap();
        let old = ring(&text);
        let rotated = text.rotate(NOW_S, 100).unwrap();
        let new = ring(&text);
        assert_eq!(new.current_kid(), rotated.current);
        assert_ne!(rotated.current, kid(DAY));
        assert!(new.accepts(kid(DAY), NOW_S + 99) && !new.accepts(kid(DAY), NOW_S + 100));
        assert_eq!(
            new.root_under(kid(DAY), "i", "s", None).unwrap().expose(),
            old.root("i", "s", None).expose()
        );
        assert_ne!(
            new.root("i", "s", None).expose(),
            old.root("i", "s", None).expose()
        );
        assert!(rotated.dropped.is_empty());
    }

    #[test]
    fn what_is_over_is_dropped_at_the_next_rotation() {
        let mut text = KeyRingText::generate(NOW_S).unwrap();
        let second = text.rotate(NOW_S, 100).unwrap().current;
        // At its end exactly, a key is over.
        let third = text.rotate(NOW_S + 100, 50).unwrap();
        assert_eq!(third.dropped, [kid(DAY)]);
        let kids: Vec<_> = text.keys().iter().map(|note| note.kid).collect();
        assert_eq!(kids, [second, third.current]);
        // Without an overlap the key before goes at once.
        let fourth = text.rotate(NOW_S + 100, 0).unwrap();
        assert_eq!(fourth.dropped, [third.current]);
    }

    #[test]
    fn a_rotation_never_lengthens_a_key() {
        let secret = BASE64URL_NOPAD.encode(&[1; 32]);
        let line = format!("# ours\nk1 {secret} 5 {} current\n", NOW_S + 10);
        let mut text = KeyRingText::checked(Zeroizing::new(line)).unwrap();
        let rotated = text.rotate(NOW_S, 1_000).unwrap();
        assert_eq!(rotated.before.not_after_s, Some(NOW_S + 10));
        assert_eq!(text.keys()[0].not_after_s, Some(NOW_S + 10));
        assert_eq!(text.keys()[0].not_before_s, Some(5));
        assert!(text.as_bytes().starts_with(b"# ours\n"), "comments stay");
    }

    #[test]
    fn a_key_is_retired_but_never_the_current_one() {
        let mut text = KeyRingText::generate(NOW_S).unwrap();
        let current = text.rotate(NOW_S, 100).unwrap().current;
        let refused = |error: Result<(), IdentityError>| error.unwrap_err().to_string();
        assert!(refused(text.retire(current)).contains("rotate first"));
        assert!(refused(text.retire(kid("none"))).contains("no key"));
        assert_eq!(text.retire(kid(DAY)), Ok(()));
        assert_eq!(text.keys().len(), 1);
        assert!(!ring(&text).accepts(kid(DAY), NOW_S));
    }

    #[test]
    fn a_full_ring_is_said_to_be_full_and_stays() {
        let mut text = KeyRingText::generate(NOW_S).unwrap();
        for _ in 1..super::super::KEY_RING_KEYS_MAX {
            text.rotate(NOW_S, 100).unwrap();
        }
        let before = text.as_bytes().to_vec();
        assert!(text.rotate(NOW_S, 100).is_err());
        assert_eq!(text.as_bytes(), before);
    }

    #[test]
    fn a_ring_shows_no_secret() {
        let text = KeyRingText::generate(NOW_S).unwrap();
        let secret = str::from_utf8(text.as_bytes()).unwrap();
        let secret = secret.lines().last().unwrap().split(' ').nth(1).unwrap();
        assert_eq!(secret.len(), 43);
        assert!(!format!("{text:?}").contains(secret));
    }
}
