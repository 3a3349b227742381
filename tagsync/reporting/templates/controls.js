// The controls around the table; scrolling, resizing and printing.

const SUGGESTED = 300;

function sortBy(head) {
  const by = head.dataset.sort;
  sort = { by, down: sort.by === by ? !sort.down : by === "number" };
  for (const other of heads) if (other.dataset.sort) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
  refresh();
}

for (const head of heads) if (head.dataset.sort) head.querySelector("button").addEventListener("click", () => sortBy(head));
function filtered() {
  split.classList.toggle("removals", op.value > ADD); // next to an opened file there is room for one column of tags
  measure();
  refresh();
  if (chosen >= 0) showDetail(chosen);
}

for (const control of [search, tag, op, status]) control.addEventListener("input", filtered);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", () => setTimeout(filtered)); // the controls are reset after this event

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

// The tags and folders above the table select their files in it.
for (const label of document.querySelectorAll("[data-selects]")) {
  const { selects, value } = label.dataset;
  const button = element("button", "", label.textContent);
  button.type = "button";
  button.title = `Show the files of ${value}`;
  button.addEventListener("click", () => {
    byId("filters").reset();
    byId(selects).value = value;
    op.value = label.dataset.op ?? "";
    filtered();
    byId("files").scrollIntoView();
    byId("files").focus({ preventScroll: true });
  });
  label.removeAttribute("title");
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
// Not every browser sends both events, and the page is laid out for paper right after the first.
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
