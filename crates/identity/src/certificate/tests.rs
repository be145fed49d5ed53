use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, DnType, DnValue, KeyPair, SanType, date_time_ymd};

use super::*;

const KEY: [u8; 16] = [7; 16];
/// 2030-01-01, when the certificates here end.
const END_S: u64 = 1_893_456_000;
const SPIFFE: &str = "spiffe://example.org/orders";

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

fn email(text: &str) -> SanType {
    SanType::Rfc822Name(text.try_into().unwrap())
}

/// A certificate with these names, as DER.
fn with(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_after = date_time_ymd(2030, 1, 1);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

fn named(names: &[SanType]) -> Vec<u8> {
    with(|params| params.subject_alt_names = names.to_vec())
}

fn common(name: DnValue) -> Vec<u8> {
    with(|params| params.distinguished_name.push(DnType::CommonName, name))
}

fn verdict(der: &[u8], kind: SubjectKind) -> CertificateVerdict {
    let certificate = ClientCertificate::read(der, &KEY);
    CertificateRules::new(kind).identify(&certificate, END_S - 1)
}

fn subject(der: &[u8], kind: SubjectKind) -> Result<String, CertificateError> {
    match verdict(der, kind) {
        CertificateVerdict::Valid(user) => {
            assert_eq!(&*user.issuer, CERTIFICATE_ISSUER);
            Ok(user.subject.to_string())
        }
        CertificateVerdict::Invalid(error) => Err(error),
    }
}

/// The bytes of `der` with `old` replaced by `new` of the same length.
fn patched(der: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = der.windows(old.len()).position(|part| part == old).unwrap();
    let mut der = der.to_vec();
    der[at..at + new.len()].copy_from_slice(new);
    der
}

#[test]
fn each_kind_finds_its_own_name_and_no_other() {
    let all = with(|params| {
        params.subject_alt_names = vec![
            dns("orders.example.org"),
            uri(SPIFFE),
            email("orders@example.org"),
            SanType::IpAddress([192, 0, 2, 1].into()),
        ];
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Example");
        params
            .distinguished_name
            .push(DnType::CommonName, "orders service");
    });
    for (kind, name) in [
        (SubjectKind::SanUri, SPIFFE),
        (SubjectKind::SanDns, "orders.example.org"),
        (SubjectKind::SanEmail, "orders@example.org"),
        (SubjectKind::CommonName, "orders service"),
    ] {
        assert_eq!(subject(&all, kind).as_deref(), Ok(name));
    }
}

#[test]
fn none_of_the_kind_is_no_identity() {
    let bare = with(|_| {});
    let other = named(&[dns("a.example"), email("a@example.org")]);
    for kind in SubjectKind::ALL {
        assert_eq!(subject(&bare, kind), Err(CertificateError::NoSubject));
    }
    for kind in [SubjectKind::SanUri, SubjectKind::CommonName] {
        assert_eq!(subject(&other, kind), Err(CertificateError::NoSubject));
    }
}

#[test]
fn two_of_the_kind_are_no_identity_even_if_they_are_equal() {
    let several = Err(CertificateError::SeveralSubjects);
    let two = named(&[uri(SPIFFE), uri("spiffe://example.org/billing")]);
    assert_eq!(subject(&two, SubjectKind::SanUri), several);
    let twice = named(&[uri(SPIFFE), dns("a.example"), uri(SPIFFE)]);
    assert_eq!(subject(&twice, SubjectKind::SanUri), several);
    assert_eq!(
        subject(&twice, SubjectKind::SanDns).as_deref(),
        Ok("a.example")
    );
    let unreadable = patched(&named(&[uri(SPIFFE), uri("urn:x")]), b"urn:x", b"urn:\xff");
    assert_eq!(subject(&unreadable, SubjectKind::SanUri), several);
}

#[test]
fn two_extensions_of_alternative_names_are_no_identity() {
    let second = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![uri("urn:a")];
        // SEQUENCE { [6] "urn:b" }
        let names = b"\x30\x07\x86\x05urn:b".to_vec();
        let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
        params.custom_extensions.push(extension);
    };
    assert_eq!(
        subject(&with(second), SubjectKind::SanUri),
        Err(CertificateError::Unreadable)
    );
}

#[test]
fn two_common_names_are_no_identity() {
    let two = with(|params| {
        params.distinguished_name.push(DnType::CommonName, "alice");
        // 2.5.4.3 by number, since one name takes each type once.
        let again = DnType::CustomDnType(vec![2, 5, 4, 3]);
        params.distinguished_name.push(again, "bob");
    });
    assert_eq!(
        subject(&two, SubjectKind::CommonName),
        Err(CertificateError::SeveralSubjects)
    );
}

#[test]
fn names_are_bounded_as_the_subjects_of_tokens_are() {
    let long = |bytes: usize| named(&[uri(&format!("urn:{}", "a".repeat(bytes - 4)))]);
    assert_eq!(subject(&long(255), SubjectKind::SanUri).unwrap().len(), 255);
    for der in [long(256), named(&[uri("")])] {
        assert_eq!(
            subject(&der, SubjectKind::SanUri),
            Err(CertificateError::SubjectValue)
        );
    }
}

