//! The `Authorization` field: one credential, spelled in one way.

use tollgate_identity::CredentialError;

use super::{Attack, Refused, Table, World};

/// Rows of fields in which `{t}` is a token that passes; without an error no field can hold the
/// bytes.
macro_rules! fields {
    ($($what:expr => [$($field:expr),+] $(, $error:ident)?;)+) => {
        &[$(($what, &[$($field),+], fields!(@error $($error)?))),+]
    };
    (@error) => { Refused::Framing };
    (@error $error:ident) => { Refused::Field(CredentialError::$error) };
}

/// Whoever takes one reading of two lets the token in each of these in.
const FIELDS: &[(&str, &[&str], Refused)] = fields! {
    "two fields alike" => ["Bearer {t}", "Bearer {t}"], Several;
    "two fields, ours the second" => ["Bearer a.b.c", "Bearer {t}"], Several;
    "two fields, ours the first" => ["Bearer {t}", "Bearer a.b.c"], Several;
    "two fields, one empty" => ["", "Bearer {t}"], Several;
    "two fields, two schemes" => ["Basic eDp5", "Bearer {t}"], Several;
    "three fields" => ["Bearer {t}", "Bearer {t}", "Bearer {t}"], Several;
    "two tokens joined by a comma" => ["Bearer {t},Bearer {t}"], Joined;
    "two tokens joined by a comma and a blank" => ["Bearer a.b.c, Bearer {t}"], Joined;
    "two tokens under one scheme" => ["Bearer {t},{t}"], Joined;
    "another scheme in front" => ["Basic eDp5, Bearer {t}"], Joined;
    "another scheme in front, lower case" => ["basic eDp5,bearer {t}"], Joined;
    "a comma behind" => ["Bearer {t},"], Joined;
    "a comma for the blank" => ["Bearer,{t}"], Joined;
    "a comma in front" => [",Bearer {t}"], Syntax;
    "two blanks" => ["Bearer  {t}"], Syntax;
    "a tab for the blank" => ["Bearer\t{t}"], Syntax;
    "a blank in front" => [" Bearer {t}"], Syntax;
    "a blank behind" => ["Bearer {t} "], Syntax;
    "a tab behind" => ["Bearer {t}\t"], Syntax;
    "a parameter behind" => ["Bearer {t} x=1"], Syntax;
    "a letter that is not ASCII behind" => ["Bearer {t}\u{e9}"], Syntax;
    "a no-break space in front of the token" => ["Bearer \u{a0}{t}"], Syntax;
    "NUL behind the token" => ["Bearer {t}\0"];
    "NUL in front of the token" => ["Bearer \0{t}"];
    "line feed behind the token" => ["Bearer {t}\n"];
    "carriage return behind the token" => ["Bearer {t}\r"];
    "a folded line" => ["Bearer\r\n {t}"];
    "DEL behind the token" => ["Bearer {t}\u{7f}"];
    "the scheme alone" => ["Bearer"], Empty;
    "the scheme and a blank" => ["Bearer "], Empty;
    "the empty field" => [""], Empty;
};

/// Case 26.
pub fn authorization() -> Table {
    let world = World::usual();
    let attack = |(what, fields, refused): &(&str, &[&str], Refused)| Attack {
        what: (*what).to_owned(),
        fields: fields
            .iter()
            .map(|field| field.replace("{t}", &world.victim))
            .collect(),
        refused: *refused,
        token: None,
    };
    Table {
        case: 26,
        title: "The `Authorization` field",
        source: "RFC 6750, 2.1; RFC 9110, 5.3 and 11.6.2",
        attacks: FIELDS.iter().map(attack).collect(),
        world,
    }
}
