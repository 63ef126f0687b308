// The data of the page, what is selected of it, and helpers that every part uses.

const data = JSON.parse(document.getElementById("data").textContent);
const trials = data.trials;
const count = trials.id.length;
const STATES = ["complete", "pruned", "failed", "running", "interrupted"];

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "line", "rect", "text", "path", "g", "circle", "title"].includes(tag);
  const node = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// Whole numbers, and the whole part of others, with all digits that are known; others with six, or as many as asked for.
function show(value, digits = 6) {
  if (value === null || value === undefined) return "-";
  if (typeof value !== "number" || Number.isSafeInteger(value)) return String(value);
  const whole = Math.abs(value) < 1e15 ? Math.floor(Math.log10(Math.abs(value))) + 1 : 0;
  const short = Number(value.toPrecision(Math.max(digits, whole)));
  return short && (Math.abs(short) < 1e-4 || Math.abs(short) >= 1e15) ? short.toExponential() : String(short);
}

// With how many digits numbers that differ look different.
function digitsOf(values) {
  const different = new Set(values.filter((value) => value !== null));
  const tells = (digits) => new Set([...different].map((value) => show(value, digits))).size === different.size;
  return [6, 7, 8, 9, 10, 11, 12, 13, 14].find(tells) ?? 15;
}

function tickLabel(value, digits) {
  const [long, short] = [show(value, digits), Number(value.toPrecision(digits ?? 6)).toExponential()];
  return long.length > 8 && short.length < long.length ? short : long;
}

// With how many digits numbers up to a size look different that lie so far apart.
function digitsApart(size, apart) {
  return Math.min(15, Math.max(6, Math.floor(Math.log10(size)) - Math.floor(Math.log10(apart)) + 1));
}

