// Learning curves, and the timeline of the jobs.

function curves() {
  const chart = data.charts.curves.find(Boolean);
  if (!chart) return;
  const body = section("curves", "Learning curves", `What trials reported step by step. ${chart.note}`);
  body.append(make("div", { class: "tools" }, rampLegend()));
  const none = make("p", { class: "note", hidden: true });
  const figure = make("figure");
  body.append(none, figure);
  selection.listeners.push(() => {
    none.hidden = data.charts.curves[objective] !== null;
    none.textContent = `No trial reported ${objectives[objective].name} more than once.`;
  });
  chartPlot(figure, "Learning curves", () => data.charts.curves[objective], { up: valueAxis, zooms: true }, chart);
}

function timeline() {
  const chart = data.charts.timeline;
  if (!chart) return;
  const body = section("timeline", "Timeline of the jobs",
    `When each trial ran, one line a job. Gaps are time in which a job ran no trial. Start: ${data.spent.first}. ${chart.note}`);
  body.append(make("div", { class: "tools" }, stateLegend(["complete", "pruned", "failed", "running"])));
  const figure = make("figure");
  body.append(figure);
  const lanes = chart.y.categories.length;
  chartPlot(figure, "Timeline of the jobs", chart, { height: 50 + Math.max(4, Math.min(26, 700 / lanes)) * lanes });
}
