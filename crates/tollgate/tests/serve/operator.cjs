// An operator signs in, finds who is limited, follows the link to the customer, and looks at the notices.
"use strict";

module.exports = async ({ newPage }, { origin, key }) => {
  const page = await newPage();
  const text = (selector) => page.$eval(selector, (one) => one.innerText);
  const click = (selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);
  await page.goto(`${origin}/`);
  await page.type("#key", key);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await click("nav a[href='/limited']");
  const limited = await text("main");
  await click("nav a[href='/notices']");
  const notices = await text("main");
  await click("nav a[href='/holders']");
  await page.type("#find-name", "alice");
  await click("[role=search] button");
  const customer = await text("main");
  return { limited, notices, customer, complaints: page.complaints };
};
