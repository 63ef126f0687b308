// Optimisation history, slices, contour, and the Pareto front: plots of one dot a trial.

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
  const byTime = new Axis("hours since the first start", "linear", trials.ended.map((time) => (time === null ? null : time / 3600)));
  const view = { height: 360, up: () => objectives[objective].axis, zooms: true };
  const over = chooser("Over", [[0, "trials"], [1, "time"]], 0, (choice) => {
    view.across = choice ? () => byTime : undefined;
    plot.setZoom(null);
    plot.redraw();
  });
  const charts = data.charts.history;
  const only = { ...charts[0], layers: charts[0].layers.filter((layer) => layer.type === "points") }; // of what is not optimised
  const plot = plotSection("history", "Optimisation history", {
    note: `The result of each trial in the order in which they ended, and the best so far. ${MARKS}`,
    tools: [over, rampLegend()],
    label: "Optimisation history: result of each trial, and the best so far",
    chart: () => charts[objective] ?? only, view, like: only,
  });
}

function slices() {
  if (!objectives.length || !parameters.length || !count) return;
  const body = section("slices", "Slices",
    `The result over each hyperparameter alone. ${MARKS} ${data.early} Hyperparameters are in the order of their importance.`);
  const grid = make("div", { class: "grid-of-plots" });
  body.append(make("div", { class: "tools" }, rampLegend()), grid);
  const charts = data.charts.slices[Math.min(objective, goals - 1)];
  const view = { height: 250, up: () => objectives[objective].axis, zooms: true };
  for (const chart of charts) {
    const figure = make("figure");
    grid.append(figure);
    chartPlot(figure, `Result over ${chart.x.name}`, chart, view);
  }
  if (charts.length < parameters.length) {
    body.append(make("p", { class: "note" }, `${parameters.length - charts.length} less important ones are left out.`));
  }
}

function contour() {
  const chart = data.charts.contour[Math.min(objective, goals - 1)];
  if (!chart) return;
  const pair = [chart.x, chart.y].map(({ column }) => columnOf(column));
  const names = parameters.map((index) => [index, axes[index].name]);
  const plot = plotSection("contour", "Contour of two hyperparameters", {
    note: `The colour is a smooth mean of the results of near trials; where no trial is near, it is left blank. ${MARKS} ${data.early}`,
    tools: [...pairChoosers(names, pair, () => plot), rampLegend()],
    chart,
    view: { height: 440, across: () => axes[pair[0]], up: () => axes[pair[1]], zooms: true },
  });
}

function pareto() {
  if (goals < 2) return;
  const charts = data.charts.pareto;
  const inFront = new Set(frontRows());
  const only = tickBox(" select only the front", false, (checked) =>
    selection.set("pareto", checked ? (row) => inFront.has(row) : null));
  const pair = [0, 1];
  const names = objectives.slice(0, goals).map((item, index) => [index, item.name]);
  const plot = plotSection("pareto", "Pareto front", {
    note: `No trial is better in one metric than one of the front without being worse in another: ${charts[0][1].note}. ${MARKS}`,
    tools: [...pairChoosers(names, pair, () => plot), only, rampLegend()],
    chart: () => charts[pair[0]][pair[1]], view: { zooms: true }, like: charts[0][1],
  });
}

// The trials of the front, the best of the first metric first.
function frontRows() {
  return [...data.charts.pareto[0][1].layers.find((layer) => layer.emphasis).rows].reverse();
}
