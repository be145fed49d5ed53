//! Whether the bytes that go to AWS stay within the language of cloudfront-js-2.0.
//!
//! An allow-list, held against the final text: AWS takes any text, and what its runtime lacks is
//! told only by every request failing (docs/aws.md). Each rule is one that somebody's function broke
//! in production, or one of the documented restrictions.

use std::collections::BTreeSet;

use super::token::{Placed, Token, tokens};

/// Largest function, in bytes (AWS: 10 KB, not adjustable).
pub const FUNCTION_BYTES_MAX: usize = 10_240;

const KEYWORDS: &[&str] = &[
    "async", "await", "catch", "const", "continue", "delete", "else", "false", "for", "from",
    "function", "if", "import", "in", "let", "new", "null", "return", "throw", "true", "try",
    "typeof", "while",
];
const GLOBALS: &[&str] = &[
    "Array",
    "Buffer",
    "Date",
    "Float64Array",
    "JSON",
    "Math",
    "NaN",
    "Number",
    "Object",
    "String",
    "atob",
    "console",
    "decodeURIComponent",
    "encodeURIComponent",
    "isFinite",
    "parseInt",
    "undefined",
];
/// Members that are called on values; what the policy or an event names is not a call.
const METHODS: &[&str] = &[
    "call",
    "charCodeAt",
    "concat",
    "createHmac",
    "digest",
    "equals",
    "exec",
    "fill",
    "floor",
    "from",
    "fromCharCode",
    "get",
    "hasOwnProperty",
    "indexOf",
    "isArray",
    "join",
    "kvs",
    "lastIndexOf",
    "log",
    "map",
    "match",
    "max",
    "min",
    "now",
    "parse",
    "pop",
    "push",
    "replace",
    "search",
    "slice",
    "some",
    "split",
    "startsWith",
    "stringify",
    "test",
    "toLowerCase",
    "toString",
    "toUpperCase",
    "update",
];

/// Why a function would not run, or not deploy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubsetError {
    /// Larger than [`FUNCTION_BYTES_MAX`].
    #[error("the function has {bytes} bytes; CloudFront takes at most {FUNCTION_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A name or keyword that is not in the allow-list.
    #[error("the function uses `{word}` at byte {at}, which the runtime may lack")]
    Word {
        /// As written.
        word: String,
        /// Where.
        at: usize,
    },
    /// A construct that the runtime refuses.
    #[error("the function has {what} at byte {at}, which the runtime refuses")]
    Construct {
        /// Which.
        what: &'static str,
        /// Where.
        at: usize,
    },
}

/// Holds a function against the runtime's language.
///
/// # Errors
/// The first thing that may not run there.
pub fn check(source: &str) -> Result<(), SubsetError> {
    if source.len() > FUNCTION_BYTES_MAX {
        return Err(SubsetError::TooLarge {
            bytes: source.len(),
        });
    }
    let placed = tokens(source);
    let declared = declared(&placed);
    let mut depth = 0_i32;
    for (index, one) in placed.iter().enumerate() {
        let near = Near {
            placed: &placed,
            index,
        };
        match one.token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            Token::Sign('`') => return Err(one.refused("a template literal")),
            Token::Sign('?') if near.sign(1) == Some('.') => {
                return Err(one.refused("optional chaining"));
            }
            Token::Sign('?') if near.sign(1) == Some('?') => return Err(one.refused("`??`")),
            Token::Sign('.') if near.sign(1) == Some('.') => return Err(one.refused("a spread")),
            Token::Word("async") if depth > 0 => {
                return Err(one.refused("an async function that is not at the top"));
            }
            Token::Word("await") if !near.awaits_alone() => {
                return Err(one.refused("an `await` that is not a statement of its own"));
            }
            Token::Word("const" | "let") if !matches!(near.at(1), Some(Token::Word(_))) => {
                return Err(one.refused("destructuring"));
            }
            Token::Word("function") => near.parameters(one)?,
            Token::Word(word) => near.word(one, word, &declared)?,
            _ => {}
        }
    }
    Ok(())
}

