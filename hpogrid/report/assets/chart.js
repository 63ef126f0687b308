// Draws a chart as it is described (`charts/model.py`): axes, and layers of marks on them.

const MARKS_OF = { points: drawPoints, line: drawLine, area: drawArea, bars: drawBars, spans: drawSpans, heat: drawHeat };

// A plot of a described chart, or of the one that is chosen, none at times (`like` is of its size);
// `view` may name hidden series, other scales of the axes (or what makes an axis for values), another
// height, and whether one can look closer.
function chartPlot(parent, label, chart, view = {}, like = chart) {
  const lanes = view.height ? 0 : like.y.categories.length;
  return new Plot(parent, {
    label,
    height: view.height ?? (lanes ? 60 + Math.max(30, 46 - 2 * lanes) * lanes : 380),
    margin: lanes ? { right: 30 } : {},
    zooms: view.zooms ?? false,
    draw: (plot) => {
      const shown = typeof chart === "function" ? chart() : chart;
      if (shown) drawChart(plot, shown, view);
    },
  });
}

function drawChart(plot, chart, { hidden = new Set(), across, up }) {
  const [alone] = chart.layers;
  if (alone?.type === "parallel") return drawParallel(plot, alone); // which has axes of its own
  const layers = chart.layers.filter((layer) => !hidden.has(layer.series) && !unseen(layer.row));
  const own = { x: describedAxis(chart.x), y: describedAxis(chart.y) };
  const used = {
    x: (across ?? own.x.scale) === own.x.scale ? own.x : axisOf(own.x, across, layers, "x"),
    y: (up ?? own.y.scale) === own.y.scale && !hidden.size ? own.y : axisOf(own.y, up ?? own.y.scale, layers, "y"),
  };
  plot.x = used.x;
  plot.y = used.y;
  const longest = Math.max(0, ...plot.y.categories.map((name) => name.length));
  plot.margin.left = longest ? Math.min(300, 0.4 * plot.width, 24 + 7.5 * longest) : 64;
  plot.frame({ lane: layers.some((layer) => layer.rows === null) && failedBelow(used) });
  const placed = (side) => (place) => (used[side] === own[side] ? place : Math.max(used[side].low, used[side].placeOf(own[side].valueAt(place))));
  const [toX, toY] = [placed("x"), placed("y")];
  const at = (x, y) => [plot.px(toX(x)), plot.py(toY(y))];
  plot.clip();
  for (const layer of layers) MARKS_OF[layer.type](plot, layer, at, own, layers);
  plot.pen.restore();
}

function describedAxis({ name, scale, low, high, categories, whole, column, values }) {
  if (column) return axes[columnOf(column)].with({ name });
  const axis = new Axis(name, scale, values ?? [], categories).with({ whole });
  if (values) return axis;
  return axis.with(scale === "category" ? { empty: false } : { empty: false, low, high });
}

// A section with one plot below its tools.
function plotSection(id, title, { note, tools = [], label = title, chart, view, like }) {
  const figure = make("figure");
  section(id, title, note).append(...tools.length ? [make("div", { class: "tools" }, ...tools)] : [], figure);
  return chartPlot(figure, label, chart, view, like);
}

// A section of a chart that needs no more than its description; there is one for each objective.
function described(id) {
  const charts = data.charts[id].filter(Boolean);
  if (!charts.length) return;
  const like = charts.find(({ layers }) => layers.length);
  const title = charts[0].title.split(": ").at(-1);
  const heading = title[0].toUpperCase() + title.slice(1);
  if (!like) return section(id, heading, charts[0].note);
  const onGoal = ({ column }) => objectives.slice(0, goals).some((item) => data.columns[item.column].name === column);
  const side = [["across", like.x], ["up", like.y]].find(([, axis]) => onGoal(axis))?.[0];
  const chart = () => data.charts[id][objective] ?? (side && objective >= goals ? like : null);
  const view = { height: like.y.categories.length ? undefined : 300, zooms: !like.y.categories.length };
  if (side) view[side] = () => objectives[objective].axis;
  const tools = like.layers.some(({ type }) => type === "points") ? [rampLegend()] : [];
  const plot = plotSection(id, heading, { note: like.note, tools, chart, view, like });
  const note = document.querySelector(`#${id} .note`);
  selection.listeners.push(() => {
    const { name } = objectives[objective];
    note.textContent = chart()?.note ?? `There is nothing to draw for ${name}${objective < goals ? "" : ", which is not optimised"}.`;
    plot.box.hidden = !chart()?.layers.length;
  });
}

