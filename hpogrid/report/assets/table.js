// The table of the trials: sorted by any column, filtered by text and by what is selected.

const PAGE = 25;
const tableView = { column: -1, falling: false, page: 0 };
let turnTable; // changes some fields of it, and draws the table

function table() {
  const body = section("trials", "Trials",
    "Sorted best first; choose a heading to sort by it. Choose a trial to mark it in every plot.");
  const search = make("input", { type: "search", id: "search", placeholder: "for example: relu, failed, lr<0.01", size: 34 });
  const status = make("span", { id: "shown", "aria-live": "polite" });
  const view = tableView;
  const box = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of the trials" });
  const pager = make("div", { class: "tools" });
  const chosen = make("div", { id: "chosen", "aria-live": "polite" });
  selection.listeners.push(() => chosen.replaceChildren(...(selection.focus < 0 ? [] : [trialCard(selection.focus)])));
  body.append(chosen, cardCurve(), make("div", { class: "tools" }, make("label", {}, "Filter ", search), status), box, pager);
  const columns = tableColumns();
  const refresh = () => {
    const rows = sortedRows(view, columns);
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    view.page = Math.min(view.page, pages - 1);
    status.textContent = `${plural(rows.length, "trial")} of ${count.toLocaleString("en")}`;
    const shown = rows.slice(view.page * PAGE, (view.page + 1) * PAGE);
    const focused = document.activeElement?.dataset?.key;
    box.replaceChildren(make("table", {}, tableHead(view, columns, change),
      make("tbody", {}, ...shown.map((row) => tableRow(row, columns)))));
    if (focused) box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    const turn = (label, page) => make("button", { type: "button", disabled: page < 0 || page >= pages, onclick: () => change({ page }) }, label);
    pager.replaceChildren(turn("Previous", view.page - 1), `page ${view.page + 1} of ${pages}`, turn("Next", view.page + 1));
  };
  const change = (fields) => {
    Object.assign(view, fields);
    refresh();
  };
  turnTable = change;
  search.addEventListener("input", () => selection.set("search", parseFilter(search.value, columns)));
  selection.listeners.push(() => change({ page: 0 }));
  refresh();
}

function tableColumns() {
  const columns = data.columns.map((column, index) => ({
    name: column.name,
    numeric: column.scale !== "category",
    value: (row) => axes[index].values[row],
    label: (row) => axes[index].label(row),
  }));
  const reason = (row) => data.reasons[trials.reason[row]];
  const own = [
    { name: "state", numeric: false, value: (row) => trials.state[row], label: (row) => STATES[trials.state[row]] },
    { name: "time in s", key: "time_s", numeric: true, value: (row) => trials.seconds[row], label: (row) => show(trials.seconds[row]) },
    { name: "task", key: "taskid", numeric: false, value: (row) => trials.task[row], label: (row) => String(data.tasks[trials.task[row]].id), needless: data.tasks.length < 2 },
    { name: "reason", numeric: false, value: reason, label: reason, needless: data.reasons.length < 2 },
  ];
  return columns.concat(own.filter(({ name, key = name, needless }) => !needless && columnOf(key) < 0));
}

// All words must match: `name<number` (also >, <=, >=, =), or a text in any cell.
function parseFilter(text, columns) {
  const names = columns.map(({ name }) => name).sort((a, b) => b.length - a.length); // which may have spaces
  const named = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
  const pattern = new RegExp(`(?<=^|[\\s,])(${named})\\s*(<=|>=|=|<|>)\\s*([^\\s,]+)|[^\\s,]+`, "g");
  const tests = [...text.matchAll(pattern)].map(([word, name, sign, wanted]) => {
    if (name !== undefined) return compare(columns.find((one) => one.name === name), sign, wanted);
    const lower = word.toLowerCase();
    return (row) => trials.id[row] === word || columns.some((one) => one.label(row).toLowerCase().includes(lower));
  });
  return tests.length ? (row) => tests.every((test) => test(row)) : null;
}

function compare(column, sign, wanted) {
  if (sign === "=") return (row) => column.label(row) === wanted || (column.numeric && column.value(row) === Number(wanted));
  const number = Number(wanted);
  const passes = { "<": (v) => v < number, ">": (v) => v > number, "<=": (v) => v <= number, ">=": (v) => v >= number }[sign];
  return (row) => column.numeric && column.value(row) !== null && passes(column.value(row));
}

function sortedRows({ column, falling }, columns) {
  const rows = [];
  for (let row = 0; row < count; row++) if (selection.mask[row]) rows.push(row);
  if (column < 0) return rows;
  const { value } = columns[column];
  const order = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === y) return a - b;
    if (x === null || y === null) return x === null ? 1 : -1; // what has no value comes last
    return (x < y ? -1 : 1) * (falling ? -1 : 1);
  };
  return rows.sort(order);
}

const nameOf = (row) => `${data.tasks[trials.task[row]].id} ${trials.id[row]}`;

function tableHead(view, columns, change) {
  const heading = (key, words, fields) =>
    make("button", { type: "button", "data-key": key, onclick: () => change({ ...fields, page: 0 }) }, words);
  const cells = columns.map((column, index) => {
    const sorted = view.column === index;
    const arrow = sorted ? (view.falling ? " ▼" : " ▲") : "";
    const order = view.falling ? "descending" : "ascending";
    return make("th", { scope: "col", class: column.numeric ? "number" : null, "aria-sort": sorted ? order : null },
      heading(`sort ${column.name}`, column.name + arrow, { column: index, falling: sorted && !view.falling }));
  });
  return make("thead", {}, make("tr", {}, make("th", { scope: "col" }, heading("sort", "trial", { column: -1, falling: false })), ...cells));
}

function tableRow(row, columns) {
  const mark = make("button", { type: "button", "data-key": `row ${nameOf(row)}`, "aria-pressed": row === selection.focus ? "true" : "false",
    onclick: () => selection.point(row) }, trials.id[row]);
  const cells = columns.map((column) => {
    const label = column.label(row);
    return make("td", { class: column.numeric ? "number" : null, title: label.length > 40 ? label : null }, label);
  });
  return make("tr", { class: row === selection.focus ? "focus" : null, "data-row": row }, make("td", {}, mark), ...cells);
}
