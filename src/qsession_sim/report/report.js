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
const inflate = id => new Response(new Blob([Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("deflate-raw")));
const meta = await inflate("names").json(), bytes = new Uint8Array(await inflate("columns").arrayBuffer()), c = {};
let place = 0, from = 0, queued = 0;
for (const [name, n] of meta.columns) {
  let sum = 0;
  c[name.replace("_delta", "")] = Int32Array.from({length: n}, (_, i) => {
    const v = bytes[i += place] | bytes[i + n] << 8 | bytes[i + 2 * n] << 16 | bytes[i + 3 * n] << 24;
    return name.endsWith("_delta") ? sum = sum + v | 0 : v;
  });
  place += 4 * n;
}
// The number at the end of the name of a job is the difference to the one before with the same prefix.
const latest = new Int32Array(meta.prefixes.length + 1), numbers = c.job_number.map((v, i) => latest[c.job_prefix[i]] += v);
const short = name => name.length > 40 ? name.slice(0, 20) + "…" + name.slice(-19) : name;
const sessions = meta.sessions.map(([name, about], i) => ({name, about, label: short(name), qpu: c.session_qpu[i], from: c.created[i], to: c.created[i] + c.open[i], waits: [], marks: [], segments: [], lane: -1}));
c.wait_session.forEach((s, i) => sessions[s].waits.push([c.wait_start[i], c.wait_start[i] + c.wait_duration[i]]));
c.mark_session.forEach((s, i) => sessions[s].marks.push([c.mark_time[i], c.mark_word[i]]));
const qpus = meta.qpus.map(([name, n, m]) => {
  const part = column => column.subarray(from, from + n), duration = part(c.duration), kind = part(c.kind), prefix = part(c.job_prefix), number = part(numbers), group = part(c.group);
  const session = part(c.session), changes = Array.from({length: m}, (_, i) => [c.queue_time[queued + i], c.queue_change[queued + i]]);
  let t = 0, length = 0;
  const start = duration.map((v, i) => {
    if (session[i] >= 0) sessions[session[i]].segments.push(i);
    // Each start takes a job out of the queue.
    if (!meta.cell && kind[i] < 3) changes.push([t, -1]);
    return (t += v) - v;
  });
  changes.sort((p, q) => p[0] - q[0]);
  from += n; queued += m;
  const kept = changes.map(([time, by], i) => [time, length += by, i]).filter(one => one[0] != changes[one[2] + 1]?.[0]);
  return {name, label: short(name), start, duration, kind, group, session, job: i => meta.prefixes[prefix[i] - 1] + (number[i] < 0 ? "" : number[i]), queue: {time: Int32Array.from(kept, one => one[0]), value: Int32Array.from(kept, one => one[1])}};
});
document.documentElement.className = "js";
box.querySelector("datalist").append(...sessions.slice(0, 1000).map(s => new Option("", s.name)));
window.shown = timeline(box, {...meta, qpus, sessions});
for (const link of document.querySelectorAll("a[data-session]")) link.onclick = () => shown.go(link.dataset.session);
})();
