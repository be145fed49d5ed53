use super::*;

const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const TWO: &str = "7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU";

fn line_error(text: &str) -> (usize, &'static str) {
    match KeyRing::parse(text) {
        Err(IdentityError::KeyRingLine { line, reason }) => (line, reason),
        other => panic!("expected an error of a line, got {other:?}"),
    }
}

#[test]
fn a_ring_has_one_current_key_and_any_number_accepted() {
    let text = format!("# kid secret\n\nk1 {ONE} 100 200 accepted\r\n  k2\t{TWO} - - current\n");
    let ring = KeyRing::parse(&text).unwrap();
    let (k1, k2) = (KeyId::new("k1").unwrap(), KeyId::new("k2").unwrap());
    assert_eq!(ring.current_kid(), k2);
    assert_eq!(ring.kids().collect::<Vec<_>>(), [k1, k2]);
    assert_eq!(
        [99, 100, 199, 200].map(|now| ring.accepts(k1, now)),
        [false, true, true, false]
    );
    assert!(ring.accepts(k2, 0) && !ring.accepts(KeyId::new("k3").unwrap(), 150));
    assert_eq!(ring.root("i", "s", None).kid(), k2);
    assert_eq!(ring.root_under(k1, "i", "s", None).unwrap().kid(), k1);
    assert_ne!(
        ring.root_under(k1, "i", "s", None).unwrap().expose(),
        ring.root("i", "s", None).expose()
    );
}

#[test]
fn what_cannot_be_read_is_named_by_its_line() {
    let good = format!("k1 {ONE} - - current");
    for (line, words) in [
        ("k1".to_owned(), "expected kid"),
        (format!("{good} x"), "five fields"),
        (format!("K1 {ONE} - - current"), "a kid"),
        (format!("kkkkk {ONE} - - current"), "a kid"),
        ("k1 short - - current".to_owned(), "43 characters"),
        (format!("k1 {ONE}= - - current"), "43 characters"),
        // The same bytes spelt otherwise would be another HMAC key.
        (format!("k1 {}9 - - current", &ONE[..42]), "43 characters"),
        (format!("k1 {ONE} x - current"), "seconds"),
        (format!("k1 {ONE} 5 5 current"), "not later"),
        (format!("k1 {ONE} - - old"), "a state"),
    ] {
        let (number, reason) = line_error(&format!("# comment\n{line}"));
        assert_eq!(number, 2, "{line}");
        assert!(reason.contains(words), "{line}: {reason}");
    }
    assert_eq!(line_error(&format!("{good}\n{good}")).0, 2);
    assert_eq!(line_error(&format!("{good}\nk2 {TWO} - - current")).0, 2);
    let many: String = (0..65)
        .map(|n| format!("k{n} {ONE} - - accepted\n"))
        .collect();
    assert_eq!(line_error(&many), (65, "more than 64 keys"));
}

#[test]
fn a_ring_without_a_current_key_is_refused() {
    for text in [String::new(), format!("k1 {ONE} - - accepted")] {
        assert!(matches!(
            KeyRing::parse(&text),
            Err(IdentityError::KeyRing { .. })
        ));
    }
}

#[test]
fn no_error_and_no_debug_shows_a_secret() {
    let ring = KeyRing::parse(&format!("k1 {ONE} - - current")).unwrap();
    assert_eq!(
        format!("{ring:?}"),
        "KeyRing { current: k1, kids: [k1], .. }"
    );
    let error = KeyRing::parse(&format!("k1 {ONE} - - wrong")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&ONE[..8]));
}

#[test]
fn an_ephemeral_ring_differs_with_every_start() {
    let roots = [(); 2].map(|()| KeyRing::ephemeral().unwrap().root("i", "s", None));
    assert_ne!(roots[0].expose(), roots[1].expose());
}

#[cfg(unix)]
#[test]
fn only_a_private_file_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    std::fs::write(&path, format!("k1 {ONE} - - current\n")).unwrap();
    let load_with = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        KeyRing::load(&path)
    };
    for mode in [0o600, 0o400] {
        assert!(load_with(mode).is_ok(), "{mode:o}");
    }
    for mode in [0o644, 0o640, 0o620, 0o601, 0o660] {
        assert_eq!(
            load_with(mode).err(),
            Some(IdentityError::KeyRingMode {
                path: path.clone(),
                mode
            })
        );
    }
    std::fs::write(&path, "#".repeat(64 * 1024 + 1)).unwrap();
    assert!(matches!(
        load_with(0o600),
        Err(IdentityError::KeyRingFile { .. })
    ));
    let missing = KeyRing::load(&folder.path().join("none"));
    assert!(matches!(missing, Err(IdentityError::KeyRingFile { .. })));
}
