// One face: its crop, its frame, its track as a film strip, and its columns.

import { ask, byId, element, nameOf } from "/static/page.js";

let asked = 0;
let shown = null;

// `only(changes)` filters the grid; a change is a pair of a condition and its value.
export async function showFace(row, { only, choose, marks }) {
  const turn = ++asked;
  shown = row.face_id;
  byId("detail").hidden = false;
  byId("crop").src = `/face/${row.face_id}`;
  byId("label").textContent = nameOf(row);
  byId("facts").replaceChildren();
  byId("only").replaceChildren();
  showFrame(marks);
  const [face, track] = await Promise.all([ask(`/api/face/${row.face_id}`), ask(`/api/track/${row.face_id}`)]);
  if (turn !== asked) return;
  const columns = face.row;
  const facts = [["source", face.source], ...Object.entries(columns)];
  byId("facts").replaceChildren(
    ...facts.flatMap(([name, value]) => [
      element("dt", { textContent: name }),
      element("dd", { textContent: wordsOf(value) }),
    ]),
  );
  const choices = [["Only this source", [["source", columns.source_id]]]];
  if (columns.subject_id) choices.unshift(["Only this person", [["subject", columns.subject_id]]]);
  if (columns.track_id !== undefined) {
    const limits = ["min", "max"].map((end) => [`${end}.track_id`, columns.track_id]);
    choices.push(["Only this track", [["source", columns.source_id], ...limits, ["order", "source"]]]);
  }
  byId("only").replaceChildren(
    ...choices.map(([words, changes]) =>
      element("button", { type: "button", textContent: words, onclick: () => only(changes) }),
    ),
  );
  byId("strip-section").hidden = columns.track_id === undefined;
  byId("track-title").textContent =
    track.faces.length < track.total ? `Track: ${track.faces.length} of ${track.total} faces` : `Track: ${track.total} faces`;
  byId("strip").replaceChildren(...track.faces.map((one) => frameOfStrip(one, row.face_id, choose)));
  byId("strip").querySelector('[aria-pressed="true"]')?.scrollIntoView({ inline: "center", block: "nearest" });
}

export function showFrame(marks) {
  const around = byId("whole").checked ? "" : "?around";
  const image = byId("frame");
  byId("frame-note").textContent = marks[0].toUpperCase() + marks.slice(1);
  image.hidden = false;
  image.onerror = async () => {
    image.hidden = true;
    const answer = await fetch(image.src).catch(() => null);
    const found = answer && !answer.ok ? await answer.json().catch(() => null) : null;
    byId("frame-note").textContent = found ? found.error : "The frame cannot be shown.";
  };
  image.src = `/media/frame/${shown}${around}`;
}

function frameOfStrip(one, current, choose) {
  const time = one.pts_s === null ? "" : `${one.pts_s.toFixed(2)} s`;
  const button = element(
    "button",
    { type: "button", onclick: () => choose(one) },
    element("img", { src: `/face/${one.face_id}`, alt: nameOf(one), loading: "lazy", width: 72, height: 72 }),
    element("span", { textContent: time }),
  );
  button.setAttribute("aria-pressed", String(one.face_id === current));
  return button;
}

function wordsOf(value) {
  if (Array.isArray(value)) return `[${value.map(wordsOf).join(", ")}]`;
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}
