// What the parts of the page share.

export const byId = (id) => document.getElementById(id);

export async function ask(path, signal) {
  const answer = await fetch(path, { signal });
  const found = await answer.json().catch(() => ({ error: answer.statusText }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}

export function element(name, values = {}, ...children) {
  const one = Object.assign(document.createElement(name), values);
  one.append(...children);
  return one;
}

// The label of a face in one line.
export function nameOf(row) {
  if (row.status === "rejected") return `rejected: ${row.reason || "no reason"}`;
  const label = row.emotion || "no label";
  const plane = row.valence === null ? "" : ` ${signed(row.valence)} ${signed(row.arousal)}`;
  return `${row.interpolated ? "interpolated " : ""}${label}${plane}`;
}

function signed(value) {
  return value === null ? "?" : (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(2);
}
