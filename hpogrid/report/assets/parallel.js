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

function parallel() {
  const metrics = data.columns.flatMap((column, index) => (column.kind === "metric" ? [index] : []));
  const columns = [...byImportance().reverse().slice(-14), ...metrics];
  if (columns.length < 2) return;
  const body = section("parallel", "Parallel coordinates",
    "Drag up or down along an axis to select trials; the other plots and the table follow. A click on an axis takes its selection away. Dashed marks: no value.");
  const status = make("span", { "aria-live": "polite" });
  const clear = make("button", { type: "button", id: "clear-brushes", onclick: () => {
    for (const index of [...brushes.keys()]) setBrush(index, null);
    for (const reset of resets) reset();
  } }, "Clear selection");
  body.append(make("div", { class: "tools" }, clear, status, objectives.length ? rampLegend() : ""));
  const figure = make("figure");
  body.append(figure);
  const many = columns.length > 8;
  const plot = new Plot(figure, {
    height: many ? 480 : 400, label: "Parallel coordinates of hyperparameters and metrics",
    margin: { left: firstMargin(axes[columns[0]]), right: many ? 110 : 64, top: many ? 110 : 36, bottom: 34 },
    draw: (self) => drawParallel(self, columns),
  });
  plot.svg.addEventListener("pointerdown", (event) => startBrush(event, plot, columns));
  plot.click = () => {};
  const same = data.columns.filter((column, index) => column.kind === "parameter" && !varied(index));
  if (same.length) {
    const values = same.map((column) => `${column.name} = ${axes[data.columns.indexOf(column)].label(0)}`);
    body.append(make("p", { class: "note" }, `The same in all trials: ${values.join(", ")}.`));
  }
  const ranges = rangeInputs(columns);
  body.append(ranges.node);
  selection.listeners.push(() => {
    status.textContent = `${plural(selection.size, "trial")} of ${count.toLocaleString("en")} selected`;
    ranges.update();
  });
}

// Room for the labels of the first axis: there is nothing but the edge to the left of them.
function firstMargin({ scale, categories }) {
  const longest = scale === "category" ? Math.max(...categories.map((label) => label.length)) : 0;
  return Math.max(72, 16 + 7.5 * Math.min(longest, 18));
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
  const rows = drawingOrder().filter((row) => trials.state[row] < 2);
  pen.lineWidth = 1;
  pen.strokeStyle = color("dim");
  pen.globalAlpha = 1;
  for (const row of rows) if (!selection.mask[row]) path(row);
  pen.globalAlpha = crowd;
  for (const row of rows) {
    if (!selection.mask[row]) continue;
    pen.strokeStyle = rowColor(row);
    path(row);
    plot.points.push([xs[xs.length - 1], lastY(plot, columns, row, bottom), row]);
  }
  pen.globalAlpha = 1;
  if (selection.focus >= 0) {
    pen.lineWidth = 3;
    pen.strokeStyle = color("best");
    path(selection.focus);
  }
  columns.forEach((index, position) => drawAxis(plot, index, xs[position], position, columns.length));
  if (columns.some((index) => axes[index].missing)) plot.gridLine(xs[0], bottom + 14, xs[xs.length - 1], bottom + 14);
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
    const text = plot.text(x + 6 * side, y + 4, label, side < 0 ? "end" : "start", "", Math.max(6, most - 2));
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
  return { node, update: () => updates.forEach((update) => update()) };
}

function typeRange(field, index) {
  const axis = axes[index];
  const [from, to] = ["from", "to"].map((word) =>
    make("input", { type: "text", inputmode: "decimal", "aria-label": `${axis.name} ${word}`, placeholder: word }));
  const read = (input, open) => {
    const place = TO_PLACE[axis.scale](Number(input.value));
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
    const value = (place) => (Number.isFinite(place) ? show(FROM_PLACE[axis.scale](place)) : "");
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
