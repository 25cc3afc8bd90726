// What is wrong with the looks of a page, as a list of sentences: what its reader would have to scroll for, states that
// are told by a colour alone, and text that is hard to read on what is behind it (WCAG 2.1, 1.4.1 and 1.4.3).
(() => {
  const faults = [];
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than its window");
  const name = (e) => `${e.tagName.toLowerCase()} ${JSON.stringify(e.textContent.trim().slice(0, 40))}`;
  for (const state of document.querySelectorAll(".state")) {
    if (state.textContent.trim() === "") faults.push("a state has no word");
  }
  for (const meter of document.querySelectorAll("meter")) {
    if (!/\d/.test(meter.parentElement.innerText)) faults.push("a meter has no number beside it");
  }
  for (const table of document.querySelectorAll(".scroll")) {
    if (innerWidth >= 1280 && table.scrollWidth > table.clientWidth) faults.push(`${name(table)} is wider than its place`);
  }
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (colour.startsWith("rgb(")) return parts(colour);
    }
    return [255, 255, 255];
  };
  for (const e of document.querySelectorAll("body *")) {
    const hasText = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim() !== "");
    if (!hasText || e.getClientRects().length === 0 || ["SCRIPT", "NOSCRIPT", "CAPTION"].includes(e.tagName)) continue;
    const [one, other] = [light(parts(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) faults.push(`${name(e)} has a contrast of ${contrast.toFixed(2)}`);
  }
  return faults;
})()
