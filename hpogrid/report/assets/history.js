// Optimisation history, slices, and the Pareto front: plots of one dot a trial.

const MARKS = [
  "Filled: complete.",
  trials.state.includes(1) ? "Hollow: stopped early." : "",
  trials.state.includes(2) ? "Crosses: failed, without a result." : "",
  "Choose a dot to mark its trial everywhere; drag a frame to look closer, and double-click to see all again.",
].filter(Boolean).join(" ");

// A plot of results says so where there are none.
const hasResults = () => objectives.some((item) => item.axis.places.some((place) => place !== null));

function history() {
  if (!objectives.length) return;
  if (!hasResults()) {
    section("history", "Optimisation history", "No trial has a result yet.");
    return;
  }
  const body = section("history", "Optimisation history",
    `The result of each trial in the order in which they ended, and the best so far. ${MARKS}`);
  const byTime = new Axis("hours since the first start", "linear", trials.ended.map((time) => (time === null ? null : time / 3600)));
  const byOrder = Object.assign(new Axis("trials that ended", "linear", trials.order), { whole: true });
  const view = { x: byOrder };
  const tools = make("div", { class: "tools" },
    chooser("Over", [[0, "trials"], [1, "time"]], 0, (choice) => {
      view.x = choice ? byTime : byOrder;
      plot.setZoom(null);
      plot.redraw();
    }), rampLegend());
  body.append(tools);
  const figure = make("figure");
  body.append(figure);
  const plot = new Plot(figure, {
    height: 360, label: "Optimisation history: result of each trial, and the best so far", zooms: true,
    draw: (self) => drawHistory(self, view.x),
  });
}

function drawHistory(plot, x) {
  const item = objectives[objective];
  [plot.x, plot.y] = [x, item.axis];
  plot.frame({ lane: failedShown() });
  plot.clip();
  const rows = drawingOrder();
  for (const row of rows) {
    const [x, y] = [plot.x.places[row], item.axis.places[row]];
    if (x !== null && y !== null) dotOf(plot, plot.px(x), plot.py(y), row);
  }
  if (objective < goals) bestSoFar(plot, item, rows);
  plot.pen.restore();
  failedMarks(plot);
}

function bestSoFar(plot, item, rows) {
  const { pen } = plot;
  pen.strokeStyle = color("text");
  pen.lineWidth = 2;
  pen.beginPath();
  const ended = rows.filter((row) => trials.order[row] !== null && counts(row) && item.axis.places[row] !== null)
    .sort((a, b) => trials.order[a] - trials.order[b]);
  const sign = item.mode === "min" ? 1 : -1;
  let best = Infinity;
  for (const row of ended) {
    const x = plot.px(plot.x.places[row]);
    if (best < Infinity) pen.lineTo(x, plot.py(sign * best));
    best = Math.min(best, sign * item.axis.places[row]);
    pen.lineTo(x, plot.py(sign * best));
  }
  pen.stroke();
}

const failedShown = () => visible.failed && trials.state.includes(2);

// Failed trials lie in a lane of their own below the results.
function failedMarks(plot, shift = () => 0) {
  const { bottom } = plot.area;
  for (let row = 0; row < count; row++) {
    const x = plot.x.places[row];
    if (trials.state[row] !== 2 || x === null || unseen(row)) continue;
    const at = plot.px(x + shift(row));
    if (plot.inside(at, bottom)) plot.cross(at, bottom - 6, row);
  }
}

function dotOf(plot, x, y, row) {
  plot.dot(x, y, row, rowColor(row), { hollow: trials.state[row] === 1 });
}

// The share of results that are at most as large: how hard the search space is, and how rare the best.
function distribution() {
  if (!hasResults() || count < 2) return;
  const body = section("distribution", "Distribution of the results",
    "The part of the trials whose result is at most so large. A steep line: many trials are alike; a long flat one: few come that far.");
  const figure = make("figure");
  body.append(figure);
  new Plot(figure, { height: 300, label: "Distribution of the results", zooms: true, draw: drawDistribution });
}

function drawDistribution(plot) {
  const { axis } = objectives[objective];
  const rows = [...Array(count).keys()].filter((row) => counts(row) && axis.places[row] !== null && selection.mask[row]);
  rows.sort((a, b) => axis.places[a] - axis.places[b]);
  plot.x = axis;
  plot.y = Object.assign(new Axis("part of the trials, %", "linear", []), { low: 0, high: 100, empty: false });
  plot.frame();
  plot.clip();
  const { pen } = plot;
  pen.strokeStyle = color("accent");
  pen.lineWidth = 2;
  pen.beginPath();
  rows.forEach((row, index) => {
    const x = plot.px(axis.places[row]);
    pen.lineTo(x, plot.py((100 * index) / rows.length));
    pen.lineTo(x, plot.py((100 * (index + 1)) / rows.length));
    plot.points.push([x, plot.py((100 * (index + 1)) / rows.length), row]);
    plot.drawn++;
  });
  pen.stroke();
  pen.restore();
  const focus = rows.indexOf(selection.focus);
  if (focus >= 0) plot.ring(plot.px(axis.places[selection.focus]), plot.py((100 * (focus + 1)) / rows.length));
}

