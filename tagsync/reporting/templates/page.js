// Every page: elements made of text, never of markup; the choice of a theme; copying. The scripts that follow, in the
// order in which `template.py` lists them, run only on a page with a table of files.

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

const announced = element("p", "unseen");
announced.setAttribute("aria-live", "polite");
document.body.append(announced);

// Without permission for the clipboard, the old command may still work; if not, the text is selected for a key.
async function copied(node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(node);
    return document.execCommand("copy");
  }
}

for (const node of document.querySelectorAll("[data-copy]")) {
  const button = element("button", "quiet copy-button", "Copy");
  button.type = "button";
  button.setAttribute("aria-label", `Copy ${node.dataset.copy}`);
  let timer = 0;
  button.addEventListener("click", async () => {
    const words = await copied(node) ? "Copied" : "Selected: press Ctrl+C";
    button.textContent = announced.textContent = words;
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = "Copy"; announced.textContent = ""; }, 2500);
  });
  node.after(button);
}
