// Pictures of pages with a palette: pages have few colours, and so a picture has a fraction of the bytes.
"use strict";
const zlib = require("node:zlib");

const COLOURS_MAX = 256;

// The pixels of a PNG with 8 bits a channel, as Chromium makes them: three channels, or four.
function decode(png) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const channels = { 2: 3, 6: 4 }[png[25]];
  if (png[24] !== 8 || !channels || png[28] !== 0) throw new Error("not a PNG of 8 bits a channel");
  const parts = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const raw = zlib.inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x;
      const left = x >= channels ? pixels[at - channels] : 0;
      const above = y > 0 ? pixels[at - stride] : 0;
      const corner = y > 0 && x >= channels ? pixels[at - stride - channels] : 0;
      pixels[at] = raw[at + y + 1] + guess(filter, left, above, corner);
    }
  }
  return { width, height, channels, pixels };
}

// What a filter takes from a byte (PNG, section 9.2).
function guess(filter, left, above, corner) {
  switch (filter) {
    case 1: return left;
    case 2: return above;
    case 3: return (left + above) >> 1;
    case 4: break;
    default: return 0;
  }
  const whole = left + above - corner;
  const [toLeft, toAbove, toCorner] = [Math.abs(whole - left), Math.abs(whole - above), Math.abs(whole - corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

// With as many bits of each channel as leave few enough colours.
function quantised({ channels, pixels }) {
  for (let dropped = 0; ; dropped += 1) {
    const palette = new Map();
    const indices = Buffer.alloc(pixels.length / channels);
    const step = Uint8Array.from({ length: 256 }, (_, value) => reduced(value, dropped));
    for (let at = 0; at < indices.length && palette.size <= COLOURS_MAX; at += 1) {
      const first = at * channels;
      const name = (step[pixels[first]] << 16) | (step[pixels[first + 1]] << 8) | step[pixels[first + 2]];
      let index = palette.get(name);
      if (index === undefined) {
        index = palette.size;
        palette.set(name, index);
      }
      indices[at] = index;
    }
    if (palette.size <= COLOURS_MAX) return { palette: [...palette.keys()], indices };
  }
}

// The nearest of the steps that are left; black and white stay what they are.
function reduced(value, dropped) {
  const steps = (1 << (8 - dropped)) - 1;
  return Math.round(Math.round((value * steps) / 255) * (255 / steps));
}

function chunk(kind, content) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, check]);
}

function crc(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

// The same picture, smaller.
exports.small = (png) => {
  const image = decode(Buffer.from(png));
  const { palette, indices } = quantised(image);
  const header = Buffer.from(Buffer.from(png).subarray(16, 29));
  header[9] = 3;
  const colours = Buffer.from(palette.flatMap((name) => [name >> 16, (name >> 8) & 255, name & 255]));
  const lines = [];
  for (let y = 0; y < image.height; y += 1) {
    lines.push(Buffer.from([0]), indices.subarray(y * image.width, (y + 1) * image.width));
  }
  const packed = zlib.deflateSync(Buffer.concat(lines), { level: 9 });
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("PLTE", colours), chunk("IDAT", packed), chunk("IEND", Buffer.alloc(0))]);
};
