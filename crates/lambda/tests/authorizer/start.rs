//! What is refused at the start: a wrong answer is worse than none.

use tollgate_testkit::Issuer;

use crate::support::{BEFORE, Setup};

/// What a function that does not start says.
fn refused(setup: &Setup<'_>) -> String {
    let issuer = Issuer::start().unwrap();
    match setup.launch(&issuer) {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

fn with<'a>(variables: &'a [(&'a str, &'a str)]) -> Setup<'a> {
    Setup {
        variables,
        ..Setup::default()
    }
}

#[test]
fn variables_that_say_nothing_or_do_not_exist_are_told() {
    let said = refused(&with(&[("TOLLGATE_CACHE_TTL", "5 min")]));
    assert!(said.contains("expected seconds, at most 3600"), "{said}");
    let said = refused(&with(&[("TOLLGATE_CACHE_TLL", "60")]));
    assert!(
        said.contains("`TOLLGATE_CACHE_TLL` is none of the variables"),
        "{said}"
    );
    let said = refused(&with(&[("TOLLGATE_NAME_KEY", "k9")]));
    assert!(said.contains("which the key ring lacks"), "{said}");
    let said = refused(&with(&[("TOLLGATE_CONFIG", "nowhere.yaml")]));
    assert!(said.contains("nowhere.yaml"), "{said}");
}

#[test]
fn a_token_authorizer_is_refused_where_ids_are_presented() {
    let variables = [("TOLLGATE_API", "rest-token")];
    let said = refused(&Setup {
        sections: BEFORE,
        ..with(&variables)
    });
    assert!(said.contains("sees no bucket id"), "{said}");
}

#[test]
fn answers_that_cannot_be_kept_are_not() {
    let kept = [("TOLLGATE_API", "http-2.0"), ("TOLLGATE_CACHE_TTL", "60")];
    let said = refused(&with(&kept[1..]));
    assert!(said.contains("needs `TOLLGATE_API`"), "{said}");
    for (identity, sections) in [
        ("  anonymous: {plan: std}\n", ""),
        ("  token_cookie: session\n", ""),
        ("", "edge: {before: {cookie: bucket}}\n"),
        ("", "edge: {before: {without_id: std}}\n"),
    ] {
        let setup = Setup {
            identity,
            sections,
            ..with(&kept)
        };
        let said = refused(&setup);
        assert!(said.contains("`TOLLGATE_CACHE_TTL` must be 0"), "{said}");
    }
    let counted = [kept[0], kept[1], ("TOLLGATE_COUNT", "instance")];
    let said = refused(&with(&counted));
    assert!(said.contains("kept answers are not counted"), "{said}");
    let setup = Setup {
        sections: "edge: {pass: {lifetime: 30s}}\n",
        ..with(&kept)
    };
    let said = refused(&setup);
    assert!(said.contains("is not longer than"), "{said}");
}

#[test]
fn a_start_that_is_fine_says_nothing() {
    let issuer = Issuer::start().unwrap();
    let function = Setup::default().launch(&issuer).unwrap();
    assert!(function.output().is_empty(), "{}", function.output());
}