function slices() {
  if (!objectives.length || !parameters.length || !count) return;
  const body = section("slices", "Slices",
    `The result over each hyperparameter alone. ${MARKS} ${data.early} Hyperparameters are in the order of their importance.`);
  body.append(make("div", { class: "tools" }, rampLegend()));
  const grid = make("div", { class: "grid-of-plots" });
  body.append(grid);
  const shown = byImportance().slice(0, 24);
  for (const index of shown) {
    const figure = make("figure");
    grid.append(figure);
    new Plot(figure, {
      height: 250, label: `Result over ${axes[index].name}`, margin: { left: 60, right: 8 }, zooms: true,
      draw: (plot) => drawSlice(plot, index),
    });
  }
  if (shown.length < parameters.length) {
    body.append(make("p", { class: "note" }, `${parameters.length - shown.length} less important ones are left out.`));
  }
}

function drawSlice(plot, index) {
  const item = objectives[objective];
  [plot.x, plot.y] = [axes[index], item.axis];
  plot.frame({ yName: item.name, lane: failedShown() });
  const shift = axes[index].scale === "category" ? scatter : () => 0;
  for (const row of drawingOrder()) {
    const [x, y] = [axes[index].places[row], item.axis.places[row]];
    if (x === null || y === null) continue;
    dotOf(plot, plot.px(x + shift(row)), plot.py(y), row);
  }
  failedMarks(plot, shift);
}

// A shift for dots of one category, so that they lie side by side.
function scatter(row) {
  return (((row * 0.618034) % 1) - 0.5) * 0.5;
}

function pareto() {
  if (goals < 2) return;
  const front = paretoFront();
  const inFront = new Set(front);
  const body = section("pareto", "Pareto front",
    `No trial is better in one metric than one of the front without being worse in another: ${plural(front.length, "trial")}. ${MARKS}`);
  const pair = [0, 1];
  const names = objectives.slice(0, goals).map((item, index) => [index, item.name]);
  const only = make("input", { type: "checkbox", onchange: () =>
    selection.set("pareto", only.checked ? (row) => inFront.has(row) : null) });
  const choose = (side) => (choice) => {
    pair[side] = choice;
    plot.redraw();
  };
  body.append(make("div", { class: "tools" },
    chooser("Across", names, 0, choose(0)), chooser("Up", names, 1, choose(1)),
    make("label", {}, only, " select only the front")));
  const figure = make("figure");
  body.append(figure);
  const plot = new Plot(figure, { height: 380, label: "Pareto front", zooms: true, draw: (self) => drawPareto(self, pair, inFront) });
}

function paretoFront() {
  const signed = objectives.slice(0, goals).map((item) => item.axis.places.map((place) => (place === null ? null : item.mode === "min" ? place : -place)));
  const rows = [...Array(count).keys()].filter((row) => counts(row) && signed.every((places) => places[row] !== null));
  const beats = (a, b) => signed.every((p) => p[a] <= p[b]) && signed.some((p) => p[a] < p[b]);
  rows.sort((a, b) => signed[0][a] - signed[0][b] || signed[1][a] - signed[1][b]);
  const front = [];
  for (const row of rows) if (!front.some((other) => beats(other, row))) front.push(row);
  return front;
}

function drawPareto(plot, [across, up], inFront) {
  [plot.x, plot.y] = [objectives[across].axis, objectives[up].axis];
  plot.frame({ xName: `${plot.x.name} (${objectives[across].mode})`, yName: `${plot.y.name} (${objectives[up].mode})` });
  const at = (row) => [plot.px(plot.x.places[row]), plot.py(plot.y.places[row])];
  for (let row = 0; row < count; row++) {
    if (plot.x.places[row] === null || plot.y.places[row] === null || inFront.has(row) || unseen(row)) continue;
    plot.dot(...at(row), row, color("running"), { hollow: trials.state[row] === 1 });
  }
  if (goals === 2 && across !== up) stairs(plot, across, up, [...inFront]);
  for (const row of inFront) plot.dot(...at(row), row, color("failed"), { radius: 5 });
}

function stairs(plot, across, up, front) {
  const { pen } = plot;
  const sorted = front.sort((a, b) => plot.x.places[a] - plot.x.places[b]);
  const first = objectives[across].mode === "min";
  pen.strokeStyle = color("failed");
  pen.lineWidth = 1.5;
  pen.beginPath();
  sorted.forEach((row, index) => {
    const [x, y] = [plot.px(plot.x.places[row]), plot.py(plot.y.places[row])];
    const before = sorted[index - 1];
    if (before !== undefined) {
      if (first) pen.lineTo(x, plot.py(plot.y.places[before]));
      else pen.lineTo(plot.px(plot.x.places[before]), y);
    }
    pen.lineTo(x, y);
  });
  pen.stroke();
}
