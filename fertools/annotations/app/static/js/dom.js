// Create elements, and announce sentences to screen readers.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return an HTML element; attributes such as `onclick` are listeners. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export const byId = (id) => document.getElementById(id);

/** Announce a sentence to screen readers. */
export function tell(sentence) {
  const place = byId("told");
  // A repeated sentence is announced only if its text changes.
  place.textContent = place.textContent === sentence ? `${sentence}\u00a0` : sentence;
}

/** Return a value as text with a sign and two decimals, with a real minus. */
export function signed(value) {
  const text = Math.abs(value).toFixed(2);
  if (text === "0.00") return text;
  return (value < 0 ? "\u2212" : "+") + text;
}

/** Return seconds as minutes and seconds with one decimal. */
export function clock(seconds) {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
}

/** Whether the device is used by touch; hints then name buttons instead of keys. */
export const byTouch = matchMedia("(hover: none) and (pointer: coarse)").matches;
