/* What the console adds to unfold's scripts: dialogs, following an order, keys, small comforts.
   Loaded in the head on every page. No data ever comes through an attribute that is evaluated. */
(() => {
  "use strict";
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const words = () => one("#zf-words")?.dataset ?? {};

  // --- countdowns ---------------------------------------------------------------------------
  const inWords = (seconds) => {
    const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { style: "short" });
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      if (seconds >= 2 * size) return relative.format(Math.floor(seconds / size), unit);
    }
    return relative.format(seconds, "second");
  };
  const tick = () => {
    for (const time of all("time[data-countdown]")) {
      const left = Math.round((new Date(time.dateTime) - Date.now()) / 1000);
      const said = left > 0 ? inWords(left) : words().now ?? "";
      if (time.textContent !== said) time.textContent = said;
    }
  };

  // --- the dialog ---------------------------------------------------------------------------
  const dialog = () => one("#zf-dialog");
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "zf-dialog-body" && !dialog().open) dialog().showModal();
    if (event.target.id === "zf-dialog-body") one("[autofocus]", event.target)?.focus();
  });
  document.addEventListener("zf-done", (event) => {
    dialog()?.close();
    if (event.detail?.said) say(event.detail.said);
  });
  // What may be seen once does not stay behind a closed dialog.
  document.addEventListener("close", (event) => {
    if (event.target.id === "zf-dialog") one("[data-once]", event.target)?.remove();
  }, true);
  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("dialog");
    if (event.target.closest?.("[data-close]") || event.target === box) box?.close();
    const fill = event.target.closest?.("[data-fill]");
    if (fill) {
      const input = document.getElementById(fill.dataset.for);
      input.value = fill.dataset.fill;
      input.focus();
    }
  });
  const say = (text) => {
    let box = one("#zf-toasts");
    if (!box) {
      box = Object.assign(document.createElement("div"), { id: "zf-toasts", className: "zf-toasts" });
      box.setAttribute("role", "status");
      document.body.append(box);
    }
    const line = Object.assign(document.createElement("p"), { textContent: text });
    box.append(line);
    setTimeout(() => line.remove(), 4000);
  };
  const trouble = () => say(words().trouble ?? "");
  document.addEventListener("htmx:responseError", trouble);
  document.addEventListener("htmx:sendError", (event) => {
    if (event.target.id !== "zf-live") trouble();
  });

  // --- following an order: polls pause in hidden tabs, focus survives a swap -----------------
  document.addEventListener("htmx:beforeRequest", (event) => {
    const isPoll = event.target.id === "zf-live" && !event.detail.requestConfig?.triggeringEvent;
    if (isPoll && document.hidden) event.preventDefault();
  });
  // A swap between the press and the release of a button would swallow the click: it is put off.
  let isHeld = false, isPutOff = false;
  document.addEventListener("pointerdown", (event) => { isHeld = Boolean(event.target.closest?.("#zf-live")); });
  for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => {
    if (isPutOff) setTimeout(() => htmx.trigger(document.body, "zf-seen"));
    isHeld = isPutOff = false;
  });
  let focused = "";
  document.addEventListener("htmx:beforeSwap", (event) => {
    const here = document.activeElement;
    if (event.target.id !== "zf-live") return;
    if (isHeld) { event.detail.shouldSwap = false; isPutOff = true; return; }
    if (!here || !event.target.contains(here)) return;
    focused = here.id || here.closest("[id]:not(#zf-live)")?.id || "";
  });
  document.addEventListener("htmx:afterSettle", () => {
    tick();
    name();
    const target = focused && document.getElementById(focused);
    focused = "";
    if (target) (target.matches("a[href],button,summary,[tabindex]") ? target : one("a[href],button,summary", target))?.focus();
  });

  // --- lists --------------------------------------------------------------------------------
  const rows = () => all("#result_list tbody tr");
  const here = () => rows().findIndex((row) => row.classList.contains("is-here"));
  const go = (index) => {
    const list = rows();
    if (!list.length) return;
    const row = list[Math.max(0, Math.min(index, list.length - 1))];
    list.forEach((other) => other.classList.toggle("is-here", other === row));
    row.scrollIntoView({ block: "nearest" });
    one("a[href]", row)?.focus({ preventScroll: true });
  };
  const boxes = () => all('#result_list tbody input[type="checkbox"]');
  const picked = () => {
    const bar = one("#zf-picked");
    if (!bar) return;
    const count = boxes().filter((box) => box.checked).length;
    bar.hidden = count === 0;
    one("#zf-picked-count").textContent = bar.dataset.said.replace("#", count);
    const every = one("#zf-every");
    every.checked = count > 0 && count === boxes().length;
    every.indeterminate = count > 0 && !every.checked;
  };
  document.addEventListener("change", (event) => {
    if (event.target.id === "zf-every") boxes().forEach((box) => { box.checked = event.target.checked; });
    if (event.target.closest("#result_list")) picked();
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("#result_list tbody tr");
    if (row && !event.target.closest("a,button,input,label") && !String(getSelection())) one("a[href]", row)?.click();
    const day = event.target.closest?.("[data-from]");
    if (day) {
      one('[name="from"]', day.form).value = day.dataset.from;
      one('[name="to"]', day.form).value = day.dataset.to;
      day.form.requestSubmit();
    }
    const open = one("details.zf-filters[open]");
    if (open && !event.target.closest?.("details.zf-filters")) open.open = false;
  });
  // Empty fields would only make the address long.
  document.addEventListener("submit", (event) => {
    if (event.target.getAttribute("method") === "get") all("input,select", event.target).forEach((field) => { if (!field.value) field.disabled = true; });
    else if (!event.target.hasAttribute("hx-post")) all('button[type="submit"]', event.target).forEach((button) => setTimeout(() => { button.disabled = true; }));
  });
  window.addEventListener("pageshow", () => all("form input:disabled,form select:disabled,form button:disabled").forEach((field) => { field.disabled = false; }));

  // --- a group's rates ----------------------------------------------------------------------
  const addUp = () => {
    const total = one("#zf-total");
    if (!total) return;
    const parts = all("input[data-rate]").map((input) => Math.round(Number(input.value.replace("%", "")) * 100));
    const sum = parts.reduce((left, right) => left + right, 0);
    total.textContent = Number.isFinite(sum) ? String(sum / 100) : "?";
    total.parentElement.classList.toggle("is-wrong", !(sum <= 10000));
  };
  document.addEventListener("input", (event) => { if (event.target.matches("[data-rate]")) addUp(); });

  // --- copying ------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say(words().copied ?? "");
    } catch {
      trouble();
    }
  });

  // --- keys ---------------------------------------------------------------------------------
  const typing = (element) => element?.matches?.("input:not([type=checkbox]),textarea,select,[contenteditable]");
  const keys = {
    j: () => go(here() + 1),
    k: () => go(here() - 1),
    x: () => { const row = rows()[here()]; const box = row && one('input[type="checkbox"]', row); if (box) { box.checked = !box.checked; picked(); } },
    n: () => one("#zf-next")?.click(),
    p: () => one("#zf-previous")?.click(),
    f: () => { const box = one("details.zf-filters"); if (box) { box.open = true; one("input,select", box)?.focus(); } },
    "/": () => { const box = one("#searchbar"); box?.focus(); box?.select(); },
    "?": () => one("#zf-keys")?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { const open = one("details.zf-filters[open]"); if (open) { open.open = false; one("summary", open).focus(); } }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || one("dialog[open]")) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // --- unfold's clickable spans get a role, a name and keys ------------------------------------
  const NAMES = { dock_to_right: "sidebar", close: "close", light_mode: "light", dark_mode: "dark" };
  const native = "a[href],button,input,select,textarea,summary,[tabindex]";
  const name = () => {
    for (const button of all(".zf-copy:not([aria-label])")) button.setAttribute("aria-label", words().copy ?? "");
    for (const box of all(".select2-selection:not([aria-label]), .select2-selection__rendered:not([aria-label])")) {
      const label = box.closest(".select2")?.previousElementSibling?.labels?.[0];
      if (label) { box.setAttribute("aria-label", label.textContent.trim()); box.removeAttribute("aria-labelledby"); }
    }
    for (const link of all("a[href]:not([aria-label])")) {
      if (link.textContent.trim()) continue;
      const said = one("[title]", link)?.title || (one("img", link) && words().home);
      if (said) link.setAttribute("aria-label", said);
    }
    for (const element of all("[x-on\\:click]")) {
      if (element.matches(native) || element.matches("#changelist-filter-close,form,template")) continue;
      element.setAttribute("role", "button");
      element.tabIndex = 0;
      const icon = element.textContent.trim();
      if (NAMES[icon]) element.setAttribute("aria-label", words()[NAMES[icon]] ?? icon);
      element.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); element.click(); }
      });
    }
  };
  document.addEventListener("DOMContentLoaded", () => {
    name();
    tick();
    setInterval(tick, 1000);
    // Django's date widgets draw their links when everything is loaded. From then on all of it
    // listens: htmx and Alpine have set up before, and who waits for the page can see it.
    window.addEventListener("load", () => setTimeout(() => {
      name();
      document.documentElement.dataset.zfReady = "";
    }));
    one("#content")?.setAttribute("role", "main");
    one("#header-inner")?.setAttribute("role", "banner");
    one("#nav-sidebar-inner")?.setAttribute("aria-label", words().sections ?? "");
    one("#search-input-command")?.setAttribute("aria-label", words().search ?? "");
    one("#command-submit")?.setAttribute("aria-label", words().search ?? "");
  });
})();
