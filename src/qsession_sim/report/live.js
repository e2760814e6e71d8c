// What the script of the page of a run that goes on does: it shows the timeline that the server sends, again
// and again. Who looks at a part of it goes on looking at that; the right end moves with the run.
(() => {
"use strict";
const box = document.querySelector(".timeline"), status = document.querySelector(".status"), source = new EventSource(document.body.dataset.events);
let shown, busy, before;
source.onmessage = async ({data}) => {
  const {text, over, names, columns} = JSON.parse(data);
  status.textContent = text;
  if (over) source.close();
  if (!columns || busy) return;
  busy = 1;
  const next = await unpack(names, columns);
  if (!shown) {
    box.hidden = false;
    document.documentElement.className = "js";
    window.shown = shown = timeline(box, next);
  } else {
    const [a, b] = shown.window(), by = before.unit / next.unit, whole = b - a >= before.end, grown = b >= before.end ? next.end - before.end * by : 0;
    shown.show(next);
    if (!whole) shown.view(a * by + grown, b * by + grown);
  }
  box.querySelector("datalist").replaceChildren(...next.sessions.slice(0, 1000).map(s => new Option("", s.name)));
  before = next;
  busy = 0;
};
source.onerror = () => { source.close(); status.textContent += " The server has ended." };
})();
