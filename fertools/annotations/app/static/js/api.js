// Requests to the server. An unreachable server and a refused request raise different errors.
// Every request carries the identity of the log, and the rater's code if raters have codes.

const about = new Map();

/** Send a header with every request from now on; null removes it. */
export function sendAlways(header, value) {
  if (value) about.set(header, value);
  else about.delete(header);
}

export class Unreachable extends Error {}

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw new Unreachable(String(error));
  }
  let content = null;
  try {
    content = await response.json();
  } catch {
    // The response is cut off, or it is a refusal in plain text.
    if (response.ok) throw new Unreachable("the response was cut off");
  }
  if (!response.ok) throw new Refused(response.status, content?.error ?? `the server responded with ${response.status}`);
  return content;
}

export function get(path, values = {}) {
  const query = new URLSearchParams(values).toString();
  return ask(query ? `${path}?${query}` : path, { headers: { accept: "application/json", ...Object.fromEntries(about) } });
}

export function post(path, content, options = {}) {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-fertools": "page", ...Object.fromEntries(about) },
    body: JSON.stringify(content),
    ...options,
  });
}
