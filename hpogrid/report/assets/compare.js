// The page of `hpogrid compare`: standing, best over trials and time, values, tests, replicates.

const better = data.mode === "min" ? "lower is better" : "higher is better";
const hidden = new Set();
const seriesColor = (number) => color(`series-${number % data.series.length}`);

function number(value) {
  return value === null ? "-" : show(value);
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function pValue(p) {
  if (p === null) return "-";
  return p < 0.0001 ? "< 0.0001" : String(Number(p.toPrecision(2)));
}

// A table in which columns from the second one on are numbers, unless they are named in `texts`.
function plainTable(label, headings, rows, texts = []) {
  const kind = (place) => (texts.includes(headings[place]) ? null : "number");
  const cells = (tag, values) => values.map((value, place) =>
    make(tag, { class: kind(place), scope: tag === "th" ? "col" : null }, value));
  const table = make("table", { class: "plain" }, make("thead", {}, make("tr", {}, ...cells("th", headings))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells("td", row)))));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

function place(name) {
  return data.studies.findIndex((study) => study.name === name);
}

function mark(name) {
  const index = place(name);
  const fill = `var(--series-${index % data.series.length})`;
  const swatch = data.studies[index].dashed ? `linear-gradient(90deg,${fill} 35%,transparent 35% 65%,${fill} 65%)` : fill;
  const key = make("span", { class: "key", style: `background:${swatch}` });
  return make("span", {}, key, name);
}

function standing() {
  const body = section("standing", `Standing after ${data.budget}`,
    `The best ${data.metric} (${better}) of each replicate by then: their median, quartiles and best. ` +
    "A replicate is one search: a task whose jobs search together, or one independent job.");
  const rows = data.standings.map((item) => [String(item.rank), mark(item.study), String(item.replicates),
    number(item.median), `${number(item.low)} to ${number(item.high)}`, number(item.best)]);
  body.append(plainTable("Standing", ["rank", "study", "replicates", "median", "quartiles", "best"], rows, ["study"]));
  if (data.notes.length) {
    body.append(make("h3", { style: "margin-top:14px" }, "To know before believing it"),
      make("ul", { class: "notes" }, ...data.notes.map((note) => make("li", {}, note))));
  }
}

function legend() {
  const boxes = data.studies.map((study, index) => {
    const box = make("input", { type: "checkbox", checked: true, onchange: () => {
      if (box.checked) hidden.delete(index);
      else hidden.add(index);
      for (const other of document.querySelectorAll(`input[data-study="${index}"]`)) other.checked = box.checked;
      selection.changed();
    }, "data-study": index });
    return make("label", {}, box, " ", mark(study.name));
  });
  return make("span", { class: "legend" }, ...boxes);
}

function progress(id, title, xName, pick) {
  if (!data.studies.some((study) => pick(study).x.length)) return;
  const body = section(id, title,
    "Line: median over the replicates. Shade: their quartiles. Thin: each replicate. " +
    "A line ends where the shortest replicate of its study does.");
  const wide = isWide(pick);
  const view = { logX: false, logY: wide };
  const toggle = (name, label) => {
    const box = make("input", { type: "checkbox", checked: view[name], onchange: () => {
      view[name] = box.checked;
      plot.redraw();
    } });
    return make("label", {}, box, ` ${label}`);
  };
  const scales = [toggle("logX", "log across"), ...(isPositive(pick) ? [toggle("logY", "log up")] : [])];
  body.append(make("div", { class: "tools" }, legend(), ...scales));
  const figure = make("figure");
  body.append(figure);
  const plot = new Plot(figure, {
    height: 380, label: `${title}: median and quartiles of each study`,
    draw: (self) => drawProgress(self, xName, pick, view),
  });
}

const heights = (pick) => data.studies.flatMap((study) => [...pick(study).low, ...pick(study).high, ...pick(study).lines.flatMap((line) => line.y)]);
const isPositive = (pick) => heights(pick).every((value) => value > 0);
function isWide(pick) {
  const all = heights(pick);
  return isPositive(pick) && Math.max(...all) >= 100 * Math.min(...all);
}

