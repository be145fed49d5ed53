// Looks at a holder, writes half a note, and waits until the page has changed by itself.
"use strict";

module.exports = async ({ newPage }, { origin, key }) => {
  const page = await newPage();
  await page.goto(`${origin}/sign-in`);
  await page.type("#key", key);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.goto(`${origin}/holder?kind=subject&issuer=https%3A%2F%2Flogin.example&name=alice`);
  const left = () => page.$eval("#live-limits .bar > span", (one) => one.textContent.replaceAll("\u202f", " "));
  const before = await left();
  await page.click("#usage-table summary");
  await page.type("#assign-note", "half a sentence");
  // As from another window: the buckets are filled up.
  await page.evaluate(async () => {
    const form = document.querySelector("form[action*='/holder/reset']");
    await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  });
  await page.waitForFunction((was) => document.querySelector("#live-limits .bar > span").textContent.replaceAll("\u202f", " ") !== was, { timeout: 60000 }, before);
  const after = await left();
  const typed = await page.$eval("#assign-note", (one) => one.value);
  const focused = await page.evaluate(() => document.activeElement.id);
  const open = await page.$eval("#usage-table", (one) => one.open);
  return { before, after, typed, focused, open, complaints: page.complaints };
};
