// What every page does: elements made of text, never of markup, and the choice of a theme. What comes after this file in
// the one script of a page, in the order in which `page.py` names the files, is run where there is a table of files.

const byId = (id) => document.getElementById(id);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const themes = ["automatic", "light", "dark"];
const theme = byId("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const now = document.documentElement.dataset.theme || "automatic";
  const next = themes[(themes.indexOf(now) + 1) % themes.length];
  document.documentElement.dataset.theme = next;
  theme.textContent = `Theme: ${next}`;
});
