// Parallel coordinates: one axis a column, one line a trial. Dragging along an axis selects.

const brushes = new Map(); // [low, high] in places, by column
const resets = []; // what else takes selections away

function setBrush(index, range) {
  if (range) brushes.set(index, range);
  else brushes.delete(index);
  const places = axes[index].places;
  const test = (row) => places[row] !== null && places[row] >= range[0] && places[row] <= range[1];
  selection.set(`brush ${index}`, range ? test : null);
}

const MOST_AXES = 14;
const LONGEST_FIRST = 18;
const NARROWEST = 64; // pixels between two axes: on a phone one scrolls

function parallel() {
  const goalColumns = objectives.slice(0, goals).map((item) => item.column);
  const metrics = data.columns.flatMap((column, index) => (column.kind === "metric" && !axes[index].empty ? [index] : []));
  const others = metrics.filter((index) => goals && !goalColumns.includes(index));
  const first = byImportance().slice(0, MOST_AXES);
  const chosen = new Set([...first, ...metrics.filter((index) => !others.includes(index))]);
  const order = [...byImportance().reverse(), ...others, ...metrics.filter((index) => !others.includes(index))];
  const shown = () => order.filter((index) => chosen.has(index));
  if (chosen.size < 2) return;
  const failed = trials.state.includes(2) ? " Dotted: failed trials." : "";
  const body = section("parallel", "Parallel coordinates",
    `Drag up or down along an axis to select trials; all that the page shows follows. A click on an axis takes its selection away. A line that runs through "no value" below an axis has none there.${failed}`);
  const status = make("span", { "aria-live": "polite" });
  const clear = make("button", { type: "button", id: "clear-brushes", onclick: () => {
    for (const index of [...brushes.keys()]) setBrush(index, null);
    for (const reset of resets) reset();
  } }, "Clear selection");
  body.append(make("div", { class: "tools" }, clear, status, objectives.length ? rampLegend() : ""));
  const left = make("p", { class: "note", id: "axes-left-out" });
  const figure = make("figure", { class: "wide", tabindex: "0", role: "group", "aria-label": "Parallel coordinates" });
  body.append(left, figure);
  const plot = new Plot(figure, {
    height: 480, label: "Parallel coordinates of hyperparameters and metrics",
    draw: (self) => drawParallel(self, shown()),
  });
  plot.svg.addEventListener("pointerdown", (event) => startBrush(event, plot, shown()));
  plot.click = () => {};
  const say = () => {
    const out = parameters.filter((index) => !chosen.has(index));
    left.hidden = !out.length;
    left.textContent = `${parameters.length - out.length} of ${plural(parameters.length, "hyperparameter")} are shown, the most important ones at first; ` +
      `left out: ${out.map((index) => axes[index].name).join(", ")}. "Choose the axes" shows others.`;
  };
  say();
  const same = data.columns.filter((column, index) => column.kind === "parameter" && !varied(index));
  if (same.length) {
    const values = same.map((column) => `${column.name} = ${axes[data.columns.indexOf(column)].label(0)}`);
    body.append(make("p", { class: "note" }, `The same in all trials: ${values.join(", ")}.`));
  }
  const ranges = rangeInputs(order);
  body.append(ranges.node);
  if (order.length > chosen.size) body.append(axisChooser(order, chosen, () => {
    say();
    plot.redraw();
  }));
  selection.listeners.push(() => {
    status.textContent = `${plural(selection.size, "trial")} of ${count.toLocaleString("en")} selected`;
    ranges.update();
  });
}

// Which columns have an axis: at least two of them.
function axisChooser(order, chosen, changed) {
  const boxes = order.map((index) => {
    const box = make("input", { type: "checkbox", checked: chosen.has(index), onchange: () => {
      if (box.checked) chosen.add(index);
      else if (chosen.size > 2) chosen.delete(index);
      else box.checked = true;
      changed();
    } });
    return make("label", {}, box, ` ${axes[index].name}`);
  });
  return make("details", { id: "choose-axes" }, make("summary", {}, "Choose the axes"), make("div", { class: "choices" }, ...boxes));
}

