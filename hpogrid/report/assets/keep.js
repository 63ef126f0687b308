// What a person has chosen, to be chosen again when the page is drawn with newer data.

const nameOf = (row) => `${data.tasks[trials.task[row]].id} ${trials.id[row]}`;

function keep() {
  const range = (index, place) => (axes[index].scale === "category" ? place : axes[index].valueAt(place));
  return {
    metric: objectives[objective]?.name,
    valueScale,
    visible: { ...visible },
    focus: selection.focus < 0 ? null : nameOf(selection.focus),
    brushes: [...brushes].map(([index, ends]) => [data.columns[index].name, ends.map((place) => range(index, place))]),
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
  const known = new Map(data.columns.map((column, index) => [column.name, index]));
  for (const [name, ends] of kept.brushes) {
    const index = known.get(name);
    if (index === undefined) continue;
    setBrush(index, ends.map((value) => (axes[index].scale === "category" ? value : axes[index].placeOf(value))));
  }
  const search = document.getElementById("search");
  search.value = kept.search;
  search.dispatchEvent(new Event("input"));
  for (const id of kept.open) if (document.getElementById(id)) document.getElementById(id).open = true;
  selection.focus = [...Array(count).keys()].findIndex((row) => nameOf(row) === kept.focus);
  if (kept.active) document.getElementById(kept.active)?.focus({ preventScroll: true });
  window.scrollTo(0, kept.scroll);
}
