use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_limiter::FakeClock;

use super::*;

/// A handler whose body is `body`.
fn function(body: &str) -> Function {
    let source = format!(
        "import crypto from 'crypto';\nimport cf from 'cloudfront';\nimport qs from 'querystring';\n\
         async function handler(event) {{ {body} }}\n"
    );
    Function::new(&source, Kvs::new()).unwrap()
}

/// What the expression gives, as JSON.
fn value(expression: &str) -> Value {
    let mut function = function(&format!("return {{ it: {expression} }};"));
    function.call(&json!({})).unwrap()["it"].clone()
}

fn error(body: &str) -> FunctionError {
    function(body).call(&json!({})).unwrap_err()
}

#[test]
fn the_event_goes_in_and_the_returned_object_comes_out() {
    let source =
        "function handler(event) { event.request.headers.x = {value: 'y'}; return event.request; }";
    let mut function = Function::new(source, Kvs::new()).unwrap();
    let event = json!({ "request": { "uri": "/a\u{1F600}", "headers": {} } });
    let expected = json!({ "uri": "/a\u{1F600}", "headers": { "x": { "value": "y" } } });
    assert_eq!(function.call(&event).unwrap(), expected);
}

#[test]
fn every_bucket_id_of_the_vectors_is_made_here_too() {
    let vectors: Value = serde_json::from_str(include_str!(
        "../../../identity/tests/vectors/bucket-id.json"
    ))
    .unwrap();
    let mut kvs = Kvs::new();
    for (kid, key) in vectors["keys"].as_object().unwrap() {
        kvs.insert(kid, key.as_str().unwrap()).unwrap();
    }
    let source = include_str!("../../tests/fixtures/bucket-id.js");
    let mut function = Function::new(source, kvs).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 60);
    for case in cases {
        let returned = function.call(case).unwrap();
        assert_eq!(returned["root"], case["root"]);
        assert_eq!(returned["id"], case["id"]);
    }
}

