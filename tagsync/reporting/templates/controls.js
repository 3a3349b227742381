// What the controls around the table do, and what scrolling, resizing and printing do to it.

const SUGGESTED = 300;

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
