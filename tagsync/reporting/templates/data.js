// The data of the page, in which rows have the numbers of values that repeat; which rows match the filters, in which order.

const ADD = 0, REMOVE = 1, REMOVE_AI = 2;
const PROMOTED = 1, ALREADY = 2, MADE = 4, NOT_MADE = 8;

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

const search = byId("search"), op = byId("op"), tag = byId("tag"), status = byId("status");
let sort = { by: "path", down: false };

// A word is found in a file's path or in one of its tags, including those to be added.
function rowsWith(word, among) {
  const hit = Uint8Array.from(foldedTags, (text) => text.includes(word));
  const inList = Uint8Array.from(data.lists, (list) => list.some((number) => hit[number]));
  const inChanges = Uint8Array.from(data.changes, (changes) => changes.some((change) => hit[change[1]]));
  const any = hit.includes(1);
  return among.filter((row) => {
    if (foldedPaths[row].includes(word)) return true;
    if (!any) return false;
    const found = data.files[row], ai = found[3];
    if (inList[found[2]] || inChanges[found[4]]) return true;
    for (let at = 0; at < ai.length; at += 3) if (hit[ai[at]]) return true;
    return false;
  });
}

// The tag with exactly this name if there is one, else all that contain it.
function changesOf(text) {
  const exact = data.tags.indexOf(text);
  const folded = fold(text);
  const wanted = Uint8Array.from(foldedTags, (name, number) => (exact < 0 ? name.includes(folded) : number === exact));
  return Uint8Array.from(data.changes, (changes) => changes.some((change) => wanted[change[1]]));
}

// Whether a file that has ordinary tags is left without any.
function empties(row) {
  const { tags, changes } = file(row);
  const gone = new Set(changes.filter(([kind]) => kind === REMOVE).map(([, number]) => number));
  return tags.length > 0 && tags.every((number) => gone.has(number)) && !(ops[data.files[row][4]] & (1 << ADD));
}

function matching() {
  let rows = Uint32Array.from({ length: count }, (_, row) => row);
  if ("all" in op.selectedOptions[0].dataset) rows = rows.filter(empties);
  else if (op.value) rows = rows.filter((row) => ops[data.files[row][4]] & (1 << op.value));
  if (tag.value.trim()) {
    const wanted = changesOf(tag.value.trim());
    rows = rows.filter((row) => wanted[data.files[row][4]]);
  }
  if (status.value) rows = rows.filter((row) => statusOf(row) === Number(status.value));
  for (const word of fold(search.value).split(/\s+/).filter(Boolean)) rows = rowsWith(word, rows);
  return rows;
}

// Rows are in the order of their paths, which also decides between equals.
function sorted(rows) {
  const { by, down } = sort;
  if (by === "path") return down ? rows.reverse() : rows;
  const key = by === "number" ? numberOf : statusOf;
  const sign = down ? -1 : 1;
  return rows.sort((one, other) => sign * (key(one) - key(other)) || one - other);
}
