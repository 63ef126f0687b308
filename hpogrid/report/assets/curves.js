// Learning curves, and the timeline of the jobs.

function curves() {
  const known = data.curves.some((found) => found.lines.length);
  if (!objectives.length || !known) return;
  const body = section("curves", "Learning curves",
    "What trials reported step by step. Dashed with a cross at the end: stopped early. " + data.curves[0].note);
  body.append(make("div", { class: "tools" }, rampLegend()));
  const none = make("p", { class: "note", hidden: true });
  const figure = make("figure");
  body.append(none, figure);
  selection.listeners.push(() => {
    none.hidden = data.curves[objective].lines.length > 0;
    none.textContent = `No trial reported ${objectives[objective].name} more than once.`;
  });
  new Plot(figure, { height: 380, label: "Learning curves", zooms: true, draw: drawCurves });
}

function drawCurves(plot) {
  const { lines } = data.curves[objective];
  if (!lines.length) return;
  const all = (pick) => lines.filter((line) => !unseen(line.row)).flatMap(pick);
  plot.x = Object.assign(new Axis("report", "linear", all((line) => line.steps)), { whole: true });
  const values = all((line) => line.values);
  const positive = values.every((value) => value > 0);
  const wide = positive && Math.max(...values) / Math.min(...values) >= 1000;
  plot.y = valueAxis(objectives[objective].name, values, wide ? "log" : "linear");
  plot.frame({ pad: 0.02 });
  plot.clip();
  const goodness = (line) => objectives[objective].goodness[line.row] ?? -1;
  for (const line of [...lines].sort((a, b) => goodness(a) - goodness(b))) if (!unseen(line.row)) drawCurve(plot, line);
  plot.pen.restore();
  plot.pen.globalAlpha = 1;
  plot.pen.setLineDash([]);
}

function drawCurve(plot, { row, steps, values }) {
  const { pen } = plot;
  const inside = selection.mask[row];
  const pruned = trials.state[row] === 1;
  pen.strokeStyle = inside ? rowColor(row) : color("dim");
  pen.lineWidth = row === selection.focus ? 4 : 1.3;
  pen.setLineDash(pruned ? [4, 3] : []);
  pen.beginPath();
  const points = steps.map((step, index) => [plot.px(step), plot.py(plot.y.placeOf(values[index]))]);
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.stroke();
  const [x, y] = points[points.length - 1];
  for (const [px, py] of points) plot.points.push([px, py, row]);
  if (pruned && inside) {
    pen.setLineDash([]);
    pen.beginPath();
    for (const side of [-3, 3]) {
      pen.moveTo(x - 3, y - side);
      pen.lineTo(x + 3, y + side);
    }
    pen.stroke();
  }
  plot.drawn++;
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
