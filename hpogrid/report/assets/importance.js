// Importance of the hyperparameters, and the contour of two of them.

// The columns of the hyperparameters that vary, most important first.
function byImportance() {
  const found = data.importance[Math.min(objective, goals - 1)];
  if (!found || !found.names) return parameters;
  const rank = (index) => found.names.indexOf(axes[index].name);
  return [...parameters].sort((a, b) => rank(a) - rank(b));
}

function importance() {
  if (!goals || !parameters.length) return;
  const body = section("importance", "Importance of hyperparameters");
  const note = make("p", { class: "note" });
  const figure = make("figure");
  body.append(note, figure);
  const first = data.importance.find((found) => found.chart);
  if (!first) {
    note.textContent = data.importance[0].note;
    return;
  }
  chartPlot(figure, "Importance of hyperparameters with its uncertainty", () => {
    const found = data.importance[objective] ?? { note: `It is measured for what is optimised, not for ${objectives[objective].name}.` };
    note.textContent = found.note;
    return found.chart;
  }, {}, first.chart);
}

function contour() {
  const chart = data.charts.contour[Math.min(objective, goals - 1)];
  if (!chart) return;
  const body = section("contour", "Contour of two hyperparameters",
    `The colour is a smooth mean of the results of near trials; where no trial is near, it is left blank. ${MARKS} ${data.early}`);
  const pair = [chart.x, chart.y].map(({ column }) => data.columns.findIndex(({ name }) => name === column));
  const names = parameters.map((index) => [index, axes[index].name]);
  const choose = (side) => (choice) => {
    pair[side] = choice;
    plot.setZoom(null);
    plot.redraw();
  };
  body.append(make("div", { class: "tools" },
    chooser("Across", names, pair[0], choose(0)), chooser("Up", names, pair[1], choose(1)), rampLegend()));
  const figure = make("figure");
  body.append(figure);
  const view = { height: 440, across: () => axes[pair[0]], up: () => axes[pair[1]], zooms: true };
  const plot = chartPlot(figure, "Contour of two hyperparameters", chart, view);
}
