// What is selected by its values: dragging along an axis, or ranges to type and categories to tick.

const limits = new Map(); // by column: the places [low, high], or a set of those of categories

function setLimit(index, limit) {
  if (limit) limits.set(index, limit);
  else limits.delete(index);
  const { places } = axes[index];
  const passes = limit instanceof Set ? (place) => limit.has(place) : (place) => place >= limit[0] && place <= limit[1];
  selection.set(`limit ${index}`, limit && ((row) => places[row] !== null && passes(places[row])));
}

function drawLimit(plot, axis, x) {
  const limit = limits.get(axes.indexOf(axis)) ?? [];
  const ranges = limit instanceof Set ? [...limit].map((place) => [place - 0.4, place + 0.4]) : limit.length ? [limit] : [];
  for (const [low, high] of ranges) {
    const [y1, y2] = [plot.py(Math.min(high, axis.high), axis), plot.py(Math.max(low, axis.low), axis)];
    plot.svg.append(make("rect", { class: "brush", x: x - 7, width: 14, y: y1, height: Math.max(y2 - y1, 2) }));
  }
}

function startLimit(event, plot) {
  const name = event.target.getAttribute("data-column");
  if (name === null) return;
  event.preventDefault();
  const index = columnOf(name);
  const axis = axes[index];
  const placeAt = (pointer) => {
    const { top, bottom } = plot.area;
    const y = pointer.clientY - plot.svg.getBoundingClientRect().top;
    return axis.low + ((bottom - Math.min(Math.max(y, top), bottom)) / (bottom - top)) * (axis.high - axis.low);
  };
  const start = placeAt(event);
  const still = (pointer) => Math.abs(pointer.clientY - event.clientY) < 4;
  follow((pointer) => still(pointer) || setLimit(index, between(axis, start, placeAt(pointer))),
    (pointer) => still(pointer) && setLimit(index, null));
}

function between(axis, one, other) {
  const [low, high] = [Math.min(one, other), Math.max(one, other)];
  if (axis.scale !== "category") return [low, high];
  return new Set([...axis.categories.keys()].filter((place) => place >= low && place <= high));
}

function rangeInputs(columns) {
  const made = columns.map((index) => (axes[index].scale === "category" ? tickCategories : typeRange)(index));
  const fields = made.map(({ nodes }, at) => make("fieldset", {}, make("legend", {}, axes[columns[at]].name), ...nodes));
  const node = make("details", { id: "type-ranges" }, make("summary", {}, "Select by typing ranges"), make("div", { class: "ranges" }, ...fields));
  return { node, update: () => made.forEach(({ update }) => update()) };
}

function typeRange(index) {
  const open = [-Infinity, Infinity];
  const read = (input, end) => {
    const place = axes[index].placeOf(Number(input.value));
    return input.value.trim() === "" || Number.isNaN(place) ? open[end] : place;
  };
  const apply = (end) => {
    const limit = [...(limits.get(index) ?? open)]; // what is written at the other end may be rounded
    limit[end] = read(inputs[end], end);
    setLimit(index, limit.some(Number.isFinite) ? limit : null);
  };
  const inputs = ["from", "to"].map((word, end) =>
    make("input", { type: "text", inputmode: "decimal", "aria-label": `${axes[index].name} ${word}`, placeholder: word, onchange: () => apply(end),
      onblur: ({ target }) => target.value !== target.defaultValue && apply(end) })); // no change is told of what newer data came between
  const update = () => inputs.forEach((input, end) => {
    const place = (limits.get(index) ?? open)[end];
    if (document.activeElement === input) return;
    if (!Number.isFinite(place)) input.value = "";
    else if (read(input, end) !== place) input.value = show(axes[index].valueAt(place));
    input.defaultValue = input.value;
  });
  return { nodes: [inputs[0], " to ", inputs[1]], update };
}

function tickCategories(index) {
  const { categories } = axes[index];
  const apply = () => {
    const wanted = [...categories.keys()].filter((place) => boxes[place]?.checked ?? true);
    setLimit(index, wanted.length < categories.length ? new Set(wanted) : null);
  };
  const boxes = categories.slice(0, 30).map(() => make("input", { type: "checkbox", checked: true, onchange: apply }));
  const update = () => boxes.forEach((box, place) => (box.checked = limits.get(index)?.has(place) ?? true));
  return { nodes: boxes.map((box, place) => make("label", {}, box, ` ${categories[place]}`)), update };
}
