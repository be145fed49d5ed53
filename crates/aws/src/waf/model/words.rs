//! The words that AWS WAF's API has for kinds and choices.

/// A choice that the API writes as a word.
pub trait Word: Copy + Sized + 'static {
    /// What the words are for, in messages.
    const WHAT: &'static str;
    /// All of them, as written.
    const WORDS: &'static [&'static str];

    /// The choice of a word.
    fn parse(word: &str) -> Option<Self>;

    /// The word.
    fn as_str(self) -> &'static str;
}

macro_rules! words {
    ($(#[$outer:meta])* $name:ident, $what:literal { $($(#[$inner:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$inner])* $variant,)+
        }

        impl Word for $name {
            const WHAT: &'static str = $what;
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some($name::$variant),)+
                    _ => None,
                }
            }

            fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }
    };
}

words!(
    /// What a web ACL can be attached to.
    Scope, "scope" {
        /// CloudFront distributions and Amplify applications; made in us-east-1 only.
        CloudFront = "CLOUDFRONT",
        /// Resources of one region.
        Regional = "REGIONAL",
    }
);

words!(
    /// What happens to a request that a rule matches.
    ActionKind, "action" {
        /// Lets it through; no further rule is looked at.
        Allow = "Allow",
        /// Answers it.
        Block = "Block",
        /// Counts it and goes on to the next rule.
        Count = "Count",
        /// A puzzle for clients without a valid token.
        Captcha = "Captcha",
        /// A silent check for clients without a valid token.
        Challenge = "Challenge",
        /// Asks for payment. New in 2026; known by name only.
        Monetize = "Monetize",
    }
);

words!(
    /// What becomes of the actions of a used rule group.
    OverrideAction, "override action" {
        /// They stand.
        None = "None",
        /// They only count.
        Count = "Count",
    }
);

words!(
    /// What a rate-based rule counts by.
    AggregateKeyType, "aggregate key type" {
        /// The address that the request came from.
        Ip = "IP",
        /// An address in a header field.
        ForwardedIp = "FORWARDED_IP",
        /// One to five parts of the request.
        CustomKeys = "CUSTOM_KEYS",
        /// Nothing: all requests of the scope-down statement together.
        Constant = "CONSTANT",
    }
);

words!(
    /// Where a searched text has to stand.
    Positional, "positional constraint" {
        /// It is the whole field.
        Exactly = "EXACTLY",
        /// At its beginning.
        StartsWith = "STARTS_WITH",
        /// At its end.
        EndsWith = "ENDS_WITH",
        /// Anywhere.
        Contains = "CONTAINS",
        /// Anywhere, with no letter, digit or `_` beside it.
        ContainsWord = "CONTAINS_WORD",
    }
);

words!(
    /// How a size is compared.
    Comparison, "comparison operator" {
        /// Equal.
        Eq = "EQ",
        /// Not equal.
        Ne = "NE",
        /// At most.
        Le = "LE",
        /// Less than.
        Lt = "LT",
        /// At least.
        Ge = "GE",
        /// More than.
        Gt = "GT",
    }
);

words!(
    /// What stands for a request whose forwarded address or fingerprint cannot be had.
    Fallback, "fallback behavior" {
        /// It matches.
        Match = "MATCH",
        /// It does not.
        NoMatch = "NO_MATCH",
    }
);

words!(
    /// Which address of a forwarding header field is looked up in an IP set.
    Position, "position" {
        /// The first.
        First = "FIRST",
        /// The last.
        Last = "LAST",
        /// Each of them; costs 4 WCU more.
        Any = "ANY",
    }
);

words!(
    /// What a label is compared with.
    LabelScope, "label scope" {
        /// A whole label.
        Label = "LABEL",
        /// A beginning of labels, ending in `:`.
        Namespace = "NAMESPACE",
    }
);

words!(
    /// How eagerly SQL is seen.
    Sensitivity, "sensitivity level" {
        /// The default.
        Low = "LOW",
        /// With more false alarms.
        High = "HIGH",
    }
);

words!(
    /// What a body of an answer is.
    ContentType, "content type" {
        /// `text/plain`.
        Plain = "TEXT_PLAIN",
        /// `text/html`.
        Html = "TEXT_HTML",
        /// `application/json`.
        Json = "APPLICATION_JSON",
    }
);

words!(
    /// What is done to a field before it is compared; `docs.aws.amazon.com` describes each.
    #[expect(missing_docs, reason = "AWS' own names say what they do")]
    TransformationKind, "text transformation" {
        None = "NONE",
        CompressWhiteSpace = "COMPRESS_WHITE_SPACE",
        HtmlEntityDecode = "HTML_ENTITY_DECODE",
        Lowercase = "LOWERCASE",
        CmdLine = "CMD_LINE",
        UrlDecode = "URL_DECODE",
        Base64Decode = "BASE64_DECODE",
        HexDecode = "HEX_DECODE",
        Md5 = "MD5",
        ReplaceComments = "REPLACE_COMMENTS",
        EscapeSeqDecode = "ESCAPE_SEQ_DECODE",
        SqlHexDecode = "SQL_HEX_DECODE",
        CssDecode = "CSS_DECODE",
        JsDecode = "JS_DECODE",
        NormalizePath = "NORMALIZE_PATH",
        NormalizePathWin = "NORMALIZE_PATH_WIN",
        RemoveNulls = "REMOVE_NULLS",
        ReplaceNulls = "REPLACE_NULLS",
        Base64DecodeExt = "BASE64_DECODE_EXT",
        UrlDecodeUni = "URL_DECODE_UNI",
        Utf8ToUnicode = "UTF8_TO_UNICODE",
        RemoveWhitespace = "REMOVE_WHITESPACE",
        Trim = "TRIM",
        TrimLeft = "TRIM_LEFT",
        TrimRight = "TRIM_RIGHT",
        RemoveCommentsChar = "REMOVE_COMMENTS_CHAR",
        Uppercase = "UPPERCASE",
        CmdLineWin = "CMD_LINE_WIN",
        CmdLineUnix = "CMD_LINE_UNIX",
        JsDecodeExt = "JS_DECODE_EXT",
        Sha256 = "SHA256",
    }
);