// Many axes have their names aslant above them, where there is room for them.
function parallelMargin(columns) {
  const many = columns.length > 8;
  return { left: firstMargin(axes[columns[0]]), right: many ? 110 : 64, top: many ? 110 : 36, bottom: 34 };
}

// Room for the labels of the first axis: there is nothing but the edge to the left of them.
function firstMargin({ scale, categories }) {
  const longest = scale === "category" ? Math.max(...categories.map((label) => label.length)) : 0;
  return Math.max(72, 16 + 7.5 * Math.min(longest, LONGEST_FIRST));
}

function axisX(plot, columns, position) {
  const { left, right } = plot.area;
  return left + ((right - left) * position) / (columns.length - 1);
}

function placeY(plot, axis, place) {
  const { top, bottom } = plot.area;
  return bottom - ((place - axis.low) / (axis.high - axis.low)) * (bottom - top);
}

function drawParallel(plot, columns) {
  const { pen } = plot;
  plot.margin = parallelMargin(columns);
  const { left, right } = plot.margin;
  plot.box.style.minWidth = `${left + right + NARROWEST * (columns.length - 1)}px`;
  const { bottom } = plot.area;
  const xs = columns.map((_, position) => axisX(plot, columns, position));
  const crowd = Math.min(1, Math.max(0.12, 300 / Math.max(selection.size, 1)));
  const path = (row) => {
    pen.beginPath();
    columns.forEach((index, position) => {
      const axis = axes[index];
      let place = axis.places[row];
      if (place !== null && axis.scale === "category") place += scatter(row) * 0.6;
      pen.lineTo(xs[position], place === null ? bottom + 14 : placeY(plot, axis, place));
    });
    pen.stroke();
    plot.drawn++;
  };
  const rows = drawingOrder().filter((row) => trials.state[row] < 3);
  const dash = (row) => pen.setLineDash(trials.state[row] === 2 ? [2, 4] : []);
  const colour = (row) => (trials.state[row] === 2 ? color("failed") : rowColor(row));
  pen.lineWidth = 1;
  pen.strokeStyle = color("dim");
  pen.globalAlpha = 1;
  for (const row of rows) if (!selection.mask[row]) path(row);
  pen.globalAlpha = crowd;
  for (const row of rows) {
    if (!selection.mask[row]) continue;
    pen.strokeStyle = colour(row);
    dash(row);
    path(row);
    plot.points.push([xs[xs.length - 1], lastY(plot, columns, row, bottom), row]);
  }
  pen.globalAlpha = 1;
  pen.setLineDash([]);
  if (selection.focus >= 0) {
    pen.lineWidth = 3;
    pen.strokeStyle = color("best");
    path(selection.focus);
  }
  columns.forEach((index, position) => drawAxis(plot, index, xs[position], position, columns.length));
  if (columns.some((index) => axes[index].missing)) noValue(plot, xs, bottom + 14);
}

function noValue(plot, xs, y) {
  plot.pen.setLineDash([4, 4]);
  plot.gridLine(xs[0], y, xs[xs.length - 1], y);
  plot.pen.setLineDash([]);
  plot.text(xs[xs.length - 1] + 6, y + 4, "no value");
}

function lastY(plot, columns, row, bottom) {
  const axis = axes[columns[columns.length - 1]];
  const place = axis.places[row];
  return place === null ? bottom + 14 : placeY(plot, axis, place);
}