#[test]
fn digests_are_those_of_the_standard() {
    assert_eq!(
        value("crypto.createHash('sha256').update('a').update('bc').digest('hex')"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    // RFC 4231, test case 2.
    assert_eq!(
        value(
            "crypto.createHmac('sha256', 'Jefe').update('what do ya want for nothing?').digest('hex')"
        ),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(
        value("crypto.createHash('sha256').update(Buffer.from('')).digest('base64url')"),
        "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    );
    assert_eq!(
        value("crypto.createHash('sha256').update('').digest().length"),
        32
    );
}

#[test]
fn a_digest_of_undefined_or_of_another_algorithm_throws() {
    let hmac = |name: &str, data: &str| {
        error(&format!(
            "return {{ a: crypto.createHmac('{name}', 'k').update({data}).digest('hex') }};"
        ))
        .to_string()
    };
    assert!(hmac("sha256", "undefined").contains("data argument \"undefined\" is not a string"));
    assert!(hmac("sha512", "'a'").contains("not supported algorithm"));
    assert!(hmac("sha1", "'a'").contains("use sha256"));
}

#[test]
fn buffers_are_made_and_read_in_every_encoding() {
    assert_eq!(
        value("Buffer.from('é€', 'utf8').toString('hex')"),
        "c3a9e282ac"
    );
    assert_eq!(value("Buffer.from('c3a9zz', 'hex').toString()"), "é");
    assert_eq!(
        value("Buffer.from('-_8', 'base64url').toString('base64')"),
        "+/8="
    );
    assert_eq!(
        value("Buffer.from('+/8=', 'base64').toString('base64url')"),
        "-_8"
    );
    assert_eq!(value("Buffer.from('aGk', 'base64').toString()"), "hi");
    assert_eq!(value("Buffer.from([104, 105, 256 + 33]).toString()"), "hi!");
    assert_eq!(value("Buffer.from('ff', 'hex').toString()"), "\u{fffd}");
    assert_eq!(
        value("Buffer.concat([Buffer.from('ab'), Buffer.from('cd')]).slice(1, 3).toString()"),
        "bc"
    );
    assert_eq!(value("Buffer.from('b').compare(Buffer.from('a'))"), 1);
    assert_eq!(value("Buffer.from('ab').equals(Buffer.from('ab'))"), true);
    assert_eq!(value("Buffer.from('ab').subarray(1)[0]"), 98);
    assert_eq!(
        value("Buffer.from('01020304', 'hex').readUInt32BE(0)"),
        0x0102_0304
    );
    assert_eq!(
        value("Buffer.from('000000000000f03f', 'hex').readDoubleLE(0)"),
        1
    );
    assert_eq!(value("Buffer.from('ab') instanceof Uint8Array"), true);
    assert_eq!(
        value("Buffer.from('.....').fill('abc').toString()"),
        "abcab"
    );
    assert_eq!(
        value("Buffer.from('.....').fill('abc', 3).toString()"),
        "...ab"
    );
    assert_eq!(
        value("Buffer.from('.....').fill('6162', 1, 4, 'hex').toString()"),
        ".aba."
    );
    assert_eq!(
        value("Buffer.from('...').fill('', 1, 2).toString()"),
        ".\u{0}."
    );
    assert_eq!(value("Buffer.alloc(3, 'a').toString()"), "aaa");
    assert_eq!(value("Buffer.from('...').fill(97, 1).toString()"), ".aa");
    // The same memory, as in Node.
    assert_eq!(
        value(
            "(() => { const n = new Float64Array(1); Buffer.from(n.buffer).fill('000000000000f03f', 'hex'); return n[0]; })()"
        ),
        1.0
    );
    assert!(
        error("return Buffer.from(1);")
            .to_string()
            .contains("not a string or Buffer-like")
    );
}

#[test]
fn text_codecs_and_query_strings_work() {
    assert_eq!(value("btoa('a\\xff')"), "Yf8=");
    assert_eq!(value("atob('Yf8=').charCodeAt(1)"), 255);
    assert_eq!(
        value("new TextDecoder().decode(new TextEncoder().encode('é'))"),
        "é"
    );
    assert_eq!(
        value("qs.parse('a=1&b=%20+&a=2')"),
        json!({ "a": ["1", "2"], "b": "  " })
    );
    assert_eq!(
        value("qs.stringify({ a: ['1', '2'], b: ' ' })"),
        "a=1&a=2&b=%20"
    );
}

#[test]
fn the_store_gives_what_is_there_and_throws_for_the_rest() {
    let source = "const cf = require('cloudfront');
        async function handler(event) {
            const kvs = cf.kvs();
            const text = await kvs.get('a');
            const there = await kvs.exists('b');
            const json = await kvs.get('j', { format: 'json' });
            const meta = await kvs.meta();
            let missing = '';
            try { await kvs.get('b'); } catch (e) { missing = e.message; }
            return { text: text, there: there, json: json, count: meta.keyCount, missing: missing };
        }";
    let kvs = r#"{"data":[{"key":"a","value":"1"},{"key":"j","value":"{\"k\":2}"}]}"#;
    let mut function = Function::new(source, Kvs::from_json(kvs).unwrap()).unwrap();
    let expected = json!({
        "text": "1", "there": false, "json": { "k": 2 }, "count": 2, "missing": "KeyNotFound"
    });
    assert_eq!(function.call(&json!({})).unwrap(), expected);
    function.kvs_mut().set_failing(true);
    let error = function.call(&json!({})).unwrap_err().to_string();
    assert!(error.contains("does not answer"), "{error}");
    function.kvs_mut().set_failing(false);
    assert!(function.call(&json!({})).is_ok());
}

#[test]
fn a_store_beyond_cloudfronts_limits_is_refused() {
    let mut kvs = Kvs::new();
    assert!(kvs.insert("k", &"v".repeat(1_024)).is_ok());
    let error = kvs.insert("k", &"v".repeat(1_025)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value of `k` has 1025 bytes, and CloudFront takes 1024"
    );
    assert!(kvs.insert(&"k".repeat(513), "v").is_err());
    let twice = r#"{"data":[{"key":"a","value":"1"},{"key":"a","value":"2"}]}"#;
    assert_eq!(
        Kvs::from_json(twice).unwrap_err().to_string(),
        "the key `a` is there twice"
    );
    assert!(Kvs::from_json(r#"{"data":[{"key":"a","value":1}]}"#).is_err());
}

#[test]
fn an_exception_says_what_and_where() {
    let message = error("const a = undefined; return a.b;").to_string();
    assert!(message.contains("TypeError"), "{message}");
    assert!(message.contains("function.js:4"), "{message}");
    assert!(error("throw 'a word';").to_string().ends_with("a word"));
    assert_eq!(error("return 1;"), FunctionError::NoObject);
    assert_eq!(error(""), FunctionError::NoObject);
    assert_eq!(
        error("await new Promise(() => {}); return {};"),
        FunctionError::NeverSettles
    );
}

#[test]
fn a_source_that_cannot_run_is_refused_before_the_first_request() {
    let load = |source: &str| Function::new(source, Kvs::new()).err().unwrap();
    assert!(matches!(
        load("function handler( {"),
        FunctionError::Load { .. }
    ));
    assert!(matches!(
        load("undefined.a; function handler() {}"),
        FunctionError::Load { .. }
    ));
    assert!(matches!(
        load("import fs from 'fs'; function handler() {}"),
        FunctionError::Load { .. }
    ));
    assert_eq!(load("function handle() {}"), FunctionError::NoHandler);
    assert_eq!(
        load(&" ".repeat(10_241)),
        FunctionError::SourceTooLarge { bytes: 10_241 }
    );
}

#[test]
fn endless_loops_end_whatever_they_do() {
    assert_eq!(error("while (true) {}"), FunctionError::OverTime);
    assert_eq!(
        error("try { while (true) {} } catch (e) {} return {};"),
        FunctionError::OverTime
    );
    assert_eq!(error("while (true) { await 0; }"), FunctionError::OverTime);
    assert_eq!(
        Function::new("while (true) {} function handler() {}", Kvs::new()).err(),
        Some(FunctionError::OverTime)
    );
    let deep = error("function f() { return f() + 1; } return { a: f() };").to_string();
    assert!(deep.contains("RangeError"), "{deep}");
}

#[test]
fn memory_has_a_limit_that_can_be_set() {
    let body = "const a = new Uint8Array(1 << 20); return { size: a.length };";
    let source = format!("function handler(event) {{ {body} }}");
    let limits = |memory_bytes| Limits {
        memory_bytes,
        ..Limits::default()
    };
    let run = |memory_bytes| {
        let function = Function::with_limits(&source, Kvs::new(), limits(memory_bytes));
        function.unwrap().call(&json!({}))
    };
    assert_eq!(run(1 << 20), Err(FunctionError::OverMemory));
    assert_eq!(run(2 << 20).unwrap()["size"], 1 << 20);
    assert_eq!(
        error("const all = []; while (true) all.push(Buffer.alloc(1000));"),
        FunctionError::OverMemory
    );
}

#[test]
fn nothing_is_left_from_one_run_to_the_next() {
    let source = "let runs = 0;
        function handler(event) { runs++; globalThis.seen = (globalThis.seen || 0) + 1;
            Object.prototype.polluted = 1;
            return { runs: runs, seen: globalThis.seen }; }";
    let mut function = Function::new(source, Kvs::new()).unwrap();
    for _ in 0..3 {
        let returned = function.call(&json!({})).unwrap();
        assert_eq!(returned, json!({ "runs": 1, "seen": 1 }));
    }
}

#[test]
fn the_clock_stands_still_during_a_run_and_is_the_given_one() {
    let clock = Arc::new(FakeClock::at_unix_ms(1_700_000_000_123));
    let source = "function handler() {
        const first = Date.now(); for (let i = 0; i < 100000; i++) {}
        return { now: Date.now(), same: Date.now() === first, date: new Date().toISOString(),
                 given: new Date(0).getTime(), is: new Date() instanceof Date }; }";
    let function = Function::new(source, Kvs::new()).unwrap();
    let mut function = function.with_clock(clock.clone());
    let expected = json!({ "now": 1_700_000_000_123_u64, "same": true,
        "date": "2023-11-14T22:13:20.123Z", "given": 0, "is": true });
    assert_eq!(function.call(&json!({})).unwrap(), expected);
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        function.call(&json!({})).unwrap()["now"],
        1_700_000_001_123_u64
    );
}

#[test]
fn the_log_is_kept_up_to_ten_kilobytes() {
    let mut function = function("console.log('one', 'two'); console.log({ a: 1 }); return {};");
    function.call(&json!({})).unwrap();
    assert_eq!(function.take_log(), ["one", r#"{"a":1}"#]);
    assert!(function.take_log().is_empty());
    let mut long = super::tests::function(
        "for (let i = 0; i < 9; i++) console.log('€'.repeat(500)); return {};",
    );
    long.call(&json!({})).unwrap();
    let bytes: usize = long.take_log().iter().map(String::len).sum();
    assert!((10_238..=10_240).contains(&bytes), "{bytes}");
    let mut thrower = super::tests::function("console.log('before'); throw new Error('after');");
    thrower.call(&json!({})).unwrap_err();
    assert_eq!(thrower.take_log(), ["before"]);
}

#[test]
fn what_cloudfront_lacks_is_not_there() {
    for name in [
        "Map",
        "Set",
        "WeakMap",
        "WeakSet",
        "WeakRef",
        "Proxy",
        "Reflect",
        "BigInt",
        "Intl",
        "eval",
        "setTimeout",
        "setInterval",
        "fetch",
        "XMLHttpRequest",
        "URL",
        "structuredClone",
        "process",
        "performance",
        "queueMicrotask",
        "host",
    ] {
        assert_eq!(value(&format!("typeof {name}")), "undefined", "{name}");
    }
    for method in [
        "[].flat",
        "[].at",
        "[].toSorted",
        "''.at",
        "''.matchAll",
        "''.normalize",
        "Object.fromEntries",
        "Object.hasOwn",
        "new Uint8Array(1).at",
        "crypto.randomBytes",
        "crypto.timingSafeEqual",
    ] {
        assert_eq!(value(&format!("typeof {method}")), "undefined", "{method}");
    }
    for method in [
        "Object.entries",
        "''.padStart",
        "''.replaceAll",
        "[].find",
        "Array.from",
        "[].fill",
    ] {
        assert_eq!(value(&format!("typeof {method}")), "function", "{method}");
    }
    for maker in [
        "new Function('return 1')",
        "(() => 1).constructor('return 1')",
        "(async () => 1).constructor('return 1')",
        "eval('1')",
    ] {
        assert!(matches!(
            error(&format!("return {{ a: {maker} }};")),
            FunctionError::Threw { .. }
        ));
    }
}
