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
  body.append(frontTable(shown));
  const left = rows.length - shown.length;
  if (left) body.append(make("p", { class: "note" }, `${plural(left, "other trial")} of the front ${left === 1 ? "is" : "are"} not listed.`));
}

function frontTable(rows) {
  const metrics = objectives.slice(0, goals);
  const columns = data.columns.flatMap((column, index) => (column.kind === "parameter" ? [index] : []));
  const names = ["trial", ...columns.map((index) => data.columns[index].name)];
  const heads = ["trial", ...metrics.map((item) => `${item.name} (${item.mode})`), ...names.slice(1)];
  return plainTable("Table of the Pareto set", heads, rows.map((row) => [
    make("button", { type: "button", onclick: () => selection.point(row) }, trials.id[row]),
    ...[...metrics.map((item) => item.column), ...columns].map((index) => axes[index].label(row)),
  ]), names);
}