/// Names that the function declares itself, wherever.
fn declared<'a>(placed: &[Placed<'a>]) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (index, one) in placed.iter().enumerate() {
        let near = Near { placed, index };
        match one.token {
            Token::Word("const" | "let" | "import") => names.extend(near.declared()),
            Token::Word("function" | "catch") => {
                let open = usize::from(one.token == Token::Word("function"));
                names.extend(near.word_at(1));
                names.extend(near.words_in_parens(open + 1));
            }
            // The parameters of an arrow function: `(a, b) =>`.
            Token::Sign('=') if near.sign(1) == Some('>') => {
                let before = placed[..index].iter().rev().skip(1);
                let inside = before.take_while(|one| one.token != Token::Sign('('));
                names.extend(inside.filter_map(|one| match one.token {
                    Token::Word(word) => Some(word),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    names
}

impl Placed<'_> {
    fn refused(&self, what: &'static str) -> SubsetError {
        SubsetError::Construct { what, at: self.at }
    }
}

/// A token with its neighbours.
struct Near<'p, 'a> {
    placed: &'p [Placed<'a>],
    index: usize,
}

impl<'a> Near<'_, 'a> {
    fn at(&self, after: usize) -> Option<Token<'a>> {
        self.placed.get(self.index + after).map(|one| one.token)
    }

    fn before(&self, by: usize) -> Option<Token<'a>> {
        let index = self.index.checked_sub(by)?;
        self.placed.get(index).map(|one| one.token)
    }

    fn sign(&self, after: usize) -> Option<char> {
        match self.at(after) {
            Some(Token::Sign(sign)) => Some(sign),
            _ => None,
        }
    }

    fn word_at(&self, after: usize) -> Option<&'a str> {
        match self.at(after) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// `name = await call(`, and nothing else.
    fn awaits_alone(&self) -> bool {
        self.before(1) == Some(Token::Sign('='))
            && matches!(self.before(2), Some(Token::Word(_)))
            && matches!(
                self.before(3),
                Some(Token::Sign(';' | '{' | '}') | Token::Word("const" | "let"))
            )
    }

    /// What a declaration names: `a = 1, b`.
    fn declared(&self) -> Vec<&'a str> {
        let rest = self.placed.get(self.index + 1..).unwrap_or_default();
        let mut depth = 0_u32;
        let mut is_next = true;
        let mut names = Vec::new();
        for one in rest {
            match one.token {
                Token::Word(word) if is_next => names.push(word),
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}' | ';') if depth == 0 => break,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            is_next = depth == 0 && one.token == Token::Sign(',');
        }
        names
    }

    fn words_in_parens(&self, from: usize) -> Vec<&'a str> {
        let rest = self.placed.get(self.index + from + 1..).unwrap_or_default();
        let inside = rest.iter().take_while(|one| one.token != Token::Sign(')'));
        let words = inside.filter_map(|one| match one.token {
            Token::Word(word) => Some(word),
            _ => None,
        });
        words.collect()
    }

    fn parameters(&self, one: &Placed<'_>) -> Result<(), SubsetError> {
        let rest = self.placed.get(self.index + 3..).unwrap_or_default();
        let mut inside = rest.iter().take_while(|one| one.token != Token::Sign(')'));
        let plain = |token| matches!(token, Token::Word(_) | Token::Sign(','));
        if inside.any(|one| !plain(one.token)) {
            return Err(one.refused("a parameter that is no plain name"));
        }
        Ok(())
    }

    fn word(
        &self,
        one: &Placed<'a>,
        word: &'a str,
        declared: &BTreeSet<&str>,
    ) -> Result<(), SubsetError> {
        let is_member = self.before(1) == Some(Token::Sign('.'));
        let is_call = self.sign(1) == Some('(');
        let known = if is_member {
            !is_call || METHODS.contains(&word)
        } else {
            one.is_key
                || KEYWORDS.contains(&word)
                || GLOBALS.contains(&word)
                || declared.contains(word)
        };
        if known {
            return Ok(());
        }
        Err(SubsetError::Word {
            word: word.to_owned(),
            at: one.at,
        })
    }
}

#[cfg(test)]
mod tests;
