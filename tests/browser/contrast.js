/* What is wrong with the page as a person meets it: text fainter than WCAG 2.2 AA allows (1.4.3),
   icons that show their name instead of their picture, and controls without a name (4.1.2). */
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value, i) => (i < 3 ? value : value / 255));
  };
  const over = (top, under) => top.slice(0, 3).map((value, i) => value * top[3] + under[i] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, two) => {
    const [high, low] = [light(one), light(two)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] > 0) layers.push(color);
      if (color[3] === 1) break;
    }
    const base = document.documentElement.classList.contains("dark") ? [27, 26, 24] : [255, 255, 255];
    return layers.reverse().reduce((under, top) => over(top, under), base);
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getClientRects().length > 0;
  const off = (element) => element.closest('[aria-disabled="true"], :disabled, [inert]') !== null;
  const modal = document.querySelector("dialog[open]");
  const problems = new Set();

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || !seen(element) || off(element) || element.closest(".zf-vh, .zf-skip, option, script, style")) continue;
    if (modal && !modal.contains(element)) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const isIcon = element.classList.contains("material-symbols-outlined");
    const under = behind(element);
    const found = ratio(over(rgba(style.color), under), under);
    const needed = isLarge || isIcon ? 3 : 4.5;
    if (found < needed - 0.01) problems.add(`“${text.slice(0, 20)}” has ${found.toFixed(2)}:1`);
    if (isIcon) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      if (range.getBoundingClientRect().width > size * 1.3) problems.add(`icon ${text} is shown as a word`);
    }
  }

  const named = (element) =>
    element.getAttribute("aria-label") || element.textContent.trim() || element.title ||
    element.labels?.length || element.placeholder || element.getAttribute("aria-labelledby") || element.value;
  for (const element of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, [role="button"]')) {
    if (seen(element) && !named(element)) problems.add(`${element.outerHTML.slice(0, 90)} has no name`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids.filter((value, i) => ids.indexOf(value) !== i)) problems.add(`id ${id} stands twice`);
  return [...problems];
};
