use std::cell::Cell;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::PrincipalKey;
use crate::{CredentialError, Unbounded};

const HASH_KEY: [u8; 16] = [7; 16];
/// A key, and its SHA-256 as `sha256sum` gives it.
const KEY: &str = "tgk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const HEX: &str = "b22edff472d991b475a48064fad696cdca571c9dd4d79c6ee11d4b75364311d9";
const OTHER: &str = "tgk_7GY72gJDKF6_wAdcXH6xvh6LhXrAnNb0Nh2NGVtFLTU";
const OTHER_BASE64: &str = "KfC4k0ca-EcmoYxrsqNBI7IJ_EmKYUm_bKLSdETVvZ0";

fn parsed(text: &str) -> ApiKeys {
    ApiKeys::parse(text, &HASH_KEY).unwrap()
}

fn verify(keys: &ApiKeys, key: &str, now_s: u64) -> Result<Arc<User>, ApiKeyError> {
    match keys.verify_within(key.as_bytes(), now_s, &Unbounded) {
        ApiKeyVerdict::Valid(user) => Ok(user),
        ApiKeyVerdict::Invalid(reason) => Err(reason),
        ApiKeyVerdict::OverBudget => panic!("there is no budget"),
    }
}

fn line_error(text: &str) -> (usize, &'static str) {
    match ApiKeys::parse(text, &HASH_KEY) {
        Err(ApiKeysError::Line { line, reason }) => (line, reason),
        other => panic!("expected an error of a line, got {other:?}"),
    }
}

#[test]
fn a_key_is_the_user_of_its_line() {
    let text =
        format!("# digest subject\n\n{HEX} job acme gold 200\r\n  {OTHER_BASE64}\tnightly - - -\n");
    let keys = parsed(&text);
    let user = verify(&keys, KEY, 199).unwrap();
    assert_eq!(
        (&*user.issuer, &*user.subject),
        ("urn:tollgate:api-key", "job")
    );
    assert_eq!(
        (user.account.as_deref(), user.plan.as_deref()),
        (Some("acme"), Some("gold"))
    );
    assert_eq!(user.expires_unix_s, 200);
    assert_eq!(
        user.key,
        PrincipalKey::of_user(&HASH_KEY, API_KEY_ISSUER, "job", Some("acme"))
    );
    assert_ne!(user.account_key, user.key);
    let open = verify(&keys, OTHER, u64::MAX - 1).unwrap();
    assert_eq!((&open.account, &open.plan), (&None, &None));
    assert_eq!(
        (open.expires_unix_s, open.account_key),
        (u64::MAX, open.key)
    );
    assert_eq!(keys.stats().keys, 2);
}

#[test]
fn a_digest_is_the_same_in_either_spelling() {
    let base64 = |hex: &str| {
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        data_encoding::BASE64URL_NOPAD.encode(&bytes)
    };
    for digest in [HEX.to_owned(), HEX.to_ascii_uppercase(), base64(HEX)] {
        let keys = parsed(&format!("{digest} job - - -"));
        assert!(verify(&keys, KEY, 0).is_ok(), "{digest}");
    }
}

#[test]
fn a_key_ends_with_the_second_of_its_not_after() {
    let keys = parsed(&format!("{HEX} job - - 200"));
    assert!(verify(&keys, KEY, 199).is_ok());
    assert_eq!(verify(&keys, KEY, 200), Err(ApiKeyError::Expired));
}

#[test]
fn keys_of_one_subject_are_one_user_and_an_issuers_subject_is_another() {
    let keys = parsed(&format!("{HEX} job - - -\n{OTHER_BASE64} job - gold 9\n"));
    let (one, other) = (verify(&keys, KEY, 0), verify(&keys, OTHER, 0));
    assert_eq!(one.as_ref().unwrap().key, other.unwrap().key);
    let of_issuer = PrincipalKey::of_user(&HASH_KEY, "https://login.example.com", "job", None);
    assert_ne!(one.unwrap().key, of_issuer);
}

