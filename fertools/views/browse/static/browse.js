// The page of `fertools browse`. The address of the page holds the query, so that a link shows the same faces.

import { showFace, showFrame } from "/static/detail.js";
import { Grid } from "/static/grid.js";
import { ask, byId, element, nameOf } from "/static/page.js";

const settings = await ask("/api/settings");
const query = new URLSearchParams(location.search);
// At first, rejected faces are left out.
if (!location.search) query.set("status", "kept");
let asking = new AbortController();
let typing;

const TITLES = { subject: "Person" };
const titleOf = (name) => TITLES[name] || name[0].toUpperCase() + name.slice(1);

const grid = new Grid(byId("grid"), byId("spacer"), settings.block, {
  load: (start) => ask(`/api/rows?${query}&start=${start}`),
  paint: paintCell,
  open: openFace,
});

function paintCell(cell, row) {
  if (!cell.firstChild)
    cell.append(element("img", { alt: "" }), element("span"), element("span", { className: "second" }));
  const [image, first, second] = cell.children;
  image.removeAttribute("src");
  first.textContent = second.textContent = "";
  cell.setAttribute("aria-label", "loading");
  if (!row) return;
  image.src = `/face/${row.face_id}`;
  first.textContent = nameOf(row);
  first.classList.toggle("rejected", row.status === "rejected");
  const order = query.get("order");
  const sorted = order in settings.limits && row[order] !== null ? `${order} ${Number(row[order].toPrecision(4))}` : "";
  const time = row.pts_s === null ? "" : `${row.pts_s.toFixed(2)} s`;
  second.textContent = sorted || [row.subject_id || "unknown", time].filter(Boolean).join(" · ");
  cell.setAttribute("aria-label", `${first.textContent}, ${second.textContent}`);
}

function openFace(row) {
  const choose = (one) => {
    grid.select(one.face_id);
    openFace(one);
  };
  showFace(row, { only, choose, marks: settings.marks }).catch(fail);
}

function only(changes) {
  for (const name of new Set(changes.map(([name]) => name))) query.delete(name);
  for (const [name, value] of changes) query.append(name, value);
  apply();
}

function fail(error) {
  if (error.name !== "AbortError") byId("status").textContent = error.message;
}

async function apply() {
  asking.abort();
  asking = new AbortController();
  history.replaceState(null, "", `?${query}`);
  byId("stats").href = `/stats?${query}`;
  try {
    const found = await ask(`/api/find?${query}`, asking.signal);
    byId("status").textContent = `${found.total.toLocaleString("en")} of ${settings.faces.toLocaleString("en")} faces`;
    byId("nothing").hidden = found.total > 0;
    showTexts(found);
    showRanges();
    grid.reset(found.total);
  } catch (error) {
    fail(error);
  }
}

function showTexts(found) {
  // The focus stays on the box that was just changed.
  const focused = document.activeElement?.dataset?.key;
  byId("texts").replaceChildren(...settings.texts.map((name) => textCondition(name, found)).filter(Boolean));
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function textCondition(name, found) {
  const chosen = query.getAll(name);
  const values = found.counts[name];
  // A condition with one value chooses nothing.
  if (values.length < 2 && !chosen.length) return null;
  const listed = [...chosen.filter((one) => !values.some(([value]) => value === one)).map((one) => [one, 0]), ...values];
  const boxes = listed.map(([value, count]) => {
    const box = element("input", { type: "checkbox", checked: chosen.includes(value) });
    box.dataset.key = `${name}=${value}`;
    box.onchange = () => {
      if (box.checked) query.append(name, value);
      else query.delete(name, value);
      apply();
    };
    const words = name === "source" ? (found.sources[value] || value).split("/").at(-1) : value;
    return element(
      "label",
      { className: "value", title: name === "source" ? found.sources[value] || value : "" },
      box,
      element("span", { textContent: words }),
      element("span", { className: "count", textContent: count.toLocaleString("en") }),
    );
  });
  const parts = [element("legend", { textContent: titleOf(name) }), ...boxes];
  if (values.length >= settings.listed) parts.push(anotherValue(name));
  return element("fieldset", {}, ...parts);
}

// Of a column with many values only the most frequent are listed; another one is typed.
function anotherValue(name) {
  const field = element("input", { type: "text", placeholder: "another one, then Enter" });
  field.setAttribute("aria-label", `${titleOf(name)}: another one`);
  field.dataset.key = `${name}+`;
  field.onkeydown = (event) => {
    const value = field.value.trim();
    if (event.key !== "Enter" || !value || query.getAll(name).includes(value)) return;
    query.append(name, value);
    apply();
  };
  return field;
}

function makeRanges() {
  const rows = Object.entries(settings.limits).map(([column, [low, high]]) => {
    const fields = [
      ["min", low, "lowest"],
      ["max", high, "highest"],
    ].map(([end, limit, words]) => {
      const field = element("input", { type: "number", step: "any", placeholder: Number(limit.toPrecision(3)) });
      field.setAttribute("aria-label", `${column}, ${words} value`);
      field.dataset.key = `${end}.${column}`;
      field.oninput = () => {
        if (field.value === "") query.delete(field.dataset.key);
        else query.set(field.dataset.key, field.value);
        clearTimeout(typing);
        typing = setTimeout(apply, 150);
      };
      return field;
    });
    return element("div", { className: "range" }, element("span", { textContent: column }), ...fields);
  });
  byId("ranges").replaceChildren(...rows);
}

function showRanges() {
  for (const field of byId("ranges").querySelectorAll("input"))
    if (field !== document.activeElement) field.value = query.get(field.dataset.key) ?? "";
  byId("track").hidden = !query.has("min.track_id") || query.get("min.track_id") !== query.get("max.track_id");
}

byId("workspace").textContent = `of ${settings.workspace}`;
byId("order").append(
  ...settings.orders.map((name) =>
    element("option", { value: name, textContent: settings.texts.includes(name) ? titleOf(name) : name }),
  ),
);
byId("order").value = query.get("order") || "emotion";
byId("descending").checked = query.has("descending");
byId("order").onchange = () => {
  query.set("order", byId("order").value);
  apply();
};
byId("descending").onchange = () => {
  if (byId("descending").checked) query.set("descending", "");
  else query.delete("descending");
  apply();
};
byId("clear").onclick = () => {
  for (const name of new Set(query.keys())) if (name !== "order" && name !== "descending") query.delete(name);
  apply();
};
byId("leave-track").onclick = () => {
  query.delete("min.track_id");
  query.delete("max.track_id");
  apply();
};
byId("close").onclick = () => {
  byId("detail").hidden = true;
  grid.select(null);
  byId("grid").focus();
};
byId("whole").onchange = () => showFrame(settings.marks);
// On a narrow page the conditions would hide the faces.
if (matchMedia("(max-width: 60rem)").matches) byId("conditions").open = false;
makeRanges();
await apply();