// What chooses one of some names for each side of a plot; `pair` has the chosen ones.
function pairChoosers(names, pair, plot) {
  return ["Across", "Up"].map((label, side) => chooser(label, names, pair[side], (choice) => {
    pair[side] = choice;
    plot().setZoom(null);
    plot().redraw();
  }));
}

// The same axis on another scale, or for fewer marks.
function axisOf(own, scale, layers, side) {
  if (own.scale === "category") return own;
  const fields = { x: { bars: ["low", "high"] }, y: { area: ["low", "high"] } }[side];
  const values = layers.flatMap((layer) => (fields[layer.type] ?? [side]).flatMap((field) => layer[field] ?? []))
    .map((place) => own.valueAt(place)).filter((value) => scale !== "log" || value > 0);
  const made = typeof scale === "function" ? scale(own.name, values, own.scale) : new Axis(own.name, scale, values);
  return Object.assign(made, { whole: own.whole });
}

function positive({ y, layers }) {
  const own = describedAxis(y);
  return layers.every((layer) => [layer.y, layer.low, layer.high].flatMap((places) => places ?? []).every((place) => own.valueAt(place) > 0));
}

const seriesName = (number) => `series-${number % data.series}`;

// The corners of a staircase: a value holds until the next one.
function corners(points) {
  return points.flatMap(([x, y], place) => (place ? [[x, points[place - 1][1]], [x, y]] : [[x, y]]));
}

// Whether trials failed that have no place but below the others.
function failedBelow({ x, y }) {
  return trials.state.some((state, row) => state === 2 && !unseen(row) && x.places[row] !== null && y.places[row] === null);
}

function drawTrials(plot, { rows, plain, emphasis }, layers) {
  const { bottom } = plot.area;
  const shown = rows && new Set(rows);
  const outlined = emphasis || layers[0].type === "heat";
  for (const row of drawingOrder()) {
    if ((shown && !shown.has(row)) || trials.state[row] > 2) continue;
    const [x, y] = trialAt(plot, row);
    if (x === null) continue;
    if (trials.state[row] === 2) plot.cross(x, y ?? bottom - 6, row);
    else if (y !== null) {
      plot.dot(x, y, row, plain ? color("running") : rowColor(row), { hollow: trials.state[row] === 1, emphasis, outlined });
    }
  }
}

// The pixels of a trial; null where it has no place on an axis.
function trialAt(plot, row) {
  const at = (axis, pixel) => {
    const place = axis.places[row];
    return place === null ? null : pixel(axis.scale === "category" ? place + scatter(row) : place);
  };
  return [at(plot.x, (place) => plot.px(place)), at(plot.y, (place) => plot.py(place))];
}

// Fill the area with the kernel mean of the goodness of the trials (Gaussian, in pixels).
function drawHeat(plot, { rows }) {
  const { left, right, top, bottom } = plot.area;
  const { goodness } = objectives[objective];
  const near = rows.filter((row) => !unseen(row) && goodness[row] !== null)
    .map((row) => [...trialAt(plot, row), goodness[row]]).filter(([x, y]) => x !== null && y !== null);
  const cell = near.length > 800 ? 10 : 5;
  const reach = Math.max(18, (0.9 * (right - left)) / Math.sqrt(near.length + 20));
  const { pen } = plot;
  pen.globalAlpha = 0.55;
  for (let x = left; x < right; x += cell) {
    const beside = near.filter(([px]) => Math.abs(px - x - cell / 2) <= 3 * reach);
    for (let y = top; y < bottom; y += cell) {
      let [sum, weight] = [0, 0];
      for (const [px, py, good] of beside) {
        const square = ((px - x - cell / 2) ** 2 + (py - y - cell / 2) ** 2) / (reach * reach);
        if (square > 9) continue;
        const one = Math.exp(-square / 2);
        sum += one * good;
        weight += one;
      }
      if (weight < 0.3) continue;
      pen.fillStyle = ramp(Math.round((10 * sum) / weight) / 10);
      pen.fillRect(x, y, Math.min(cell, right - x), Math.min(cell, bottom - y));
    }
  }
  pen.globalAlpha = 1;
}

function drawPoints(plot, layer, at, own, layers) {
  if ("rows" in layer) return drawTrials(plot, layer, layers);
  layer.x.forEach((place, index) => {
    const [x, y] = at(place, layer.y[index]);
    plot.pen.fillStyle = layer.series === null ? ramp(layer.color[index]) : color(seriesName(layer.series));
    plot.pen.beginPath();
    plot.pen.arc(x, y, 4, 0, 7);
    plot.pen.fill();
    plot.points.push([x, y, layer.hover[index]]);
    plot.drawn++;
  });
}

