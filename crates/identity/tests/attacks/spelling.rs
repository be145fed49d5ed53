//! Spelling: one token is one string, small and flat.

use super::*;
use crate::corpus::{fields, shape, signatures, spelling};

#[test]
fn case_012_a_token_has_one_spelling() {
    let verifier = refused(&spelling::of_a_token());
    assert_eq!(
        verifier.stats().cache_valid_entries,
        1,
        "never a second entry"
    );
}

#[test]
fn case_012_an_eddsa_signature_has_one_scalar() {
    refused(&signatures::eddsa_scalars());
}

#[test]
fn case_013_critical_extensions_and_unencoded_payloads() {
    refused(&spelling::critical_extensions());
}

#[test]
fn case_014_names_twice() {
    refused(&spelling::names_twice());
}

#[test]
fn case_024_encrypted_nested_and_compressed() {
    refused(&shape::encrypted_and_nested());
}

#[test]
fn case_025_large_and_deep() {
    refused(&shape::large_and_deep());
}

#[test]
fn case_026_the_authorization_field() {
    refused(&fields::authorization());
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let found = read(&[format!("{scheme} a.b.c")]);
        assert_eq!(found, Some(Ok("a.b.c".into())), "{scheme}");
    }
    // Whose fault it is, and so the status: only an empty credential is 401.
    for error in [
        CredentialError::Several,
        CredentialError::Joined,
        CredentialError::Syntax,
    ] {
        assert!(error.is_bad_request());
    }
    assert!(!CredentialError::Empty.is_bad_request());
}
