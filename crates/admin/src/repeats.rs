//! Writes that the store does not remember, done once for each key of their writer: of this process only,
//! for a day, up to a number.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tollgate_store::WRITE_KEY_KEPT_MS;

use crate::problem::{Answer, Kind, Problem};

/// Answers that are remembered; the oldest give way.
pub const REPEATS_MAX: usize = 1_000;

/// The answers. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<Remembered>>);

#[derive(Default)]
struct Remembered {
    answers: HashMap<[u8; 32], Entry>,
    /// From the oldest.
    order: VecDeque<[u8; 32]>,
}

struct Entry {
    /// Of what was asked.
    request: [u8; 32],
    at_ms: u64,
    /// `None` while it is under way.
    answer: Option<Bytes>,
}

/// What is to be done with a write.
pub(crate) enum Turn {
    /// It was done; this was the answer.
    Before(Bytes),
    /// It is to be done now.
    Now(Claim),
}

/// The right to do a write. Dropped without an answer, the write may be tried again.
pub(crate) struct Claim {
    repeats: Repeats,
    key: Option<[u8; 32]>,
}

impl Repeats {
    /// The turn of a write under a key of its caller's choice.
    pub(crate) fn turn(
        &self,
        (caller, key): (&str, &str),
        request: &[u8],
        now_ms: u64,
    ) -> Answer<Turn> {
        let key = digest(&[caller.as_bytes(), key.as_bytes()]);
        let request = digest(&[request]);
        let mut remembered = self.0.lock();
        remembered.forget(now_ms);
        match remembered.answers.get(&key) {
            Some(entry) if entry.request != request => {
                let detail = "this Idempotency-Key was used for another write";
                Err(Problem::new(Kind::KeyReused, detail))
            }
            Some(Entry { answer: None, .. }) => {
                let detail = "ask again in a moment";
                Err(Problem::new(Kind::UnderWay, detail).retry_after_s(1))
            }
            Some(Entry {
                answer: Some(answer),
                ..
            }) => Ok(Turn::Before(answer.clone())),
            None => {
                let entry = Entry {
                    request,
                    at_ms: now_ms,
                    answer: None,
                };
                remembered.answers.insert(key, entry);
                remembered.order.push_back(key);
                let (repeats, key) = (self.clone(), Some(key));
                Ok(Turn::Now(Claim { repeats, key }))
            }
        }
    }
}

impl Remembered {
    /// What is too old, and the oldest where there are too many.
    fn forget(&mut self, now_ms: u64) {
        while let Some(oldest) = self.order.front() {
            let at_ms = self.answers.get(oldest).map(|entry| entry.at_ms);
            let is_old =
                at_ms.is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= WRITE_KEY_KEPT_MS);
            if !is_old && self.order.len() < REPEATS_MAX {
                return;
            }
            if let Some(oldest) = self.order.pop_front() {
                self.answers.remove(&oldest);
            }
        }
    }
}

impl Claim {
    /// Remembers the answer.
    pub(crate) fn answered(mut self, answer: Bytes) {
        if let Some(key) = self.key.take() {
            let mut remembered = self.repeats.0.lock();
            if let Some(entry) = remembered.answers.get_mut(&key) {
                entry.answer = Some(answer);
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut remembered = self.repeats.0.lock();
            remembered.answers.remove(&key);
            remembered.order.retain(|other| *other != key);
        }
    }
}

/// Of parts with their lengths, so that no two lists of parts are one.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(turn: Answer<Turn>) -> Option<Bytes> {
        match turn {
            Ok(Turn::Before(answer)) => Some(answer),
            Ok(Turn::Now(_)) => None,
            Err(problem) => panic!("{problem:?}"),
        }
    }

    fn answer(repeats: &Repeats, key: &str, now_ms: u64) {
        match repeats.turn(("ops", key), b"grant 5", now_ms) {
            Ok(Turn::Now(claim)) => claim.answered(Bytes::from_static(b"done")),
            _ => panic!("{key} was there"),
        }
    }

    #[test]
    fn a_write_is_done_once_for_its_key_and_its_caller() {
        let repeats = Repeats::default();
        answer(&repeats, "a", 0);
        let again = |key, request: &'static [u8], at| repeats.turn(key, request, at);
        assert_eq!(done(again(("ops", "a"), b"grant 5", 1)).unwrap(), "done");
        assert!(done(again(("other", "a"), b"grant 5", 1)).is_none());
        let reused = again(("ops", "a"), b"grant 6", 1).err().unwrap();
        assert_eq!(reused.status(), 422);
        assert!(done(again(("ops", "a"), b"grant 6", WRITE_KEY_KEPT_MS)).is_none());
    }

    #[test]
    fn one_that_is_under_way_is_not_done_beside_it_and_one_that_failed_is_done_again() {
        let repeats = Repeats::default();
        let first = repeats.turn(("ops", "a"), b"x", 0).ok().unwrap();
        let beside = repeats.turn(("ops", "a"), b"x", 0).err().unwrap();
        assert_eq!(beside.status(), 409);
        drop(first);
        assert!(done(repeats.turn(("ops", "a"), b"x", 0)).is_none());
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let repeats = Repeats::default();
        for number in 0..=REPEATS_MAX {
            answer(&repeats, &number.to_string(), 0);
        }
        assert_eq!(repeats.0.lock().answers.len(), REPEATS_MAX);
        assert!(done(repeats.turn(("ops", "0"), b"grant 5", 0)).is_none());
        assert!(done(repeats.turn(("ops", "1000"), b"grant 5", 0)).is_some());
    }
}
