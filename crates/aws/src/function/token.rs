//! The tokens of the JavaScript that we write: enough to shorten it and to check its language.

use std::iter::Peekable;
use std::str::CharIndices;

/// One token, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A number.
    Number(&'a str),
    /// A text in quotes.
    Text(&'a str),
    /// A regular expression with its flags.
    Regex(&'a str),
    /// One character of anything else.
    Sign(char),
}

/// A token and what is right before and behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    /// A colon follows without a blank: the name is a property's.
    pub(super) is_key: bool,
    /// The byte at which it begins.
    pub(super) at: usize,
}

impl<'a> Token<'a> {
    pub(super) fn as_str(&self, source: &'a str, at: usize) -> &'a str {
        match self {
            Token::Word(text) | Token::Number(text) | Token::Text(text) | Token::Regex(text) => {
                text
            }
            Token::Sign(sign) => &source[at..at + sign.len_utf8()],
        }
    }
}

/// Reads all tokens; comments and blanks are left out.
pub(super) fn tokens(source: &str) -> Vec<Placed<'_>> {
    let mut reader = Reader {
        source,
        chars: source.char_indices().peekable(),
        found: Vec::new(),
    };
    while reader.next_token().is_some() {}
    reader.found
}

struct Reader<'a> {
    source: &'a str,
    chars: Peekable<CharIndices<'a>>,
    found: Vec<Placed<'a>>,
}

impl<'a> Reader<'a> {
    fn next_token(&mut self) -> Option<()> {
        let (at, first) = *self.chars.peek()?;
        if first.is_whitespace() {
            self.chars.next();
            return Some(());
        }
        if self.source[at..].starts_with("//") {
            self.skip(|char| char != '\n');
            return Some(());
        }
        let token = if first.is_ascii_digit() {
            self.skip(|char| char.is_ascii_alphanumeric() || char == '.');
            Token::Number(self.since(at))
        } else if is_word(first) {
            self.skip(is_word);
            Token::Word(self.since(at))
        } else if first == '\'' || first == '"' {
            self.delimited(first);
            Token::Text(self.since(at))
        } else if first == '/' && self.may_be_regex() {
            self.delimited('/');
            self.skip(is_word);
            Token::Regex(self.since(at))
        } else {
            self.chars.next();
            Token::Sign(first)
        };
        let is_key = self.source[self.position()..].starts_with(':');
        self.found.push(Placed { token, is_key, at });
        Some(())
    }

    fn position(&mut self) -> usize {
        self.chars.peek().map_or(self.source.len(), |(at, _)| *at)
    }

    fn since(&mut self, at: usize) -> &'a str {
        let end = self.position();
        &self.source[at..end]
    }

    fn skip(&mut self, more: impl Fn(char) -> bool) {
        while self.chars.next_if(|(_, char)| more(*char)).is_some() {}
    }

    /// Past the closing delimiter; in a regular expression a class may hold one.
    fn delimited(&mut self, end: char) {
        self.chars.next();
        let mut in_class = false;
        while let Some((_, char)) = self.chars.next() {
            match char {
                '\\' => {
                    self.chars.next();
                }
                '[' if end == '/' => in_class = true,
                ']' if end == '/' => in_class = false,
                char if char == end && !in_class => return,
                _ => {}
            }
        }
    }

    /// After a value a slash divides.
    fn may_be_regex(&self) -> bool {
        match self.found.last().map(|placed| placed.token) {
            None | Some(Token::Word("return" | "typeof")) => true,
            Some(Token::Sign(sign)) => !matches!(sign, ')' | ']' | '}'),
            Some(_) => false,
        }
    }
}

pub(super) fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '$'
}
