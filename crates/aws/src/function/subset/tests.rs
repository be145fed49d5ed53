use super::*;

const GOOD: &str = "import cf from 'cloudfront';const store=cf.kvs();async function handler(event){\
    const a=await store.get('k',{format:'json'});let b=a.map((c)=>c+1),d,e=[b,d];return e}";

#[test]
fn what_the_runtime_has_passes() {
    assert_eq!(check(GOOD), Ok(()));
}

#[test]
fn what_the_runtime_lacks_is_refused() {
    for (source, what) in [
        ("const a=b?.c;", "optional chaining"),
        ("const a=1;const b=a??2;", "`??`"),
        ("const a=[...b];", "a spread"),
        ("const a=`x`;", "a template literal"),
        ("const {a}=b;", "destructuring"),
        ("let [a]=b;", "destructuring"),
        ("function f(a=1){}", "a parameter that is no plain name"),
        ("function f({a}){}", "a parameter that is no plain name"),
        (
            "const o={m:async function f(){}};",
            "an async function that is not at the top",
        ),
        (
            "async function handler(a){f(await g(a))}",
            "an `await` that is not a statement of its own",
        ),
        (
            "async function handler(a){return await g(a)}",
            "an `await` that is not a statement of its own",
        ),
        (
            "async function handler(a){const b=1+await g(a)}",
            "an `await` that is not a statement of its own",
        ),
    ] {
        let found = check(&format!("let b;let c;let f;let g;{source}"));
        assert!(
            matches!(&found, Err(SubsetError::Construct { what: is, .. }) if *is == what),
            "{source}: {found:?}"
        );
    }
    for (source, word) in [
        ("const a=[];a.toSorted();", "toSorted"),
        ("const a=[];a.at(0);", "at"),
        ("const a=new Map();", "Map"),
        ("class A{}", "class"),
        ("const a=Map;", "Map"),
        ("for(const a of b){}", "of"),
        ("eval('1');", "eval"),
        ("setTimeout(1);", "setTimeout"),
        ("const a=fetch;", "fetch"),
        ("let a=[b,fetch],c;", "fetch"),
        ("let a=b;fetch,a;", "fetch"),
        ("switch(b){}", "switch"),
    ] {
        let found = check(&format!("let b;{source}"));
        assert!(
            matches!(&found, Err(SubsetError::Word { word: is, .. }) if is == word),
            "{source}: {found:?}"
        );
    }
}

#[test]
fn the_limit_is_exact() {
    let sized = |bytes: usize| format!("const a='{}';", "x".repeat(bytes - 11));
    assert_eq!(check(&sized(FUNCTION_BYTES_MAX)), Ok(()));
    let bytes = FUNCTION_BYTES_MAX + 1;
    assert_eq!(check(&sized(bytes)), Err(SubsetError::TooLarge { bytes }));
}
