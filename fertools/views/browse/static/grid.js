// A grid of any number of faces that keeps only the visible cells in the document.

// Browsers limit the height of an element. A longer grid is scrolled by share of the scroll bar, and pixel by pixel
// for short moves of wheel and keys.
const MOST_PX = 8_000_000;
const WIDTH = 118;
const HEIGHT = 156;
const EXTRA_ROWS = 2;
const WAIT_MS = 50;

export class Grid {
  // `view` scrolls and holds `spacer`. `load(start)` gives a promise of a block of rows, `paint(cell, row)` draws one,
  // `open(row)` is called when one is chosen.
  constructor(view, spacer, block, { load, paint, open }) {
    Object.assign(this, { view, spacer, block, load, paint, open });
    this.total = 0;
    this.top = 0; // pixels from the top of the whole grid to the top of what is seen
    this.active = 0;
    this.selected = null;
    this.version = 0;
    this.blocks = new Map();
    this.cells = new Map();
    this.free = [];
    view.addEventListener("scroll", () => this.scrolled());
    view.addEventListener("keydown", (event) => this.pressed(event));
    new ResizeObserver(() => this.resized()).observe(view);
    this.resized();
  }

  reset(total) {
    this.version += 1;
    this.total = total;
    this.blocks.clear();
    this.active = 0;
    this.top = 0;
    this.measure();
    this.view.scrollTop = 0;
    this.seen = 0;
    for (const index of [...this.cells.keys()]) this.release(index);
    this.draw(true);
  }

  resized() {
    const first = Math.floor(this.top / HEIGHT) * (this.across || 1);
    this.across = Math.max(1, Math.floor(this.view.clientWidth / WIDTH));
    this.measure();
    this.move(Math.floor(first / this.across) * HEIGHT);
  }

  measure() {
    this.whole = Math.ceil(this.total / this.across) * HEIGHT;
    const height = Math.min(this.whole, MOST_PX);
    this.spacer.style.height = `${height}px`;
    this.lowest = Math.max(0, this.whole - this.view.clientHeight); // of `top`
    this.lowestSeen = Math.max(0, height - this.view.clientHeight); // of `scrollTop`
  }

  get scaled() {
    return this.whole > MOST_PX;
  }

  move(top) {
    this.top = Math.min(Math.max(0, top), this.lowest);
    this.view.scrollTop = this.scaled ? (this.top / this.lowest) * this.lowestSeen : this.top;
    this.seen = this.view.scrollTop;
    this.draw();
  }

  scrolled() {
    const now = this.view.scrollTop;
    const moved = now - this.seen;
    if (!moved) return;
    this.seen = now;
    const short = this.scaled && Math.abs(moved) < 2 * this.view.clientHeight;
    if (!this.scaled) this.top = now;
    else if (short && now > 0 && now < this.lowestSeen) this.top = Math.min(Math.max(0, this.top + moved), this.lowest);
    else this.top = (now / this.lowestSeen) * this.lowest;
    this.draw();
    clearTimeout(this.settling);
    // Bring the scroll bar to the place that short moves reached.
    if (short) this.settling = setTimeout(() => this.move(this.top), 200);
  }

  draw(atOnce = false) {
    const first = Math.max(0, Math.floor(this.top / HEIGHT) - EXTRA_ROWS) * this.across;
    const rows = Math.ceil(this.view.clientHeight / HEIGHT) + 2 * EXTRA_ROWS + 1;
    const end = Math.min(this.total, first + rows * this.across);
    for (const index of [...this.cells.keys()]) if (index < first || index >= end) this.release(index);
    const shift = this.view.scrollTop - this.top;
    const missing = new Set();
    const before = this.cells.size;
    for (let index = first; index < end; index++) {
      const row = this.row(index);
      if (row === undefined) missing.add(Math.floor(index / this.block));
      this.place(index, row, shift);
    }
    // Screen readers read the cells in the order of the document.
    if (this.cells.size > before)
      for (let index = first; index < end; index++) this.spacer.append(this.cells.get(index));
    this.view.toggleAttribute("aria-busy", missing.size > 0);
    clearTimeout(this.waiting);
    if (missing.size) {
      const ask = () => missing.forEach((number) => this.request(number));
      if (atOnce) ask();
      else this.waiting = setTimeout(ask, WAIT_MS);
    }
  }

  row(index) {
    const found = this.blocks.get(Math.floor(index / this.block));
    return Array.isArray(found) ? found[index % this.block] : undefined;
  }

  async request(number) {
    if (this.blocks.has(number)) return;
    const version = this.version;
    const promise = this.load(number * this.block);
    this.blocks.set(number, promise);
    if (this.blocks.size > 60) this.blocks.delete(this.blocks.keys().next().value);
    try {
      const rows = await promise;
      if (version === this.version) this.blocks.set(number, rows);
    } catch {
      if (version === this.version) this.blocks.delete(number);
      return;
    }
    if (version === this.version) this.draw();
  }

  place(index, row, shift) {
    let cell = this.cells.get(index);
    if (!cell) {
      cell = this.free.pop() || this.make();
      cell.hidden = false;
      cell.index = index;
      cell.id = `face-${index}`;
      cell.face = null;
      this.paint(cell, undefined);
      cell.setAttribute("aria-setsize", this.total);
      cell.setAttribute("aria-posinset", index + 1);
      this.cells.set(index, cell);
    }
    const x = (index % this.across) * WIDTH;
    const y = Math.floor(index / this.across) * HEIGHT + shift;
    cell.style.transform = `translate(${x}px, ${y}px)`;
    if (row && cell.face !== row.face_id) {
      cell.face = row.face_id;
      this.paint(cell, row);
    }
    cell.classList.toggle("active", index === this.active);
    cell.setAttribute("aria-selected", String(Boolean(row) && row.face_id === this.selected));
    if (index === this.active) this.view.setAttribute("aria-activedescendant", cell.id);
  }

  make() {
    const cell = document.createElement("div");
    cell.className = "cell";
    cell.setAttribute("role", "option");
    cell.style.width = `${WIDTH}px`;
    cell.style.height = `${HEIGHT}px`;
    cell.addEventListener("click", () => this.choose(cell.index));
    this.spacer.append(cell);
    return cell;
  }

  release(index) {
    const cell = this.cells.get(index);
    this.cells.delete(index);
    cell.hidden = true;
    cell.removeAttribute("id");
    if (index === this.active) this.view.removeAttribute("aria-activedescendant");
    this.free.push(cell);
  }

  choose(index) {
    this.active = index;
    const row = this.row(index);
    if (row) this.select(row.face_id);
    if (row) this.open(row);
  }

  select(face) {
    this.selected = face;
    this.draw();
  }

  pressed(event) {
    const page = Math.max(1, Math.floor(this.view.clientHeight / HEIGHT)) * this.across;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.across, ArrowUp: -this.across, PageDown: page, PageUp: -page };
    let next = this.active;
    if (event.key in steps) next += steps[event.key];
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = this.total - 1;
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!this.total) return;
    this.active = Math.min(Math.max(0, next), this.total - 1);
    const y = Math.floor(this.active / this.across) * HEIGHT;
    if (y < this.top) this.move(y);
    else if (y + HEIGHT > this.top + this.view.clientHeight) this.move(y + HEIGHT - this.view.clientHeight);
    else this.draw();
    if (event.key === "Enter" || event.key === " ") this.choose(this.active);
  }
}
