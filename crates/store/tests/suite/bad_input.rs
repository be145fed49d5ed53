//! What cannot be stored is refused alike, and what looks bad but is not is stored alike.

use tollgate_store::{
    Holder, LimitText, Name, Note, PlanName, Start, StoreError, TIME_MS_MAX, WriteKey,
};

use crate::on_both;
use crate::support::{Place, START_MS, assign, assign_from, limit, route, subject, write};

#[test]
fn nothing_that_a_backend_refuses_can_be_made() {
    let long = "x".repeat(256);
    assert!(
        Holder::subject("i", &long).is_err() && Holder::subject(&"x".repeat(513), "s").is_err()
    );
    for text in ["", "a\0", "a\n", "\u{7f}"] {
        assert!(Holder::subject("i", text).is_err(), "{text:?}");
        assert!(Holder::account(text, "a").is_err(), "{text:?}");
        assert!(Name::parse(text).is_err() && PlanName::parse(text).is_err());
        assert!(WriteKey::parse(text).is_err());
    }
    assert!(Note::parse("a\0b").is_err() && Note::parse(&"x".repeat(1_025)).is_err());
    assert!(matches!(
        LimitText::parse("{name: a, rate: 1/s, \0}"),
        Err(StoreError::Limit { .. })
    ));
}

on_both! {
    async fn the_longest_names_fit(place: Place) {
        let store = place.open().await;
        // Of bytes that do not compress: an entry of an index has its bound.
        let noise = |length: usize| -> String {
            let mut state = 7_u32;
            let letters = std::iter::repeat_with(move || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b'!' + u8::try_from(state >> 24).unwrap() % 94)
            });
            letters.filter(|c| c.is_ascii_alphanumeric()).take(length).collect()
        };
        let longest = Holder::account(&noise(512), &noise(255)).unwrap();
        let edit = limit(
            &format!("{{name: {}, rate: 1/s}}", noise(64)),
            Some(route(&format!("GET /{}", noise(1_019)))),
        );
        store.write(&write(&longest, edit)).await.unwrap();
        store.write(&write(&longest, assign(&noise(64)))).await.unwrap();
        let found = store.record(&longest).await.unwrap().record;
        assert_eq!((found.overrides().len(), found.assignments().len()), (1, 1));
    }

    async fn every_other_text_is_stored_byte_for_byte(place: Place) {
        let store = place.open().await;
        let odd = [
            "'; DROP TABLE changes; --", "\"", "\\", "%_", "$1", "é", "e\u{301}", "İ", "😀",
            "\u{feff}x", "\u{202e}x", " x ", "NULL", "ﬀ", "ALICE", "alice",
        ];
        for text in odd {
            store.write(&write(&subject(text), assign("p"))).await.unwrap();
        }
        for text in odd {
            let history = store.history(&subject(text), u64::MAX).await.unwrap();
            assert_eq!(history.len(), 1, "{text:?} is not told apart");
            assert_eq!(history[0].holder.name.as_str(), text);
        }
    }

    async fn times_have_bounds(place: Place) {
        let store = place.open().await;
        let alice = subject("alice");
        for (from, until) in [
            (Start::Now, Some(START_MS)),
            (Start::AtMs(TIME_MS_MAX + 1), None),
            (Start::AtMs(u64::MAX), None),
            (Start::Now, Some(u64::MAX)),
        ] {
            let refused = store.write(&write(&alice, assign_from("p", from, until))).await;
            assert!(matches!(refused, Err(StoreError::Span { .. })), "{from:?} {until:?}");
        }
        let longest = assign_from("p", Start::AtMs(0), Some(TIME_MS_MAX));
        store.write(&write(&alice, longest)).await.unwrap();
        let found = store.record(&alice).await.unwrap().record;
        assert!(found.plan_at(0).is_some() && found.plan_at(TIME_MS_MAX).is_none());
        assert!(store.changes_since(u64::MAX).await.unwrap().is_empty());
    }
}
