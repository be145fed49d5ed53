//! Why the gate refuses a request, and which status that is.

use http::StatusCode;

/// What was wrong with a request's framing or head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    /// A line that ends in LF without CR (RFC 9112 section 2.2).
    BareLf = 1,
    /// A CR that is not followed by LF.
    BareCr,
    /// A blank or indented line where the request line belongs.
    LeadingWhitespace,
    /// NUL or another control byte.
    ControlByte,
    /// Not `method SP target SP HTTP/x.y`.
    RequestLine,
    /// The method is not a token.
    Method,
    /// The target is none of the four forms, or holds a byte that no URI may.
    Target,
    /// An HTTP version that is not 1.0 or 1.1.
    Version,
    /// CONNECT: this gateway is nobody's forward proxy.
    Connect,
    /// A field line that is folded over two lines (RFC 9112 section 5.2).
    Folded,
    /// A field name that is empty, not a token, or followed by whitespace.
    FieldName,
    /// More header bytes than allowed.
    HeadTooLong,
    /// More header fields than allowed.
    TooManyFields,
    /// HTTP/1.1 without `Host`.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// `Content-Length` that is not one plain decimal number.
    ContentLength,
    /// More than one `Content-Length`, equal or not.
    ContentLengthRepeated,
    /// `Content-Length` beside `Transfer-Encoding`.
    LengthAndChunked,
    /// `Transfer-Encoding` that is not exactly one `chunked`.
    TransferEncoding,
    /// `Transfer-Encoding` in HTTP/1.0.
    TransferEncodingVersion,
    /// A chunk whose size line or end is malformed.
    Chunk,
    /// A malformed or over-long trailer section.
    Trailer,
    /// The head did not arrive in time.
    HeadTimeout,
    /// The body stopped arriving.
    BodyTimeout,
}

const ALL: [Refusal; 24] = [
    Refusal::BareLf,
    Refusal::BareCr,
    Refusal::LeadingWhitespace,
    Refusal::ControlByte,
    Refusal::RequestLine,
    Refusal::Method,
    Refusal::Target,
    Refusal::Version,
    Refusal::Connect,
    Refusal::Folded,
    Refusal::FieldName,
    Refusal::HeadTooLong,
    Refusal::TooManyFields,
    Refusal::HostMissing,
    Refusal::HostRepeated,
    Refusal::ContentLength,
    Refusal::ContentLengthRepeated,
    Refusal::LengthAndChunked,
    Refusal::TransferEncoding,
    Refusal::TransferEncodingVersion,
    Refusal::Chunk,
    Refusal::Trailer,
    Refusal::HeadTimeout,
    Refusal::BodyTimeout,
];

impl Refusal {
    /// The answer's status.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Refusal::HeadTooLong | Refusal::TooManyFields => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Refusal::HeadTimeout | Refusal::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// One sentence for the caller; never echoes input.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Refusal::BareLf => "a line of the request head ends without a carriage return",
            Refusal::BareCr => "the request head holds a carriage return that ends no line",
            Refusal::LeadingWhitespace => "the request line is preceded by whitespace",
            Refusal::ControlByte => "the request head holds a control byte",
            Refusal::RequestLine => "the request line is malformed",
            Refusal::Method => "the method is not a token",
            Refusal::Target => "the request target is malformed",
            Refusal::Version => "only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here",
            Refusal::Connect => "CONNECT is not offered",
            Refusal::Folded => "a header field is folded over several lines",
            Refusal::FieldName => "a header field name is malformed",
            Refusal::HeadTooLong => "the request head is too long",
            Refusal::TooManyFields => "the request has too many header fields",
            Refusal::HostMissing => "the Host field is missing",
            Refusal::HostRepeated => "the Host field occurs more than once",
            Refusal::ContentLength => "Content-Length is not a decimal number",
            Refusal::ContentLengthRepeated => "Content-Length occurs more than once",
            Refusal::LengthAndChunked => "Content-Length and Transfer-Encoding occur together",
            Refusal::TransferEncoding => "Transfer-Encoding is not exactly one `chunked`",
            Refusal::TransferEncodingVersion => "HTTP/1.0 has no Transfer-Encoding",
            Refusal::Chunk => "a chunk of the request body is malformed",
            Refusal::Trailer => "the trailer section is malformed",
            Refusal::HeadTimeout => "the request head did not arrive in time",
            Refusal::BodyTimeout => "the request body stopped arriving",
        }
    }

    /// The refusal stored as `code`, if it is one.
    pub(crate) fn from_code(code: u8) -> Option<Refusal> {
        ALL.get(usize::from(code.checked_sub(1)?)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_the_round_trip() {
        for refusal in ALL {
            assert_eq!(Refusal::from_code(refusal as u8), Some(refusal));
        }
        assert_eq!(Refusal::from_code(0), None);
        assert_eq!(Refusal::from_code(200), None);
    }
}
