"use strict";
// Draws the table of files: only the rows in view stand in the document. Whatever comes from manifests or a library is
// put there as text, never as markup.
(() => {
  const ADD = 0, REMOVE = 1, REMOVE_AI = 2;
  const PROMOTED = 1, ALREADY = 2;
  const OVERSCAN = 8;
  const SUGGESTED = 300;
  const DRAWN = 300; // at most, on paper too, where nothing scrolls
  const WORDS = ["to add", "to remove", "to remove"];

  const byId = (id) => document.getElementById(id);

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // ---- theme

  const themes = ["automatic", "light", "dark"];
  const theme = byId("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || "automatic";
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    document.documentElement.dataset.theme = next;
    theme.textContent = `Theme: ${next}`;
  });

  if (!byId("explorer")) return;

  // ---- data: rows name what repeats by number

  const data = JSON.parse(byId("data").textContent);
  const count = data.files.length;
  const fold = (text) => text.normalize("NFC").toLowerCase();
  const paths = data.files.map((file) => data.folders[file[0]] + file[1]);
  const foldedPaths = paths.map(fold);
  const foldedTags = data.tags.map(fold);
  const pictures = document.documentElement.hasAttribute("data-thumbnails");

  const file = (row) => {
    const [folder, name, tags, ai, changes, status, outcome, picture] = data.files[row];
    return { folder: data.folders[folder], name, tags: data.lists[tags], ai, changes: data.changes[changes], status, outcome, picture };
  };
  const ops = data.changes.map((changes) => changes.reduce((all, change) => all | (1 << change[0]), 0));

  function numberOf(row) { return data.changes[data.files[row][4]].length; }
  function statusOf(row) { return data.files[row][5] ?? -1; }

  // ---- which rows match, and in which order

  const search = byId("search"), op = byId("op"), tag = byId("tag"), status = byId("status");
  let sort = { by: "path", down: false };

  // A word is in a file's path, or in one of its tags, those that are added included.
  function rowsWith(word, among) {
    const hit = Uint8Array.from(foldedTags, (text) => text.includes(word));
    const inList = Uint8Array.from(data.lists, (list) => list.some((number) => hit[number]));
    const inChanges = Uint8Array.from(data.changes, (changes) => changes.some((change) => hit[change[1]]));
    const any = hit.includes(1);
    return among.filter((row) => {
      if (foldedPaths[row].includes(word)) return true;
      if (!any) return false;
      const [, , list, ai, changes] = data.files[row];
      if (inList[list] || inChanges[changes]) return true;
      for (let at = 0; at < ai.length; at += 3) if (hit[ai[at]]) return true;
      return false;
    });
  }

  // The tag of this very name if there is one, else all that contain it.
  function changesOf(text) {
    const exact = data.tags.indexOf(text);
    const folded = fold(text);
    const wanted = Uint8Array.from(foldedTags, (name, number) => (exact < 0 ? name.includes(folded) : number === exact));
    return Uint8Array.from(data.changes, (changes) => changes.some((change) => wanted[change[1]]));
  }

  function matching() {
    let rows = Uint32Array.from({ length: count }, (_, row) => row);
    if (op.value) rows = rows.filter((row) => ops[data.files[row][4]] & (1 << op.value));
    if (tag.value.trim()) {
      const wanted = changesOf(tag.value.trim());
      rows = rows.filter((row) => wanted[data.files[row][4]]);
    }
    if (status.value) rows = rows.filter((row) => statusOf(row) === Number(status.value));
    for (const word of fold(search.value).split(/\s+/).filter(Boolean)) rows = rowsWith(word, rows);
    return rows;
  }

  // Rows stand in the order of their paths, which also decides between equals.
  function sorted(rows) {
    const { by, down } = sort;
    if (by === "path") return down ? rows.reverse() : rows;
    const key = by === "number" ? numberOf : statusOf;
    const sign = down ? -1 : 1;
    return rows.sort((one, other) => sign * (key(one) - key(other)) || one - other);
  }

  // ---- chips

  function chip(kind, sign, words, text) {
    const made = element("span", `chip ${kind}`);
    if (words) made.append(element("span", "unseen", `${words} `));
    if (sign) {
      const mark = element("b", "", sign);
      mark.setAttribute("aria-hidden", "true");
      made.append(mark);
    }
    const name = element("span", "tag", text);
    name.title = text;
    made.append(name);
    made.weight = sign.length + text.length;
    return made;
  }

  function changeChip([kind, number, marks]) {
    const text = data.tags[number];
    const risen = marks & PROMOTED ? "↑" : "";
    if (kind === ADD) return chip("add", `+${risen}`, risen ? "promoted from AI tag" : "added", text);
    if (kind === REMOVE) return chip("remove", "−", "removed", text);
    return chip("remove", `−AI${risen}`, risen ? "AI tag removed, promoted" : "AI tag removed", text);
  }

  const keptChip = (number) => chip("", "", "", data.tags[number]);

  function aiChip(ai, at, full) {
    const made = chip("ai", "AI", "AI tag", data.tags[ai[at]]);
    if (full) made.append(element("span", "sure", aiWords(ai, at)));
    return made;
  }

  function aiWords(ai, at) {
    const sure = ai[at + 1] === null ? "" : `${Number(ai[at + 1].toFixed(2))} `;
    return `${sure}${data.sources[ai[at + 2]]}`;
  }

  // Each side yields its chips one by one: a row asks for no more than it has room for.
  function* before(item, full) {
    const gone = new Set(), goneAI = new Set();
    for (const [kind, number] of item.changes) {
      if (kind === REMOVE) gone.add(number);
      if (kind === REMOVE_AI) goneAI.add(number);
    }
    for (const change of item.changes) if (change[0] !== ADD) yield changeChip(change);
    for (const number of item.tags) if (!gone.has(number)) yield keptChip(number);
    for (let at = 0; at < item.ai.length; at += 3) if (!goneAI.has(item.ai[at])) yield aiChip(item.ai, at, full);
  }

  function* after(item, full) {
    const gone = new Set(), goneAI = new Set();
    for (const change of item.changes) {
      if (change[0] === ADD) yield changeChip(change);
      else (change[0] === REMOVE ? gone : goneAI).add(change[1]);
    }
    for (const number of item.tags) if (!gone.has(number)) yield keptChip(number);
    for (let at = 0; at < item.ai.length; at += 3) if (!goneAI.has(item.ai[at])) yield aiChip(item.ai, at, full);
  }

  function fitted(chips, room) {
    const box = element("div", "chips");
    let left = room - 44, kept = 0, all = 0;
    for (const made of chips) {
      all += 1;
      left -= Math.min(180, 20 + 6.5 * made.weight) + 5;
      if (left > 0 || all === 1) {
        box.append(made);
        kept += 1;
      }
    }
    if (!all) box.append(element("span", "rest", "no tags"));
    if (kept < all) box.append(element("span", "rest", `${all - kept} more`));
    return box;
  }

  // ---- rows

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

  function measure() {
    rowHeight = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
    room = { path: heads[0].offsetWidth - 40, before: heads[1].offsetWidth - 24, after: heads[2].offsetWidth - 24 };
    narrow = room.after < 0;
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

  function makeRow(position) {
    const row = shown[position], item = file(row);
    const made = element("tr", row === chosen ? "chosen" : "");
    made.setAttribute("aria-rowindex", position + 2);
    const open = element("button", "open-row");
    open.type = "button";
    open.title = paths[row];
    open.tabIndex = position === active ? 0 : -1;
    open.setAttribute("aria-expanded", row === chosen);
    open.setAttribute("aria-controls", "detail");
    open.append(element("span", "folder", item.folder), element("span", "name", item.name));
    const words = element("div", "words");
    words.append(open);
    if (narrow) {
      const small = fitted(item.changes.map(changeChip), room.path);
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

  // ---- keyboard

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

  // ---- one file in detail

  const detail = byId("detail"), split = byId("split");

  function changeItem(change) {
    const [kind, number, marks, cause, ...reasons] = change;
    const made = element("li");
    const line = element("div", "chips");
    line.append(changeChip(change));
    if (kind === REMOVE_AI) line.append(element("span", "undone", "cannot be undone"));
    made.append(line);
    if (marks & ALREADY) made.append(element("p", "", "was so before the first call"));
    if (cause >= 0) made.append(element("p", "", data.causes[cause]));
    for (const reason of reasons) {
      const [rule, place] = data.reasons[reason];
      const words = element("p");
      words.append(element("span", "code", place), ` ${rule}`);
      made.append(words);
    }
    return made;
  }

  function section(title, ...content) {
    return [element("h4", "", title), ...content];
  }

  function side(chips) {
    const box = element("div", "chips");
    box.append(...chips);
    if (!box.firstChild) box.append(element("span", "rest", "no tags"));
    return box;
  }

  function outcomeOf(item) {
    const [attempts, error, request] = item.outcome || [0, "", ""];
    const line = element("p");
    line.append(stateOf(item));
    if (attempts) line.append(` after ${attempts} ${attempts === 1 ? "call" : "calls"}`);
    const parts = [line];
    if (error) parts.push(element("p", "", error));
    if (request) parts.push(element("p", "code", `request ${request}`));
    return parts;
  }

  function choose(row) {
    chosen = row;
    const item = file(row);
    const title = element("h3", "", paths[row]);
    title.id = "detail-title";
    title.tabIndex = -1;
    const close = element("button", "quiet", "Close");
    close.type = "button";
    close.addEventListener("click", leave);
    const top = element("div", "top");
    top.append(title, close);
    const list = element("ul");
    list.append(...item.changes.map(changeItem));
    detail.replaceChildren(
      top,
      ...picture(item, "picture"),
      ...(reporting ? section(stateHead, ...outcomeOf(item)) : []),
      ...section("Changes", list),
      ...section("Before", side(before(item, true))),
      ...section(heads[2].textContent, side(after(item, true))),
    );
    resize(() => {
      detail.hidden = false;
      split.classList.add("open");
    });
    detail.scrollTop = 0;
    title.focus({ preventScroll: true });
  }

  function leave() {
    chosen = -1;
    resize(() => {
      detail.hidden = true;
      split.classList.remove("open");
    });
    focusRow(active);
  }

  // Columns have other widths after this, so rows are drawn anew.
  function resize(change) {
    const top = view.scrollTop;
    change();
    measure();
    view.scrollTop = top;
    redraw();
  }

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row || row.classList.contains("space")) return;
    active = Number(row.getAttribute("aria-rowindex")) - 2;
    choose(shown[active]);
  });
  detail.addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
  view.addEventListener("keydown", (event) => { if (event.key === "Escape" && chosen >= 0) leave(); });

  // ---- controls

  function sortBy(head) {
    const by = head.dataset.sort;
    sort = { by, down: sort.by === by ? !sort.down : by === "number" };
    for (const other of heads) if (other.dataset.sort) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    refresh();
  }

  for (const head of heads) if (head.dataset.sort) head.querySelector("button").addEventListener("click", () => sortBy(head));
  for (const control of [search, tag, op, status]) control.addEventListener("input", refresh);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(refresh));

  function suggest() {
    const counts = new Map();
    for (const [, , , , changes] of data.files)
      for (const [, number] of data.changes[changes]) counts.set(number, (counts.get(number) || 0) + 1);
    const ranked = [...counts].sort((one, other) => other[1] - one[1]).slice(0, SUGGESTED);
    byId("tags").append(...ranked.map(([number]) => {
      const option = element("option");
      option.value = data.tags[number];
      return option;
    }));
  }

  function offerStatuses() {
    byId("status-label").hidden = false;
    heads[4].hidden = false;
    const counts = new Map();
    for (let row = 0; row < count; row += 1) counts.set(statusOf(row), (counts.get(statusOf(row)) || 0) + 1);
    for (const [number, many] of counts) {
      const option = element("option", "", `${data.statuses[number][0]} (${many.toLocaleString("en")})`);
      option.value = number;
      status.append(option);
    }
  }

  // What a chart names can be looked at in the table.
  for (const label of document.querySelectorAll("[data-selects]")) {
    const control = label.dataset.selects === "tag" ? tag : search;
    const button = element("button", "", label.textContent);
    button.type = "button";
    button.title = `Show the files of ${label.textContent}`;
    button.addEventListener("click", () => {
      byId("filters").reset();
      control.value = label.textContent;
      refresh();
      byId("files").scrollIntoView();
      byId("files").focus({ preventScroll: true });
    });
    label.replaceChildren(button);
  }

  let waiting = false;
  view.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }, { passive: true });
  new ResizeObserver(() => resize(() => {})).observe(view);
  // Not every browser says both, and what is printed is laid out right after the first.
  paper.addEventListener("change", relaid);
  addEventListener("beforeprint", () => { printing = true; relaid(); });
  addEventListener("afterprint", () => { printing = false; relaid(); });

  function relaid() {
    byId("printed").textContent = shown.length > DRAWN
      ? `The first ${DRAWN} of ${shown.length.toLocaleString("en")} files; tagsync show --verbose prints all.` : "";
    redraw();
  }

  body.append(above, below);
  byId("explorer").hidden = false;
  if (reporting) offerStatuses();
  suggest();
  measure();
  refresh();
})();