#[test]
fn what_is_no_key_is_told_before_any_hash_and_charges() {
    struct Spent(Cell<u32>);
    impl FailureBudget for Spent {
        fn is_spent(&self) -> bool {
            true
        }
        fn charge(&self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let keys = parsed(&format!("{HEX} job - - -"));
    let (short, long) = ("k".repeat(19), "k".repeat(256));
    let odd = format!("{KEY} ");
    let foreign = format!("{KEY}é");
    let malformed = [
        "",
        &short,
        &long,
        &odd,
        &foreign,
        "tgk_\tkkkkkkkkkkkkkkkkkkkkkk",
    ];
    for (count, key) in malformed.into_iter().enumerate() {
        let budget = Spent(Cell::new(0));
        let verdict = keys.verify_within(key.as_bytes(), 0, &budget);
        assert_eq!(verdict, ApiKeyVerdict::Invalid(ApiKeyError::Malformed));
        assert_eq!(budget.0.get(), 1, "{count}");
    }
    let budget = Spent(Cell::new(0));
    let verdict = |key: &str| keys.verify_within(key.as_bytes(), 0, &budget);
    assert_eq!(verdict(OTHER), ApiKeyVerdict::OverBudget);
    assert!(matches!(verdict(KEY), ApiKeyVerdict::Valid(_)));
    assert_eq!(budget.0.get(), 0);
    for length in [20, 255] {
        let unknown = verify(&keys, &"k".repeat(length), 0);
        assert_eq!(unknown, Err(ApiKeyError::Unknown));
    }
    let stats = keys.stats();
    let counts = stats.refused.map(|(reason, count)| (reason.code(), count));
    assert_eq!(counts, [("malformed", 6), ("unknown", 2), ("expired", 0)]);
    assert_eq!((stats.valid, stats.over_budget), (1, 1));
}

#[test]
fn what_cannot_be_read_is_named_by_its_line() {
    let long = "n".repeat(256);
    for (line, words) in [
        (HEX.to_owned(), "expected the key's SHA-256"),
        (format!("{HEX} job - -"), "expected the key's SHA-256"),
        (format!("{HEX} job - - - -"), "five fields"),
        (format!("{} job - - -", &HEX[1..]), "64 characters"),
        (format!("{}g job - - -", &HEX[1..]), "64 characters"),
        (format!("{OTHER_BASE64}= job - - -"), "43 of base64url"),
        // A whole key in place of its hash: refused, and not shown.
        (format!("{KEY} job - - -"), "64 characters"),
        (format!("{HEX} - - - -"), "whose key"),
        (format!("{HEX} {long} - - -"), "a subject"),
        (format!("{HEX} a\u{7}b - - -"), "a subject"),
        (format!("{HEX} a\u{a0}b - - -"), "a subject"),
        (format!("{HEX} job {long} - -"), "an account"),
        (format!("{HEX} job - {long} -"), "a plan"),
        (format!("{HEX} job - - soon"), "seconds"),
        (format!("{HEX} job - - +5"), "seconds"),
        (format!("{HEX} job - - 99999999999999999999"), "seconds"),
    ] {
        let (number, reason) = line_error(&format!("# comment\n{line}"));
        assert_eq!(number, 2, "{line}");
        assert!(reason.contains(words), "{line}: {reason}");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_with_both_lines() {
    let text = format!("# first\n{HEX} job - - -\n\n{OTHER_BASE64} job - - -\n{HEX} eve - - -\n");
    let error = ApiKeys::parse(&text, &HASH_KEY).unwrap_err();
    assert_eq!(error, ApiKeysError::Twice { line: 5, first: 2 });
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(&HEX[..8]) && !shown.contains("eve"));
}

#[test]
fn a_file_without_keys_refuses_every_key() {
    let keys = parsed("# all revoked\n");
    assert_eq!(verify(&keys, KEY, 0), Err(ApiKeyError::Unknown));
    assert_eq!(format!("{keys:?}"), "ApiKeys { keys: 0, .. }");
}

#[test]
fn a_request_presents_one_key_in_one_field() {
    let field = HeaderName::from_static("x-api-key");
    let read = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&field, HeaderValue::from_str(value).unwrap());
        }
        api_key(&headers, &field).map(|key| key.map(<[u8]>::to_vec))
    };
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&[KEY]), Ok(Some(KEY.as_bytes().to_vec())));
    assert_eq!(read(&[""]), Ok(Some(Vec::new())));
    for error in [
        (&[KEY, KEY][..], CredentialError::SeveralKeys),
        (&["", KEY], CredentialError::SeveralKeys),
        (&["a, b"], CredentialError::JoinedKeys),
        (&["a,b"], CredentialError::JoinedKeys),
    ] {
        assert_eq!(read(error.0), Err(error.1));
        assert!(error.1.is_bad_request());
    }
}

