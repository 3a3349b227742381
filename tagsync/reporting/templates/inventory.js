// Tables of tags or files: one search for all of them, sorting by each column, and as many rows as a reader may look at.

const STEP = 500;
const fold = (text) => text.normalize("NFC").toLowerCase();
const looks = ({kind}) => (kind === "share" ? "number" : kind);
const DIGITS = { share: { minimumFractionDigits: 2, maximumFractionDigits: 2 } };

function listOf({title, one, columns, rows, more: leftOut}) {
  const texts = rows.map((row) => fold(row.join("\n")));
  let order = rows.map((_, number) => number);
  let matching = order, most = STEP, sorted = -1, direction = 1, words = [];

  const section = element("div", "list");
  const status = element("p", "count");
  status.setAttribute("role", "status");
  const table = element("table"), head = element("tr"), body = element("tbody");
  const more = element("button", "quiet", `Show ${STEP} more`);
  more.type = "button";
  table.append(element("caption", "unseen", title), element("thead"), body);
  table.tHead.append(head);
  const nothing = element("p", "note", `No ${one} matches.`);
  section.append(element("h2", "", title), status, table, more);
  if (leftOut) status.after(element("p", "note", leftOut));

  function cell(row, column) {
    const value = row[column];
    const made = element(column ? "td" : "th", looks(columns[column]),
      typeof value === "number" ? value.toLocaleString("en", DIGITS[columns[column].kind]) : value);
    if (!column) made.scope = "row";
    return made;
  }

  function draw() {
    body.replaceChildren(...matching.slice(0, most).map((number) => {
      const row = element("tr");
      row.append(...columns.map((_, column) => cell(rows[number], column)));
      return row;
    }));
    const all = rows.length.toLocaleString("en");
    status.textContent = words.length ? `${matching.length.toLocaleString("en")} of ${all}` : all;
    more.hidden = matching.length <= most;
    table.hidden = !matching.length;
    if (matching.length) nothing.remove();
    else table.after(nothing);
  }

  function filter() {
    matching = words.length ? order.filter((number) => words.every((word) => texts[number].includes(word))) : order;
    draw();
  }

  function sort(column) {
    direction = sorted === column ? -direction : looks(columns[column]) === "number" ? -1 : 1;
    sorted = column;
    const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    order = [...order].sort((one, other) => direction * compare(rows[one][column], rows[other][column]) || one - other);
    [...head.cells].forEach((each, number) => each.setAttribute("aria-sort",
      number !== column ? "none" : direction > 0 ? "ascending" : "descending"));
    filter();
  }

  columns.forEach((column, number) => {
    const name = element("th", looks(column));
    name.scope = "col";
    const button = element("button", "", column.title);
    button.type = "button";
    button.addEventListener("click", () => sort(number));
    name.append(button);
    head.append(name);
  });
  more.addEventListener("click", () => { most += STEP; draw(); });
  byId("tables").append(section);
  draw();
  return (found) => { words = found; most = STEP; filter(); };
}

const lists = JSON.parse(byId("data").textContent).tables.map(listOf);
const search = byId("search");
search.addEventListener("input", () => {
  const words = fold(search.value).split(/\s+/).filter(Boolean);
  lists.forEach((show) => show(words));
});
search.form.addEventListener("submit", (event) => event.preventDefault());
