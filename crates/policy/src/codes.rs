//! The table of codes: every finding has one, and each keeps its meaning.

/// A code and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// For example `TG0012`.
    pub id: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal: $meaning:literal;)*) => {
        $(pub(crate) const $name: Code = Code { id: $id, meaning: $meaning };)*

        /// All codes, in order.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    SYNTAX = "TG0001": "The file is not valid YAML or JSON.";
    UNREADABLE = "TG0002": "The file cannot be read, is too large, or is not UTF-8.";
    UNKNOWN_KEY = "TG0003": "A section has a key that means nothing there.";
    MISSING_KEY = "TG0004": "A section lacks a key that it needs.";
    WRONG_KIND = "TG0005": "A value is of another kind than the key takes, for example a list for a text.";
    UNKNOWN_WORD = "TG0006": "A value is none of the words that the key takes.";
    DUPLICATE_KEY = "TG0007": "A key stands twice in one section.";
    VERSION = "TG0008": "The file is written for another version of the policy format.";
    UNKNOWN_PLAN = "TG0010": "A name is not that of a plan.";
    UNKNOWN_ROUTE = "TG0011": "A name is not that of a route.";
    RATE = "TG0012": "A rate, window or quota is not written as `<count>/<period>`, or is out of range.";
    UNITS = "TG0013": "A number of requests is out of range, or the cost is above what is ever admitted.";
    DURATION = "TG0014": "A duration cannot be read, or is out of range.";
    SIZE = "TG0015": "A size in bytes cannot be read, or is out of range.";
    RANGE = "TG0016": "A number is out of range.";
    DUPLICATE_NAME = "TG0017": "Two things of one kind have one name, so that one of them would be lost.";
    PLAN_CLASS = "TG0018": "A plan's class is malformed, or two plans have one class.";
    NAME = "TG0019": "A name has characters that it cannot have, is too long, or is reserved.";
    TEMPLATE = "TG0020": "A path template cannot be read, or no path could match it.";
    METHOD = "TG0021": "A route does not begin with a method in upper case, or with an unusual one.";
    DUPLICATE_ROUTE = "TG0022": "Two routes have one method and one shape: no request could tell them apart.";
    TEMPLATE_CHANGED = "TG0023": "A part of a template has no meaning for a route and was left out.";
    URL = "TG0024": "A URL cannot be read, or has parts that it cannot have here.";
    ADDRESS = "TG0025": "A listening address is not `<address>:<port>`, or is taken by another listener.";
    NETWORK = "TG0026": "A network is not `<address>/<bits>`, or a prefix is out of range.";
    ALGORITHM = "TG0027": "A signature algorithm cannot be used, or not with the other settings of its issuer.";
    CLAIM = "TG0028": "A claim's name is malformed, or does not come from the verified token.";
    HEADER = "TG0029": "A header field's name or value is malformed, or not free to be set.";
    KEY_SET = "TG0030": "An inline key set is not a JSON Web Key Set, or keys come from two places.";
    INSECURE_KEYS = "TG0031": "Keys would be fetched over plain HTTP from another machine.";
    NOBODY = "TG0032": "Neither an issuer, API keys, client certificates nor an anonymous plan: nobody could ever be let through.";
    NO_PLANS = "TG0033": "There is no plan, or no default among several.";
    OPENAPI_UNREADABLE = "TG0034": "An OpenAPI file cannot be read or is too large.";
    OPENAPI_SYNTAX = "TG0035": "An OpenAPI file is not valid YAML or JSON, or not an OpenAPI document.";
    OPENAPI_PATH = "TG0036": "A path of an OpenAPI document cannot be a route and was left out.";
    OPENAPI_NOTE = "TG0037": "A part of an OpenAPI document was read in a way worth knowing.";
    TEST_REQUEST = "TG0038": "A test's request cannot be read, or a test says nothing to send or to expect.";
    TEST_REFERENCE = "TG0039": "A test names an issuer, plan, limit or route that the policy does not have.";
    TOO_MANY = "TG0040": "There are more of a kind than can be taken.";
    PATH_VALUE = "TG0041": "A path in a setting does not begin with a slash, or is not in canonical form.";
    CONFLICT = "TG0042": "Two settings contradict each other, or one needs another that is not there.";
    ZONE = "TG0043": "A name is not that of a time zone.";
}

/// The code of this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(
            ALL.iter()
                .all(|code| code.id.len() == 6 && code.meaning.ends_with('.'))
        );
        assert_eq!(find("TG0012"), Some(&RATE));
    }
}