function duration(seconds) {
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function plural(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

// A name that fits: without what all dotted names begin with, then without its middle.
function shorten(name, most) {
  if (name.length <= most) return name;
  const rest = shared && name.startsWith(shared) ? `…${name.slice(shared.length)}` : name;
  if (rest.length <= most) return rest;
  const half = Math.max(1, Math.floor((most - 1) / 2));
  return `${rest.slice(0, half)}…${rest.slice(-half)}`;
}

const shared = (() => {
  const dotted = data.columns.map((column) => column.name).filter((name) => name.includes("."));
  if (dotted.length < 2) return "";
  let prefix = dotted[0];
  for (const name of dotted) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix.slice(0, prefix.lastIndexOf(".") + 1);
})();

const { dataset } = document.documentElement;
const colors = { light: {}, dark: {} }; // to ask the document for each mark takes long

function color(name) {
  return (colors[dataset.theme][name] ??= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
}

// --- what is selected ---------------------------------------------------------------------

const selection = {
  mask: new Uint8Array(count).fill(1),
  tests: new Map(), // a function of the row by its name; a row must pass all
  focus: -1,
  listeners: [],
  set(name, test) {
    if (test) this.tests.set(name, test);
    else this.tests.delete(name);
    const tests = [...this.tests.values()];
    for (let row = 0; row < count; row++) this.mask[row] = tests.every((passes) => passes(row)) ? 1 : 0;
    this.changed();
  },
  point(row) {
    this.focus = this.focus === row ? -1 : row;
    this.changed();
  },
  changed() {
    for (const listener of this.listeners) listener();
  },
  get size() {
    return this.mask.reduce((sum, one) => sum + one, 0);
  },
};

// --- columns as axes ----------------------------------------------------------------------

const FAR = 1e300; // what lies further out is drawn here: differences have to be numbers too
const TO_PLACE = {
  linear: (value) => Math.min(Math.max(value, -FAR), FAR),
  category: (value) => value,
  log: (value) => Math.log10(value),
  "reverse log": (value) => -Math.log10(1 - value),
  "symmetric log": (value, unit) => Math.sign(value) * sizeToPlace(Math.abs(value), unit),
};
const FROM_PLACE = {
  linear: (place) => place,
  category: (place) => Math.round(place),
  log: (place) => 10 ** place,
  "reverse log": (place) => 1 - 10 ** -place,
  "symmetric log": (place, unit) => Math.sign(place) * placeToSize(Math.abs(place), unit),
};

// So many times the unit can be more than a number can be.
function sizeToPlace(size, unit) {
  return size < 1e15 * unit ? Math.log10(1 + size / unit) : Math.log10(size) - Math.log10(unit);
}

function placeToSize(place, unit) {
  return place < 15 ? unit * (10 ** place - 1) : Math.min(10 ** (place + Math.log10(unit)), Number.MAX_VALUE);
}

class Axis {
  constructor(name, scale, values, categories = []) {
    Object.assign(this, { name, scale, values, categories });
    this.unit = scale === "symmetric log" ? smallSize(values) : 1; // below it the axis is linear
    this.places = values.map((value) => (value === null ? null : this.placeOf(value)));
    const known = this.places.filter((place) => place !== null);
    this.missing = known.length < this.places.length;
    this.empty = known.length === 0;
    let low = Infinity;
    let high = -Infinity;
    for (const place of known) {
      low = Math.min(low, place);
      high = Math.max(high, place);
    }
    if (scale === "category") [low, high] = [-0.4, categories.length - 0.6];
    if (low > high) [low, high] = [0, 1];
    const half = Math.max(0.5, Math.abs(low) * 1e-6); // as much as floats of that size can tell
    const apart = high - low > Math.max(1e-12 * Math.max(Math.abs(low), Math.abs(high)), 1 / FAR);
    if (!apart) [low, high] = [low - half, low + half];
    Object.assign(this, { low, high });
  }

  // The same axis but for some fields.
  with(fields) {
    return Object.assign(Object.create(Axis.prototype), this, fields);
  }

  placeOf(value) {
    return TO_PLACE[this.scale](value, this.unit);
  }

  valueAt(place) {
    return FROM_PLACE[this.scale](place, this.unit);
  }

  ticks(most = 7) {
    if (this.scale === "category") {
      const every = Math.ceil(this.categories.length / Math.max(most, 12));
      return this.categories.map((label, place) => [place, label]).filter(([place]) => place % every === 0);
    }
    if (this.scale === "linear") return roundNumbers(this.low, this.high, most, this.whole ? 1 : 0);
    if (this.scale === "symmetric log") return bothSides(this, most);
    return decades(this.low, this.high, most, this.scale);
  }

  label(row) {
    const value = this.values[row];
    return value !== null && this.scale === "category" ? this.categories[value] : show(value);
  }
}

function roundNumbers(low, high, most, least) {
  const rough = Math.max((high - low) / most, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const digits = digitsApart(Math.max(Math.abs(low), Math.abs(high)), step);
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++) {
    ticks.push([index * step, tickLabel(Number((index * step).toPrecision(15)), digits)]);
  }
  return ticks;
}

function decades(low, high, most, scale) {
  const span = high - low;
  const factors = scale === "reverse log" && span <= 4 ? [1, 2, 5] : span <= 1.5 ? [1, 2, 3, 5, 7] : span <= 2.5 ? [1, 2, 5] : span <= 3.5 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil(span / most));
  const ticks = [];
  for (let exponent = Math.floor(low) - 1; exponent <= high + 1; exponent++) {
    for (const factor of factors) {
      const place = exponent + Math.log10(factor);
      if (exponent % every === 0 && place >= low - 1e-9 && place <= high + 1e-9) {
        ticks.push([place, tickLabel(FROM_PLACE[scale](place), scale === "log" ? 6 : Math.min(15, Math.max(6, exponent + 1)))]);
      }
    }
  }
  if (ticks.length > 1) return ticks;
  const ends = [low, high].map((place) => FROM_PLACE[scale](place));
  const digits = digitsApart(Math.max(...ends.map(Math.abs)), ends[1] - ends[0]);
  return [low, high].map((place, at) => [place, tickLabel(ends[at], digits)]);
}

// Half of all values are larger than this.
function smallSize(values) {
  const sizes = values.filter((value) => value).map(Math.abs).sort((a, b) => a - b);
  return sizes.length ? 10 ** Math.max(-300, Math.floor(Math.log10(sizes[Math.floor(sizes.length / 2)]))) : 1;
}

function bothSides(axis, most) {
  const [low, high] = [axis.valueAt(axis.low), axis.valueAt(axis.high)];
  const span = Math.max(Math.abs(axis.low), Math.abs(axis.high));
  const every = Math.max(1, Math.ceil((span * (low < 0 && high > 0 ? 2 : 1)) / most));
  const sizes = [];
  const first = Math.round(Math.log10(axis.unit));
  for (let power = every > 1 ? every : 0; power <= span + 1; power += every) sizes.push(10 ** (first + power));
  const numbers = [...sizes.map((size) => -size).reverse(), 0, ...sizes].filter((value) => value >= low && value <= high);
  if (numbers.length < 3) return roundNumbers(low, high, most, 0).map(([value, label]) => [axis.placeOf(value), label]);
  return numbers.map((value) => [axis.placeOf(value), tickLabel(value)]);
}

const axes = data.columns.map(
  (column) => new Axis(column.name, column.scale, column.values, column.categories),
);
const columnOf = (name) => data.columns.findIndex((column) => column.name === name);
const varied = (index) => new Set(data.columns[index].values).size > 1;
const parameters = data.columns.flatMap((column, i) => (column.kind === "parameter" && varied(i) ? [i] : []));
const goals = data.objectives.length; // the first metrics are optimised, others were only reported
const objectives = data.objectives.concat(data.reported ?? []).map((item) => ({ ...item, axis: axes[item.column] }));
let objective = Math.max(0, objectives.findIndex((item) => item.name === kept?.metric));
const visible = { pruned: true, failed: true, ...kept?.visible };
const leaving = new AbortController(); // ends what listens to more than the page's own parts
const unseen = (row) => (trials.state[row] === 1 && !visible.pruned) || (trials.state[row] === 2 && !visible.failed);
const counts = (row) => trials.state[row] === data.counting; // ended early: only where none is complete

// --- the scale of the values ----------------------------------------------------------------

const SCALES = ["automatic", "linear", "logarithmic", "symmetric log", "without outliers"];
let valueScale = kept?.valueScale ?? 0;

// The scale of values as it was chosen; by itself one on which most of them can be told apart.
function valueAxis(name, values, usual = "linear") {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  const at = (share) => known[Math.floor(share * (known.length - 1))];
  const positive = known.length > 0 && known[0] > 0;
  const scale = [
    usual === "linear" && flattened(at) ? (positive ? "log" : "symmetric log") : usual,
    "linear", positive ? "log" : "symmetric log", "symmetric log", usual,
  ][valueScale];
  const axis = new Axis(name, scale, values);
  if (valueScale === 4 && known.length > 9) {
    const half = 1.5 * (at(0.75) - at(0.25));
    const low = Math.max(known[0], at(0.25) - half);
    const high = Math.min(known[known.length - 1], at(0.75) + half);
    if (high > low) Object.assign(axis, { low: axis.placeOf(low), high: axis.placeOf(high) });
  }
  return axis;
}

// Whether nearly all values lie in a small part of the range of all.
function flattened(at) {
  return at(1) - at(0) > 20 * (at(0.8) - at(0)) || at(1) - at(0) > 20 * (at(1) - at(0.2));
}

// The axes of metrics, without the values that do not count (of failed trials).
function scaleObjectives() {
  for (const item of objectives) {
    const column = data.columns[item.column];
    if (column.scale === "category") continue;
    const values = column.values.map((value, row) => (trials.state[row] < 2 ? value : null));
    item.axis = axes[item.column] = valueAxis(item.name, values, column.scale);
  }
}
scaleObjectives();

// --- colours by objective: 0 is worst, 1 is best ------------------------------------------

const RAMP = [
  [68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140],
  [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37],
];

const SHADES = 250;
const shades = { light: [], dark: [] };

function ramp(goodness) {
  const step = Math.round(SHADES * goodness);
  return (shades[dataset.theme][step] ??= mixed(step / SHADES));
}

function mixed(goodness) {
  const share = dataset.theme === "dark" ? 0.2 + 0.8 * goodness : 1 - (0.05 + 0.95 * goodness); // none is lost on its ground
  const place = share * (RAMP.length - 1);
  const index = Math.min(Math.max(Math.floor(place), 0), RAMP.length - 2);
  const parts = RAMP[index].map((from, i) => Math.round(from + (RAMP[index + 1][i] - from) * (place - index)));
  return `rgb(${parts.join(",")})`;
}

function goodnessOf(item) {
  const sign = item.mode === "min" ? -1 : 1;
  const places = item.axis.places.map((place) => (place === null ? null : sign * place));
  const known = places.filter((place) => place !== null).sort((a, b) => a - b);
  const worst = known[Math.floor(0.05 * (known.length - 1))];
  const spread = known[known.length - 1] - worst;
  const share = (place) => (spread ? Math.min(Math.max((place - worst) / spread, 0), 1) : 1);
  return places.map((place) => (place === null ? null : share(place)));
}
const colourObjectives = () => objectives.forEach((item) => (item.goodness = goodnessOf(item)));
colourObjectives();

// Rows from the worst to the best, so that the best are drawn over the others.
function drawingOrder() {
  const goodness = objectives.length ? objectives[objective].goodness : null;
  const rows = [...Array(count).keys()].filter((row) => !unseen(row));
  return goodness ? rows.sort((a, b) => (goodness[a] ?? -1) - (goodness[b] ?? -1)) : rows.reverse();
}

function rowColor(row) {
  const goodness = objectives.length ? objectives[objective].goodness[row] : null;
  return goodness === null ? color("running") : ramp(goodness);
}