#[cfg(unix)]
#[test]
fn only_a_private_file_is_read_and_errors_name_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api-keys.txt");
    std::fs::write(&path, format!("{HEX} job - - -\n")).unwrap();
    let load_with = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        ApiKeys::load(&path, &HASH_KEY)
    };
    assert!(load_with(0o600).is_ok() && load_with(0o400).is_ok());
    for mode in [0o644, 0o640, 0o620, 0o601] {
        let error = load_with(mode).unwrap_err().to_string();
        assert!(error.contains("api-keys.txt: the file has mode"), "{error}");
        assert!(error.contains("chmod 600"), "{error}");
    }
    std::fs::write(&path, format!("#\n{KEY} job - - -\n")).unwrap();
    let error = load_with(0o600).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("api-keys.txt: line 2: "), "{shown}");
    assert!(!shown.contains(&KEY[4..12]), "{shown}");
    let missing = ApiKeys::load(&folder.path().join("none"), &HASH_KEY);
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .contains("none: No such file")
    );
}

#[test]
fn a_new_key_is_shown_once_and_only_its_hash_is_kept() {
    let mut text = ApiKeysText::empty();
    let new = NewApiKey {
        subject: "job",
        account: Some("acme"),
        plan: None,
        not_after_s: Some(200),
    };
    let key = text.add(&new).unwrap();
    let key = key.expose();
    assert!(key.starts_with("tgk_") && key.len() == 47);
    let content = str::from_utf8(text.as_bytes()).unwrap();
    assert!(!content.contains(&key[4..]) && content.starts_with("# API keys"));
    let user = verify(&parsed(content), key, 199).unwrap();
    assert_eq!(
        (&*user.subject, user.account.as_deref()),
        ("job", Some("acme"))
    );
    let other = text.add(&new).unwrap();
    assert_ne!(key, other.expose());
    assert_eq!(text.keys().count(), 2);
    assert_eq!(format!("{text:?}"), "ApiKeysText { keys: 2, .. }");
    assert_eq!(format!("{other:?}"), "[redacted]");
}

#[test]
fn a_name_that_would_be_read_otherwise_is_not_written() {
    let mut text = ApiKeysText::empty();
    let long = "n".repeat(256);
    for name in ["", "-", "a b", "a\nb", "a\u{7}", "a\u{a0}b", &long] {
        for (subject, account, plan) in [
            (name, None, None),
            ("job", Some(name), None),
            ("job", None, Some(name)),
        ] {
            let new = NewApiKey {
                subject,
                account,
                plan,
                not_after_s: None,
            };
            assert!(text.add(&new).is_err(), "{new:?}");
        }
    }
    assert_eq!(text.keys().count(), 0);
}

