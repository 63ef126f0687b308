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
  const started = trials.started.filter((time) => time !== null);
  if (!started.length) return;
  const body = section("timeline", "Timeline of the jobs",
    `When each trial ran, one line a job. Gaps are time in which a job ran no trial. Start: ${data.spent.first}.`);
  body.append(make("div", { class: "tools" }, stateLegend(["complete", "pruned", "failed", "running"])));
  const lanes = jobLanes();
  const each = Math.max(4, Math.min(26, 700 / lanes.length));
  const figure = make("figure");
  body.append(figure);
  new Plot(figure, {
    height: 50 + each * lanes.length, label: "Timeline of the jobs", margin: { left: 110 },
    draw: (plot) => drawTimeline(plot, lanes, each),
  });
}

// The rows of each job, in the order of tasks and jobs.
function jobLanes() {
  const lanes = new Map();
  for (let row = 0; row < count; row++) {
    const key = trials.task[row] * 1e6 + trials.job[row];
    if (!lanes.has(key)) lanes.set(key, { key, task: data.tasks[trials.task[row]], job: trials.job[row], rows: [] });
    lanes.get(key).rows.push(row);
  }
  return [...lanes.values()].sort((a, b) => a.key - b.key);
}

// Trials of one job that run at once lie below each other inside its lane.
function stack(rows) {
  const ends = [];
  const level = new Map();
  const sorted = rows.filter((row) => trials.started[row] !== null)
    .sort((a, b) => trials.started[a] - trials.started[b]);
  for (const row of sorted) {
    let free = ends.findIndex((end) => end <= trials.started[row] + 1e-6);
    if (free < 0) free = ends.length;
    ends[free] = trials.ended[row] ?? data.spent.wall;
    level.set(row, free);
  }
  return { level, levels: Math.max(ends.length, 1) };
}

function drawTimeline(plot, lanes, each) {
  const { pen } = plot;
  const hours = data.spent.wall > 7200;
  const unit = hours ? 3600 : data.spent.wall > 120 ? 60 : 1;
  const name = { 3600: "hours", 60: "minutes", 1: "seconds" }[unit];
  plot.x = Object.assign(new Axis(name, "linear", []), { low: 0, high: Math.max(data.spent.wall / unit, 1e-3) });
  const { left, right, top, bottom } = plot.area;
  for (const [place, label] of plot.x.ticks(10)) {
    plot.gridLine(plot.px(place), top, plot.px(place), bottom);
    plot.text(plot.px(place), bottom + 16, label, "middle");
  }
  plot.text((left + right) / 2, plot.height - 6, `${name} since the start`, "middle", "name");
  lanes.forEach((lane, index) => {
    const y = top + (index * (bottom - top)) / lanes.length;
    if (each >= 12) plot.text(left - 8, y + each / 2 + 4, laneName(lane), "end", "", 16);
    lane.stack ??= stack(lane.rows);
    const { level, levels } = lane.stack;
    const high = (each - 3) / levels;
    for (const [row, at] of level) {
      const start = plot.px(trials.started[row] / unit);
      const end = plot.px((trials.ended[row] ?? data.spent.wall) / unit);
      const state = STATES[Math.min(trials.state[row], 3)];
      pen.fillStyle = selection.mask[row] ? color(state) : color("dim");
      const width = Math.max(end - start - (end - start > 4 ? 1 : 0), 0.6);
      pen.fillRect(start, y + 1 + at * high, width, Math.max(high - (high > 4 ? 1 : 0), 0.6));
      if (row === selection.focus) plot.ring(start + width / 2, y + 1 + (at + 0.5) * high);
      plot.points.push([start + width / 2, y + 1 + (at + 0.5) * high, row]);
      plot.drawn++;
    }
  });
}

function laneName({ task, job }) {
  return data.tasks.length > 1 && task.id ? `${task.id}, job ${job}` : `job ${job}`;
}
