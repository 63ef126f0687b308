// What a person has chosen, to be chosen again when the page is drawn with newer data.

// What can be chosen in sections, by what it is called.
function choices() {
  const nodes = document.querySelectorAll("#main .tools select, #main .tools [type=checkbox], #choose-axes input");
  const label = (node) => node.parentNode.firstChild.textContent + (node.nextSibling?.textContent ?? "");
  return new Map([...nodes].map((node) => [`${node.closest("section").id} ${label(node)}`, node]));
}

const optionsOf = (node) => (node.type === "checkbox" ? [node] : [...node.options]);
const usual = (node) => node.checked === node.defaultChecked && optionsOf(node).every((one) => one.selected === one.defaultSelected);

const nameOf = (row) => `${data.tasks[trials.task[row]].id} ${trials.id[row]}`;

function keep() {
  const values = (index, limit) => [...limit].map((place) => (axes[index].scale === "category" ? axes[index].categories[place] : axes[index].valueAt(place)));
  return {
    metric: objectives[objective]?.name,
    valueScale,
    visible: { ...visible },
    focus: selection.focus < 0 ? null : nameOf(selection.focus),
    limits: [...limits].map(([index, limit]) => [data.columns[index].name, values(index, limit)]),
    choices: [...choices()].filter(([, node]) => !usual(node)).map(([name, node]) => [name, node.selectedOptions?.[0].text]),
    search: document.getElementById("search").value,
    open: [...document.querySelectorAll("details[open]")].map((node) => node.id),
    active: document.activeElement?.id,
    scroll: window.scrollY,
  };
}

function close() {
  leaving.abort();
  for (const plot of plots) plot.observer.disconnect();
  for (const id of ["main", "contents", "metric"]) document.getElementById(id).replaceChildren();
  tip.hidden = true;
}

function choose() {
  for (const [name, values] of kept.limits) {
    const [index, axis] = [columnOf(name), axes[columnOf(name)]];
    if (!axis) continue;
    const places = values.map((value) => (axis.scale === "category" ? axis.categories.indexOf(value) : axis.placeOf(value)));
    setLimit(index, axis.scale === "category" ? new Set(places) : places);
  }
  const known = choices();
  for (const [name, text] of kept.choices) if (known.has(name)) chooseAgain(known.get(name), text);
  const search = document.getElementById("search");
  search.value = kept.search;
  search.dispatchEvent(new Event("input"));
  for (const id of kept.open) if (document.getElementById(id)) document.getElementById(id).open = true;
  selection.focus = [...Array(count).keys()].findIndex((row) => nameOf(row) === kept.focus);
  if (kept.active) document.getElementById(kept.active)?.focus({ preventScroll: true });
  window.scrollTo(0, kept.scroll);
}

function chooseAgain(node, text) {
  if (text === undefined) node.checked = !node.defaultChecked;
  else node.selectedIndex = optionsOf(node).findIndex((option) => option.text === text);
  if (node.selectedIndex !== -1) node.dispatchEvent(new Event("change"));
}
