// Optimisation history, slices, and the Pareto front: plots of one dot a trial.

const MARKS = "Filled: complete. Hollow: stopped early. Choose a dot to mark its trial everywhere.";

function history() {
  if (!objectives.length) return;
  const body = section("history", "Optimisation history",
    `The result of each trial in the order in which they ended, and the best so far. ${MARKS}`);
  const byTime = new Axis("hours since the first start", "linear", trials.ended.map((time) => (time === null ? null : time / 3600)));
  const byOrder = new Axis("trials that ended", "linear", trials.order);
  const tools = make("div", { class: "tools" },
    chooser("Over", [[0, "trials"], [1, "time"]], 0, (choice) => {
      plot.x = choice ? byTime : byOrder;
      plot.redraw();
    }), rampLegend());
  body.append(tools);
  const figure = make("figure");
  body.append(figure);
  const plot = new Plot(figure, {
    height: 360, label: "Optimisation history: result of each trial, and the best so far", x: byOrder,
    draw: drawHistory,
  });
}

function drawHistory(plot) {
  const item = objectives[objective];
  plot.y = item.axis;
  plot.frame();
  const rows = drawingOrder();
  for (const row of rows) {
    const [x, y] = [plot.x.places[row], item.axis.places[row]];
    if (x !== null && y !== null) dotOf(plot, plot.px(x), plot.py(y), row);
  }
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
  failedTicks(plot);
}

// Failed trials as short lines at the lower edge.
function failedTicks(plot) {
  const { pen } = plot;
  const { bottom } = plot.area;
  pen.strokeStyle = color("failed");
  pen.lineWidth = 1;
  for (let row = 0; row < count; row++) {
    const x = plot.x.places[row];
    if (trials.state[row] !== 2 || x === null) continue;
    pen.beginPath();
    pen.moveTo(plot.px(x), bottom);
    pen.lineTo(plot.px(x), bottom - 8);
    pen.stroke();
    plot.points.push([plot.px(x), bottom - 4, row]);
  }
}

function dotOf(plot, x, y, row) {
  plot.dot(x, y, row, rowColor(row), { hollow: trials.state[row] === 1 });
}

function slices() {
  if (!objectives.length || !parameters.length) return;
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
      height: 250, label: `Result over ${axes[index].name}`, x: axes[index], margin: { left: 60, right: 8 },
      draw: (plot) => drawSlice(plot, index),
    });
  }
  if (shown.length < parameters.length) {
    body.append(make("p", { class: "note" }, `${parameters.length - shown.length} less important ones are left out.`));
  }
}

function drawSlice(plot, index) {
  const item = objectives[objective];
  plot.y = item.axis;
  plot.frame({ yName: item.name });
  const category = axes[index].scale === "category";
  for (const row of drawingOrder()) {
    const [x, y] = [axes[index].places[row], item.axis.places[row]];
    if (x === null || y === null) continue;
    dotOf(plot, plot.px(category ? x + scatter(row) : x), plot.py(y), row);
  }
}

// A shift for dots of one category, so that they lie side by side.
function scatter(row) {
  return (((row * 0.618034) % 1) - 0.5) * 0.5;
}

function pareto() {
  if (objectives.length < 2) return;
  const front = paretoFront();
  const inFront = new Set(front);
  const body = section("pareto", "Pareto front",
    `No trial is better in one metric than one of the front without being worse in another: ${plural(front.length, "trial")}. ${MARKS}`);
  const pair = [0, 1];
  const names = objectives.map((item, index) => [index, item.name]);
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
  const plot = new Plot(figure, { height: 380, label: "Pareto front", draw: (self) => drawPareto(self, pair, inFront) });
}

function paretoFront() {
  const signed = objectives.map((item) => item.axis.places.map((place) => (place === null ? null : item.mode === "min" ? place : -place)));
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
    if (plot.x.places[row] === null || plot.y.places[row] === null || inFront.has(row)) continue;
    plot.dot(...at(row), row, color("running"), { hollow: trials.state[row] === 1 });
  }
  if (objectives.length === 2 && across !== up) stairs(plot, across, up, [...inFront]);
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
