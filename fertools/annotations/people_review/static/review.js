// The review page: pairs to decide, people to merge or split. Every decision is sent at once; an undo is one, too.

const byId = (id) => document.getElementById(id);
const made = []; // decisions that can be undone, the oldest first, with what they changed on the page
const earlier = []; // decisions that were made before the page was opened
const shown = { pairs: 0, people: 0 };
const MERGED = "Decided: one person with others";
const merging = new Map(); // faces of the people that are selected for a merge, by subject

// Not crypto.randomUUID: browsers have it only on pages of this machine, or with a certificate.
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

async function ask(path, content) {
  const options = content && {
    method: "POST",
    headers: { "content-type": "application/json", "x-fertools": "page" },
    body: JSON.stringify(content),
  };
  const answer = await fetch(path, options || undefined);
  const found = await answer.json().catch(() => ({ error: answer.statusText }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function say(text) {
  byId("status").textContent = text;
}

function element(name, values = {}, ...children) {
  const one = Object.assign(document.createElement(name), values);
  one.append(...children);
  return one;
}

function picture(face, text) {
  return element("img", { src: `/face/${face}`, alt: text, loading: "lazy", width: 96, height: 96 });
}

// Keep a decision for undo. One that was made before the page was opened can mark several cards.
function remember(id, restore) {
  const known = made.find((one) => one.id === id);
  if (known) known.restores.push(restore);
  else made.push({ id, restores: [restore] });
  const place = ({ id }) => earlier.findIndex((one) => one.id === id);
  const order = (one) => (place(one) < 0 ? earlier.length : place(one));
  made.sort((one, two) => order(one) - order(two));
  byId("undo").disabled = false;
}

// Return the newest earlier decision that fits, though `fertools identify` has not applied it yet.
function findEarlier(kind, fits) {
  return earlier.findLast((one) => one.kind === kind && fits(new Set(one.faces), new Set(one.others)));
}

const covers = (set, faces) => faces.every((face) => set.has(face));
const equals = (set, faces) => set.size === faces.length && covers(set, faces);
const count = (tracks) => (tracks === 1 ? "1 track" : `${tracks} tracks`);

async function decide(content, restore) {
  try {
    const { id } = await ask("/api/decide", { ...content, id: newId() });
    remember(id, restore);
    say("Saved. Run fertools identify again to apply it.");
    return true;
  } catch (error) {
    say(`Not saved: ${error.message}`);
    return false;
  }
}

async function undo() {
  const last = made.at(-1);
  try {
    await ask("/api/decide", { kind: "undo", target: last.id, id: newId() });
  } catch (error) {
    say(`Not undone: ${error.message}`);
    return;
  }
  made.pop();
  last.restores.forEach((restore) => restore());
  byId("undo").disabled = !made.length;
  say("The decision was undone.");
}

function pairCard(pair) {
  const [first, second] = pair.people;
  const sides = pair.people.map((person) =>
    element(
      "div",
      { className: "side" },
      element("h3", { textContent: person.subject }),
      element(
        "div",
        { className: "faces" },
        ...person.shown.map((face, n) => picture(face, `${person.subject}, track ${n + 1}`)),
      ),
    ),
  );
  const note = element("p", { className: "note", textContent: `Similarity ${pair.similarity.toFixed(3)}` });
  const open = note.textContent;
  const set = (disabled, words) => {
    card.classList.toggle("decided", disabled);
    buttons.forEach((one) => (one.disabled = disabled));
    note.textContent = words;
  };
  const reopen = () => set(false, open);
  const answers = { same: "Same person", different: "Two people" };
  const buttons = Object.entries(answers).map(([kind, text]) =>
    element("button", {
      type: "button",
      textContent: text,
      onclick: async () => {
        if (await decide({ kind, faces: first.faces, others: second.faces }, reopen))
          set(true, `Decided: ${text.toLowerCase()}`);
      },
    }),
  );
  const card = element(
    "article",
    { className: "card pair" },
    element("div", { className: "sides" }, ...sides),
    note,
    element("div", { className: "buttons" }, ...buttons),
  );
  for (const [kind, text] of Object.entries(answers)) {
    const known = findEarlier(kind, (faces, others) => equals(faces, first.faces) && equals(others, second.faces));
    if (!known) continue;
    set(true, `Decided: ${text.toLowerCase()}`);
    remember(known.id, reopen);
  }
  return card;
}

function personCard(person) {
  const selected = new Set();
  const split = element("button", { type: "button", textContent: "Split the selected pictures", disabled: true });
  const note = element("p", { className: "note", textContent: count(person.tracks.length) });
  const faces = person.tracks.map((track, n) => {
    const words = `${person.subject}, track ${n + 1}${track.unsure ? ", unsure" : ""}`;
    const one = element("button", { type: "button", title: words }, picture(track.face, words));
    one.setAttribute("aria-pressed", "false");
    one.classList.toggle("unsure", track.unsure);
    one.onclick = () => {
      const chosen = !selected.delete(track.face);
      if (chosen) selected.add(track.face);
      one.setAttribute("aria-pressed", String(chosen));
      split.disabled = !selected.size || selected.size === person.tracks.length;
    };
    return one;
  });
  const whole = person.tracks.map((track) => track.face);
  const box = element("input", { type: "checkbox" });
  box.onchange = () => {
    if (box.checked) merging.set(person.subject, { faces: whole, done });
    else merging.delete(person.subject);
    byId("merge").disabled = merging.size < 2;
  };
  const done = (words) => {
    card.classList.toggle("decided", Boolean(words));
    note.textContent = words || count(person.tracks.length);
    box.checked = false;
  };
  const apart = (some) => `Decided: ${some} of ${whole.length} tracks are somebody else`;
  split.onclick = async () => {
    const others = whole.filter((face) => !selected.has(face));
    if (await decide({ kind: "different", faces: [...selected], others }, () => done(""))) done(apart(selected.size));
  };
  const card = element(
    "article",
    { className: "card one" },
    element(
      "div",
      { className: "person" },
      element("h3", { textContent: person.subject }),
      element("label", {}, box, `Merge ${person.subject}`),
      note,
    ),
    element("div", { className: "faces" }, ...faces),
    element("div", { className: "buttons" }, split),
  );
  const known =
    findEarlier("different", (faces, others) => equals(new Set([...faces, ...others]), whole)) ||
    findEarlier("same", (faces, others) => {
      const all = new Set([...faces, ...others]);
      return all.size > whole.length && covers(all, whole);
    });
  if (known) {
    done(known.kind === "same" ? MERGED : apart(known.faces.length));
    remember(known.id, () => done(""));
  }
  return card;
}

async function merge() {
  const people = [...merging.values()];
  const [first, ...others] = people.map((one) => one.faces);
  const restore = () => people.forEach((one) => one.done(""));
  if (await decide({ kind: "same", faces: first, others: others.flat() }, restore)) {
    people.forEach((one) => one.done(MERGED));
    merging.clear();
    byId("merge").disabled = true;
  }
}

async function more(kind, card) {
  const found = await ask(`/api/${kind}?start=${shown[kind]}`);
  shown[kind] += found[kind].length;
  byId(`${kind}-list`).append(...found[kind].map(card));
  byId(`more-${kind}`).hidden = shown[kind] >= found.total;
  if (!found.total) byId(`${kind}-list`).textContent = "There is nothing to decide here.";
}

function show(kind) {
  for (const one of ["pairs", "people"]) {
    byId(one).hidden = one !== kind;
    byId(`show-${one}`).setAttribute("aria-pressed", String(one === kind));
  }
}

const settings = await ask("/api/settings");
earlier.push(...settings.decisions);
byId("workspace").textContent = `of ${settings.workspace}`;
byId("count-pairs").textContent = `(${settings.pairs})`;
byId("count-people").textContent = `(${settings.people})`;
byId("show-pairs").onclick = () => show("pairs");
byId("show-people").onclick = () => show("people");
byId("more-pairs").onclick = () => more("pairs", pairCard);
byId("more-people").onclick = () => more("people", personCard);
byId("undo").onclick = undo;
byId("merge").onclick = merge;
await more("pairs", pairCard);
await more("people", personCard);
