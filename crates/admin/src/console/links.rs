//! Links among the console's own pages: names stand in queries, since a path cannot have every name.

use form_urlencoded::Serializer;
use tollgate_store::{Holder, HolderKind};

/// What is known of a caller beside its name, from page to page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// The account that its tokens name.
    pub(super) account: Option<String>,
    /// The plan that they name.
    pub(super) plan_claim: Option<String>,
}

/// A page of a holder, or what a form of that page does.
pub(super) fn holder(path: &str, of: &Holder, beside: &Beside, more: &[(&str, &str)]) -> String {
    let (issuer, name) = (of.issuer.as_str(), of.name.as_str());
    let named = [("kind", kind(of.kind)), ("issuer", issuer), ("name", name)];
    let known = [
        ("account", &beside.account),
        ("plan_claim", &beside.plan_claim),
    ];
    let known = known
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let more = more.iter().copied();
    with_query(path, named.into_iter().chain(known).chain(more))
}

pub(super) fn kind(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::Subject => "subject",
        HolderKind::Account => "account",
    }
}

pub(super) fn plan(name: &str) -> String {
    with_query("/plan", [("name", name)].into_iter())
}

/// A path with a query.
pub(super) fn with_query<'a>(
    path: &str,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{query}"),
    }
}

/// Whether a text is a path of this server, and no way to another.
pub(super) fn is_local(path: &str) -> bool {
    let mut bytes = path.bytes();
    let begins = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
    begins
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_is_it_stands_in_the_query() {
        let of = |name| Holder::subject("https://login.example", name).unwrap();
        let link = |name| holder("/holder", &of(name), &Beside::default(), &[]);
        let begin = "/holder?kind=subject&issuer=https%3A%2F%2Flogin.example&name=";
        assert_eq!(link("a/b?#"), format!("{begin}a%2Fb%3F%23"));
        assert_eq!(link(".."), format!("{begin}.."));
        assert_eq!(link("ö\"<"), format!("{begin}%C3%B6%22%3C"));
        let beside = Beside {
            account: Some("a&b".to_owned()),
            plan_claim: None,
        };
        let account = Holder::account("i", "x").unwrap();
        let link = holder("/holder", &account, &beside, &[("done", "grant")]);
        assert_eq!(
            link,
            "/holder?kind=account&issuer=i&name=x&account=a%26b&done=grant"
        );
    }

    #[test]
    fn a_way_to_another_server_is_no_path() {
        assert!(is_local("/") && is_local("/holders?plan=pro"));
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\nb",
            "a",
        ] {
            assert!(!is_local(path), "{path}");
        }
    }
}
