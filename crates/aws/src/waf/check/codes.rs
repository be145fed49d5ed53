//! The codes of findings. A code never changes its meaning.

/// A code and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// As shown.
    pub id: &'static str,
    /// What every finding with it is about.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal: $meaning:literal,)+) => {
        $(pub(super) const $name: Code = Code { id: $id, meaning: $meaning };)+

        /// Every code, in order.
        pub const CODES: &[Code] = &[$($name),+];
    };
}

codes! {
    RATES_PER_ACL = "WAF01": "a web ACL has at most 10 rate-based rules; AWS does not raise it",
    RATES_PER_GROUP = "WAF02": "a rule group has at most 4 rate-based rules; AWS does not raise it",
    CAPACITY = "WAF03": "a web ACL or rule group costs at most 5,000 WCU",
    SET_ASIDE = "WAF04": "a rule group's rules cost at most the capacity that is set aside for it",
    SAME_PRIORITY = "WAF05": "priorities are unique",
    SAME_NAME = "WAF06": "names of rules are unique",
    REGION = "WAF07": "scope CLOUDFRONT is deployed in us-east-1",
    REFERENCES = "WAF08": "a web ACL has at most 50 statements that refer to sets and groups",
    NAME = "WAF09": "a rule's name is 1 to 128 letters, digits, `_` and `-`",
    BODIES = "WAF10": "a web ACL has at most 50 bodies for answers",
    BODY_SIZE = "WAF11": "the body of an answer has at most 4,096 bytes",
    BODIES_SIZE = "WAF12": "all bodies of a web ACL have at most 50 KB",
    ACTION = "WAF20": "a rule has an action, or an override action where it uses a rule group",
    RESPONSE_ACTION = "WAF21": "only a Block has an answer of its own",
    RESPONSE_CODE = "WAF22": "an answer's status is 200 to 599",
    BODY_KEY = "WAF23": "an answer's body key is one of the set's bodies",
    HEADERS = "WAF24": "an answer has at most 10 header fields",
    HEADER_NAME = "WAF25": "the name of an answer's header field has 1 to 64 characters of `a-zA-Z0-9._$-`",
    HEADER_VALUE = "WAF26": "the value of an answer's header field has 1 to 255 characters",
    LIMIT = "WAF30": "a limit is 10 to 2,000,000,000",
    WINDOW = "WAF31": "an evaluation window is 60, 120, 300 or 600 seconds",
    KEYS = "WAF32": "CUSTOM_KEYS has 1 to 5 keys, and no other kind has any",
    CONSTANT = "WAF33": "CONSTANT has a scope-down statement",
    ADDRESS_ALONE = "WAF34": "an IP or ForwardedIP key has another key beside it",
    FORWARDED = "WAF35": "an address from a header field has a ForwardedIPConfig",
    KEY_NAME = "WAF36": "the name of a key's header field, cookie or argument has 1 to 64 characters",
    NESTED = "WAF40": "rate-based rules and rule groups are a rule's own statement",
    PARTS = "WAF41": "AND and OR have two or more parts",
    NO_TRANSFORMATION = "WAF42": "a field has one text transformation or more",
    SAME_TRANSFORMATION_PRIORITY = "WAF43": "priorities of a field's text transformations are unique",
    TRANSFORMATIONS = "WAF44": "a field has at most 10 text transformations",
    SEARCH = "WAF45": "a searched text has 1 to 200 bytes",
    PATTERN = "WAF46": "a regular expression has 1 to 512 characters",
    GROUP_IN_GROUP = "WAF47": "a rule group uses no rule group",
}