#[test]
fn control_characters_and_broken_utf_8_are_no_identity() {
    let plain = named(&[uri("urn:alice:x")]);
    let refused = Err(CertificateError::SubjectValue);
    for name in [
        &b"urn:alice\0x"[..],
        b"urn:alice\nx",
        b"urn:alice\x7fx",
        b"urn:alice\xffx",
    ] {
        let der = patched(&plain, b"urn:alice:x", name);
        assert_eq!(subject(&der, SubjectKind::SanUri), refused, "{name:?}");
    }
    let der = common(DnValue::Utf8String("al\u{85}ice".into()));
    assert_eq!(subject(&der, SubjectKind::CommonName), refused);
    // Two bytes a character: read as one, it would be another name.
    let wide = DnValue::BmpString("alice".try_into().unwrap());
    assert_eq!(subject(&common(wide), SubjectKind::CommonName), refused);
    let der = common(DnValue::Utf8String("Žofie".into()));
    assert_eq!(
        subject(&der, SubjectKind::CommonName).as_deref(),
        Ok("Žofie")
    );
}

#[test]
fn a_certificate_lasts_to_the_end_of_its_last_second_and_no_longer() {
    let certificate = ClientCertificate::read(&named(&[uri(SPIFFE)]), &KEY);
    let rules = CertificateRules::new(SubjectKind::SanUri);
    for at in [0, END_S - 1, END_S] {
        let verdict = rules.identify(&certificate, at);
        assert!(matches!(verdict, CertificateVerdict::Valid(_)), "{at}");
    }
    for at in [END_S + 1, u64::MAX] {
        let expired = CertificateVerdict::Invalid(CertificateError::Expired);
        assert_eq!(rules.identify(&certificate, at), expired);
    }
    let ancient = with(|params| {
        params.subject_alt_names = vec![uri(SPIFFE)];
        params.not_before = date_time_ymd(1960, 1, 1);
        params.not_after = date_time_ymd(1961, 1, 1);
    });
    assert_eq!(
        subject(&ancient, SubjectKind::SanUri),
        Err(CertificateError::Expired)
    );
}

#[test]
fn two_certificates_of_one_subject_are_one_user() {
    let user = |der: &[u8]| match verdict(der, SubjectKind::SanUri) {
        CertificateVerdict::Valid(user) => user,
        CertificateVerdict::Invalid(error) => panic!("{error:?}"),
    };
    let (one, renewed) = (
        named(&[uri(SPIFFE)]),
        named(&[uri(SPIFFE), dns("a.example")]),
    );
    assert_ne!(one, renewed);
    assert_eq!(user(&one).key, user(&renewed).key);
    assert_ne!(user(&one).key, user(&named(&[uri("urn:other")])).key);
    assert!(!format!("{:?}", ClientCertificate::read(&one, &KEY)).contains(SPIFFE));
}

#[test]
fn every_reason_is_counted_under_its_own_word() {
    let rules = CertificateRules::new(SubjectKind::SanUri);
    for der in [
        named(&[uri(SPIFFE)]),
        b"no certificate".to_vec(),
        named(&[dns("a.example")]),
        named(&[uri("urn:a"), uri("urn:b")]),
        named(&[uri("")]),
    ] {
        rules.identify(&ClientCertificate::read(&der, &KEY), END_S);
    }
    let late = ClientCertificate::read(&named(&[uri(SPIFFE)]), &KEY);
    rules.identify(&late, END_S + 1);
    assert_eq!(rules.valid(), 1);
    let refused: Vec<_> = rules
        .refused()
        .map(|(error, count)| (error.code(), count))
        .collect();
    let each = [
        "unreadable",
        "no_subject",
        "several_subjects",
        "subject_value",
        "expired",
    ];
    assert_eq!(refused, each.map(|code| (code, 1)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(der in prop::collection::vec(any::<u8>(), 0..512)) {
        for kind in SubjectKind::ALL {
            prop_assert!(subject(&der, kind).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Nearly right is where parsers break.
    #[test]
    fn a_certificate_with_bytes_changed_is_read_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            named(&[uri(SPIFFE), dns("a.example"), email("a@example.org")])
        });
        let mut der = WHOLE.clone();
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        let certificate = ClientCertificate::read(&der, &KEY);
        for kind in SubjectKind::ALL {
            let verdict = CertificateRules::new(kind).identify(&certificate, END_S);
            if let CertificateVerdict::Valid(user) = verdict {
                prop_assert!((1..=255).contains(&user.subject.len()));
                prop_assert!(!user.subject.chars().any(char::is_control));
            }
        }
        der.truncate(cut.index(der.len()));
        prop_assert_eq!(subject(&der, SubjectKind::SanUri), Err(CertificateError::Unreadable));
    }
}
