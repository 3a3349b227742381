// The table of files: only the rows in view are in the document. Arrow keys go through all of them.

const OVERSCAN = 8;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/; // its last characters are not at its right end
const DRAWN = 300; // the most rows, on paper too, where nothing scrolls

const view = byId("view"), table = byId("table"), body = table.tBodies[0];
const above = space(), below = space();
const heads = [...table.querySelectorAll("thead th")];
const reporting = data.statuses.length > 0, stateHead = heads[4].textContent;
let shown = new Uint32Array();
let drawn = new Map();
let active = 0;
let chosen = -1;
let rowHeight = 40, room = { path: 0, before: 0, after: 0 }, narrow = false;

const paper = matchMedia("print");
let printing = false;
const onPaper = () => printing || paper.matches;

function space() {
  const row = element("tr", "space");
  row.setAttribute("aria-hidden", "true");
  row.append(element("td"));
  return row;
}

function roomIn(head) {
  const { paddingLeft, paddingRight } = getComputedStyle(head);
  return head.offsetWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
}

function measure() {
  rowHeight = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
  room = { path: roomIn(heads[0]) - (pictures ? 54 : 0) - 1, before: roomIn(heads[1]), after: roomIn(heads[2]) };
  narrow = Math.max(room.before, room.after) < 0;
}

function cell(className, ...content) {
  const made = element("td", className);
  made.append(...content);
  return made;
}

function picture(item, className) {
  if (!pictures) return [];
  if (!item.picture || !item.picture.startsWith("https://")) return [element("span", "blank")];
  const image = element("img", className);
  image.loading = "lazy";
  image.referrerPolicy = "no-referrer";
  image.alt = `Thumbnail of ${item.name}`;
  image.src = item.picture;
  return [image];
}

// Text that does not fit is shortened before its last characters, which tell similar names apart.
function tailed(className, text, tail) {
  const letters = [...text];
  if (letters.length < tail + 5 || RIGHT_TO_LEFT.test(text)) return element("span", className, text);
  const made = element("span", `${className} long`);
  made.append(element("span", "head", letters.slice(0, -tail).join("")), element("span", "tail", letters.slice(-tail).join("")));
  return made;
}

// A folder that does not fit is shortened before its last part, which tells similar folders apart.
function folderLabel(folder) {
  const last = folder.lastIndexOf("/", folder.length - 2) + 1;
  const cut = last > 4 ? last : 0; // a shorter start takes no more room than its ellipsis
  const made = element("span", folder.length > 20 ? "folder long" : "folder");
  made.append(element("span", "start", folder.slice(0, cut)), tailed("end", folder.slice(cut), 8));
  return made;
}

function makeRow(position) {
  const row = shown[position], item = file(row);
  const made = element("tr", row === chosen ? "chosen" : "");
  made.setAttribute("aria-rowindex", position + 2);
  const open = element("button", "open-row");
  open.type = "button";
  open.title = paths[row];
  open.setAttribute("aria-label", paths[row]);
  open.tabIndex = position === active ? 0 : -1;
  open.setAttribute("aria-expanded", row === chosen);
  open.setAttribute("aria-controls", "detail");
  open.append(folderLabel(item.folder), tailed("name", item.name, 10));
  const words = element("div", "words");
  words.append(open);
  if (narrow) {
    const small = fitted(wantedChanges(item).map(changeChip), room.path);
    small.classList.add("small");
    words.append(small);
  }
  const where = element("div", "where");
  where.append(...picture(item, ""), words);
  made.append(cell("path", where));
  made.append(cell("tags before", ...(room.before > 0 ? [fitted(before(item), room.before)] : [])));
  made.append(cell("tags after", ...(room.after > 0 ? [fitted(after(item), room.after)] : [])));
  made.append(cell("number", item.changes.length.toLocaleString("en")));
  if (reporting) made.append(cell("status", stateOf(item)));
  return made;
}

function stateOf(item) {
  const [word, tone] = data.statuses[item.status];
  return element("span", `state ${tone}`, word);
}

function draw() {
  const first = onPaper() ? 0 : Math.max(0, Math.floor(view.scrollTop / rowHeight) - OVERSCAN);
  const rows = onPaper() ? DRAWN : Math.ceil(view.clientHeight / rowHeight) + 2 * OVERSCAN;
  const last = Math.min(shown.length, first + Math.min(rows, DRAWN));
  for (const [position, row] of drawn) {
    if (position >= first && position < last) continue;
    if (row.contains(document.activeElement)) view.focus({ preventScroll: true });
    row.remove();
    drawn.delete(position);
  }
  let next = above.nextSibling;
  for (let position = first; position < last; position += 1) {
    let row = drawn.get(position);
    if (!row) drawn.set(position, row = makeRow(position));
    if (row === next) next = next.nextSibling;
    else body.insertBefore(row, next);
  }
  above.firstChild.style.height = `${first * rowHeight}px`;
  below.firstChild.style.height = `${Math.max(0, shown.length - last) * rowHeight}px`;
}

function redraw() {
  const focused = body.contains(document.activeElement);
  for (const row of drawn.values()) row.remove();
  drawn = new Map();
  draw();
  if (focused) focusRow(active);
}

function refresh() {
  shown = sorted(matching());
  active = 0;
  view.scrollTop = 0;
  byId("count").textContent = shown.length === count
    ? `${count.toLocaleString("en")} ${count === 1 ? "file" : "files"}`
    : `${shown.length.toLocaleString("en")} of ${count.toLocaleString("en")} files`;
  byId("nothing").hidden = shown.length > 0;
  table.setAttribute("aria-rowcount", shown.length + 1);
  redraw();
}

function focusRow(position) {
  if (!shown.length) return;
  const before = drawn.get(active);
  if (before) before.querySelector("button").tabIndex = -1;
  active = Math.min(Math.max(0, position), shown.length - 1);
  const top = active * rowHeight, height = view.clientHeight - table.tHead.offsetHeight;
  if (top < view.scrollTop) view.scrollTop = top;
  else if (top + rowHeight > view.scrollTop + height) view.scrollTop = top + rowHeight - height;
  draw();
  const button = drawn.get(active).querySelector("button");
  button.tabIndex = 0;
  button.focus({ preventScroll: true });
}

view.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || table.tHead.contains(event.target)) return;
  const page = Math.max(1, Math.floor(view.clientHeight / rowHeight) - 2);
  const start = event.target === view ? Math.round(view.scrollTop / rowHeight) - 1 : active;
  const targets = {
    ArrowDown: start + 1, ArrowUp: start - 1, PageDown: start + page, PageUp: start - page, Home: 0, End: shown.length - 1,
  };
  if (!(event.key in targets)) return;
  event.preventDefault();
  focusRow(targets[event.key]);
});
