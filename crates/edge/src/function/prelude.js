// What CloudFront's runtime has beside the language, and takes away from it.
//
// Called with `host` before the function's own source is looked at. Bytes go to and come from the
// host as strings of one character a byte (U+0000 to U+00FF): "latin1" below.
(function (host) {
  'use strict';

  // The language's own, kept from the function's reach.
  const construct = Reflect.construct;
  const hasOwn = Object.hasOwn;
  const fromCharCode = String.fromCharCode;
  const charCodeAt = Function.prototype.call.bind(String.prototype.charCodeAt);
  // Lone surrogates become U+FFFD: the host takes only text that has a UTF-8.
  const wellFormed = Function.prototype.call.bind(String.prototype.toWellFormed);

  function define(name, value) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }

  // === Bytes ===

  function latin1(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i++) text += fromCharCode(bytes[i]);
    return text;
  }

  function fill(bytes, text) {
    for (let i = 0; i < text.length; i++) bytes[i] = charCodeAt(text, i);
    return bytes;
  }

  function hexOf(text) {
    let hex = '';
    for (let i = 0; i < text.length; i++) hex += charCodeAt(text, i).toString(16).padStart(2, '0');
    return hex;
  }

  function unhex(text) {
    let out = '';
    for (let i = 0; i + 1 < text.length; i += 2) {
      const pair = text.slice(i, i + 2);
      if (!/^[0-9a-fA-F]{2}$/.test(pair)) break;
      out += fromCharCode(parseInt(pair, 16));
    }
    return out;
  }

  function base64url(text) {
    return host.base64(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  }

  const CODECS = {
    utf8: [(text) => host.utf8(wellFormed(text)), host.unutf8],
    hex: [unhex, hexOf],
    base64: [(text) => host.unbase64(wellFormed(text)), host.base64],
    base64url: [(text) => host.unbase64(wellFormed(text)), base64url],
  };
  CODECS['utf-8'] = CODECS.utf8;

  function codec(encoding) {
    const name = encoding === undefined ? 'utf8' : encoding;
    if (!hasOwn(CODECS, name)) throw new TypeError('unknown encoding "' + encoding + '"');
    return CODECS[name];
  }

  class Buffer extends Uint8Array {
    static from(value, encodingOrOffset, length) {
      if (typeof value === 'string') {
        const text = codec(encodingOrOffset)[0](value);
        return fill(new Buffer(text.length), text);
      }
      if (value instanceof ArrayBuffer) return new Buffer(value, encodingOrOffset, length);
      if (value === null || typeof value !== 'object' || typeof value.length !== 'number') {
        throw new TypeError('first argument is not a string or Buffer-like object');
      }
      const bytes = new Buffer(value.length);
      for (let i = 0; i < value.length; i++) bytes[i] = value[i];
      return bytes;
    }

    static alloc(size, value) {
      return new Buffer(size).fill(value === undefined ? 0 : value);
    }

    static isBuffer(value) {
      return value instanceof Buffer;
    }

    static byteLength(value, encoding) {
      return typeof value === 'string' ? codec(encoding)[0](value).length : value.byteLength;
    }

    static concat(list, total) {
      let size = 0;
      for (let i = 0; i < list.length; i++) size += list[i].length;
      if (total !== undefined) size = total;
      const bytes = new Buffer(size);
      let at = 0;
      for (let i = 0; i < list.length && at < size; i++) {
        const part = list[i].subarray(0, size - at);
        bytes.set(part, at);
        at += part.length;
      }
      return bytes;
    }

    static compare(a, b) {
      const common = Math.min(a.length, b.length);
      for (let i = 0; i < common; i++) {
        if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
      }
      return Math.sign(a.length - b.length);
    }

    toString(encoding, start, end) {
      return codec(encoding)[1](latin1(this.subarray(start, end)));
    }

    toJSON() {
      return { type: 'Buffer', data: Array.from(this) };
    }

    // A text over and over, as far as there is room.
    fill(value, offset, end, encoding) {
      if (typeof value !== 'string') return super.fill(value, offset, end);
      if (typeof offset === 'string') return this.fill(value, 0, undefined, offset);
      if (typeof end === 'string') return this.fill(value, offset, undefined, end);
      const room = this.subarray(offset, end);
      const bytes = codec(encoding)[0](value);
      for (let i = 0; i < room.length; i++) {
        room[i] = bytes === '' ? 0 : charCodeAt(bytes, i % bytes.length);
      }
      return this;
    }

    equals(other) {
      return Buffer.compare(this, other) === 0;
    }

    compare(other) {
      return Buffer.compare(this, other);
    }

    // As in Node, and unlike a typed array's: the same memory, not a copy.
    slice(start, end) {
      return this.subarray(start, end);
    }
  }

  // readUInt16BE, writeDoubleLE and so on.
  [['UInt8', 'Uint8', 1], ['Int8', 'Int8', 1], ['UInt16', 'Uint16', 2], ['Int16', 'Int16', 2],
    ['UInt32', 'Uint32', 4], ['Int32', 'Int32', 4], ['Float', 'Float32', 4], ['Double', 'Float64', 8]].forEach((kind) => {
    (kind[2] === 1 ? [''] : ['BE', 'LE']).forEach((order) => {
      const little = order === 'LE';
      const view = (buffer) => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      Buffer.prototype['read' + kind[0] + order] = function (offset) {
        return view(this)['get' + kind[1]](offset || 0, little);
      };
      Buffer.prototype['write' + kind[0] + order] = function (value, offset) {
        view(this)['set' + kind[1]](offset || 0, value, little);
        return (offset || 0) + kind[2];
      };
    });
  });

  class TextEncoder {
    encode(text) {
      const bytes = host.utf8(wellFormed(text === undefined ? '' : String(text)));
      return fill(new Uint8Array(bytes.length), bytes);
    }
  }

  class TextDecoder {
    decode(bytes) {
      return bytes === undefined ? '' : host.unutf8(latin1(bytes));
    }
  }

  // === crypto ===

  function pieceOf(data) {
    if (typeof data === 'string') return CODECS.utf8[0](data);
    if (data instanceof Uint8Array) return latin1(data);
    throw new TypeError('data argument "' + data + '" is not a string or Buffer-like object');
  }

  function hasher(finish) {
    let data = '';
    let done = false;
    return {
      update(piece) {
        if (done) throw new Error('Digest already called');
        data += pieceOf(piece);
        return this;
      },
      digest(encoding) {
        if (done) throw new Error('Digest already called');
        done = true;
        const out = finish(data);
        if (encoding === undefined) return fill(new Buffer(out.length), out);
        if (encoding !== 'hex' && encoding !== 'base64' && encoding !== 'base64url') {
          throw new TypeError('unknown digest encoding "' + encoding + '"');
        }
        return CODECS[encoding][1](out);
      },
    };
  }

  function algorithm(name) {
    if (name === 'sha256') return;
    if (name === 'md5' || name === 'sha1') {
      throw new TypeError('"' + name + '" is in CloudFront and not in this runtime; use sha256');
    }
    throw new TypeError('not supported algorithm: "' + name + '"');
  }

  const crypto = {
    createHash(name) {
      algorithm(name);
      return hasher(host.sha256);
    },
    createHmac(name, key) {
      algorithm(name);
      const secret = pieceOf(key);
      return hasher((data) => host.hmac_sha256(secret, data));
    },
  };

  // === cloudfront ===

  function decoded(text, options) {
    const format = options === undefined || options.format === undefined ? 'string' : options.format;
    if (format === 'string') return text;
    if (format === 'json') return JSON.parse(text);
    if (format === 'bytes') return Buffer.from(text);
    throw new TypeError('unknown format "' + format + '"');
  }

  const cloudfront = {
    kvs() {
      return {
        async get(key, options) {
          const text = host.kvs_get(wellFormed(String(key)));
          return decoded(text, options);
        },
        async exists(key) {
          return host.kvs_exists(wellFormed(String(key)));
        },
        async meta() {
          return JSON.parse(host.kvs_meta());
        },
      };
    },
  };

  // === querystring ===

  const querystring = {
    escape: encodeURIComponent,
    unescape(text) {
      try {
        return decodeURIComponent(text);
      } catch (_) {
        return text;
      }
    },
    parse(text, separator, equals) {
      const out = Object.create(null);
      String(text).split(separator || '&').forEach((pair) => {
        if (pair === '') return;
        const at = pair.indexOf(equals || '=');
        const name = plain(at < 0 ? pair : pair.slice(0, at));
        const value = at < 0 ? '' : plain(pair.slice(at + (equals || '=').length));
        if (out[name] === undefined) out[name] = value;
        else if (Array.isArray(out[name])) out[name].push(value);
        else out[name] = [out[name], value];
      });
      return out;
    },
    stringify(object, separator, equals) {
      const pairs = [];
      Object.keys(object).forEach((name) => {
        [].concat(object[name]).forEach((value) => {
          pairs.push(encodeURIComponent(name) + (equals || '=') + encodeURIComponent(value));
        });
      });
      return pairs.join(separator || '&');
    },
  };
  querystring.decode = querystring.parse;
  querystring.encode = querystring.stringify;

  function plain(text) {
    return querystring.unescape(text.replace(/\+/g, ' '));
  }

  // === Globals ===

  const MODULES = { crypto, cloudfront, querystring, buffer: { Buffer } };

  define('require', function require(name) {
    if (!hasOwn(MODULES, name)) throw new Error('Cannot find module "' + name + '"');
    return MODULES[name];
  });
  define('Buffer', Buffer);
  define('TextEncoder', TextEncoder);
  define('TextDecoder', TextDecoder);
  define('atob', (text) => host.unbase64(wellFormed(String(text))));
  define('btoa', (text) => {
    const bytes = String(text);
    for (let i = 0; i < bytes.length; i++) {
      if (charCodeAt(bytes, i) > 255) throw new TypeError('invalid character');
    }
    return host.base64(bytes);
  });
  // CloudFront logs the first argument alone.
  define('console', {
    log(value) {
      const text = value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
      host.log(wellFormed(String(text)));
    },
  });

  // Time stands still during a run.
  const RealDate = Date;
  function FrozenDate() {
    if (new.target === undefined) return new RealDate(host.now_ms).toString();
    const given = arguments.length === 0 ? [host.now_ms] : arguments;
    return construct(RealDate, given, new.target);
  }
  FrozenDate.prototype = RealDate.prototype;
  FrozenDate.prototype.constructor = FrozenDate;
  FrozenDate.now = () => host.now_ms;
  FrozenDate.parse = RealDate.parse;
  FrozenDate.UTC = RealDate.UTC;
  define('Date', FrozenDate);

  // === What is not there ===

  const maker = (sample) => {
    const refuse = function () {
      throw new TypeError('function constructor is disabled');
    };
    refuse.prototype = Object.getPrototypeOf(sample);
    Object.defineProperty(refuse.prototype, 'constructor', { value: refuse });
    return refuse;
  };
  define('Function', maker(function () {}));
  maker(async function () {});
  maker(function* () {});
  maker(async function* () {});

  ['eval', 'Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'FinalizationRegistry', 'Proxy', 'Reflect',
    'BigInt', 'BigInt64Array', 'BigUint64Array', 'Intl', 'Iterator', 'SharedArrayBuffer', 'Atomics',
    'URL', 'structuredClone', 'queueMicrotask', 'performance', 'navigator', 'DOMException',
    'AsyncDisposableStack', 'DisposableStack', 'SuppressedError', 'Float16Array',
  ].forEach((name) => delete globalThis[name]);
  ['fromEntries', 'hasOwn', 'groupBy'].forEach((name) => delete Object[name]);
  ['at', 'flat', 'flatMap', 'findLast', 'findLastIndex', 'toReversed', 'toSorted', 'toSpliced', 'with',
  ].forEach((name) => {
    delete Array.prototype[name];
    delete Object.getPrototypeOf(Uint8Array.prototype)[name];
  });
  ['at', 'matchAll', 'normalize', 'isWellFormed', 'toWellFormed'].forEach((name) => delete String.prototype[name]);
});
