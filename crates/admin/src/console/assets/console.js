// Keeps the live parts of a page up to date while somebody looks at it. Without it pages say the same, once.
"use strict";
(() => {
  const EVERY_MS = 5000;
  const regions = () => [...document.querySelectorAll("[data-live]")];
  if (!regions().length) return;
  const FOCUSABLE = "a[href],button,input,select,textarea,summary,[tabindex]";
  let busy = false;
  let bar = null;

  // Above everything, until there is nothing to say any more.
  const say = (words) => {
    if (words && !bar) {
      bar = document.createElement("p");
      bar.setAttribute("role", "status");
      document.querySelector("main").prepend(bar);
    }
    if (bar && bar.textContent !== words) bar.textContent = words;
    if (bar) bar.hidden = !words;
  };

  // Somebody marks text in it, or writes in it: it is left alone until they are done.
  const isInUse = (region) => {
    const marked = getSelection();
    if (marked && !marked.isCollapsed && region.contains(marked.anchorNode)) return true;
    const at = document.activeElement;
    return region.contains(at) && at.matches("input,select,textarea");
  };

  const replace = (region, next) => {
    if (isInUse(region) || region.innerHTML === next.innerHTML) return;
    const open = [...region.querySelectorAll("details[open]")].map((one) => one.id);
    const name = (one) => one.id || one.getAttribute("href") || one.textContent;
    const was = region.contains(document.activeElement) && name(document.activeElement);
    const scrolled = [...region.querySelectorAll(".wide")].map((one) => one.scrollLeft);
    region.replaceChildren(...next.cloneNode(true).childNodes);
    for (const one of region.querySelectorAll("details")) one.open = open.includes(one.id);
    region.querySelectorAll(".wide").forEach((one, i) => { one.scrollLeft = scrolled[i] || 0; });
    // Rows change places: the focus stays with what it was on.
    const focused = was && [...region.querySelectorAll(FOCUSABLE)].find((one) => name(one) === was);
    if (focused) focused.focus({ preventScroll: true });
  };

  const look = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const headers = { "tollgate-live": "1" };
      const signal = AbortSignal.timeout(10000);
      const answer = await fetch(location.href, { headers, signal, credentials: "same-origin", redirect: "manual" });
      // What is half written here is not to be lost.
      if (answer.type === "opaqueredirect") return say("The session is over: sign in in another window, or reload.");
      if (!answer.ok) return say("Not up to date: the gateway does not answer.");
      say("");
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const region of regions()) {
        const found = next.getElementById(region.id);
        if (found) replace(region, found);
      }
    } catch {
      say("Not up to date: the gateway does not answer.");
    } finally {
      busy = false;
    }
  };

  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
})();
