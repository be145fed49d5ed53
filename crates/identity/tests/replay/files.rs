//! Bytes as what an operator or issuer hands over: key sets, rings, files of API keys, certificates.

use tollgate_identity::{
    ApiKeys, CertificateRules, ClientCertificate, KeyRing, KeySet, LocalKeys, SubjectKind,
};

/// Reads `data` as each of them.
pub(crate) fn run(data: &[u8]) {
    let _ = KeySet::parse(data);
    let _ = LocalKeys::parse(data);
    let certificate = ClientCertificate::read(data, &[7; 16]);
    for kind in [
        SubjectKind::SanUri,
        SubjectKind::SanDns,
        SubjectKind::SanEmail,
        SubjectKind::CommonName,
    ] {
        let _ = CertificateRules::new(kind).identify(&certificate, 0);
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(ring) = KeyRing::parse(text) {
        let root = ring.root("issuer", "subject", None);
        assert_eq!(root.expose().len(), 43);
        assert!(ring.kids().any(|kid| kid == ring.current_kid()));
    }
    let _ = ApiKeys::parse(text, &[7; 16]);
}
