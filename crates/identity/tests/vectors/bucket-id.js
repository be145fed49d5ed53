// Bucket ids in njs, the interpreter family of nginx and of CloudFront Functions, against the same
// vectors: `njs bucket-id.js bucket-id.json`.

import crypto from 'crypto';
import fs from 'fs';

/** A text with its length in UTF-8 bytes before it, so that no two lists of texts collide. */
function lp(text) {
    return Buffer.from(text).length + ':' + text;
}

function mac(key, text) {
    return crypto.createHmac('sha256', key).update(text).digest('base64url');
}

function root(secret, issuer, subject, account) {
    return mac(secret, 'tollgate/user/1' + lp(issuer) + lp(subject) + lp(account));
}

function bucketId(root, kid, limitClass, method, template) {
    const route = lp(limitClass) + lp(method) + lp(template);
    return limitClass + '.' + kid + '.' + mac(root, 'tollgate/route/1' + route).slice(0, 22);
}

const vectors = JSON.parse(fs.readFileSync(process.argv[2]).toString());
let held = 0;
vectors.cases.forEach((one) => {
    const own = root(vectors.keys[one.kid], one.iss, one.sub, one.account);
    const id = bucketId(own, one.kid, one.class, one.method, one.template);
    if (own !== one.root || id !== one.id) {
        throw new Error(JSON.stringify(one) + ' is ' + own + ' and ' + id);
    }
    held += 1;
});
console.log(held + ' of ' + vectors.cases.length);
