// Importance of the hyperparameters, and the contour of two of them.

function importance() {
  if (!goals || !parameters.length) return;
  const charts = data.charts.importance;
  const like = charts.find((chart) => chart.layers.length);
  const body = section("importance", "Importance of hyperparameters");
  const note = make("p", { class: "note" }, charts[0].note);
  const figure = make("figure");
  body.append(note, figure);
  if (!like) return;
  chartPlot(figure, "Importance of hyperparameters with its uncertainty", () => {
    const found = charts[objective] ?? { note: `It is measured for what is optimised, not for ${objectives[objective].name}.` };
    note.textContent = found.note;
    return found.layers?.length ? found : null;
  }, {}, like);
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