#[test]
fn a_subject_or_one_key_is_revoked_and_the_rest_stays_as_it_was() {
    let written = format!("# mine\n{HEX} job a - -\n# his\n{OTHER_BASE64} eve - - 9");
    let text = || ApiKeysText::checked(Zeroizing::new(written.clone())).unwrap();
    let content = |text: &ApiKeysText| String::from_utf8(text.as_bytes().to_vec()).unwrap();

    let mut by_subject = text();
    assert_eq!(by_subject.revoke_subject("job").unwrap()[0].digest, HEX);
    assert_eq!(
        content(&by_subject),
        format!("# mine\n# his\n{OTHER_BASE64} eve - - 9\n")
    );
    assert!(by_subject.revoke_subject("job").is_err());

    let mut by_digest = text();
    for prefix in ["", &HEX[..7], "00000000", OTHER_BASE64] {
        assert!(by_digest.revoke_digest(prefix).is_err(), "{prefix}");
    }
    assert_eq!(content(&by_digest), written);
    let note = by_digest
        .revoke_digest(&HEX[..12].to_ascii_uppercase())
        .unwrap();
    assert_eq!((&*note.subject, note.short_digest()), ("job", &HEX[..12]));
    assert_eq!(by_digest.keys().count(), 1);

    let alike = format!("{HEX} a - - -\n{}{} b - - -", &HEX[..16], "0".repeat(48));
    let mut alike = ApiKeysText::checked(Zeroizing::new(alike)).unwrap();
    let error = alike.revoke_digest(&HEX[..12]).unwrap_err().to_string();
    assert!(error.contains("more than one"), "{error}");
    assert!(alike.revoke_digest(&HEX[..17]).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "[\\PC\n\r\t #-]{0,200}") {
        let _ = ApiKeys::parse(&text, &HASH_KEY);
    }

    #[test]
    fn any_fields_behind_a_digest_are_read_or_refused(
        fields in proptest::collection::vec("[!-~é\u{a0}\u{85}]{1,4}", 0..6),
    ) {
        let text = format!("{HEX} {}", fields.join(" "));
        match ApiKeys::parse(&text, &HASH_KEY) {
            Ok(keys) => prop_assert_eq!(keys.stats().keys, 1),
            Err(error) => prop_assert!(!error.to_string().contains(&HEX[..8])),
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        subject in "[!-~éß]{1,40}",
        account in proptest::option::of("[!-~]{1,40}"),
        not_after_s in proptest::option::of(any::<u64>()),
    ) {
        let mut text = ApiKeysText::empty();
        let new = NewApiKey { subject: &subject, account: account.as_deref(), plan: None, not_after_s };
        let is_dash = subject == "-" || account.as_deref() == Some("-");
        let Ok(_) = text.add(&new) else {
            prop_assert!(is_dash);
            return Ok(());
        };
        let note = text.keys().next().unwrap();
        prop_assert_eq!((note.subject, note.account, note.not_after_s), (subject, account, not_after_s));
    }

    #[test]
    fn any_presented_bytes_are_looked_up_without_a_panic(
        key in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let keys = parsed(&format!("{HEX} job - - -"));
        let verdict = keys.verify_within(&key, 0, &Unbounded);
        prop_assert!(matches!(verdict, ApiKeyVerdict::Invalid(_)));
    }
}

#[test]
fn keys_from_elsewhere_are_hashed_once_and_read_back_as_they_were_given() {
    let disabled = NewApiKey {
        subject: "nightly",
        account: None,
        plan: None,
        not_after_s: Some(0),
    };
    let gold = NewApiKey {
        subject: "job",
        plan: Some("gold"),
        not_after_s: None,
        ..disabled
    };
    let mut asked = 0;
    let keys = [(KEY, gold), (OTHER, disabled)];
    let text = ApiKeysText::of_known(keys.into_iter().inspect(|_| asked += 1)).unwrap();
    assert_eq!(asked, 2, "one pass");
    let written = std::str::from_utf8(text.as_bytes()).unwrap();
    assert!(written.contains(HEX) && !written.contains(KEY) && !written.contains(OTHER));

    let keys = parsed(written);
    let user = verify(&keys, KEY, 1_000).unwrap();
    assert_eq!(
        (&*user.subject, user.plan.as_deref()),
        ("job", Some("gold"))
    );
    assert_eq!(
        verify(&keys, OTHER, 1_000).err(),
        Some(ApiKeyError::Expired)
    );

    // Alphanumeric keys of 20 and of 128 characters are what API Gateway hands out.
    for length in [20, 128] {
        let key = "a1".repeat(length / 2);
        let text = ApiKeysText::of_known([(key.as_str(), gold)]).unwrap();
        let keys = parsed(std::str::from_utf8(text.as_bytes()).unwrap());
        assert!(verify(&keys, &key, 1_000).is_ok());
    }
}

#[test]
fn keys_from_elsewhere_that_could_not_be_told_apart_or_presented_are_refused() {
    let new = NewApiKey {
        subject: "job",
        account: None,
        plan: None,
        not_after_s: None,
    };
    let twice = ApiKeysText::of_known([(KEY, new), (KEY, new)]);
    assert!(matches!(twice, Err(ApiKeysError::Twice { .. })));
    for key in [
        "short",
        "with a blank in the middle of it",
        "aaaaaaaaaa,aaaaaaaaaa",
    ] {
        let refused = ApiKeysText::of_known([(key, new)]).unwrap_err();
        assert!(!refused.to_string().contains(key), "{refused}");
    }
    let misnamed = NewApiKey {
        subject: "two words",
        ..new
    };
    assert!(ApiKeysText::of_known([(KEY, misnamed)]).is_err());
}
