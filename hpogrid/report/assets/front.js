// Several objectives: how the front has grown, and the trials on it with their values.

const MOST_OF_FRONT = 100;

function paretoSet() {
  if (!data.charts.hypervolume) return;
  const body = section("front", "Pareto set",
    "The trials of the front with their values, and the share of the box of all results that the front dominated as trials ended: the larger the better.");
  const figure = make("figure");
  body.append(figure);
  chartPlot(figure, "Hypervolume of the Pareto front over trials that ended", data.charts.hypervolume, { height: 240 });
  const rows = frontRows();
  const shown = rows.slice(0, MOST_OF_FRONT);
  const box = make("div", { class: "scroll", style: "margin-top:12px", tabindex: "0", role: "region", "aria-label": "Table of the Pareto set" }, frontTable(shown));
  body.append(box);
  if (rows.length > shown.length) {
    body.append(make("p", { class: "note" }, `${plural(rows.length - shown.length, "other trial")} of the front ${rows.length - shown.length === 1 ? "is" : "are"} not listed.`));
  }
}

function frontTable(rows) {
  const metrics = objectives.slice(0, goals);
  const names = data.columns.flatMap((column, index) => (column.kind === "parameter" ? [index] : []));
  const heads = ["trial", ...metrics.map((item) => `${item.name} (${item.mode})`), ...names.map((index) => data.columns[index].name)];
  return make("table", { class: "plain" },
    make("thead", {}, make("tr", {}, ...heads.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {},
      make("td", {}, make("button", { type: "button", onclick: () => selection.point(row) }, trials.id[row])),
      ...metrics.map((item) => make("td", { class: "number" }, axes[item.column].label(row))),
      ...names.map((index) => make("td", {}, axes[index].label(row)))))));
}