function drawLine(plot, layer, at, own, layers) {
  if (layer.share) return drawShare(plot, layer);
  const points = layer.rows
    ? layer.rows.map((row) => [plot.px(plot.x.places[row]), plot.py(plot.y.places[row])])
    : layer.x.map((x, index) => at(x, layer.y[index]));
  if (layer.open) points.push([plot.px(Math.max(...plot.x.places)), points.at(-1)[1]]);
  if (typeof layer.row === "number") return drawCurve(plot, points, layer);
  stroke(plot.pen, [layer.steps ? corners(points) : points], {
    color: color(layer.series === null ? "text" : seriesName(layer.series)),
    width: layer.thin ? 1 : 2.5,
    alpha: layer.thin ? 0.4 : 1,
    dash: layer.dashed || layer.series >= data.series ? [7, 4] : [],
  });
  if (layer.thin || layer.rows || (layer.series === null && !layer.steps)) return;
  const area = layers.find((other) => other.type === "area" && other.series === layer.series && layer.series !== null);
  const value = (side, place) => show(own[side].valueAt(place));
  points.forEach(([x, y], index) => {
    const words = [...(layer.name ? [layer.name] : []), `${own.x.name}: ${value("x", layer.x[index])}`, `${own.y.name}: ${value("y", layer.y[index])}`];
    if (area) words.push(`quartiles: ${value("y", area.low[index])} to ${value("y", area.high[index])}`);
    plot.points.push([x, y, words.join("\n")]);
  });
  plot.drawn++;
}

// Which part of the trials that are selected lies up to each of them.
function drawShare(plot, { rows }) {
  const { places } = plot.x;
  const shown = rows.filter((row) => selection.mask[row] && places[row] !== null).sort((a, b) => places[a] - places[b]);
  const points = shown.map((row, index) => [plot.px(places[row]), plot.py((100 * (index + 1)) / shown.length)]);
  const rising = corners([...points.slice(0, 1).map(([x]) => [x, plot.py(0)]), ...points]);
  stroke(plot.pen, [rising], { color: color("text"), width: 2.5 });
  points.forEach((point, index) => {
    if (plot.inside(...point)) plot.points.push([...point, shown[index]]);
    if (shown[index] === selection.focus) plot.ring(...point);
  });
  plot.drawn += shown.length;
}

// The line of a trial; where it was stopped early it ends with a cross.
function drawCurve(plot, points, { row, dashed }) {
  const paint = selection.mask[row] ? rowColor(row) : color("dim");
  const width = row === selection.focus ? 4 : 1.3;
  stroke(plot.pen, [points], { color: paint, width, dash: dashed ? [4, 3] : [] });
  if (dashed && selection.mask[row]) plot.crossLines(...points.at(-1), 3, paint, width);
  for (const [x, y] of points) if (plot.inside(x, y)) plot.points.push([x, y, row]);
  plot.drawn++;
}

function drawArea({ pen }, layer, at) {
  const edge = (field) => corners(layer.x.map((x, index) => at(x, layer[field][index])));
  pen.fillStyle = color(seriesName(layer.series));
  pen.globalAlpha = 0.16;
  pen.beginPath();
  for (const [x, y] of [...edge("low"), ...edge("high").reverse()]) pen.lineTo(x, y);
  pen.fill();
  pen.globalAlpha = 1;
}

function drawBars(plot, layer, at) {
  const { pen } = plot;
  layer.values.forEach((value, lane) => {
    const [right, y] = at(value, lane);
    const [[zero], [low], [high]] = [0, layer.low[lane], layer.high[lane]].map((place) => at(place, lane));
    pen.fillStyle = color("complete");
    pen.fillRect(Math.min(zero, right), y - 9, Math.abs(right - zero), 18);
    const ends = [low, high].map((end) => [[end, y - 5], [end, y + 5]]);
    stroke(pen, [[[low, y], [high, y]], ...ends], { color: color("text"), width: 1.5 });
    plot.drawn++;
  });
}

function drawSpans(plot, layer, at) {
  const wide = (size) => Math.max(size - (size > 4 ? 1 : 0), 0.6); // with a gap where there is room
  layer.start.forEach((start, row) => {
    const [left, low] = at(start, layer.y[row]);
    const [right, high] = at(layer.end[row], layer.y[row] + layer.height[row]);
    plot.pen.fillStyle = color(selection.mask[row] ? STATES[Math.min(trials.state[row], 3)] : "dim");
    plot.pen.fillRect(left, high, wide(right - left), wide(low - high));
    const middle = [(left + right) / 2, (low + high) / 2];
    if (row === selection.focus) plot.ring(...middle);
    plot.points.push([...middle, row]);
    plot.drawn++;
  });
}
