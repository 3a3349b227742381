// One file in detail, next to the table or below it.

const detail = byId("detail"), split = byId("split");

// A place does not break within its line and column.
function placeOf(place) {
  const name = place.replace(/(:\d+){1,2}$/, ""), made = element("span", "code", name);
  made.append(element("span", "at", place.slice(name.length)));
  return made;
}

function changeItem(change) {
  const [kind, number, marks, cause, ...reasons] = change;
  const made = element("li");
  const line = element("div", "chips");
  line.append(drawnChip(changeChip(change)));
  if (kind === REMOVE_AI) line.append(element("span", "undone", "cannot be undone"));
  made.append(line);
  if (marks & ALREADY) made.append(element("p", "", "already so before the first call"));
  if (marks & MADE) made.append(element("p", "", "changed"));
  if (marks & NOT_MADE) made.append(element("p", "", "not changed"));
  if (cause >= 0) made.append(element("p", "", data.causes[cause]));
  for (const reason of reasons) {
    const [rule, place] = data.reasons[reason];
    const words = element("p");
    words.append(placeOf(place), ` ${rule}`);
    made.append(words);
  }
  return made;
}

function section(title, ...content) {
  return [element("h4", "", title), ...content];
}

function side(chips) {
  const box = element("div", "chips");
  box.append(...[...chips].map(drawnChip));
  if (!box.firstChild) box.append(element("span", "rest", "no tags"));
  return box;
}

function outcomeOf(item) {
  const [attempts, error, request] = item.outcome || [0, "", ""];
  const line = element("p");
  line.append(stateOf(item));
  if (attempts > 1) line.append(` after ${attempts} attempts`);
  const parts = [line];
  if (error) parts.push(element("p", "", error));
  if (request) parts.push(element("p", "code", `request ${request}`));
  return parts;
}

// If the table is filtered by a kind of change, so is an opened file, until all its changes are asked for.
function choose(row) {
  showDetail(row);
  byId("detail-title").focus({ preventScroll: true });
  const covered = drawn.get(active).getBoundingClientRect().bottom - detail.getBoundingClientRect().top;
  if (getComputedStyle(detail).position === "fixed" && covered > 0) scrollBy(0, Math.ceil(covered) + 1);
}

function showDetail(row, everything = !op.value) {
  chosen = row;
  const item = file(row);
  const changes = everything ? item.changes : wantedChanges(item);
  const title = element("h3", "", paths[row]);
  title.id = "detail-title";
  title.tabIndex = -1;
  const close = element("button", "quiet", "Close");
  close.type = "button";
  close.addEventListener("click", leave);
  const top = element("div", "top");
  top.append(title, close);
  const list = element("ul");
  list.append(...changes.map(changeItem));
  detail.replaceChildren(
    top,
    ...picture(item, "picture"),
    ...(reporting ? section(stateHead, ...outcomeOf(item)) : []),
    ...section(everything ? "Changes" : op.selectedOptions[0].textContent, list),
    ...(everything ? [
      ...section("Before", side(before(item, true))),
      ...section(heads[2].textContent, side(after(item, true))),
    ] : [allButton(row)]),
  );
  resize(() => {
    detail.hidden = false;
    split.classList.add("open");
  });
  detail.scrollTop = 0;
}

function allButton(row) {
  const button = element("button", "quiet", "Show all changes and tags");
  button.type = "button";
  button.addEventListener("click", () => {
    showDetail(row, true);
    byId("detail-title").focus({ preventScroll: true });
  });
  return button;
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
