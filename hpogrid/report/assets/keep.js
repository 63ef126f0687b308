// What a person has chosen, to be chosen again when the page is drawn with newer data.

// What can be chosen in sections, by what it is called.
function choices() {
  const nodes = document.querySelectorAll("#main .tools select, #main .tools [type=checkbox], #choose-axes input");
  const label = (node) => node.parentNode.firstChild.textContent + (node.nextSibling?.textContent ?? "");
  return new Map([...nodes].map((node) => [`${node.closest("section").id} ${label(node)}`, node]));
}

const optionsOf = (node) => (node.type === "checkbox" ? [node] : [...node.options]);
const usual = (node) => node.checked === node.defaultChecked && optionsOf(node).every((one) => one.selected === one.defaultSelected);

// What tells a part of the page from all others.
function selectorOf(node) {
  if (node?.id) return `#${CSS.escape(node.id)}`;
  const name = ["data-key", "aria-label"].find((one) => node?.hasAttribute(one));
  return name ? `[${name}="${CSS.escape(node.getAttribute(name))}"]` : null;
}

// Where one is: the part that keys go to, with what is being typed there.
function placeOfKeys() {
  const node = document.activeElement;
  const typed = node?.matches("input[type=text], input[type=search]") ? [node.value, node.selectionStart, node.selectionEnd] : null;
  return { name: [...choices()].find(([, one]) => one === node)?.[0], selector: selectorOf(node), typed };
}

function goTo({ name, selector, typed }) {
  const node = choices().get(name) ?? (selector && document.querySelector(selector));
  node?.focus({ preventScroll: true });
  if (!node || !typed) return;
  node.value = typed[0];
  node.setSelectionRange(typed[1], typed[2]);
}

const scrolling = () => document.querySelectorAll(".scroll, figure.wide, #main pre");

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
    keys: placeOfKeys(),
    table: { ...tableView, name: tableColumns()[tableView.column]?.name },
    zooms: plots.map((plot) => [plot.name, plot.seen()]).filter(([, seen]) => seen),
    scroll: window.scrollY,
    scrolls: [...scrolling()].map((node) => [selectorOf(node), node.scrollLeft, node.scrollTop]).filter(([name, left, top]) => name && (left || top)),
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
  for (const [name, seen] of kept.zooms) for (const plot of plots) if (plot.name === name) plot.wanted = seen;
  selection.changed();
  const column = tableColumns().findIndex(({ name }) => name === kept.table.name);
  turnTable({ column, falling: column >= 0 && kept.table.falling, page: kept.table.page });
  goTo(kept.keys);
  for (const [name, left, top] of kept.scrolls) document.querySelector(name)?.scrollTo(left, top);
  window.scrollTo(0, kept.scroll);
}

function chooseAgain(node, text) {
  if (text === undefined) node.checked = !node.defaultChecked;
  else node.selectedIndex = optionsOf(node).findIndex((option) => option.text === text);
  if (node.selectedIndex !== -1) node.dispatchEvent(new Event("change"));
}
