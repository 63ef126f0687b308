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
  const first = data.importance.find((found) => found.chart);
  if (!first) {
    note.textContent = data.importance[0].note;
    return;
  }
  chartPlot(figure, "Importance of hyperparameters with its uncertainty", () => {
    const found = data.importance[objective] ?? { note: `It is measured for what is optimised, not for ${objectives[objective].name}.` };
    note.textContent = found.note;
    return found.chart;
  }, {}, first.chart);
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
