// Keeps the live parts of a page up to date while somebody looks at it. Without it pages say the same, once.
"use strict";
(() => {
  const EVERY_MS = 5000;
  const regions = () => [...document.querySelectorAll("[data-live]")];
  if (!regions().length) return;
  const FOCUSABLE = "a[href],button,input,select,textarea,summary,[tabindex]";
  let busy = false;

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
    const at = [...region.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    const scrolled = [...region.querySelectorAll(".wide")].map((one) => one.scrollLeft);
    region.replaceChildren(...next.cloneNode(true).childNodes);
    for (const one of region.querySelectorAll("details")) one.open = open.includes(one.id);
    region.querySelectorAll(".wide").forEach((one, i) => { one.scrollLeft = scrolled[i] || 0; });
    const focused = at >= 0 && region.querySelectorAll(FOCUSABLE)[at];
    if (focused) focused.focus({ preventScroll: true });
  };

  const look = async () => {
    if (busy || document.hidden) return;
    busy = true;
    try {
      const headers = { "tollgate-live": "1" };
      const answer = await fetch(location.href, { headers, credentials: "same-origin", redirect: "manual" });
      // The session is over: the page shows where to sign in.
      if (answer.type === "opaqueredirect") return location.reload();
      if (!answer.ok) return;
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const region of regions()) {
        const found = next.getElementById(region.id);
        if (found) replace(region, found);
      }
    } catch {
      // The gateway is away: what is shown is what was so when it was last there.
    } finally {
      busy = false;
    }
  };

  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
})();
