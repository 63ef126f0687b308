// Parallel coordinates: axes side by side, and a line a trial over them.

const NARROWEST = 64; // pixels between two axes: on a phone one scrolls
const LONGEST_END = 18;

function drawParallel(plot, { columns }) {
  const shown = columns.map((name) => axes[columnOf(name)]);
  const left = Math.max(72, 16 + endRoom(shown[0]));
  const apart = (right) => Math.max(NARROWEST, (plot.box.parentNode.clientWidth - left - right) / (shown.length - 1));
  const beside = Math.max(64, 12 + endRoom(shown.at(-1)));
  const aslant = shown.some(({ name }) => 8 * name.length > apart(beside)); // there is no room side by side
  const right = aslant ? Math.max(152, beside) : beside;
  plot.margin = { left, right, top: aslant ? 96 : 36, bottom: 34 };
  plot.box.style.minWidth = `${left + right + NARROWEST * (shown.length - 1)}px`;
  plot.x = { low: 0, high: shown.length - 1 };
  const below = plot.area.bottom + 14; // a line without a value goes along here
  const xs = shown.map((_, at) => plot.px(at));
  const { pen } = plot;
  const height = ({ places, scale }, row) => (scale === "category" ? places[row] + scatter(row) * 0.6 : places[row]);
  const ys = shown.map((axis) => {
    const [bottom, unit] = [plot.py(axis.low, axis), plot.py(axis.low + 1, axis) - plot.py(axis.low, axis)];
    return (row) => (axis.places[row] === null ? below : bottom + unit * (height(axis, row) - axis.low));
  });
  const path = (row) => {
    pen.beginPath();
    xs.forEach((x, at) => pen.lineTo(x, ys[at](row)));
    pen.stroke();
    plot.drawn++;
  };
  drawLines(plot, path, (row) => plot.points.push([xs.at(-1), ys.at(-1)(row), row]));
  shown.forEach((axis, at) => drawAxis(plot, axis, xs[at], { aslant, first: !at, last: at === shown.length - 1, room: apart(right) }));
  if (!shown.some((axis) => axis.missing)) return;
  plot.gridLine(xs[0], below, xs.at(-1), below, [4, 4]);
  plot.text(xs.at(-1) + 6, below + 4, "no value");
}

// What is selected lies over the rest, and the chosen trial over all.
function drawLines({ pen }, path, drawn) {
  const rows = drawingOrder().filter((row) => trials.state[row] < 3);
  pen.lineWidth = 1;
  pen.strokeStyle = color("dim");
  for (const row of rows) if (!selection.mask[row]) path(row);
  pen.globalAlpha = Math.min(1, Math.max(0.12, 300 / Math.max(selection.size, 1)));
  for (const row of rows) {
    if (!selection.mask[row]) continue;
    const failed = trials.state[row] === 2;
    pen.strokeStyle = failed ? color("failed") : rowColor(row);
    pen.setLineDash(failed ? [2, 4] : []);
    path(row);
    drawn(row);
  }
  pen.globalAlpha = 1;
  pen.setLineDash([]);
  if (selection.focus < 0) return;
  pen.lineWidth = 3;
  pen.strokeStyle = color("best");
  path(selection.focus);
}

// Room for the labels of the first and the last axis: there is nothing but the edge beside them.
function endRoom(axis) {
  return 7.5 * Math.min(Math.max(0, ...axis.ticks(8).map(([, label]) => label.length)), LONGEST_END);
}

function drawAxis(plot, axis, x, { aslant, first, last, room }) {
  const { top, bottom } = plot.area;
  plot.line(x, top, x, bottom, "axis");
  if (aslant) {
    const name = plot.text(0, 0, axis.name, "start", "name", 22);
    name.setAttribute("transform", `translate(${x - 4} ${top - 10}) rotate(-28)`);
  } else {
    const half = 4 * axis.name.length;
    const [at, anchor] = x < half ? [4, "start"] : x + half > plot.width ? [plot.width - 4, "end"] : [x, "middle"];
    plot.text(at, top - 14, axis.name, anchor, "name");
  }
  const side = last ? 1 : -1;
  const most = first || last ? LONGEST_END : Math.floor((room - 14) / 7);
  for (const [place, label] of axis.ticks(8)) {
    const y = plot.py(place, axis);
    plot.line(x, y, x + 4 * side, y, "axis");
    const text = plot.text(x + 6 * side, y + 4, label, last ? "start" : "end", "", most);
    text.setAttribute("style", `paint-order:stroke;stroke:${color("back")};stroke-width:4px;fill:${color("text")}`);
  }
  drawLimit(plot, axis, x);
  plot.svg.append(make("rect", { class: "zone", x: x - 12, width: 24, y: top, height: bottom - top, "data-column": axis.name }));
}

function parallel() {
  const chart = data.charts.parallel;
  if (!chart) return;
  const [{ columns, hidden }] = chart.layers;
  const left = new Set(hidden.map((place) => columns[place]));
  const shown = () => ({ ...chart, layers: [{ type: "parallel", columns: columns.filter((name) => !left.has(name)) }] });
  const body = section("parallel", "Parallel coordinates",
    `Drag up or down along an axis to select trials; all that the page shows follows. A click on an axis takes its selection away. A line that runs through "no value" below an axis has none there. ${chart.note}`);
  const status = make("span", { "aria-live": "polite" });
  const clear = make("button", { type: "button", id: "clear-brushes", onclick: () => [...limits.keys()].forEach((index) => setLimit(index, null)) }, "Clear selection");
  const out = make("p", { class: "note", id: "axes-left-out" });
  const figure = make("figure", { class: "wide", tabindex: "0", role: "group", "aria-label": "Parallel coordinates" });
  const ranges = rangeInputs(columns.map(columnOf));
  body.append(make("div", { class: "tools" }, clear, status, objectives.length ? rampLegend() : ""), out, figure, ranges.node);
  const plot = chartPlot(figure, "Parallel coordinates of hyperparameters and metrics", shown, { height: 480 }, chart);
  plot.svg.addEventListener("pointerdown", (event) => startLimit(event, plot));
  plot.click = () => {};
  const say = () => {
    const names = parameters.map((index) => axes[index].name).filter((name) => left.has(name));
    out.hidden = !names.length;
    out.textContent = `${parameters.length - names.length} of ${plural(parameters.length, "hyperparameter")} are shown, the most important ones at first; ` +
      `left out: ${names.join(", ")}. "Choose the axes" shows others.`;
  };
  if (left.size) body.append(axisChooser(columns, left, () => {
    say();
    plot.redraw();
  }));
  say();
  selection.listeners.push(() => {
    status.textContent = `${plural(selection.size, "trial")} of ${count.toLocaleString("en")} selected`;
    ranges.update();
  });
}

// Which columns have an axis: at least two of them.
function axisChooser(columns, left, changed) {
  const boxes = columns.map((name) => tickBox(` ${name}`, !left.has(name), (checked, box) => {
    if (checked) left.delete(name);
    else if (columns.length - left.size > 2) left.add(name);
    else box.checked = true;
    changed();
  }));
  return make("details", { id: "choose-axes" }, make("summary", {}, "Choose the axes"), make("div", { class: "choices" }, ...boxes));
}
