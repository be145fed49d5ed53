// Starts the browser for one script, and ends it with the script.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

// Around a part of a page in a picture of it.
const MARGIN = 12;

const order = JSON.parse(fs.readFileSync("order.json", "utf8"));
const { small } = require("./picture.cjs");
const puppeteer = require(path.join(order.modules, "puppeteer-core"));
const axe = fs.readFileSync(path.join(order.modules, "axe-core", "axe.min.js"), "utf8");

async function main() {
  const browser = await puppeteer.launch({
    executablePath: order.chromium,
    headless: true,
    pipe: true,
    timeout: 120000,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--lang=en-GB"],
  });
  try {
    const result = await require(order.script)({ browser, newPage, look, picture }, order.input);
    fs.writeFileSync(order.result, JSON.stringify(result ?? null));
  } finally {
    await browser.close();
  }

  // A page in a session of its own. `page.complaints`: what the browser said against it, violations of the
  // content security policy among it, but for answers that are expected to be errors.
  async function newPage({ width = 1280, height = 800, scheme = "light", javascript = true } = {}) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.complaints = [];
    page.on("console", (message) => {
      const isAnswer = message.text().startsWith("Failed to load resource");
      if (["error", "warn"].includes(message.type()) && !isAnswer) page.complaints.push(message.text());
    });
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText;
      // What a navigation cut off.
      if (why !== "net::ERR_ABORTED") page.complaints.push(`${request.url()}: ${why}`);
    });
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setJavaScriptEnabled(javascript);
    page.setDefaultTimeout(60000);
    return page;
  }

  // A picture of a whole page, or of one part of it, in a file.
  async function picture(page, file, part) {
    const clip = part && await page.$eval(part, (one, margin) => {
      const { x, y, width, height } = one.getBoundingClientRect();
      return { x: x + scrollX - margin, y: y + scrollY - margin, width: width + 2 * margin, height: height + 2 * margin };
    }, MARGIN);
    const what = part ? { clip, captureBeyondViewport: true } : { fullPage: true };
    fs.writeFileSync(file, small(await page.screenshot({ type: "png", ...what })));
  }

  // Violations of accessibility rules that axe finds in the page, as lines.
  async function look(page) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return found.violations.flatMap((rule) =>
      rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
