// Every page, in light and dark: what axe finds, what the browser complains of, what it says, and a picture of some.
"use strict";
const path = require("node:path");

const holder = (name, more = "", kind = "subject") =>
  `/holder?kind=${kind}&issuer=https%3A%2F%2Flogin.example&name=${name}${more}`;
// Name, address, and the part that the picture is of.
const PAGES = [
  ["overview", "/"],
  ["limited", "/limited"],
  ["holders", "/holders"],
  ["holder", holder("alice")],
  ["explain", holder("importer", "&account=acme&method=GET&path=%2Forders%2F7#explain-heading"), "section[aria-labelledby='explain-heading']"],
  ["plans", "/plans"],
  ["plan", "/plan?name=pro"],
  ["notices", "/notices"],
  ["policy", "/policy"],
  ["audit", "/audit"],
  ["keys", "/keys"],
];
// Pages without a picture.
const MORE = [
  ["account", holder("acme", "", "account")],
  ["not-there", "/nowhere"],
  ["not-understood", holder("alice", "", "neither")],
];

module.exports = async ({ newPage, look, picture }, { origin, key, folder }) => {
  const pages = [];
  for (const scheme of ["light", "dark"]) {
    const page = await newPage({ scheme });
    const seen = async (name, part) => {
      const open = (which) => page.$$eval(which, (all) => all.forEach((one) => { one.open = true; }));
      await page.evaluate(() => document.activeElement.blur());
      // In a picture a chart says enough without its table.
      await open("details:not([id$='-table'])");
      if (part !== null) await picture(page, path.join(folder, `${name}-${scheme}.png`), part);
      await open("details");
      // Everything that somebody reads, lines without the space around and within.
      const says = await page.evaluate(() => document.body.innerText.split("\n")
        .map((line) => line.replace(/\s+/g, " ").trim()).filter((line) => line !== ""));
      // Keys are new in each run, and so is what tells them apart.
      const same = (line) => (name === "keys" ? line.replace(/\b[0-9a-f]{12}\b/, "…") : line);
      const style = await page.$eval("link[rel=stylesheet]", (link) => link.getAttribute("href"));
      const at = { name, scheme, path: new URL(page.url()).pathname, says: says.map(same), style };
      const violations = await look(page);
      const headings = await page.$$eval("h1", (all) => all.length);
      await page.setViewport({ width: 320, height: 640 });
      const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      await page.setViewport({ width: 1280, height: 800 });
      pages.push({ ...at, violations, complaints: page.complaints.splice(0), headings, overflows });
    };
    await page.goto(`${origin}/`);
    await seen("sign-in");
    await page.type("#key", key);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    for (const [name, at, part] of PAGES) {
      await page.goto(origin + at);
      await seen(name, part);
    }
    for (const [name, at] of MORE) {
      await page.goto(origin + at);
      await seen(name, null);
    }
    // A policy that is looked at.
    await page.goto(`${origin}/policy`);
    const check = async (before, after) => {
      const changed = await page.$eval("#text", (text, before, after) => {
        const was = text.value;
        text.value = was.replace(before, after);
        return text.value !== was;
      }, before, after);
      if (!changed) throw new Error("the policy to be looked at is the one in force");
      await send("form[action='/policy/check'] button");
    };
    const send = (button) => Promise.all([page.waitForNavigation(), page.click(button)]);
    await check("rate: 20/s, burst: 40", "rate: 30/s, burst: 60");
    await seen("policy-check");
    // Forms with an error: one that is shown again, and one that is refused.
    await check("rate: 30/s", "rate: fast");
    await seen("policy-wrong", null);
    await page.goto(origin + holder("alice"));
    await page.type("#override-limit", "{name: burst, rate: fast}");
    await send("form[action*='/holder/override'] button");
    await seen("limit-refused", null);
  }
  return { pages };
};
