//! Shortens the function: no comments, no blanks, short names. Ten kilobytes are all there is.

use std::collections::{BTreeMap, HashMap};

use super::token::{Placed, Token, is_word, tokens};

/// What is not ours to rename: keywords, globals of the runtime, and what the runtime calls.
pub(super) const KEPT: &[&str] = &[
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
    "async",
    "atob",
    "await",
    "catch",
    "cf",
    "console",
    "const",
    "continue",
    "crypto",
    "decodeURIComponent",
    "delete",
    "else",
    "encodeURIComponent",
    "false",
    "for",
    "from",
    "function",
    "handler",
    "if",
    "import",
    "in",
    "isFinite",
    "let",
    "new",
    "null",
    "parseInt",
    "return",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "while",
];

/// The same program in fewer bytes.
///
/// A name is renamed everywhere it stands, whatever its scope, so that what shadowed another still
/// does. Names behind a dot, or with a colon right behind them, are properties and stay.
pub(super) fn shorten(source: &str) -> String {
    let placed = tokens(source);
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    let mut after_dot = false;
    let is_name = |token: Token<'_>, is_key: bool, after_dot: bool| matches!(token, Token::Word(word) if !is_key && !after_dot && !KEPT.contains(&word));
    for one in &placed {
        if let Token::Word(word) = one.token
            && is_name(one.token, one.is_key, after_dot)
        {
            *uses.entry(word).or_default() += 1;
        }
        after_dot = one.token == Token::Sign('.');
    }
    let mut by_use: Vec<(&str, usize)> = uses.into_iter().collect();
    by_use.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let names = short_names().filter(|name| !KEPT.contains(&name.as_str()));
    let short: HashMap<&str, String> = by_use
        .into_iter()
        .map(|(word, _)| word)
        .zip(names)
        .collect();
    let mut out = String::with_capacity(source.len() / 2);
    after_dot = false;
    let mut last = None;
    let mut declarations = Declarations::default();
    for (index, one) in placed.iter().enumerate() {
        if declarations.continues(&placed, index) {
            out.pop();
            out.push(',');
            last = Some(Token::Sign(','));
            continue;
        }
        let text = match one.token {
            Token::Word(word) if is_name(one.token, one.is_key, after_dot) => {
                short.get(word).map_or(word, String::as_str)
            }
            // Nothing is assigned that should not be; two bytes each.
            Token::Word("const") => "let",
            token => token.as_str(source, one.at),
        };
        if out.ends_with(is_word) && text.starts_with(is_word) {
            out.push(' ');
        }
        // What ends a block needs no semicolon before it.
        if one.token == Token::Sign('}') && last == Some(Token::Sign(';')) {
            out.pop();
        }
        out.push_str(text);
        after_dot = one.token == Token::Sign('.');
        last = Some(one.token);
    }
    out
}

/// Where one declaration follows another, both are one: `let a=1,b=2`.
#[derive(Default)]
struct Declarations {
    depth: usize,
    /// How deep the declaration stands that has not ended.
    open: Option<usize>,
    has_ended: bool,
}

impl Declarations {
    /// Whether the next token begins what only goes on. One with an `await` stays alone.
    fn continues(&mut self, placed: &[Placed<'_>], index: usize) -> bool {
        let at = |after: usize| placed.get(index + after).map(|one| one.token);
        let has_ended = std::mem::take(&mut self.has_ended);
        match placed[index].token {
            Token::Word("const" | "let") => {
                self.open = Some(self.depth);
                return has_ended && at(3) != Some(Token::Word("await"));
            }
            Token::Word("await") => self.open = None,
            Token::Sign('(' | '[' | '{') => self.depth += 1,
            Token::Sign(')' | ']' | '}') => self.depth = self.depth.saturating_sub(1),
            Token::Sign(';') => {
                self.has_ended = self.open == Some(self.depth);
                self.open = None;
            }
            _ => {}
        }
        false
    }
}

/// a, b, … Z, aa, ab, …
fn short_names() -> impl Iterator<Item = String> {
    const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let letter = |index: usize| char::from(LETTERS[index % LETTERS.len()]);
    let one = (0..LETTERS.len()).map(move |index| letter(index).to_string());
    let two = (0..LETTERS.len() * LETTERS.len())
        .map(move |index| format!("{}{}", letter(index / LETTERS.len()), letter(index)));
    one.chain(two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_and_properties_are_not() {
        let source =
            "// why\nfunction twice(value) {\n    return value ? {value:value * 2} : value;\n}\n";
        assert_eq!(shorten(source), "function b(a){return a?{value:a*2}:a}");
        assert_eq!(
            shorten("const name = object.name; let other = /[/]\\/x/g.test(name);"),
            "let a=b.name,c=/[/]\\/x/g.test(a);"
        );
        assert_eq!(
            shorten("let a; for (let b = 0; b; b++) { let c = await d(); let e; let f = {g:1}; }"),
            "let b;for(let a=0;a;a++){let c=await d();let e,f={g:1}}"
        );
        assert_eq!(
            shorten("const a = 'x; }'; return a;"),
            "let a='x; }';return a;"
        );
    }
}
