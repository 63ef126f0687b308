// Several objectives: how the front has grown, and the trials on it with their values.

const MOST_OF_FRONT = 100;

function paretoSet() {
  if (goals < 2 || !data.growth.length) return;
  const body = section("front", "Pareto set",
    "The trials of the front with their values, and the share of the box of all results that the front dominated as trials ended: the larger the better.");
  const figure = make("figure");
  body.append(figure);
  new Plot(figure, { height: 240, label: "Hypervolume of the Pareto front over trials that ended", draw: drawGrowth });
  const rows = paretoFront();
  const shown = rows.slice(0, MOST_OF_FRONT);
  const box = make("div", { class: "scroll", style: "margin-top:12px", tabindex: "0", role: "region", "aria-label": "Table of the Pareto set" }, frontTable(shown));
  body.append(box);
  if (rows.length > shown.length) {
    body.append(make("p", { class: "note" }, `${plural(rows.length - shown.length, "other trial")} of the front ${rows.length - shown.length === 1 ? "is" : "are"} not listed.`));
  }
}

function drawGrowth(plot) {
  const last = Math.max(...trials.order.filter((place) => place !== null), data.growth.at(-1)[0]);
  plot.x = Object.assign(new Axis("trials that ended", "linear", [1, last]), { whole: true });
  plot.y = Object.assign(new Axis("hypervolume", "linear", []), { low: 0, high: 1, empty: false });
  plot.frame();
  const { pen } = plot;
  pen.strokeStyle = color("accent");
  pen.lineWidth = 2;
  pen.beginPath();
  let before = 0;
  for (const [place, volume] of [...data.growth, [last, data.growth.at(-1)[1]]]) {
    pen.lineTo(plot.px(place), plot.py(before));
    pen.lineTo(plot.px(place), plot.py(volume));
    before = volume;
    plot.drawn++;
  }
  pen.stroke();
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
