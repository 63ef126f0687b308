// All that is known of one trial, and how to see the rest or to run it again.

function trialCard(row) {
  const known = data.asides[row] ?? {};
  const close = make("button", { type: "button", onclick: () => selection.point(row) }, "Close");
  return make("div", { class: "card" }, make("h3", {}, `Trial ${trials.id[row]} `, close), tagList(known.tags),
    make("div", { class: "pair" }, rowsTable(null, cardValues(row)), rowsTable(null, cardTimes(row))),
    ...textList("Notes", known.notes), ...pictures(row, known.files), ...otherFiles(known.files),
    ...environmentOf(row), ...textList("Run again", known.replays), ...logEnd(known.log), ...commands(row));
}

// What the chosen trial reported step by step, where the page has it: a plot that stays, not one a trial.
function cardCurve() {
  const known = data.charts.curves?.find(Boolean);
  const figure = make("figure", { id: "chosen-curve", hidden: true });
  if (!known) return figure;
  const chart = () => {
    const found = data.charts.curves[objective];
    const layers = found ? found.layers.filter(({ row }) => row === selection.focus) : [];
    return layers.length ? { ...found, layers } : null;
  };
  selection.listeners.push(() => (figure.hidden = chart() === null));
  const plot = chartPlot(figure, "What the chosen trial reported", chart, { across: (name, values) => new Axis(name, "linear", values), height: 220, up: valueAxis }, known);
  plot.click = () => {}; // the trial is chosen already
  return figure;
}

function cardValues(row) {
  return data.columns.flatMap((column, index) =>
    (column.kind === "extra" || axes[index].values[row] === null ? [] : [[column.name, axes[index].label(row)]]));
}

function cardTimes(row) {
  const ended = trials.ended[row];
  return [
    ["state", STATES[trials.state[row]]],
    ["reason", data.reasons[trials.reason[row]]],
    ["started after the first one", duration(trials.started[row])],
    ["ended after", ended === null ? "" : duration(ended)],
    ["time", ended === null ? "" : duration(trials.seconds[row])],
    ["attempts", trials.attempt[row]],
    ["seed", String(trials.seed[row])],
    ["machine", data.hosts[trials.host[row]]],
    ["job", String(trials.job[row])],
    ["task", String(data.tasks[trials.task[row]].id || "")],
  ].filter(([, value]) => value !== "");
}

function tagList(tags = []) {
  return tags.length ? make("p", {}, ...tags.map((tag) => make("span", { class: "tag" }, tag))) : null;
}

function textList(title, texts = []) {
  return texts.length ? [make("h4", {}, title), ...texts.map((text) => make("p", { class: "said" }, text))] : [];
}

function pictures(row, files = []) {
  const shown = files.filter((file) => file.picture);
  if (!shown.length) return [];
  return [make("h4", {}, "Pictures"), make("div", { class: "pictures" }, ...shown.map((file) => make("figure", {},
    make("img", { src: file.picture, alt: `${file.name}, saved by trial ${trials.id[row]}` }), make("figcaption", {}, file.name))))];
}

function otherFiles(files = []) {
  const rest = files.filter((file) => !file.picture);
  if (!rest.length) return [];
  return [make("h4", {}, "Files"), rowsTable(null, rest.map((file) => [make("span", {}, file.name, make("br"),
    make("small", {}, file.path)), file.size.replace(" ", "\u00a0")]))];
}

function environmentOf(row) {
  const place = data.environment[row] ?? null;
  if (place === null) return [];
  return [make("details", { id: "environment-of-trial" }, make("summary", {}, "Environment"), factsTable(data.environments[place]))];
}

// What it printed last; what of the others had no room is said only where this one has none.
function logEnd(text) {
  if (!text) return data.logs ? [make("p", { class: "note" }, data.logs)] : [];
  return [make("h4", {}, "End of its log"), make("pre", { tabindex: "0", "aria-label": "end of its log" }, text)];
}

function factsTable(facts) {
  return make("table", { class: "facts" }, make("tbody", {}, ...Object.entries(facts).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)))));
}

function commands(row) {
  const { id } = data.tasks[trials.task[row]];
  if (!id) return [];
  const trial = trials.id[row];
  const lines = [
    ["command that shows its log", `hpogrid tasks logs ${id} --trial ${trial}`],
    ["command that runs it again and compares", `hpogrid replay ${id} ${trial}`],
  ];
  return lines.flatMap(([label, command]) =>
    [make("pre", { tabindex: "0", "aria-label": label }, command), copyButton(`Copy ${label}`, command)]);
}

// In what the trials ran: for all of them, with what differs.
function environmentCard() {
  if (!data.environments.length) return [];
  const [first] = data.environments;
  return [card("Environment", make("p", {}, data.alike), make("details", { id: "environments" },
    make("summary", {}, data.environments.length > 1 ? "All of them" : `Python ${first.Python.split(" ")[0]} and packages`),
    ...data.environments.map(factsTable)))];
}
