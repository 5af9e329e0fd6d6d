// The customer's page: choose, hand over to the wallet, and follow the order until it has ended.
// It believes nobody but the server: what a wallet tells the browser only makes it ask sooner.
"use strict";

(() => {
  const page = document.querySelector(".co[data-order]");
  if (!page) return;
  const { order, kind, env, type, openid } = page.dataset;
  const find = (selector) => page.querySelector(selector);
  const words = document.querySelector("template[data-words]").content;
  const word = (name) => words.querySelector(`[data-word="${name}"]`).textContent;
  const ENDED = ["paid", "closed", "expired", "failed"];
  const BRISK_MS = 2000;
  const CALM_MS = 5000;

  let deadline = performance.now() + Number(page.dataset.left) * 1000;
  let failures = 0;
  let timer = 0;
  let link = "";
  let isBusy = false;

  // --- what is shown ---------------------------------------------------------------------------

  const view = () => page.dataset.view;
  const ended = () => ENDED.includes(view());

  function show(name) {
    if (view() === name) return;
    page.dataset.view = name;
    find(`[data-show="${name}"] h1[tabindex]`)?.focus();
    tick();
  }

  function say(text) {
    const place = find("[data-say]");
    place.textContent = text || "";
    place.hidden = !text;
  }

  function tick() {
    const left = Math.max(0, Math.round((deadline - performance.now()) / 1000));
    find("[data-time]").hidden = ended();
    const two = (number) => String(number).padStart(2, "0");
    const hours = Math.floor(left / 3600);
    const rest = `${two(Math.floor((left % 3600) / 60))}:${two(left % 60)}`;
    find("[data-clock]").textContent = hours ? `${hours}:${rest}` : rest;
  }

  // --- following the order ---------------------------------------------------------------------

  function later(wait) {
    clearTimeout(timer);
    if (!ended()) timer = setTimeout(ask, wait);
  }

  async function ask() {
    if (document.hidden) return later(CALM_MS);
    try {
      const query = new URLSearchParams({ orderNo: order });
      const said = await answer(await fetch(`${page.dataset.orderUrl}?${query}`, { cache: "no-store" }));
      failures = 0;
      take(said);
    } catch {
      failures += 1;
    }
    find("[data-offline]").hidden = failures < 3;
    later(failures ? Math.min(30000, BRISK_MS * 2 ** failures) : view() === "choose" ? CALM_MS : BRISK_MS);
  }

  function take(told) {
    deadline = performance.now() + told.leftSeconds * 1000;
    if (!ENDED.includes(told.status)) return;
    const saw = page.dataset.status;
    page.dataset.status = told.status;
    say("");
    show(told.status);
    if (told.status === "paid" && told.returnUrl) goBack(told.returnUrl, saw !== "paid");
  }

  // Only who has just paid is sent on by itself; a paid order opened again stays where it is.
  function goBack(url, isFresh) {
    const button = find("[data-return]");
    button.href = url;
    button.hidden = false;
    if (!isFresh) return;
    let left = 3;
    find("[data-jump]").hidden = false;
    const count = setInterval(() => {
      left -= 1;
      find("[data-jump-left]").textContent = String(left);
      if (left <= 0) {
        clearInterval(count);
        window.location.assign(url);
      }
    }, 1000);
  }

  async function answer(response) {
    const body = await response.json();
    if (body.code !== 0) throw Object.assign(new Error(body.message), { isTold: true });
    return body.data;
  }

  // --- paying ----------------------------------------------------------------------------------

  async function pay(item) {
    if (isBusy) return;
    isBusy = true;
    const button = find("[data-pay]");
    const label = button?.textContent;
    if (button) {
      button.setAttribute("aria-disabled", "true");
      button.textContent = word("busy");
    }
    say("");
    try {
      const response = await fetch(page.dataset.payUrl, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          orderNo: order, clientEnv: env,
          ...(openid ? { openId: openid } : {}),
          ...(kind === "cashier" ? { itemId: item, cashierType: type } : {}),
        }),
      });
      handOver(await answer(response));
    } catch (error) {
      say(error.isTold ? error.message : word("failed"));
    } finally {
      isBusy = false;
      if (button) {
        button.removeAttribute("aria-disabled");
        button.textContent = label;
      }
      later(0);
    }
  }

  function handOver({ payBody, payBodyType }) {
    if (payBodyType === "qr_code") return showCode();
    if (payBodyType === "link") return open(payBody);
    if (payBodyType === "jsapi" && env === "wechat") return payInWechat(JSON.parse(payBody));
    if (payBodyType === "identifier" && env === "alipay") return payInAlipay(payBody);
    if (payBody) say(word("unsupported"));
  }

  function showCode() {
    const picture = find("[data-qr]");
    picture.src = `${page.dataset.qrUrl}?${Date.now()}`;
    find("[data-qr-hint]").textContent = word(type === "web" ? "scan-desktop" : "scan-phone");
    show("qr");
  }

  function open(url) {
    link = url;
    show("away");
    window.location.assign(url);
  }

  function payInWechat(params) {
    bridge("WeixinJSBridge", "WeixinJSBridgeReady", (wallet) =>
      wallet.invoke("getBrandWCPayRequest", params, (result) =>
        told(/:ok$/.test(result.err_msg || ""))));
  }

  function payInAlipay(tradeNo) {
    bridge("AlipayJSBridge", "AlipayJSBridgeReady", (wallet) =>
      wallet.call("tradePay", { tradeNO: tradeNo }, (result) =>
        told(["9000", "8000", "6004"].includes(String(result.resultCode)))));
  }

  function bridge(name, ready, use) {
    if (window[name]) use(window[name]);
    else document.addEventListener(ready, () => use(window[name]), { once: true });
  }

  function told(isDone) {
    if (!isDone) say(word("cancelled"));
    later(0);
  }

  // --- the start -------------------------------------------------------------------------------

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    pay(new FormData(event.target).get("item"));
  });
  find("[data-again]").addEventListener("click", () => window.location.assign(link));
  for (const name of ["visibilitychange", "pageshow", "online"]) {
    (name === "pageshow" || name === "online" ? window : document).addEventListener(name, () => {
      if (!document.hidden) later(0);
    });
  }
  if (view() === "qr") showCode();
  tick();
  setInterval(tick, 1000);
  later(page.dataset.status === "paying" ? 0 : CALM_MS);
  const isInWallet = kind === "aggregate" && (env === "wechat" || env === "alipay");
  if (isInWallet && view() === "choose" && page.dataset.status === "wait_pay" && find("[data-pay]")) pay("");
  document.documentElement.dataset.zfReady = "";
})();
