// What the script of a page does: it sorts tables, and shows the timeline that the page brings.
(async () => {
"use strict";
const order = new Intl.Collator("en", {numeric: true}).compare;
for (const {tBodies: [body], tHead} of document.querySelectorAll("table")) if (tHead && body.rows.length > 2) for (const head of tHead.rows[0].cells) {
  if (!head.textContent || head.className == "w") continue;
  const button = document.createElement("button"), number = head.className == "n";
  button.append(...head.childNodes);
  head.append(button);
  button.onclick = () => {
    const down = head.ariaSort ? head.ariaSort == "ascending" : number, value = row => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent;
    for (const other of tHead.rows[0].cells) other.ariaSort = null;
    head.ariaSort = down ? "descending" : "ascending";
    body.prepend(...[...body.rows].filter(row => row.className != "all").sort((p, q) => (down ? -1 : 1) * (number ? (+value(p) || 0) - (+value(q) || 0) : order(value(p), value(q)))));
  };
}
const box = document.querySelector(".timeline");
if (!box || !window.DecompressionStream) return;
const packed = id => document.getElementById(id).textContent, data = await unpack(packed("names"), packed("columns"));
document.documentElement.className = "js";
box.querySelector("datalist").append(...data.sessions.slice(0, 1000).map(s => new Option("", s.name)));
window.shown = timeline(box, data);
for (const link of document.querySelectorAll("a[data-session]")) link.onclick = () => shown.go(link.dataset.session);
})();