function drawAxis(plot, index, x, position, total) {
  const { top, bottom } = plot.area;
  const axis = axes[index];
  const most = Math.max(6, Math.floor(plot.width / total / 7));
  const anchor = position === 0 ? "start" : position === total - 1 ? "end" : "middle";
  plot.line(x, top, x, bottom, "axis");
  if (total > 8) {
    const name = plot.text(0, 0, axis.name, "start", "name", 30);
    name.setAttribute("transform", `translate(${x - 4} ${top - 10}) rotate(-28)`);
  } else {
    const at = position === 0 ? 4 : position === total - 1 ? plot.width - 4 : x;
    plot.text(at, top - 14, axis.name, anchor, "name", most);
  }
  const side = position === total - 1 ? 1 : -1;
  for (const [place, label] of axis.ticks(8)) {
    const y = placeY(plot, axis, place);
    plot.line(x, y, x + 4 * side, y, "axis");
    const room = Math.max(6, position === 0 ? Math.min(most - 2, LONGEST_FIRST) : most - 2);
    const text = plot.text(x + 6 * side, y + 4, label, side < 0 ? "end" : "start", "", room);
    text.setAttribute("style", `paint-order:stroke;stroke:${color("back")};stroke-width:4px;fill:${color("text")}`);
  }
  const range = brushes.get(index);
  if (range) {
    const [y1, y2] = [placeY(plot, axis, Math.min(range[1], axis.high)), placeY(plot, axis, Math.max(range[0], axis.low))];
    plot.svg.append(make("rect", { class: "brush", x: x - 7, width: 14, y: y1, height: Math.max(y2 - y1, 2) }));
  }
  plot.svg.append(make("rect", { class: "zone", x: x - 12, width: 24, y: top, height: bottom - top, "data-column": axis.name }));
}

function startBrush(event, plot, columns) {
  const name = event.target.getAttribute && event.target.getAttribute("data-column");
  if (name === null || name === undefined) return;
  event.preventDefault();
  const index = columns.find((one) => axes[one].name === name);
  const axis = axes[index];
  const placeAt = (pointer) => {
    const { top, bottom } = plot.area;
    const y = pointer.clientY - plot.svg.getBoundingClientRect().top;
    return axis.low + ((bottom - Math.min(Math.max(y, top), bottom)) / (bottom - top)) * (axis.high - axis.low);
  };
  const start = placeAt(event);
  const startY = event.clientY;
  const move = (pointer) => {
    if (Math.abs(pointer.clientY - startY) < 4) return;
    setBrush(index, [Math.min(start, placeAt(pointer)), Math.max(start, placeAt(pointer))]);
  };
  const end = (pointer) => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", end);
    if (Math.abs(pointer.clientY - startY) < 4) setBrush(index, null);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", end);
}

// --- the same with the keyboard: ranges to type, categories to tick -------------------------

function rangeInputs(columns) {
  const updates = [];
  const fields = columns.map((index) => {
    const axis = axes[index];
    const field = make("fieldset", {}, make("legend", {}, axis.name));
    updates.push(axis.scale === "category" ? tickCategories(field, index) : typeRange(field, index));
    return field;
  });
  const node = make("details", {}, make("summary", {}, "Select by typing ranges"), make("div", { class: "ranges" }, ...fields));
  node.id = "type-ranges";
  return { node, update: () => updates.forEach((update) => update()) };
}

function typeRange(field, index) {
  const [from, to] = ["from", "to"].map((word) =>
    make("input", { type: "text", inputmode: "decimal", "aria-label": `${axes[index].name} ${word}`, placeholder: word }));
  const read = (input, open) => {
    const place = axes[index].placeOf(Number(input.value));
    return input.value.trim() === "" || Number.isNaN(place) ? open : place;
  };
  const apply = () => {
    const range = [read(from, -Infinity), read(to, Infinity)];
    setBrush(index, range[0] === -Infinity && range[1] === Infinity ? null : range);
  };
  from.addEventListener("change", apply);
  to.addEventListener("change", apply);
  field.append(from, " to ", to);
  return () => {
    const [low, high] = brushes.get(index) ?? [-Infinity, Infinity];
    const value = (place) => (Number.isFinite(place) ? show(axes[index].valueAt(place)) : "");
    if (document.activeElement !== from) from.value = value(low);
    if (document.activeElement !== to) to.value = value(high);
  };
}

function tickCategories(field, index) {
  const axis = axes[index];
  const boxes = axis.categories.slice(0, 30).map((label) => {
    const box = make("input", { type: "checkbox", checked: true });
    field.append(make("label", {}, box, ` ${label}`));
    return box;
  });
  const apply = () => {
    const wanted = new Set(boxes.flatMap((box, place) => (box.checked ? [place] : [])));
    const all = wanted.size === boxes.length;
    selection.set(`categories ${index}`, all ? null : (row) => wanted.has(axis.places[row]));
  };
  for (const box of boxes) box.addEventListener("change", apply);
  resets.push(() => {
    for (const box of boxes) box.checked = true;
    apply();
  });
  return () => {};
}
