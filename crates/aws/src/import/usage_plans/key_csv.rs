//! The CSV file of keys that API Gateway imports.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::document;
use super::found::Found;
use super::model::Key;

/// Columns that are read, in lower case; any others are ignored, as the service does.
#[derive(Debug, Default)]
struct Columns {
    name: Option<usize>,
    key: Option<usize>,
    enabled: Option<usize>,
    plans: Option<usize>,
}

/// Whether a text begins with the header of such a file.
pub(super) fn is_csv(text: &str) -> bool {
    let first = text.trim_start_matches('\u{feff}').lines().next();
    let mut names: Vec<String> = Vec::new();
    for name in first.unwrap_or_default().split(',') {
        names.push(bare(name).to_ascii_lowercase());
    }
    names.iter().any(|name| name == "name") && names.iter().any(|name| name == "key")
}

/// Reads it. No message shows a line: there are keys in them.
pub(super) fn read(file: &str, text: &str, found: &mut Found) {
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let columns = match reader.headers() {
        Ok(header) => Columns::of(header),
        Err(_) => Columns::default(),
    };
    let (Some(name), Some(key)) = (columns.name, columns.key) else {
        let fix = "write a first line with at least `Name,Key`";
        found.problem(file, "the columns `Name` and `Key` are needed", fix);
        return;
    };
    for record in reader.records() {
        let Ok(record) = record else {
            found.problem(file, "a line is not UTF-8", "save the file as UTF-8");
            return;
        };
        let line = record.position().map_or(0, csv::Position::line);
        let fields = joined(&record);
        let field = |column: Option<usize>| {
            let field = column.and_then(|column| fields.get(column));
            field.map_or("", |field| bare(field))
        };
        if field(Some(key)).is_empty() {
            let what = format!("line {line} has no key");
            found.problem(file, what, "write the key, or remove the line");
            continue;
        }
        let enabled = match field(columns.enabled).to_ascii_lowercase().as_str() {
            // "The default value is an empty string or a true Boolean value."
            "" | "true" => true,
            "false" => false,
            _ => {
                let what = format!("line {line}: `Enabled` is neither true nor false");
                found.problem(file, what, "write TRUE or FALSE");
                continue;
            }
        };
        let plans = field(columns.plans).split(',').map(bare);
        let plans = plans.filter(|plan| !plan.is_empty());
        found.keys.push(Key {
            id: None,
            name: field(Some(name)).to_owned(),
            value: Some(document::secret(field(Some(key)))),
            enabled: Some(enabled),
            plans: plans.map(str::to_owned).collect(),
        });
    }
}

/// The fields of a line. The service takes single quotes around a list of plans as well, which are
/// no quotes of CSV: what they hold is put together again.
fn joined(record: &StringRecord) -> Vec<String> {
    let mut fields: Vec<String> = Vec::with_capacity(record.len());
    let mut is_open = false;
    for field in record {
        match fields.last_mut() {
            Some(last) if is_open => {
                last.push(',');
                last.push_str(field);
                is_open = !field.ends_with('\'');
            }
            _ => {
                is_open = field.starts_with('\'') && !(field.len() > 1 && field.ends_with('\''));
                fields.push(field.to_owned());
            }
        }
    }
    fields
}

/// Without blanks and quotes around it.
fn bare(field: &str) -> &str {
    let field = field.trim();
    for quote in ['"', '\''] {
        let inner = field
            .strip_prefix(quote)
            .and_then(|field| field.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.trim();
        }
    }
    field
}

// === impl Columns ===

impl Columns {
    fn of(header: &StringRecord) -> Self {
        let mut columns = Self::default();
        for (index, name) in header.iter().enumerate() {
            let column = match bare(name).to_ascii_lowercase().as_str() {
                "name" => &mut columns.name,
                "key" => &mut columns.key,
                "enabled" => &mut columns.enabled,
                "usageplanids" => &mut columns.plans,
                _ => continue,
            };
            *column = column.or(Some(index));
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, String, bool, Vec<String>)> {
        assert!(is_csv(text), "{text}");
        let mut found = Found::default();
        read("keys.csv", text, &mut found);
        assert_eq!(found.problems, []);
        let told = |key: Key| {
            let value = key.value.unwrap().expose().to_string();
            (key.name, value, key.enabled.unwrap(), key.plans)
        };
        found.keys.into_iter().map(told).collect()
    }

    #[test]
    fn the_examples_of_the_documentation_read_alike() {
        let expected = |plans: &[&str]| {
            let plans = plans.iter().map(|plan| (*plan).to_owned()).collect();
            let key = "apikey1234abcdefghij0123456789".to_owned();
            vec![("MyFirstApiKey".to_owned(), key, true, plans)]
        };
        for (text, plans) in [
            (
                "Key,name\napikey1234abcdefghij0123456789,MyFirstApiKey\n",
                &[][..],
            ),
            (
                "Name,key,description,Enabled,usageplanIds\nMyFirstApiKey,apikey1234abcdefghij0123456789,An imported key,TRUE,c7y23b\n",
                &["c7y23b"],
            ),
            (
                "Enabled,Name,key,UsageplanIds\ntrue,MyFirstApiKey,apikey1234abcdefghij0123456789,\"c7y23b,glvrsr\"\n",
                &["c7y23b", "glvrsr"],
            ),
            (
                "\u{feff}Name, KEY ,color,enabled, UsagePlanIDs\r\n MyFirstApiKey , apikey1234abcdefghij0123456789 ,red,,'c7y23b, glvrsr'\r\n",
                &["c7y23b", "glvrsr"],
            ),
        ] {
            assert_eq!(keys(text), expected(plans), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line_without_the_key() {
        let text = "Name,Key,Enabled\nok,apikey1234abcdefghij0123456789,maybe\nnone,,true\n";
        let mut found = Found::default();
        read("keys.csv", text, &mut found);
        let told: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "keys.csv: line 2: `Enabled` is neither true nor false; write TRUE or FALSE",
                "keys.csv: line 3 has no key; write the key, or remove the line",
            ]
        );
        assert!(!is_csv("Name,Value\na,b"));
    }
}
