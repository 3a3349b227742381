// Tags as chips that differ by their signs, not by colour alone; a row gets as many as fit.

// A chip is a value first, and an element only if it fits: most tags of most rows are never drawn.
const chip = (kind, sign, words, text, more = "") => ({ kind, sign, words, text, more });

function drawnChip({ kind, sign, words, text, more }) {
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
  if (more) made.append(element("span", "", more));
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
  return chip("ai", "AI", "AI tag", data.tags[ai[at]], full ? aiWords(ai, at) : "");
}

function aiWords(ai, at) {
  const sure = ai[at + 1] === null ? "" : `${Number(ai[at + 1].toFixed(2))} % `;
  return `${sure}${data.sources[ai[at + 2]]}`;
}

// The changes of the kind that the table is filtered by; without a filter all, those that cannot be undone first.
function wantedChanges(item) {
  if (op.value) return item.changes.filter(([kind]) => kind === Number(op.value));
  return [...item.changes].sort(([one], [other]) => other - one);
}

// All changes, with those of that kind first.
function orderedChanges(item) {
  const wanted = wantedChanges(item);
  return [...wanted, ...item.changes.filter((change) => !wanted.includes(change))];
}

// What a file has before its changes, and after them, with what changes first.
function* before(item, full) {
  const gone = new Set(), goneAI = new Set();
  for (const [kind, number] of item.changes) {
    if (kind === REMOVE) gone.add(number);
    if (kind === REMOVE_AI) goneAI.add(number);
  }
  for (const change of orderedChanges(item)) if (change[0] !== ADD) yield changeChip(change);
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

const GAP = 5, BORDERS = 20, WIDEST = 180; // as in the style
const pen = element("canvas").getContext("2d");
pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
const widthOf = (text) => Math.ceil(pen.measureText(text).width);
const LETTERS = widthOf("ab…"); // what a shortened chip shows at least

// The width of a chip, and the least to which it is shortened. A sign is bold.
function widthsOf({ sign, text }) {
  const fixed = BORDERS + 1.15 * widthOf(sign), name = widthOf(text);
  return [Math.min(WIDEST, fixed + name), fixed + Math.min(LETTERS, name)];
}

// What stands for the chips that do not fit, if there are any.
function restWords(chips) {
  const lost = chips.filter(({ kind }) => kind === "remove").length;
  return chips.length ? `${chips.length} more${lost ? ` (${lost} removed)` : ""}` : "";
}

// As many chips as fit next to the words about the rest. Removals are shortened before they are left out.
function fitted(chips, room) {
  const box = element("div", "chips"), all = [...chips];
  if (!all.length) box.append(element("span", "rest", "no tags"));
  let kept = 0, wide = 0, tight = 0;
  for (let number = 0; number < all.length && tight < room; number += 1) {
    const [width, least] = widthsOf(all[number]), rest = widthOf(restWords(all.slice(number + 1)));
    wide += width;
    tight += least;
    if ((all[number].kind === "remove" ? tight : wide) + (rest && GAP + rest) <= room) kept = number + 1;
    wide += GAP;
    tight += GAP;
  }
  for (const next of all.slice(0, kept || 1)) {
    const made = drawnChip(next);
    made.style.minWidth = `${widthsOf(next)[1]}px`;
    box.append(made);
  }
  const words = kept ? restWords(all.slice(kept)) : all.length > 1 ? `${all.length - 1} more` : "";
  if (words) box.append(element("span", "rest", words));
  return box;
}
