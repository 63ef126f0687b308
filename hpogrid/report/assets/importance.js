// Importance of the hyperparameters, and the contour of the two most important ones.

// The columns of the hyperparameters that vary, most important first.
function byImportance() {
  const found = data.importance[Math.min(objective, goals - 1)];
  if (!found || !found.names) return parameters;
  const rank = (index) => found.names.indexOf(axes[index].name);
  return [...parameters].sort((a, b) => rank(a) - rank(b));
}

function importance() {
  if (!goals || !parameters.length) return;
  const body = section("importance", "Importance of hyperparameters");
  const note = make("p", { class: "note" });
  const figure = make("figure");
  body.append(note, figure);
  const longest = Math.max(...parameters.map((index) => axes[index].name.length));
  const most = Math.max(...data.importance.map((found) => (found.names ? Math.min(found.names.length, 20) : 0)));
  if (!most) {
    note.textContent = data.importance[0]?.note ?? "";
    return;
  }
  new Plot(figure, {
    height: 60 + 30 * most, label: "Importance of hyperparameters with its uncertainty", margin: { left: Math.min(300, 20 + 7 * longest), right: 30 },
    draw: (plot) => {
      const found = data.importance[objective] ?? { note: `It is measured for what is optimised, not for ${objectives[objective].name}.` };
      note.textContent = found.note;
      drawImportance(plot, found, most);
    },
  });
}

function drawImportance(plot, found, most) {
  if (!found.names) return;
  const { pen } = plot;
  const top = Math.max(...found.high, 0.05);
  plot.x = Object.assign(new Axis("part of the variance that it explains, %", "linear", []), { low: 0, high: 100 * top * 1.02 });
  const names = found.names.slice(0, most);
  const { left, right, bottom } = plot.area;
  for (const [place, label] of plot.x.ticks(8)) {
    plot.gridLine(plot.px(place), plot.margin.top, plot.px(place), bottom);
    plot.text(plot.px(place), bottom + 16, label, "middle");
  }
  plot.text((left + right) / 2, plot.height - 6, plot.x.name, "middle", "name", 60);
  names.forEach((name, index) => {
    const y = plot.margin.top + 15 + 30 * index;
    plot.text(left - 8, y + 4, name, "end", "", 42);
    pen.fillStyle = color("complete");
    pen.fillRect(left, y - 9, plot.px(100 * found.mean[index]) - left, 18);
    pen.strokeStyle = color("text");
    pen.lineWidth = 1.5;
    const [low, high] = [plot.px(100 * found.low[index]), plot.px(100 * found.high[index])];
    pen.beginPath();
    pen.moveTo(low, y);
    pen.lineTo(high, y);
    for (const end of [low, high]) {
      pen.moveTo(end, y - 5);
      pen.lineTo(end, y + 5);
    }
    pen.stroke();
    plot.drawn++;
  });
}

// --- contour ------------------------------------------------------------------------------

function contour() {
  if (!objectives.length || parameters.length < 2 || !count) return;
  const pair = byImportance().slice(0, 2);
  const body = section("contour", "Contour of two hyperparameters",
    `The colour is a smooth mean of the results of near trials; where no trial is near, it is left blank. ${MARKS} ${data.early}`);
  const names = parameters.map((index) => [index, axes[index].name]);
  const choose = (side) => (choice) => {
    pair[side] = choice;
    plot.redraw();
  };
  body.append(make("div", { class: "tools" },
    chooser("Across", names, pair[0], choose(0)), chooser("Up", names, pair[1], choose(1)), rampLegend()));
  const figure = make("figure");
  body.append(figure);
  const plot = new Plot(figure, { height: 440, label: "Contour of two hyperparameters", zooms: true, draw: (self) => drawContour(self, pair) });
}

function drawContour(plot, pair) {
  [plot.x, plot.y] = pair.map((index) => axes[index]);
  plot.frame();
  const goodness = objectives[objective].goodness;
  const shift = (axis, row) => (axis.scale === "category" ? scatter(row) * 0.8 : 0);
  const rows = [];
  plot.clip();
  for (const row of drawingOrder()) {
    if (goodness[row] === null || plot.x.places[row] === null || plot.y.places[row] === null) continue;
    rows.push([plot.px(plot.x.places[row] + shift(plot.x, row)), plot.py(plot.y.places[row] + shift(plot.y, row)), row]);
  }
  const fair = new Set(data.fair); // the mean of the best alone would say that all is well
  smooth(plot, rows.filter(([, , row]) => fair.has(row)), goodness);
  for (const [x, y, row] of rows) {
    plot.pen.strokeStyle = color("back");
    plot.dot(x, y, row, rowColor(row), { hollow: trials.state[row] === 1 });
    if (plot.inside(x, y)) outline(plot, x, y);
  }
  failedInside(plot, shift);
  plot.pen.restore();
}

// What lies where trials failed is no blank: nobody knows what is there, and that is worth knowing.
function failedInside(plot, shift) {
  for (let row = 0; row < count; row++) {
    if (trials.state[row] !== 2 || unseen(row) || plot.x.places[row] === null || plot.y.places[row] === null) continue;
    const at = [plot.px(plot.x.places[row] + shift(plot.x, row)), plot.py(plot.y.places[row] + shift(plot.y, row))];
    if (plot.inside(...at)) plot.cross(...at, row);
  }
}

function outline(plot, x, y) {
  const { pen } = plot;
  pen.lineWidth = 1;
  pen.strokeStyle = color("text");
  pen.globalAlpha = 0.55;
  pen.beginPath();
  pen.arc(x, y, 3.6, 0, 7);
  pen.stroke();
  pen.globalAlpha = 1;
}

// Fill the area with the kernel mean of the goodness of the rows (Gaussian, in pixels).
function smooth(plot, rows, goodness) {
  const { left, right, top, bottom } = plot.area;
  const cell = rows.length > 800 ? 10 : 5;
  const reach = Math.max(18, (0.9 * (right - left)) / Math.sqrt(rows.length + 20));
  const { pen } = plot;
  pen.globalAlpha = 0.55;
  for (let y = top; y < bottom; y += cell) {
    for (let x = left; x < right; x += cell) {
      let [sum, weight] = [0, 0];
      for (const [px, py, row] of rows) {
        const square = ((px - x - cell / 2) ** 2 + (py - y - cell / 2) ** 2) / (reach * reach);
        if (square > 9) continue;
        const one = Math.exp(-square / 2);
        sum += one * goodness[row];
        weight += one;
      }
      if (weight < 0.3) continue;
      pen.fillStyle = ramp(Math.round((10 * sum) / weight) / 10);
      pen.fillRect(x, y, Math.min(cell, right - x), Math.min(cell, bottom - y));
    }
  }
  pen.globalAlpha = 1;
}
