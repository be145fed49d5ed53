// Signs in, walks to every page and gives a plan, with the keyboard alone; and gives one without JavaScript.
"use strict";

module.exports = async ({ newPage }, { origin, key }) => {
  const page = await newPage();
  const press = async (name, times = 1) => {
    for (let time = 0; time < times; time += 1) await page.keyboard.press(name);
  };
  // Moves the focus on until it is where it is to be.
  const tabTo = async (selector) => {
    for (let step = 0; step < 300; step += 1) {
      await press("Tab");
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    }
    throw new Error(`${selector} is not reached by Tab on ${page.url()}`);
  };
  const enter = () => Promise.all([page.waitForNavigation(), press("Enter")]);
  const heading = () => page.$eval("h1", (one) => one.textContent);

  await page.goto(`${origin}/`);
  await tabTo("#key");
  await page.keyboard.type(key);
  await enter();
  const walked = [await heading()];
  // The link that leads past the navigation is the first.
  await press("Tab");
  if (!(await page.evaluate(() => document.activeElement.matches("a.skip")))) throw new Error("no skip link");
  await press("Enter");
  if ((await page.evaluate(() => document.activeElement.id)) !== "content") throw new Error("nothing was skipped");
  for (const at of ["/limited", "/holders", "/plans", "/notices", "/policy", "/audit", "/keys"]) {
    await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
    await page.goto(page.url());
    await tabTo(`nav a[href='${at}']`);
    await enter();
    walked.push(await heading());
  }

  await page.goto(`${origin}/holders`);
  await tabTo("#find-name");
  await page.keyboard.type("dora");
  await enter();
  await tabTo("#assign-plan");
  await page.keyboard.type("pro");
  await tabTo("#assign-note");
  await page.keyboard.type("by keyboard");
  await tabTo("form[action*='/holder/assign'] button");
  await enter();
  const said = (on) => on.$eval("[role=status]", (one) => one.textContent);
  const by_keyboard = await said(page);

  const plain = await newPage({ javascript: false });
  await plain.goto(`${origin}/sign-in`);
  await plain.type("#key", key);
  const click = (selector) => Promise.all([plain.waitForNavigation(), plain.click(selector)]);
  await click(".narrow button");
  await plain.goto(`${origin}/holders`);
  await plain.type("#find-name", "emil");
  await click("[role=search] button");
  await plain.select("#assign-plan", "standard");
  await plain.type("#assign-note", "without a script");
  await click("form[action*='/holder/assign'] button");
  const without_javascript = await said(plain);
  await click(".who button");
  const after_sign_out = new URL(plain.url()).pathname;

  const complaints = [...page.complaints, ...plain.complaints];
  return { walked, by_keyboard, without_javascript, after_sign_out, complaints };
};
