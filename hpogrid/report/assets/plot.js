// A plot: marks on a canvas, axes above it as SVG. It is drawn anew when its size, the theme or
// the selection changes.

const plots = [];
const tip = document.getElementById("tip");

class Plot {
  constructor(parent, { height, label, x = null, y = null, margin = {}, zooms = false, draw }) {
    Object.assign(this, { height, x, y, zooms, draw });
    this.name = `${parent.closest("section")?.id} ${label}`;
    this.wanted = null; // what a zoom is to show, once there are axes
    this.margin = { left: 64, right: 16, top: 12, bottom: 44, ...margin };
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.svg = make("svg", { role: "img", "aria-label": label });
    this.box = make("div", { class: "plot", style: `height:${height}px` }, this.canvas, this.svg);
    this.points = []; // [x pixel, y pixel, row or text] of what can be pointed at
    this.drawn = 0; // how many marks were drawn the last time
    parent.append(this.box);
    this.svg.addEventListener("pointermove", (event) => this.hover(event));
    this.svg.addEventListener("pointerleave", () => (tip.hidden = true));
    this.svg.addEventListener("click", (event) => this.click(event));
    this.svg.addEventListener("pointerdown", (event) => this.startZoom(event));
    this.svg.addEventListener("dblclick", () => this.setZoom(null));
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.box);
    plots.push(this);
  }

  redraw() {
    const width = this.box.clientWidth;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    this.width = width;
    this.canvas.width = width * scale;
    this.canvas.height = this.height * scale;
    this.pen = this.canvas.getContext("2d");
    this.pen.scale(scale, scale);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.replaceChildren();
    this.points = [];
    this.drawn = 0;
    this.draw(this);
    this.box.dataset.drawn = this.drawn;
  }

  get area() {
    const { left, right, top, bottom } = this.margin;
    return { left, top, right: this.width - right, bottom: this.height - bottom };
  }

  px(place) {
    const { left, right } = this.area;
    return left + ((place - this.x.low) / (this.x.high - this.x.low)) * (right - left);
  }

  py(place, { low, high } = this.y) {
    const { top, bottom } = this.area;
    return bottom - ((place - low) / (high - low)) * (bottom - top);
  }

  // A line of the grid lies behind the marks, so it must be drawn before them.
  gridLine(x1, y1, x2, y2, dash = []) {
    stroke(this.pen, [[[x1, y1], [x2, y2]]], { color: color("grid"), dash });
  }

  line(x1, y1, x2, y2, kind) {
    this.svg.append(make("line", { x1, y1, x2, y2, class: kind }));
  }

  text(x, y, label, anchor = "start", kind = "", most = 40) {
    const short = shorten(label, most);
    const node = make("text", { x, y, "text-anchor": anchor, class: kind }, short);
    if (short !== label) node.append(make("title", {}, label));
    this.svg.append(node);
    return node;
  }

  frame({ pad = 0.04, xName = this.x.name, yName = this.y.name, lane = false } = {}) {
    this.x = padded(this.x, pad);
    this.y = padded(this.y, pad);
    if (lane) this.y = within(this.y, [this.y.low - 0.1 * (this.y.high - this.y.low), this.y.high]);
    if (this.wanted) this.markZoom(this.placesOf(this.wanted));
    if (this.zoom) [this.x, this.y] = [this.x, this.y].map((axis, side) => within(axis, this.zoom[side]));
    this.margin = { ...this.margin, bottom: this.aslant ? 96 : 44 };
    const each = this.y.scale === "category" ? 20 : 45;
    const upTicks = this.y.empty ? [] : this.y.ticks(Math.max(3, Math.floor((this.area.bottom - this.area.top) / each)));
    if (this.y.scale !== "category") this.margin.left = Math.max(this.margin.left, Math.min(140, 30 + roomFor(upTicks)));
    const { left, right, top, bottom } = this.area;
    let last = -Infinity;
    const room = this.x.scale === "category" && !this.aslant ? (right - left) / this.x.categories.length : 0;
    const most = Math.max(12, Math.floor(room / 7.5));
    for (const [place, label] of this.x.ticks(Math.max(3, Math.floor((right - left) / 80)))) {
      const at = this.px(place);
      this.gridLine(at, top, at, bottom);
      const half = this.aslant ? 7 : Math.min(label.length, most) * 3.4;
      if (at - half <= last + (this.aslant ? 0 : 10)) continue;
      last = at + half;
      if (this.aslant) {
        const text = this.text(0, 0, label, "end", "", 12);
        text.setAttribute("transform", `translate(${at + 4} ${bottom + 14}) rotate(-35)`);
      } else this.text(at, bottom + 16, label, "middle", "", most);
    }
    for (const [place, label] of upTicks) {
      this.gridLine(left, this.py(place), right, this.py(place));
      this.text(left - 7, this.py(place) + 4, label, "end", "", Math.max(9, Math.floor((left - 20) / 7)));
    }
    this.text((left + right) / 2, this.height - 8, xName, "middle", "name", Math.floor((right - left) / 7.5));
    const name = this.text(0, 0, yName, "middle", "name", Math.floor((bottom - top) / 7.5));
    name.setAttribute("transform", `translate(13 ${(top + bottom) / 2}) rotate(-90)`);
  }

  // Names of categories that have no room beside each other are written aslant.
  get aslant() {
    if (this.x.scale !== "category") return false;
    const { left, right } = this.area;
    const longest = Math.max(0, ...this.x.categories.map((label) => Math.min(label.length, 12)));
    return this.x.categories.length * (longest * 6.8 + 10) > right - left;
  }

  // What is drawn from now on stays inside the axes.
  clip() {
    const { left, right, top, bottom } = this.area;
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(left - 4, top - 4, right - left + 8, bottom - top + 8);
    this.pen.clip();
  }

  inside(x, y) {
    const { left, right, top, bottom } = this.area;
    return x >= left - 4 && x <= right + 4 && y >= top - 4 && y <= bottom + 4;
  }

  // A mark for a trial without a result, at the edge: a cross, which no other mark is.
  cross(x, y, row) {
    if (this.zooms && !this.inside(x, y)) return;
    this.crossLines(x, y, 3.5, color(selection.mask[row] ? "failed" : "dim"), 1.5);
    if (row === selection.focus) this.ring(x, y);
    this.points.push([x, y, row]);
    this.drawn++;
  }

  crossLines(x, y, half, color, width) {
    stroke(this.pen, [-half, half].map((side) => [[x - half, y - side], [x + half, y + side]]), { color, width });
  }

  // Dragging draws a frame, which the plot then shows; a double click shows all again.
  startZoom(event) {
    if (!this.zooms || event.pointerType === "touch") return;
    const box = this.svg.getBoundingClientRect();
    const { left, right, top, bottom } = this.area;
    const at = (pointer) => [
      Math.min(Math.max(pointer.clientX - box.left, left), right),
      Math.min(Math.max(pointer.clientY - box.top, top), bottom),
    ];
    const [x1, y1] = at(event);
    const frame = make("rect", { class: "brush" });
    const move = (pointer) => {
      const [x2, y2] = at(pointer);
      const sizes = { x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1) };
      for (const [name, value] of Object.entries(sizes)) frame.setAttribute(name, value);
      if (!frame.isConnected) this.svg.append(frame);
    };
    const end = (pointer) => {
      frame.remove();
      const [x2, y2] = at(pointer);
      if (Math.abs(x2 - x1) < 8 || Math.abs(y2 - y1) < 8) return;
      const back = (pixel, axis, from, to) => axis.low + ((pixel - from) / (to - from)) * (axis.high - axis.low);
      const sorted = (a, b) => [Math.min(a, b), Math.max(a, b)];
      this.setZoom([
        sorted(back(x1, this.x, left, right), back(x2, this.x, left, right)),
        sorted(back(y1, this.y, bottom, top), back(y2, this.y, bottom, top)),
      ]);
    };
    follow(move, end);
  }

  setZoom(zoom) {
    if (!zoom && !this.zoom) return;
    this.markZoom(zoom);
    this.redraw();
  }

  // What a zoom shows, in values: other axes have them in other places.
  seen() {
    if (!this.zoom) return this.wanted;
    const values = (axis, places) => (axis.scale === "category" ? places : places.map((place) => axis.valueAt(place)));
    return [values(this.x, this.zoom[0]), values(this.y, this.zoom[1])];
  }

  placesOf(seen) {
    const places = (axis, values) => (axis.scale === "category" ? values : values.map((value) => axis.placeOf(value)));
    const found = [places(this.x, seen[0]), places(this.y, seen[1])];
    return found.flat().every(Number.isFinite) ? found : null;
  }

  markZoom(zoom) {
    this.wanted = null;
    this.zoom = zoom;
    this.back ??= make("button", { type: "button", class: "whole", onclick: () => this.setZoom(null) }, "Show all");
    if (zoom) this.box.append(this.back);
    else this.back.remove();
    this.box.dataset.zoomed = zoom ? "yes" : "";
  }

  dot(x, y, row, fill, { hollow, emphasis, outlined }) {
    const pen = this.pen;
    if (this.zooms && !this.inside(x, y)) return;
    pen.lineWidth = 1;
    const inside = selection.mask[row];
    pen.beginPath();
    pen.arc(x, y, emphasis ? 5 : count > 2000 ? 2 : 3.2, 0, 7);
    pen.fillStyle = pen.strokeStyle = inside ? fill : color("dim");
    if (hollow) pen.stroke();
    else pen.fill();
    if (outlined) {
      pen.strokeStyle = color("text");
      pen.globalAlpha = 0.55;
      pen.stroke();
      pen.globalAlpha = 1;
    }
    if (row === selection.focus) this.ring(x, y);
    this.points.push([x, y, row]);
    this.drawn++;
  }

  ring(x, y) {
    this.svg.append(
      make("circle", { cx: x, cy: y, r: 8, fill: "none", stroke: color("best"), "stroke-width": 2.5 }),
    );
  }

  nearest(event, reach = 14) {
    const box = this.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, row] = [reach * reach, null];
    for (const [px, py, one] of this.points) {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < best) [best, row] = [distance, one];
    }
    return row;
  }

  hover(event) {
    const row = this.nearest(event);
    tip.hidden = row === null;
    if (row === null) return;
    tip.textContent = typeof row === "string" ? row : describe(row);
    const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 10);
    const below = event.clientY + 16 + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${left}px`;
    tip.style.top = `${below ? event.clientY + 14 : event.clientY - tip.offsetHeight - 10}px`;
  }

  click(event) {
    const row = this.nearest(event);
    if (typeof row === "number") selection.point(row);
  }
}

const roomFor = (ticks) => 7 * Math.max(0, ...ticks.map(([, label]) => label.length));

// Draw lines, each through some points, and leave the pen as it was.
function stroke(pen, lines, { color, width = 1, alpha = 1, dash = [] }) {
  pen.save();
  Object.assign(pen, { strokeStyle: color, lineWidth: width, globalAlpha: alpha });
  pen.setLineDash(dash);
  pen.beginPath();
  for (const points of lines) points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
  pen.restore();
}

// Tell of a pointer until it is let go.
function follow(move, end) {
  const last = (pointer) => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", last);
    end(pointer);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", last);
}

function padded(axis, share) {
  if (axis.padded || axis.scale === "category") return axis;
  const margin = share * (axis.high - axis.low);
  return axis.with({ low: axis.low - margin, high: axis.high + margin, padded: true });
}

// A shift for dots of one category, so that they lie side by side.
function scatter(row) {
  return (((row * 0.618034) % 1) - 0.5) * 0.5;
}

// The part of an axis that a zoom shows.
function within(axis, [low, high]) {
  return axis.with({ low, high, padded: true });
}

function describe(row) {
  const lines = [`trial ${trials.id[row]} (${STATES[trials.state[row]]})`];
  data.columns.forEach((column, index) => {
    if (column.kind !== "extra" && axes[index].values[row] !== null && lines.length < 16) lines.push(`${column.name}: ${axes[index].label(row)}`);
  });
  const reason = data.reasons[trials.reason[row]];
  if (reason) lines.push(reason);
  return lines.join("\n");
}

let waiting = false;
function redrawAll() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    for (const plot of plots) plot.redraw();
  });
}
selection.listeners.push(redrawAll);

// --- sections -----------------------------------------------------------------------------

function section(id, title, note) {
  const heading = make("h2", { id: `${id}-title` }, title);
  const body = make("section", { id, "aria-labelledby": `${id}-title` }, heading);
  if (note) body.append(make("p", { class: "note" }, note));
  document.getElementById("main").append(body);
  document.getElementById("contents").append(make("li", {}, make("a", { href: `#${id}` }, title)));
  return body;
}

function chooser(label, options, chosen, onchange) {
  const select = make("select", { onchange: () => onchange(Number(select.value)) });
  for (const [value, name] of options) {
    select.append(make("option", { value, selected: value === chosen }, name));
  }
  return make("label", {}, `${label} `, select);
}

// A box to tick, with its words.
function tickBox(words, checked, onchange, attributes = {}) {
  const box = make("input", { type: "checkbox", checked, onchange: () => onchange(box.checked, box), ...attributes });
  return make("label", {}, box, ...[words].flat());
}

function rampLegend() {
  const bar = make("span", { class: "ramp" });
  const [worse, better] = [make("span"), make("span")];
  const update = () => {
    bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(ramp)})`;
    const aim = objective < goals;
    worse.textContent = aim ? "worse" : "lower";
    better.textContent = `${aim ? "better" : "higher"} ${objectives[objective].name}`;
  };
  update();
  selection.listeners.push(update);
  return make("span", { class: "legend" }, worse, bar, better);
}

function stateKey(state) {
  return make("span", {}, make("span", { class: "key", style: `background:var(--${state})` }), state);
}

function stateLegend(states) {
  return make("span", { class: "legend" }, ...states.map(stateKey));
}
