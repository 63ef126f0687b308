// The head of the page and its summary: the best configuration, and what was spent and lost.

function head() {
  document.getElementById("name").textContent = data.name || "Results";
  document.getElementById("lead").textContent = data.summary;
  document.getElementById("foot").textContent =
    `Written by hpogrid ${data.version} on ${data.written}. This file needs no network.`;
  const theme = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const dark = theme.value === "dark" || (theme.value === "auto" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    selection.changed();
  };
  // On paper: black on white, as wide as a page, and drawn before it is printed.
  const print = (paper) => {
    document.documentElement.classList.toggle("paper", paper);
    if (!paper) return apply();
    dataset.theme = "light";
    selection.changed();
    for (const plot of plots) plot.redraw();
  };
  window.addEventListener("beforeprint", () => print(true), { signal: leaving.signal });
  window.addEventListener("afterprint", () => print(false), { signal: leaving.signal });
  theme.addEventListener("change", apply, { signal: leaving.signal });
  system.addEventListener("change", apply, { signal: leaving.signal });
  apply();
}

function chooseMetric() {
  if (!objectives.length) return;
  const controls = document.querySelector(".controls");
  const again = () => {
    for (const { column } of objectives) if (limits.has(column)) setLimit(column, null); // its places change
    scaleObjectives();
    colourObjectives();
    for (const plot of plots) plot.setZoom(null);
    selection.changed();
  };
  const choose = chooser("Values", SCALES.map((name, index) => [index, name]), valueScale, (choice) => {
    valueScale = choice;
    again();
  });
  choose.querySelector("select").id = "value-scale";
  const added = [choose, ...Object.keys(visible).map(showState).filter(Boolean)];
  controls.prepend(...added);
  leaving.signal.addEventListener("abort", () => added.forEach((node) => node.remove()));
  if (objectives.length < 2) return;
  const select = document.getElementById("metric");
  objectives.forEach((item, index) =>
    select.append(make("option", { value: index, selected: index === objective }, index < goals ? item.name : `${item.name} (reported)`)));
  select.addEventListener("change", () => {
    objective = Number(select.value);
    again();
  }, { signal: leaving.signal });
  document.getElementById("metric-choice").hidden = false;
}

// A switch for the trials of a state, where there are any.
function showState(state) {
  if (!trials.state.includes(STATES.indexOf(state))) return null;
  const change = (checked) => {
    visible[state] = checked;
    selection.changed();
  };
  return tickBox(` ${state} trials`, visible[state], change, { id: `show-${state}` });
}

function copyButton(label, text) {
  const button = make("button", { type: "button", onclick: async () => {
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", { "aria-hidden": "true" });
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
    }
    button.textContent = done ? "Copied" : "Select the text and copy it";
    setTimeout(() => (button.textContent = label), 2000);
  } }, label);
  return button;
}

function card(title, ...children) {
  return make("div", { class: "card" }, make("h3", {}, title), ...children);
}

function makeTable(kind, headings, rows, isNumber) {
  const line = (tag, values) => make("tr", {}, ...values.map((value, place) =>
    make(tag, { class: isNumber(value, place, values) ? "number" : null, scope: tag === "th" ? "col" : null },
      typeof value === "number" ? value.toLocaleString("en") : value)));
  const head = headings && make("thead", {}, line("th", headings));
  return make("table", { class: kind }, head, make("tbody", {}, ...rows.map((row) => line("td", row))));
}

function rowsTable(headings, rows) {
  return makeTable(null, headings, rows, (value, place, { length }) => typeof value === "number" || place === length - 1);
}

// A table in which columns from the second one on are numbers, unless they are named in `texts`.
function plainTable(label, headings, rows, texts = []) {
  const table = makeTable("plain", headings, rows, (_, place) => !texts.includes(headings[place]));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

function bestCard() {
  if (!data.best) return card("Best trial", make("p", {}, "No trial has a result that can be compared."));
  const { value, metric, mode, trial, config, command } = data.best;
  const body = card(
    `Best ${metric} (${mode === "min" ? "lower" : "higher"} is better)`,
    make("div", { class: "big", id: "best-value" }, show(value)),
    make("div", {}, `trial ${trial}`),
    make("pre", { id: "best-config", tabindex: "0", "aria-label": "best configuration" }, config),
    copyButton("Copy configuration", config),
  );
  if (command) {
    body.append(
      make("h3", { style: "margin-top:14px" }, "Run it again"),
      make("pre", { tabindex: "0", "aria-label": "command that runs it again" }, command),
      copyButton("Copy command", command),
    );
  }
  return body;
}

// How sure the best result is.
function trustCard() {
  return data.trust.length ? [card("How sure is it?", ...data.trust.map((text) => make("p", {}, text)))] : [];
}

function trialsCard() {
  const bar = make("div", { class: "states", "aria-hidden": "true" });
  const total = Object.values(data.states).reduce((sum, one) => sum + one, 0);
  for (const [state, number] of Object.entries(data.states)) {
    bar.append(make("div", { style: `width:${(100 * number) / total}%;background:var(--${state})` }));
  }
  const rows = Object.entries(data.states).map(([state, number]) => [stateKey(state), number]);
  return card("Trials", make("div", { class: "big" }, total.toLocaleString("en")), bar, rowsTable(null, rows));
}

function budgetCard() {
  const { wall, work, budget, hosts, jobs } = data.spent;
  const rows = [
    ["from first to last", duration(wall)],
    ["time in trials", duration(work)],
    ["trials at once, on average", show(wall ? Number((work / wall).toPrecision(2)) : 0)],
    ["jobs", jobs],
    ["machines", hosts],
  ];
  if (budget) rows.unshift(["finished of the trials asked for", `${data.spent.finished} of ${budget}`]);
  return card("Budget used", rowsTable(null, rows));
}

function failuresCard() {
  if (!data.failures.length) return card("Failures", make("p", {}, "No trial failed."));
  return card("Failures by reason", rowsTable(["reason", "trials"], data.failures));
}

function tasksCard() {
  const rows = data.tasks.map((task) => [String(task.id || "-"), task.site || "-", task.trials, duration(task.seconds)]);
  return card("Sites and times", rowsTable(["task", "site", "trials", "time"], rows));
}

function summary() {
  const body = section("summary", "Summary");
  body.append(
    make("div", { class: "cards" }, bestCard(), ...trustCard(), trialsCard(), budgetCard(), failuresCard(), tasksCard(), ...environmentCard()),
  );
  for (const note of data.notes) body.append(make("p", { class: "note", style: "margin-top:12px" }, note));
  if (data.left_out) {
    body.append(make("p", { class: "note", style: "margin-top:12px" },
      `This page holds ${plural(count, "trial")}: the best ones, every one that was the best when it ended, ` +
      `and some of the others at random. ${plural(data.left_out, "other trial")} are counted above, but not shown below.`));
  }
}
