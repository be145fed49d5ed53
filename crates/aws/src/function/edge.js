// The policy as a CloudFront Function (runtime cloudfront-js-2.0), at the viewer request.
//
// A template: `//#if` lines choose what a policy needs, `$NAME` stands for a value of the policy,
// and comments and long names do not reach AWS. Two conventions make that possible: a property has
// no blank before its colon (`value:`), a condition has one (`a ? b : c`); and an `await` is a
// statement of its own, since the runtime refuses it among arguments. What is `fast` or `flat` are
// shortcuts: the same comes out without them, where there is no room.
//
// What it computes is what `crates/identity`, `crates/policy` and `crates/engine` compute: change
// both, or the differential test says so.

import crypto from 'crypto';
import cf from 'cloudfront';

const store = cf.kvs();
const JSON_VALUE = {format:'json'};
const ROUTES = $ROUTES;
const HAS = Object.prototype.hasOwnProperty;
const UNMATCHED = $UNMATCHED;
const CLASSES = $CLASSES;
//#if same
// The same memory twice.
const NUMBERS = new Float64Array(16);
const BYTES = Buffer.from(NUMBERS.buffer, 0);
//#endif
const NAMES = $NAMES;
//#if token
const ISSUERS = $ISSUERS;
//#endif
//#if usual
// Nearly all headers are this one: {"alg":"HS256","typ":"JWT"}.
const USUAL = 'Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.';
//#endif