function drawProgress(plot, xName, pick, view) {
  const shown = data.studies.map((study, index) => ({ study, index, curves: pick(study) }))
    .filter(({ index, curves }) => !hidden.has(index) && curves.x.length);
  const across = shown.flatMap(({ curves }) => curves.x).filter((x) => !view.logX || x > 0);
  const up = shown.flatMap(({ curves }) => [...curves.low, ...curves.high, ...curves.lines.flatMap((line) => line.y)]);
  plot.x = new Axis(xName, view.logX ? "log" : "linear", view.logX ? across : [0, ...across]);
  plot.y = new Axis(data.metric, view.logY ? "log" : "linear", up);
  plot.frame({ pad: 0.03 });
  const { pen } = plot;
  const at = (x, y) => [plot.px(view.logX ? Math.log10(Math.max(x, 10 ** plot.x.low)) : x), plot.py(plot.y.placeOf(y))];
  const corners = (xs, ys) => xs.flatMap((x, i) => (i ? [at(x, ys[i - 1]), at(x, ys[i])] : [at(x, ys[i])]));
  const trace = (points) => points.forEach(([x, y]) => pen.lineTo(x, y));
  for (const { index, curves } of shown) {
    pen.fillStyle = pen.strokeStyle = seriesColor(index);
    pen.globalAlpha = 0.16;
    pen.beginPath();
    trace(corners(curves.x, curves.low));
    trace(corners(curves.x, curves.high).reverse());
    pen.fill();
    pen.globalAlpha = 0.4;
    pen.lineWidth = 1;
    for (const line of curves.lines) {
      pen.beginPath();
      trace(corners(line.x, line.y));
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }
  for (const { study, index, curves } of shown) {
    pen.strokeStyle = seriesColor(index);
    pen.lineWidth = 2.5;
    pen.setLineDash(study.dashed ? [7, 4] : []);
    pen.beginPath();
    const points = corners(curves.x, curves.median);
    trace(points);
    pen.stroke();
    pen.setLineDash([]);
    curves.x.forEach((x, i) => plot.points.push([...at(x, curves.median[i]), `${study.name}\n${xName}: ${show(x)}\nmedian ${data.metric}: ${show(curves.median[i])}\nquartiles: ${show(curves.low[i])} to ${show(curves.high[i])}`]));
    plot.drawn++;
  }
}

function values() {
  const body = section("values", `Values after ${data.budget}`, `Dots: replicates; line: their median; ${better}.`);
  const figure = make("figure");
  body.append(figure);
  const longest = Math.max(...data.standings.map((item) => item.study.length));
  new Plot(figure, {
    height: 60 + 46 * data.standings.length, label: `${data.metric} of each replicate after ${data.budget}`,
    margin: { left: Math.min(260, 24 + 7.5 * longest), right: 24 }, draw: drawValues,
  });
}

function drawValues(plot) {
  const known = data.standings.flatMap((item) => item.values).filter((value) => value !== null);
  const wide = Math.min(...known) > 0 && Math.max(...known) >= 100 * Math.min(...known);
  plot.x = padded(new Axis(data.metric, wide ? "log" : "linear", known), 0.03);
  const { left, right, top, bottom } = plot.area;
  for (const [place, label] of plot.x.ticks(8)) {
    plot.gridLine(plot.px(place), top, plot.px(place), bottom);
    plot.text(plot.px(place), bottom + 16, label, "middle");
  }
  plot.text((left + right) / 2, plot.height - 6, data.metric, "middle", "name");
  const { pen } = plot;
  data.standings.forEach((item, row) => {
    const y = top + (row + 0.5) * ((bottom - top) / data.standings.length);
    const at = (value) => plot.px(plot.x.placeOf(value));
    plot.text(left - 10, y + 4, item.study, "end", "", 32);
    pen.fillStyle = seriesColor(place(item.study));
    item.values.forEach((value, index) => {
      if (value === null) return;
      const shift = item.values.length > 1 ? scattered(index) * 22 : 0;
      pen.beginPath();
      pen.arc(at(value), y + shift, 4, 0, 7);
      pen.fill();
      plot.points.push([at(value), y + shift, `${item.study}: ${show(value)}`]);
      plot.drawn++;
    });
    if (item.median === null) return;
    pen.fillStyle = color("text");
    pen.fillRect(at(item.median) - 1.25, y - 17, 2.5, 34);
  });
}

function scattered(index) {
  return ((index * 0.618034) % 1) - 0.5;
}

function tests() {
  const body = section("tests", "More than chance?",
    `${data.test}: p is corrected for the number of pairs; below ${data.alpha} a difference counts as shown. ` +
    "Wins: how likely a replicate of the first study is better than one of the second.");
  const rows = data.pairs.map((pair) => [make("span", {}, mark(pair.first), " and ", mark(pair.second)),
    percent(pair.wins), pValue(pair.p), pValue(pair.adjusted), pair.sentence]);
  body.append(plainTable("Tests", ["studies", "wins", "p", "p, corrected", "what follows"], rows, ["studies", "what follows"]));
}

function replicates() {
  const body = section("replicates", "Replicates");
  const rows = data.studies.flatMap((study) => study.replicates.map((one) => [mark(study.name), one.name,
    one.seed === null ? "-" : String(one.seed), one.trials.toLocaleString("en"), duration(one.seconds) + (one.running ? ", running" : ""),
    number(one.value), number(one.best), one.after === null ? "-" : one.after.toLocaleString("en")]));
  body.append(plainTable("Table of the replicates", ["study", "task", "seed", "trials that ended", "time", `after ${data.budget}`, "best of all", "found at trial"], rows, ["study", "task"]));
}

head();
standing();
progress("trials", "Best over trials", "trials that ended", (study) => study.trials);
progress("time", "Best over time", `${data.time} since the start`, (study) => study.time);
values();
tests();
replicates();
selection.changed();
document.documentElement.dataset.ready = "yes";
