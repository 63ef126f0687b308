// The page of `hpogrid compare`: standing, best over trials and time, values, tests, replicates.

const better = data.mode === "min" ? "lower is better" : "higher is better";
const hidden = new Set();

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function pValue(p) {
  if (p === null) return "-";
  return p < 0.0001 ? "< 0.0001" : String(Number(p.toPrecision(2)));
}

function mark(name) {
  const index = data.studies.findIndex((study) => study.name === name);
  const fill = `var(--${seriesName(index)})`;
  const swatch = data.studies[index].dashed ? `linear-gradient(90deg,${fill} 35%,transparent 35% 65%,${fill} 65%)` : fill;
  return make("span", {}, make("span", { class: "key", style: `background:${swatch}` }), name);
}

function standing() {
  const body = section("standing", `Standing after ${data.budget}`,
    `The best ${data.metric} (${better}) of each replicate by then: their median, quartiles and best. ` +
    "A replicate is one search: a task whose jobs search together, or one independent job.");
  const digits = digitsOf(data.standings.flatMap(({ median, low, high, best }) => [median, low, high, best]));
  const rows = data.standings.map((item) => [String(item.rank), mark(item.study), String(item.replicates),
    show(item.median, digits), `${show(item.low, digits)} to ${show(item.high, digits)}`, show(item.best, digits)]);
  body.append(plainTable("Standing", ["rank", "study", "replicates", "median", "quartiles", "best"], rows, ["study"]));
  if (data.notes.length) {
    body.append(make("h3", { style: "margin-top:14px" }, "To know before believing it"),
      make("ul", { class: "notes" }, ...data.notes.map((note) => make("li", {}, note))));
  }
}

function legend() {
  const boxes = data.studies.map((study, index) => tickBox([" ", mark(study.name)], true, (checked) => {
    if (checked) hidden.delete(index);
    else hidden.add(index);
    for (const other of document.querySelectorAll(`input[data-study="${index}"]`)) other.checked = checked;
    selection.changed();
  }, { "data-study": index }));
  return make("span", { class: "legend" }, ...boxes);
}

function progress(id, title) {
  const chart = data.charts[id];
  if (!chart) return;
  const view = { hidden, across: chart.x.scale, up: chart.y.scale };
  const toggle = (side, label) => tickBox(` ${label}`, view[side] === "log", (checked) => {
    view[side] = checked ? "log" : "linear";
    plot.redraw();
  });
  const tools = [legend(), toggle("across", "log across"), ...(positive(chart) ? [toggle("up", "log up")] : [])];
  const plot = plotSection(id, title, { note: chart.note, tools, label: `${title}: median and quartiles of each study`, chart, view });
}

function values() {
  const chart = data.charts.values;
  if (!chart) return;
  const note = `${chart.note} ${better[0].toUpperCase()}${better.slice(1)}.`;
  plotSection("values", `Values after ${data.budget}`, { note, label: `${data.metric} of each replicate after ${data.budget}`, chart });
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
  const digits = digitsOf(data.studies.flatMap((study) => study.replicates.flatMap(({ value, best }) => [value, best])));
  const rows = data.studies.flatMap((study) => study.replicates.map((one) => [mark(study.name), one.name,
    one.seed === null ? "-" : String(one.seed), one.trials.toLocaleString("en"), duration(one.seconds) + (one.running ? ", running" : ""),
    show(one.value, digits), show(one.best, digits), one.after === null ? "-" : one.after.toLocaleString("en")]));
  body.append(plainTable("Table of the replicates", ["study", "task", "seed", "trials that ended", "time", `after ${data.budget}`, "best of all", "found at trial"], rows, ["study", "task"]));
}

head();
standing();
progress("trials", "Best over trials");
progress("time", "Best over time");
values();
tests();
replicates();
selection.changed();
document.documentElement.dataset.ready = "yes";