async function handler(event) {
    const request = event.request;
    const headers = request.headers;
//#if behind
    delete headers[$ID];
    headers[$CLIENT] = {value:event.viewer.ip};
//#endif
    try {
        const method = request.method;
        const path = canonical(request.uri);
//#if before
        // WAF counts minting by the one spelling of its path.
        const isMinting = (method == 'GET' || method == 'HEAD') && path == $MINT;
        if (!path || (isMinting && request.uri != path)) {
//#else
        if (!path) {
//#endif
            return refuse(400, 'Bad Request');
        }
//#if before
        // Who mints an id names the route that it is for, if any.
        let by = method;
        let to = path;
        if (isMinting) {
            const query = request.querystring;
            by = query.method ? query.method.value : 'GET';
            to = query.path && canonical(query.path.value.split('%2f').join('/').split('%2F').join('/'));
        }
        let route;
        if (to) {
//#if spill
            route = await classify(by, to);
//#else
            route = classify(by, to);
//#endif
        }
//#else
//#if spill
        const route = await classify(method, path);
//#else
        const route = classify(method, path);
//#endif
//#endif
        const isPreflight = method == 'OPTIONS' && headers.origin && headers['access-control-request-method'];
//#if before
        // No browser shows an id on one.
        if (isPreflight) {
            return presented(headers, request.cookies).length ? refuse(403, 'Forbidden', 'mismatch') : request;
        }
        const isOther = isMinting;
//#else
        const isOther = isPreflight;
//#endif
        const ring = await read('keys');
//#if hs256
        const answer = decide(event, isOther, route, ring);
        if (typeof answer != 'number') {
            return answer;
        }
        // The secrets of this issuer stand apart.
        const secrets = await read('secret' + answer);
        ring.s = {};
        ring.s[answer] = secrets || [];
//#endif
        return decide(event, isOther, route, ring);
    } catch (error) {
        console.log('tollgate: ' + error);
//#if open
        if (error === UNREAD) {
            return request;
        }
//#endif
        return refuse(503, 'Service Unavailable');
    }
}

// What to do with a request of somebody: `isOther` if it mints an id (before WAF) or is a preflight
// (behind it). A number is the issuer whose secrets must be read first. Apart from `handler`, since
// what a function holds when it awaits is copied.
function decide(event, isOther, route, ring) {
    const request = event.request;
    const headers = request.headers;
    let now = Date.now() / 1000;
    now -= now % 1;
//#if behind
    // No browser puts a credential on it, so that it counts by its network; WAF must see some id.
    if (isOther) {
        headers[$ID] = {value:name(rootOf({network:network(event.viewer.ip)}, ring, ring.c), ring.c, $NOBODY, {m:'ANY', t:'*'})};
        return request;
    }
    let limitClass;
//#endif
    let caller;
//#if pass
    caller = holder(headers, request.cookies, ring, now);
//#if before
    if (!caller) {
        return presented(headers, request.cookies).length ? refuse(403, 'Forbidden', 'mismatch') : request;
    }
//#else
    if (!caller) {
        caller = {network:network(event.viewer.ip)};
//#if anonymous
        if (bare(headers, request.cookies)) {
            caller.plan = $ANONYMOUS;
        } else {
            limitClass = $NOBODY;
        }
//#else
        limitClass = $NOBODY;
//#endif
    }
//#endif
//#else
//#if usual
    const field = headers.authorization;
    const isUsual = field && !field.multiValue && field.value.startsWith(USUAL);
    const token = isUsual ? field.value : credential(headers, request.cookies);
    if (typeof token == 'string') {
        caller = verified(token, ring, now, isUsual);
//#else
    const token = credential(headers, request.cookies);
    if (typeof token == 'string') {
        caller = verified(token, ring, now);
//#endif
//#if hs256
        if (typeof caller == 'number') {
            return caller;
        }
//#endif
    }
    if (!caller) {
        const shown = typeof token == 'string' && headers.authorization ? token.slice(7) : '';
        if (token === 400 || (/[^!-+--~]/.test(shown) && /[^ \t]/.test(shown))) {
            return refuse(400, 'Bad Request');
        }
//#if lenient
//#else
        if (token) {
            return refuse(401, 'Unauthorized', ', error="invalid_token"');
        }
//#endif
//#if anonymous
        caller = {network:network(event.viewer.ip), plan:$ANONYMOUS};
//#else
        return refuse(401, 'Unauthorized', token ? ', error="invalid_token"' : '');
//#endif
    }
//#endif
    const kid = ring.c;
//#if before
    const inTime = accepts(ring, kid, now);
    if (isOther) {
        if (caller.network) {
            return refuse(401, 'Unauthorized', '');
        }
        if (!inTime) {
            return refuse(503, 'Service Unavailable');
        }
        const document = minted(caller, ring, route);
//#if idcookie
        const asked = request.querystring.cookie;
        const site = headers['sec-fetch-site'];
        if (asked && asked.value != '0' && !(site && site.value == 'cross-site')) {
            const ends = ring.k[kid][2];
            document.cookies = kept(rooted(caller, kid, rootOf(caller, ring, kid)), ends ? '; Max-Age=' + (ends - now) : '');
        }
//#endif
        return document;
    }
    const shown = presented(headers, request.cookies);
    if (caller.network) {
        return shown.length ? refuse(403, 'Forbidden', 'mismatch') : request;
    }
    if ($FREE[route.k]) {
        return request;
    }
    if (!shown.length) {
//#if without
        return request;
//#else
        return refuse(403, 'Forbidden', 'missing');
//#endif
    }
    const limitClass = CLASSES[caller.plan][route.k];
    for (let i = 0; i < shown.length; i++) {
        if (!holds(shown[i], caller, ring, now, limitClass, route)) {
            return refuse(403, 'Forbidden', 'mismatch');
        }
    }
//#if log
    console.log(JSON.stringify({rid:event.context.requestId, b:name(rootOf(caller, ring, kid), kid, limitClass, route), r:route.m + ' ' + route.t}));
//#endif
//#else
    const unverified = limitClass ? {m:'ANY', t:'*'} : route;
    limitClass = limitClass || CLASSES[caller.plan][route.k];
    const bucket = name(rootOf(caller, ring, kid), kid, limitClass, unverified);
    headers[$ID] = {value:bucket};
//#if log
    console.log(JSON.stringify({rid:event.context.requestId, b:bucket, r:route.m + ' ' + route.t}));
//#endif
//#endif
    return request;
}

//#if open
const UNREAD = 'the store was not read';

// What `open` lets through is this failure alone: no request can cause it.
async function read(key) {
    let value;
    try {
        value = await store.get(key, JSON_VALUE);
    } catch (error) {
        console.log('tollgate: ' + error);
        throw UNREAD;
    }
    return value;
}
//#else
function read(key) {
    return store.get(key, JSON_VALUE);
}
//#endif

// A problem document (RFC 9457); `more` is the rest of a challenge, or the kind of a 403.
function refuse(status, title, more) {
    const headers = {
        'cache-control':{value:'no-store'},
        'content-type':{value:'application/problem+json'}
    };
    if (status == 401) {
        headers['www-authenticate'] = {value:'Bearer realm="' + $REALM + '"' + more};
    }
    if (status == 503) {
        headers['retry-after'] = {value:'5'};
    }
    const problem = {type:status == 403 ? 'urn:problem-type:tollgate:bucket-id-' + more : 'about:blank', title:title, status:status};
    const answer = {statusCode:status, statusDescription:title, headers:headers, body:JSON.stringify(problem)};
//#if idcookie
    // Takes back one that does not hold, or its browser would be refused for good.
    if (more == 'mismatch') {
        answer.cookies = kept('', '; Max-Age=0');
    }
//#endif
    return answer;
}

//#if idcookie
function kept(value, life) {
    const cookies = {};
    cookies[$IDCOOKIE] = {value:value, attributes:'Path=/' + life + '; Secure; HttpOnly; SameSite=Lax'};
    return cookies;
}
//#endif

function bytesOf(value, encoding) {
    return Buffer.from(value, encoding);
}

function spelt(bytes) {
    return Buffer.from(bytes).toString('base64url');
}

function charOf(code) {
    return String.fromCharCode(code);
}

function mac(key, message) {
    return crypto.createHmac('sha256', key).update(message).digest('base64url');
}

// A text with its length in bytes before it, so that no two lists of texts collide.
function lp(text) {
    return bytesOf(text).length + ':' + text;
}

//#if same
// Takes the same time wherever a text differs from the true one, which is ASCII of at most 64
// characters; eight bytes at once, since each step is paid for.
function same(shown, known) {
    // Each over and over, so that no byte is left over.
    BYTES.fill(known, 0, 64);
    BYTES.fill(shown, 64);
    // As a number no eight bytes of ASCII equal any others, nor 0, which nobody wrote.
//#if fast
    return !((shown.length != known.length) + !NUMBERS[0] + (NUMBERS[0] != NUMBERS[8])
        + (NUMBERS[1] != NUMBERS[9]) + (NUMBERS[2] != NUMBERS[10]) + (NUMBERS[3] != NUMBERS[11])
        + (NUMBERS[4] != NUMBERS[12]) + (NUMBERS[5] != NUMBERS[13]) + (NUMBERS[6] != NUMBERS[14])
        + (NUMBERS[7] != NUMBERS[15]));
//#else
    let differ = shown.length != known.length || !NUMBERS[0];
    for (let i = 0; i < 8; i++) {
        differ += NUMBERS[i] != NUMBERS[i + 8];
    }
    return !differ;
//#endif
}
//#endif

function rootOf(caller, ring, kid) {
    const secret = ring.k[kid][0];
//#if before
//#else
    if (caller.network) {
        return mac(secret, 'tollgate/network/1' + lp(caller.network));
    }
//#endif
    return mac(secret, caller.user);
}

// What a user's root is made from.
function userOf(iss, sub, account) {
    return 'tollgate/user/1' + lp(iss) + lp(sub) + lp(account);
}

function name(root, kid, limitClass, route) {
    const method = route.m;
    const text = route.t;
    // Class and method are ASCII.
    const message = 'tollgate/route/1' + (limitClass.length + ':' + limitClass
//#if fast
        + (method == 'GET' ? '3:GET' : method.length + ':' + method)
//#else
        + method.length + ':' + method
//#endif
//#if ascii
        + (text.length + ':' + text));
//#else
        + lp(text));
//#endif
    return limitClass + '.' + kid + '.' + mac(root, message).slice(0, 22);
}

//#if ring
function accepts(ring, kid, now) {
    const key = HAS.call(ring.k, kid) && ring.k[kid];
    return key && key[1] <= now && (key[2] === null || now < key[2]);
}
//#endif

// One field or cookie: its value, undefined if it is not there, null if it stands twice.
//#if one
function one(field) {
    return field && (field.multiValue && field.multiValue.length > 1 ? null : field.value);
}
//#endif

//#if before
// What the client shows as its own, with the place; what stands twice is nobody's.
function presented(headers, cookies) {
    const shown = [];
    const field = one(headers[$ID]);
    if (field !== undefined) {
        shown.push([field || '']);
    }
//#if idcookie
    const cookie = one(cookies[$IDCOOKIE]);
    if (cookie || cookie === null) {
        shown.push([cookie || '', 1]);
    }
//#endif
    return shown;
}

// The id of the route in a field; `class.kid.root`, which is good for all routes, in a cookie.
function holds(shown, caller, ring, now, limitClass, route) {
    const kid = shown[0].split('.')[1];
    if (!accepts(ring, kid, now)) {
        return false;
    }
    const root = rootOf(caller, ring, kid);
//#if idcookie
    return same(shown[0], shown[1] ? rooted(caller, kid, root) : name(root, kid, limitClass, route));
//#else
    return same(shown[0], name(root, kid, limitClass, route));
//#endif
}

//#if idcookie
function rooted(caller, kid, root) {
    return $PLANCLASSES[caller.plan] + '.' + kid + '.' + root;
}
//#endif

// The document of who mints an id, with the id of the route if one was named.
function minted(caller, ring, route) {
    const kid = ring.c;
    const root = rootOf(caller, ring, kid);
    const headers = {'cache-control':{value:'no-store'}, 'content-type':{value:'application/json'}};
    const body = {root:root, kid:kid, class:$PLANCLASSES[caller.plan], expires:ring.k[kid][2]};
    if (route) {
        body.class = CLASSES[caller.plan][route.k];
        body.id = name(root, kid, body.class, route);
        body.route = route.t == '*' ? '*' : route.m + ' ' + route.t;
        headers[$ID] = {value:body.id};
    }
    return {statusCode:200, statusDescription:'OK', headers:headers, body:JSON.stringify(body)};
}
//#endif

//#if behind
// The network that an anonymous caller counts by, as the gateway names it.
//#if networks
function network(ip) {
    const mapped = /^::ffff:([\d.]+)$/i.exec(ip);
    ip = mapped ? mapped[1] : ip;
    const isIpv6 = ip.indexOf(':') >= 0;
    let groups = ip.split('.');
    if (isIpv6) {
        const halves = ip.split('::');
        const head = halves[0] ? halves[0].split(':') : [];
        const tail = halves[1] ? halves[1].split(':') : [];
        while (head.length + tail.length < 8) {
            head.push('0');
        }
        groups = head.concat(tail);
    }
    const width = isIpv6 ? 16 : 8;
    const prefix = isIpv6 ? $IPV6 : $IPV4;
    groups = groups.map((group, i) => {
        const bits = Math.max(0, Math.min(width, prefix - i * width));
        const kept = parseInt(group, isIpv6 ? 16 : 10) >> (width - bits) << (width - bits);
        return kept.toString(isIpv6 ? 16 : 10);
    });
    return groups.join(isIpv6 ? ':' : '.') + '/' + prefix;
}
//#endif
//#else
//#if anonymous
function network(ip) {
    return ip;
}
//#endif
//#endif

//#if pass
// The verified user whom an edge pass names.
function holder(headers, cookies, ring, now) {
    let caller;
//#if passheader
    const field = one(headers[$PASSHEADER]);
    caller = field && passed(field, ring, now);
//#endif
//#if passcookie
    const cookie = !caller && one(cookies[$PASSCOOKIE]);
    caller = caller || (cookie && passed(cookie, ring, now));
//#endif
    return caller;
}

function passed(pass, ring, now) {
    const parts = pass.length > 8192 ? [] : pass.split('.');
    if (parts.length != 3) {
        return;
    }
    const signed = parts[0] + '.' + parts[1];
    for (let kid in ring.k) {
        const header = '{"alg":"HS256","kid":"' + kid + '","typ":"tollgate-pass+jwt"}';
        if (spelt(header) != parts[0] || !accepts(ring, kid, now)) {
            continue;
        }
        if (!same(parts[2], mac(ring.k[kid][0], signed))) {
            return;
        }
        // Ours from here on: only who has the key can have made it.
        const claims = JSON.parse(bytesOf(parts[1], 'base64url').toString());
        if (claims.exp > now && HAS.call($PLANOFCLASS, claims.class)) {
            return {user:userOf(claims.iss, claims.sub, claims.account || ''), plan:$PLANOFCLASS[claims.class]};
        }
    }
}

//#if behind
//#if anonymous
// Whether nothing in the request is a credential.
function bare(headers, cookies) {
    return !headers.authorization && !cookies[$TOKENCOOKIE] && !headers[$KEYHEADER];
}
//#endif
//#endif
//#endif

//#if token
// A bearer token behind seven characters of scheme, undefined without a credential, 400 or 401 for
// one that cannot be read. What is in a token is looked at where it does not hold.
function credential(headers, cookies) {
    const field = headers.authorization;
    if (!field) {
//#if tokencookie
        const cookie = one(cookies[$TOKENCOOKIE]);
        return cookie === null ? 400 : cookie ? 'Bearer ' + cookie : undefined;
//#else
        return;
//#endif
    }
    const value = field.multiValue ? one(field) : field.value;
    if (value === null) {
        return 400;
    }
    const scheme = value.slice(0, 7);
    if (scheme == 'Bearer ' || scheme.toLowerCase() == 'bearer ') {
        return value;
    }
    if (/^(bearer)?[ \t]*$/i.test(value)) {
        return 401;
    }
    if (/^(bearer)?([ \t,]|$)|,[ \t]*bearer[ \t]/i.test(value)) {
        return 400;
    }
}

// The text of a part of a token: empty unless the part is its only spelling, and it is a text.
function textOf(part) {
    const text = bytesOf(part, 'base64url').toString();
    return spelt(text) == part ? text : '';
}

// A JSON object, not yet known to be strict.
function object(text) {
    let value;
    try {
        value = JSON.parse(text);
    } catch (error) {}
    return value && typeof value == 'object' && !Array.isArray(value) && value;
}

// No escape, and few objects and lists.
const SHALLOW = /^[^\\{[]*(?:[{[][^\\{[]*){0,16}$/;

//#if flat
// How long an object of texts without escapes, and of times, is as JSON, which is the least that can
// be read as it: one that stands twice makes the text longer. No number of ten digits that ends with
// fewer than three zeros can be written with less. NaN where something else is in it.
function sizeOf(value) {
    let size = 1;
    let key;
    let one;
    for (key in value) {
        one = value[key];
        size += key.length + (typeof one == 'string' ? one.length + 6 : one % 1000 > 0 && one >= 1e9 && one < 1e10 ? 14 : NaN);
    }
    return size;
}
//#endif

// Whether no name stands twice in a JSON object, within the bounds of the gateway. For what is
// signed: it takes its time with what is long.
function strict(value, text, isPlain) {
//#if flat
    if (isPlain && text.length < 1024 && sizeOf(value) == text.length) {
        return true;
    }
//#endif
    // What is written again as it was has nothing twice; what is short has not many values.
    const plain = text.length < 1024 && (isPlain || !text.search(SHALLOW));
//#if hs256
    return (plain && JSON.stringify(value) == text) || once(text);
//#else
    // Nobody has signed it: what is long costs too much to look at.
    return text.length < 1024 && ((plain && JSON.stringify(value) == text) || once(text));
//#endif
}

// Whether JSON text has no name twice, no half of a surrogate pair, and is in bounds.
function once(text) {
    const escapes = text.replace(/\\\\/g, '-').replace(/\\u[dD][89abAB]..\\u[dD][c-fC-F]../g, '');
    if (/\\u[dD][89a-fA-F]/.test(escapes)) {
        return false;
    }
    const tokens = text.match(/"(?:[^"\\]+|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
    const open = [];
    let values = 0;
    let names = 0;
    for (let i = 0; i < tokens.length && values <= 512; i++) {
        const token = tokens[i];
        if (token == '{' || token == '[') {
            values++;
            names = token == '{' ? {} : 0;
            if (open.push(names) > 16) {
                return false;
            }
        } else if (token == '}' || token == ']') {
            open.pop();
            names = open[open.length - 1];
        } else if (token != ',' && token != ':') {
            if (names && tokens[i + 1] == ':') {
                const key = '/' + JSON.parse(token);
                if (HAS.call(names, key)) {
                    return false;
                }
                names[key] = 1;
            } else {
                values++;
                // The runtime's own reader takes 01, 1. and .5 as well.
                if (token.length > 1 && token[0] != '"' && (/^-?(?:0\d|\.)|\.(?!\d)/.test(token) || (/\d/.test(token) && !isFinite(token)))) {
                    return false;
                }
            }
        }
    }
    return values <= 512;
}

// The claim at a path; null counts as absent.
function claim(claims, path) {
    const names = [].concat(path);
    let value = claims;
    for (let i = 0; i < names.length; i++) {
        if ((i && (!value || typeof value != 'object' || Array.isArray(value))) || !HAS.call(value, names[i])) {
            return;
        }
        value = value[names[i]];
    }
    return value === null ? undefined : value;
}

// Whether a claim can name somebody, but for control characters: those are looked for once.
function isName(value) {
    // A character has at most four bytes.
    return typeof value == 'string' && (value.length < 64 || bytesOf(value).length < 256);
}

// A name: empty if absent, null if it cannot be one.
function named(claims, path) {
    const value = path ? claim(claims, path) : undefined;
    return value === undefined ? '' : isName(value) ? value : null;
}

// Whole seconds, NaN if it is no time.
function seconds(value) {
    return typeof value == 'number' && value >= 0 && value <= 9007199254740992 ? value - value % 1 : NaN;
}

// Of a media type what counts (RFC 7515 section 4.1.9).
//#if typ
function mediaType(typ) {
    return String(typ).toLowerCase().replace(/^application\/([^/]*)$/, '$1');
}
//#endif

// Whether an issuer may sign with this header.
function allows(issuer, part) {
    const text = textOf(part);
    const header = object(text);
    if (!header || !strict(header, text) || !HAS.call(header, 'alg') || issuer.alg.indexOf(header.alg) < 0) {
        return false;
    }
    for (let key in header) {
        const value = header[key];
        if (',crit,jku,x5u,jwk,b64,zip,enc,'.indexOf(',' + key + ',') >= 0) {
            return false;
        }
        if ((key == 'kid' || key == 'typ') && (typeof value != 'string' || bytesOf(value).length > 255)) {
            return false;
        }
    }
//#if typ
    if (issuer.typ && (!HAS.call(header, 'typ') || mediaType(header.typ) != mediaType(issuer.typ))) {
        return false;
    }
//#endif
    return true;
}

// The user whom a token names, and what it says of that one; or the number of its issuer, whose
// secrets have not been read.
function verified(token, ring, now, isUsual) {
    const size = token.length;
    // There is no third dot: that would be in the claims, whose text has none.
//#if usual
    const one = isUsual ? 43 : token.indexOf('.');
    const two = isUsual && token[size - 44] == '.' ? size - 44 : token.lastIndexOf('.');
//#else
    const one = token.indexOf('.');
    const two = token.lastIndexOf('.');
//#endif
    if (size > 16391 || one < 8 || one > 4103 || two + 1 == size || size - two > 1367) {
        return;
    }
    const part = token.slice(one + 1, two);
    const signature = token.slice(two + 1);
    let text = '';
    let claims;
    let isPlain;
//#if fast
    try {
        // Sooner, where it is ASCII without an escape, and nothing in it is nested.
        text = atob(part);
        // Without `>`, `?` and `~` no digit is 62 or 63, so that both alphabets are one. What ends with
        // `}` ends with this digit by its length, or it is not spelt so.
        isPlain = text.search(/(?!^)[^ -=@-Z\]-z|}]/) < 0
            && token[two - 1] == '90Q'[3 * (two - one - 1) - 4 * text.length];
        claims = isPlain && JSON.parse(text);
    } catch (error) {}
    if (!claims) {
//#else
    {
//#endif
        text = textOf(part);
        claims = object(text);
    }
    let index = ISSUERS.length;
    while (claims && index-- && ISSUERS[index].iss !== claims.iss) {}
    const issuer = claims && ISSUERS[index];
    if (!issuer) {
        return;
    }
//#if hs256
    const secrets = ring.s && ring.s[index];
    if (!secrets) {
        return index;
    }
    const signed = token.slice(7, two);
    let i = 0;
    // The comparison takes one spelling of the signature only.
    while (secrets[i] && !same(signature, mac(Buffer.from(secrets[i], 'base64url'), signed))) {
        i++;
    }
    if (!secrets[i]) {
        return;
    }
//#else
    if (spelt(bytesOf(signature, 'base64url')) != signature) {
        return;
    }
//#endif
//#if usual
    if (!isUsual && !allows(issuer, token.slice(7, one))) {
        return;
    }
//#else
    if (!allows(issuer, token.slice(7, one))) {
        return;
    }
//#endif
    if (!strict(claims, text, isPlain)) {
        return;
    }
    if (
//#if fast
        issuer.aud[0] !== claims.aud &&
//#endif
        ![].concat(claims.aud).some((one) => issuer.aud.indexOf(one) >= 0)) {
        return;
    }
    const begins = claims.iat;
    const expires = seconds(claims.exp);
    const issued = begins === undefined ? now : seconds(begins);
    const leeway = issuer.leeway;
    const horizon = now + leeway;
    const isTimely = expires + leeway > now && expires <= horizon + issuer.max
        && (claims.nbf === undefined || seconds(claims.nbf) <= horizon)
        && issued <= horizon && (begins === undefined || expires - issued <= issuer.max);
    if (!isTimely) {
        return;
    }
//#if required
    if (issuer.required.some((path) => claim(claims, path) === undefined)) {
        return;
    }
//#endif
//#if flat
    let subject = claims[issuer.sub];
    let account = claims[issuer.account];
    let plan = claims[issuer.plan];
    // Nothing that is inherited is a text.
    if (!isPlain || typeof subject != 'string' || typeof account != 'string' || typeof plan != 'string' || !subject || (subject + account + plan).length > 255) {
//#else
    let subject;
    let account;
    let plan;
    {
//#endif
        subject = named(claims, issuer.sub);
//#if client
        if (issuer.client) {
            if (claim(claims, issuer.sub) === undefined) {
                const client = named(claims, issuer.client);
                subject = client && 'client:' + client;
                if (!isName(subject)) {
                    return;
                }
            } else if (subject && subject.indexOf('client:') == 0) {
                return;
            }
        }
//#endif
        account = named(claims, issuer.account);
        plan = named(claims, issuer.plan);
        if (!subject || account === null || plan === null) {
            return;
        }
    }
    const known = NAMES[plan];
    // Nothing that is inherited is a number.
    const to = typeof known == 'number' ? known : $DEFAULT;
//#if fast
    // What is ASCII has as many bytes as characters.
    if (isPlain || (subject + account + plan).search(/[^ -~]/) < 0) {
        return {user:issuer.user + (subject.length + ':' + subject + account.length + ':' + account), plan:to};
    }
//#endif
    if ((subject + account + plan).search(/[\x00-\x1f\x7f-\x9f]/) < 0) {
        return {user:userOf(issuer.iss, subject, account), plan:to};
    }
}
//#endif

// Its `$` also stands before a last line end.
const PLAIN = /^(?:\/[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*)*\/?$(?!\n)/;

// What no path may have, written or encoded: control characters, a backslash, a dot or a slash that
// is encoded, what is no percent-encoding, a parameter behind a dot segment.
const UNSAFE = /[\x00-\x1f\x7f\\]|%(?:[01]|2[ef]|5c|7f|(?![\da-f]{2}))|\/\.\.?(?:;|%3b)/i;

// The canonical form of a path, or nothing for what two servers may read differently. Nor is there
// one of `OPTIONS *`: it asks a server about itself, and that is CloudFront here, not the origin.
// Behind WAF nothing but routes are looked for with it, so that it is decoded.
function canonical(uri) {
    if (uri.length > 256 && (uri.length > 8192 || uri.split('/').length > 257)) {
        return;
    }
    if (uri.search(PLAIN) >= 0) {
        return uri;
    }
    if (uri[0] != '/') {
        return;
    }
    // Whatever is not plain is paid for by its length.
    if (bytesOf(uri).length > $NOTPLAIN || UNSAFE.test(uri)) {
        return;
    }
    let path;
    try {
        // What an encoding means depends on the server, unless it is a letter, a digit or `-_~`:
        // other ASCII stays encoded.
        // With a last slash, since njs is lost where the last thing replaced ends a text that is not
        // ASCII (seen in 0.7.9 with 32 characters, 64, and so on).
        path = decodeURIComponent((uri + '/').replace(/%(?=2[^d]|3[a-f]|40|5[b-e]|60|7[b-d])/gi, '%25'));
        path = path.replace(/[^\w.~!$&'()*+,;=:@%\/-]+/g, encodeURIComponent).slice(0, -1);
    } catch (error) {
        return;
    }
    path = path.replace(/%(?:.[a-f]|[a-f].)/g, (code) => code.toUpperCase());
    const segments = [];
    let isFolder;
    // Encoded twice.
    let isRefused = /%25[\dA-F]{2}/i.test(path);
    path.slice(1).split('/').map((segment) => {
        isFolder = segment == '' || segment == '.' || segment == '..';
        if (segment == '..') {
            isRefused = isRefused || !segments.length;
            segments.pop();
        } else if (!isFolder) {
            segments.push(segment);
        }
    });
    path = (segments.length ? '/' : '') + segments.join('/') + (isFolder ? '/' : '');
//#if before
    return isRefused ? undefined : path;
//#else
    return isRefused ? undefined : decoded(path);
//#endif
}

function decoded(path) {
    return path.replace(/%(..)/g, (all, digits) => charOf(parseInt(digits, 16)));
}

//#if spill
async function classify(method, path) {
//#else
function classify(method, path) {
//#endif
//#if before
    if (path.indexOf('%') >= 0) {
        path = decoded(path);
    }
//#endif
//#if fold
    path = path.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
//#endif
    // What is before the first slash, too.
    const parts = path.split('/');
//#if slash
    if (!parts[parts.length - 1]) {
//#else
    if (path == '/') {
//#endif
        parts.pop();
    }
    let found;
//#if fast
    // The way that `walk` would go first, where most paths end: without its steps back. What is
    // declared in a loop is made anew each time.
    const end = parts.length;
    let node = ROUTES;
    let text = '';
    let at = 1;
    let literal;
    let next;
    while (node && at < end) {
        literal = '/' + parts[at++];
        next = node[literal];
        if (next) {
            text += literal;
//#if patterns
        } else if (literal != '/' && !node.x) {
//#else
        } else if (literal != '/') {
//#endif
            next = node.p;
            text += '/{' + node.n + '}';
        }
        node = next;
    }
    found = node && pick(node.h, method, text || '/');
//#endif
    if (!found) {
//#if spill
        found = await walk(ROUTES, parts, 1, method, '');
//#else
        found = walk(ROUTES, parts, 1, method, '');
//#endif
    }
    return found || {m:'ANY', t:'*', k:UNMATCHED};
}

// The most specific route below a node: `/text` a child for that text, `x` for patterns, `p` for a
// parameter named `n`; `h` routes that end here, `s` and `a` those with a tail of some or any.
//#if spill
async function walk(start, parts, at, method, text) {
    let node = start;
    if (typeof node == 'number') {
        node = await read('r' + node);
    }
//#else
function walk(node, parts, at, method, text) {
//#endif
    if (at == parts.length) {
        return pick(node.h, method, text || '/') || pick(node.a, method, '');
    }
    const part = parts[at];
    // No name that is inherited begins like this.
    const literal = '/' + part;
    let found = node[literal];
    if (found !== undefined) {
//#if spill
        found = await walk(found, parts, at + 1, method, text + literal);
//#else
        found = walk(found, parts, at + 1, method, text + literal);
//#endif
    }
//#if patterns
    for (let i = 0; !found && node.x && i < node.x.length; i++) {
        const pattern = node.x[i];
        if (fits(pattern[0], part)) {
//#if spill
            found = await walk(pattern[1], parts, at + 1, method, text + '/' + pattern[2]);
//#else
            found = walk(pattern[1], parts, at + 1, method, text + '/' + pattern[2]);
//#endif
        }
    }
//#endif
    if (!found && part && node.p !== undefined) {
//#if spill
        found = await walk(node.p, parts, at + 1, method, text + '/{' + node.n + '}');
//#else
        found = walk(node.p, parts, at + 1, method, text + '/{' + node.n + '}');
//#endif
    }
    return found || ((part || at + 1 < parts.length) && pick(node.s, method, '')) || pick(node.a, method, '');
}

// The method itself, GET for HEAD, then any. A template is written where a path does not tell it.
function pick(routes, method, text) {
    if (!routes) {
        return;
    }
//#if fast
    const exact = routes[method];
    // Nothing that is inherited is a number.
    if (typeof exact == 'number') {
        return {m:method, t:text, k:exact};
    }
//#endif
    const known = HAS.call(routes, method) ? method : method == 'HEAD' && HAS.call(routes, 'GET') ? 'GET' : 'ANY';
    if (HAS.call(routes, known)) {
        const route = routes[known];
        return typeof route == 'number' ? {m:known, t:text, k:route} : {m:known, t:route[1], k:route[0]};
    }
}

//#if patterns
// Whether a segment is these literals with at least one byte between them.
function fits(literals, part) {
    const last = literals[literals.length - 1];
    if (part.slice(0, literals[0].length) != literals[0]) {
        return false;
    }
    let rest = part.slice(literals[0].length);
    for (let i = 1; i < literals.length - 1; i++) {
        const found = rest.indexOf(literals[i], 1);
        if (found < 0) {
            return false;
        }
        rest = rest.slice(found + literals[i].length);
    }
    return rest.length > last.length && rest.slice(rest.length - last.length) == last;
}
//#endif
