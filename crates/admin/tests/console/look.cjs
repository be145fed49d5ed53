// Every page, in light and dark: what axe finds, what the browser complains of, and a picture.
"use strict";
const path = require("node:path");

const holder = (name, more = "") => `/holder?kind=subject&issuer=https%3A%2F%2Flogin.example&name=${name}${more}`;
const PAGES = [
  ["overview", "/"],
  ["limited", "/limited"],
  ["holders", "/holders"],
  ["holder", holder("alice")],
  ["explain", holder("importer", "&account=acme&method=GET&path=%2Forders%2F7#explain-heading")],
  ["plans", "/plans"],
  ["plan", "/plan?name=pro"],
  ["notices", "/notices"],
  ["policy", "/policy"],
  ["audit", "/audit"],
  ["keys", "/keys"],
];

module.exports = async ({ newPage, look, picture }, { origin, key, folder }) => {
  const pages = [];
  for (const scheme of ["light", "dark"]) {
    const page = await newPage({ scheme });
    const seen = async (name) => {
      await picture(page, path.join(folder, `${name}-${scheme}.png`));
      const violations = await look(page);
      const headings = await page.$$eval("h1", (all) => all.length);
      await page.setViewport({ width: 320, height: 640 });
      const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      await page.setViewport({ width: 1280, height: 800 });
      pages.push({ at: `${name} ${scheme}`, violations, complaints: page.complaints.splice(0), headings, overflows });
    };
    await page.goto(`${origin}/`);
    await seen("sign-in");
    await page.type("#key", key);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    for (const [name, at] of PAGES) {
      await page.goto(origin + at);
      await seen(name);
    }
    // A policy that is looked at.
    await page.goto(`${origin}/policy`);
    const changed = await page.$eval("#text", (text) => {
      const before = text.value;
      text.value = before.replace("rate: 20/s, burst: 40", "rate: 30/s, burst: 60");
      return text.value !== before;
    });
    if (!changed) throw new Error("the policy to be looked at is the one in force");
    await Promise.all([page.waitForNavigation(), page.click("form[action='/policy/check'] button")]);
    await seen("policy-check");
  }
  return { pages };
};
