// The timeline of a run on a canvas: what QPUs do, how many wait, how sessions live. No library.
// timeline(box, data) draws data as unpack.js makes it, and returns what shows other data in the same place.
// Times are ticks of data.unit microseconds. Nothing is sampled: what is at least 2 px wide is drawn as it is,
// what is narrower as its share of each column of pixels.
const timeline = (box, data) => {
"use strict";
const {min, max, floor} = Math;
const KINDS = ["job_mode", "session", "batch", "held", "down", "free"];
const DOES = ["runs", "holds the idle QPU", "the QPU is down", "the QPU is free"];
const MANY = 120, NAMED = 40, AXIS = 20, BELOW = 14;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000, 2592000, 31536000];
const [canvas, tip, say] = ["canvas", ".tip", ".say"].map(name => box.querySelector(name)), g = canvas.getContext("2d");
const colours = {};
let a, b, W, H, X, left, f, shown, rows, many, scale, scroll = 0, drag, row = 0, item, wanted, strip, queue, high, lanes = 0, top;

// What columns mean. Segments of a group stand for shorter ones, of which only the sums are known.
const last = (list, t, of = v => v) => {
  let lo = 0, hi = list.length;
  while (lo < hi) { const m = lo + hi >> 1; if (of(list[m]) <= t) lo = m + 1; else hi = m }
  return lo - 1;
};
const first = (q, i) => { while (q.group[i] == 2) i--; return i };
const after = (q, i) => { do i++; while (q.group[i] == 2); return i };
const end = (q, i) => { i = after(q, i) - 1; return q.start[i] + q.duration[i] };
const at = (q, t) => first(q, max(0, last(q.start, t)));
// How long a QPU did each thing before t.
const sums = (q, t) => {
  const i = at(q, t), j = after(q, i), length = end(q, i) - q.start[i], part = length ? max(0, min(1, (t - q.start[i]) / length)) : 1;
  return q.before.map(total => total[i] + (total[j] - total[i]) * part);
};
const steps = stretches => {
  const edges = stretches.flatMap(([from, to]) => [[from, 1], [to, -1]]).sort((p, q) => p[0] - q[0]);
  let value = 0, area = 0, time = 0;
  return edges.map(([t, by]) => { area += value * (t - time); time = t; value += by; return [t, value, area] });
};
const integral = (edges, t) => { const [time, value, area] = edges[last(edges, t, one => one[0])] || [0, 0, 0]; return area + value * (t - time) };

// Words.
const long = ticks => {
  let us = ticks * data.unit;
  if (!us) return "0 s";
  for (const [name, of, most] of [["us", 1, 999.5], ["ms", 1e3, 999.5], ["s", 1e6, 59.95]]) if (us / of < most) return +(us / of).toPrecision(3) + " " + name;
  const unit = us < 864e8 ? 1e6 : 6e7;
  us = Math.round(us / unit) * unit;
  return [["d", 864e8], ["h", 36e8], ["m", 6e7], ["s", 1e6]].map(([name, of]) => { const n = floor(us / of); us -= n * of; return n ? n + name : "" }).filter(Boolean).join(" ");
};
const when = (from, to) => ` for ${long(to - from)}, from ${long(from)}`;
const stretch = (q, i) => {
  const from = q.start[i], to = end(q, i), k = q.kind[i], entry = {row: q, i, from, to};
  entry.text = (q.group[i] ? KINDS.map((name, k) => {
    let sum = 0;
    for (let j = i; j < after(q, i); j++) if (q.kind[j] == k) sum += q.duration[j];
    return sum && (100 * sum / (to - from)).toFixed(1) + " % " + name.replace("_", " ");
  }).filter(Boolean).join(", ") : (k < 3 ? q.job(i) + " " : k == 3 ? data.sessions[q.session[i]].name + " " : "") + DOES[max(0, k - 2)]) + when(from, to);
  return entry;
};
const items = s => s.items ||= [
  ...s.segments.map(i => stretch(data.qpus[s.qpu], i)),
  ...s.waits.map(([from, to]) => ({from, to, text: s.name + " waits in the queue" + when(from, to)})),
  ...s.marks.map(([from, word]) => ({from, to: from, text: `${s.name} ${data.words[word]}, at ${long(from)}`})),
].map(one => ({...one, row: s})).sort((p, q) => p.from - q.from || p.to - q.to);

// Drawing.
const x = t => left + (t - a) * f;
const paint = (fill, p, y, w, h) => { g.fillStyle = colours[fill]; g.fillRect(p, y, w, h) };
const width = text => g.measureText(text).width;
const write = (ink, text, p, y, most) => {
  if (width(text) > most) text = text.slice(0, most / width(text) * text.length - 1) + "…";
  g.fillStyle = colours[ink]; g.fillText(text, p, y);
};
const stack = (shares, total, p, w, y, h) => {
  y += h;
  shares.forEach((v, k) => { if (v > 0) { const part = h * min(1, v / total); y -= part; paint(KINDS[k], p, y, w, part) } });
};
const drawStrip = (q, y, h, from, to) => {
  const f = X / (to - from), n = q.start.length;
  paint("free", left, y, X, h);
  if (!n) return;
  let t = from, i = at(q, t), before = sums(q, t);
  const crowded = last(q.start, to) - i > X, size = (crowded ? 6 : 1) / f;
  while (t < to) {
    let u = end(q, i);
    if (crowded || (u - t) * f < 2) {
      u = from + (floor((t - from) / size + 1e-9) + 1) * size;
      if (!crowded) for (let j = after(q, i); j < n && q.start[j] < u; j = after(q, j)) if ((end(q, j) - q.start[j]) * f >= 2 && q.start[j] > t) { u = q.start[j]; break }
    }
    u = min(u, to);
    const next = sums(q, u), w = (u - t) * f;
    stack(next.map((v, k) => v - before[k]), u - t, left + (t - from) * f, w > 8 ? w - .6 : w, y, h);
    before = next; t = u; i = at(q, t);
  }
};
const drawQueue = (q, y, h) => {
  const {time, value, most} = q.queue;
  for (let p = 0, i = max(0, last(time, a)); p < X && most; p++) {
    let v = value[i];
    while (i + 1 < time.length && time[i + 1] < a + (p + 1) / f) v = max(v, value[++i]);
    paint("waiting", left + p, y + h * (1 - v / most), 1, h * v / most);
  }
};
const drawSession = (s, y, h) => {
  const q = data.qpus[s.qpu], c = y + h / 2, p0 = max(left, x(s.from)), p1 = min(W, x(s.to)), shares = [0, 0, 0, 0, 0];
  for (let p = p0; p < p1; p += 5) paint("waiting", p, c - .75, min(2.5, p1 - p), 1.5);
  for (const [from, to] of s.waits) if (to > a && from < b) paint("waiting", max(left, x(from)), c - 2, max(1, min(W, x(to)) - max(left, x(from))), 4);
  let column = -1;
  const flush = next => { if (column >= 0) stack(shares, 1, left + column, 1, y, h); shares.fill(0); column = next };
  for (let i = max(0, last(s.segments, a, j => q.start[j])); i < s.segments.length; i++) {
    const j = s.segments[i], k = q.kind[j], e = min(X, (q.start[j] + q.duration[j] - a) * f);
    let p = max(0, (q.start[j] - a) * f);
    if (p > X) break;
    if (e - p >= 2) { flush(-1); paint(KINDS[k], left + p, y, e - p > 8 ? e - p - .6 : e - p, h) }
    else while (p < e) { const to = min(e, floor(p) + 1); if (floor(p) != column) flush(floor(p)); shares[k] += to - p; p = to }
  }
  flush(-1);
  for (const [t, word] of s.marks) if (t >= a && t <= b) {
    const p = x(t), glyph = data.glyphs[word];
    if (glyph == "ended") { paint("page", p - 3, y - 1, 6, h + 2); paint("alert", p - 1.5, y - 1, 3, h + 2); continue }
    // Where there is no room for letters they would hide the bars.
    if (p1 - p0 < 30 && shown.length > 8) continue;
    const q = p - width(glyph) / 2;
    g.strokeStyle = colours.page; g.lineWidth = 3;
    g.strokeText(glyph, q, c); write("ink", glyph, q, c);
  }
};
const place = () => {
  shown = data.sessions.filter(s => s.to >= a && s.from <= b);
  many = shown.length > MANY;
  rows = many ? data.qpus : [...data.qpus, ...shown];
  row = min(rows.length - 1, max(0, rows.indexOf(item?.row)) || row);
  if (data.sessions.length <= NAMED) return shown.forEach((s, i) => { s.lane = i });
  // Lanes stay while the window moves, and are made anew when it grows or shrinks.
  if (scale != b - a) for (const s of data.sessions) s.lane = -1;
  scale = b - a;
  const taken = [];
  for (const s of many ? [] : [...shown].sort((p, q) => (p.lane < 0) - (q.lane < 0))) {
    s.inside = (min(s.to, b) - max(s.from, a)) * f > X * .3 || x(s.to) + width(s.label) > W - 8;
    s.reach = s.to + (6 + (s.inside ? 0 : 12 + width(s.label))) / f;
    if (s.lane < 0) { s.lane = 0; while ((taken[s.lane] || []).some(o => o.from < s.reach && s.from < o.reach)) s.lane++ }
    (taken[s.lane] ||= []).push(s);
  }
};
const used = () => shown.reduce((m, s) => max(m, s.lane + 1), 0) * high;
const drawLanes = () => {
  const named = data.sessions.length <= NAMED;
  g.save(); g.beginPath(); g.rect(0, top, W, lanes); g.clip();
  if (many) drawCrowd();
  else for (const s of shown) {
    const y = s.y = top + s.lane * high - scroll + 2, h = s.h = high - 6, c = y + h / 2, ink = rows[row] == s && document.activeElement == canvas ? "link" : "ink";
    if (y + h < top || y > top + lanes) continue;
    drawSession(s, y, h);
    if (named) write(ink, s.label, 4, c, left - 8);
    else if (!s.inside) write(ink, s.label, x(s.to) + 8, c);
    else { const p = max(left, x(s.from)) + 3; g.globalAlpha = .85; paint("page", p - 2, y, width(s.label) + 4, h); g.globalAlpha = 1; write(ink, s.label, p, c) }
  }
  if (!named) write("muted", "sessions", 4, top + 9, left - 8);
  g.restore();
};
const drawCrowd = () => {
  const totals = t => [data.qpus.reduce((sum, q) => { const v = sums(q, t); return sum + v[1] + v[2] + v[3] }, 0), integral(data.waiting, t), integral(data.open, t)];
  const columns = [];
  let before = totals(a), most = 1;
  for (let t = a; t < b;) {
    const u = min(b, t + 4 / f), next = totals(u), [has, waits, open] = next.map((v, i) => (v - before[i]) / (u - t)), wait = max(0, min(waits, open - has));
    columns.push([has, wait, max(0, open - has - wait)]);
    most = max(most, has + max(wait, open - has)); before = next; t = u;
  }
  most = Math.ceil(most);
  columns.forEach((parts, c) => { let y = top + lanes; parts.forEach((v, i) => { const h = (lanes - 18) * v / most; y -= h; paint(["session", "waiting", "rule"][i], left + c * 4, y, 4, h) }) });
  write("muted", "at once,", 4, top + 23); write("muted", "max " + most, 4, top + 37);
  write("muted", shown.length + " sessions: green has the QPU, grey waits, light is idle. Zoom in.", left + 6, top + 9, X - 8);
};
const drawAxis = () => {
  const second = 1e6 / data.unit, span = (b - a) / second, least = span * 84 / X, tens = 10 ** Math.ceil(Math.log10(least));
  const step = (least < 1 ? tens : STEPS.find(s => s > least) || tens) * second;
  for (let t = Math.ceil(a / step) * step; t <= b; t += step) {
    const text = long(t);
    paint("rule", x(t), AXIS - 5, 1, H - BELOW - AXIS + 2);
    if (x(t) + width(text) + 4 < W) write("muted", text, x(t) + 3, 8);
  }
};
const draw = () => {
  wanted = 0;
  if (!W) return;
  f = X / (b - a);
  paint("page", 0, 0, W, H);
  g.font = "11px system-ui,sans-serif"; g.textBaseline = "middle";
  place();
  scroll = max(0, min(scroll, used() - lanes));
  drawAxis();
  data.qpus.forEach((q, i) => {
    const y = q.y = AXIS + i * (strip + queue), c = y + strip + queue / 2;
    q.h = strip - 4;
    drawStrip(q, y, q.h, a, b);
    drawQueue(q, y + strip, queue - 6);
    write(row == i && document.activeElement == canvas ? "link" : "ink", q.label, 4, y + q.h / 2, left - 8);
    if (queue > 30) { write("muted", "queued,", 4, c - 9, left - 8); write("muted", "max " + q.queue.most, 4, c + 4, left - 8) }
  });
  if (data.sessions.length) drawLanes();
  if (data.qpus.length && b - a < data.end) {
    const all = X / data.end;
    g.globalAlpha = .5; drawStrip(data.qpus[0], H - BELOW, 12, 0, data.end); g.globalAlpha = 1;
    outline(left + a * all, H - BELOW, (b - a) * all, 12);
  }
  if (rows.includes(item?.row)) { const p = max(left, x(item.from)); outline(p, item.row.y, min(W, x(item.to)) - p, item.row.h) }
};
const outline = (p, y, w, h) => { g.lineWidth = 2; g.strokeStyle = colours.ink; g.strokeRect(p - 1, y - 1, max(3, w + 2), h + 2) };
const view = (p, q) => {
  const w = min(data.end, max(100, q - p));
  a = max(0, min(data.end - w, p)); b = a + w;
  if (!wanted) wanted = requestAnimationFrame(draw);
};
const size = () => {
  const ratio = devicePixelRatio, css = getComputedStyle(document.documentElement), n = data.qpus.length, count = data.sessions.length;
  for (const name of [...KINDS, "page", "ink", "muted", "rule", "link", "alert", "waiting"]) colours[name] = css.getPropertyValue("--" + name);
  W = canvas.clientWidth;
  // On paper there is no canvas.
  if (!W) return;
  left = count && count <= NAMED ? min(120, W * .22) : 68;
  X = max(50, W - left); f = X / (b - a);
  [strip, queue] = n < 4 ? [44, 46] : n < 10 ? [26, 26] : [18, 14];
  high = count <= 20 ? 22 : count <= NAMED ? 16 : 19;
  place();
  if (count) lanes = max(lanes, many ? 240 : min(max(2 * high, used()), 640));
  top = AXIS + n * (strip + queue);
  H = top + lanes + BELOW + 4;
  canvas.style.height = H + "px"; canvas.width = W * ratio; canvas.height = H * ratio;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw();
};

// What is where, and how to get there.
const find = (px, py) => {
  const t = a + (px - left) / f, near = 3 / f, r = rows.find(r => py >= r.y && py < r.y + (r.start ? strip + queue : r.h));
  if (!r || px < left) return;
  if (!r.start) return items(r).filter(one => one.from - near <= t && t <= one.to + near).sort((p, q) => (p.to - p.from) - (q.to - q.from))[0]
    || r.from <= t && t <= r.to && {row: r, from: r.from, to: r.to, text: r.name + " is open, and none of its jobs waits or runs"};
  return py < r.y + strip ? stretch(r, at(r, t)) : {row: r, from: t, to: t, text: `${r.queue.value[max(0, last(r.queue.time, t))] || 0} jobs are queued at ${long(t)}`};
};
const select = found => {
  const w = b - a;
  item = found;
  say.textContent = found ? found.text : "";
  if (found && (found.to < a || found.from > b)) view(found.from - w * .3, found.from + w * .7); else view(a, b);
  if (!found) return;
  place();
  row = max(0, rows.indexOf(found.row));
  const y = found.row.lane * high - scroll;
  if (y < 0 || y + high > lanes) scroll += y - lanes / 2;
};
const step = by => {
  const r = rows[row], mine = item?.row == r;
  if (r.start) { const i = mine ? by > 0 ? after(r, item.i) : first(r, item.i - 1) : at(r, a); if (i >= 0 && i < r.start.length) select(stretch(r, i)) }
  else { const list = items(r), next = list[mine ? list.indexOf(item) + by : list.findIndex(one => one.to >= a)]; if (next) select(next) }
};
const walk = by => { row = max(0, min(rows.length - 1, row + by)); item = 0; say.textContent = rows[row].name; step(1); view(a, b) };
const go = name => {
  let found = data.sessions.find(s => s.name == name);
  if (found) found = {row: found, from: found.from, to: found.to, text: name + ": " + found.about};
  for (const q of found ? [] : data.qpus) for (let i = 0; i < q.start.length; i++) if (q.kind[i] < 3 && q.job(i) == name) found = stretch(q, i);
  if (!found) { say.textContent = name && "nothing here is called " + name; return }
  const w = max(100, found.to - found.from) * .2;
  view(found.from - w, found.to + w); f = X / (b - a);
  select(found);
};
const zoom = (by, t = (a + b) / 2) => view(t - (t - a) * by, t + (b - t) * by);
const pan = by => view(a + by, b + by);
const KEYS = {
  ArrowLeft: () => pan((a - b) * .15), ArrowRight: () => pan((b - a) * .15), "+": () => zoom(.6), "=": () => zoom(.6), "-": () => zoom(1.6),
  0: () => view(0, data.end), Home: () => pan(-a), End: () => pan(data.end), PageDown: () => walk(1), PageUp: () => walk(-1), ".": () => step(1), ",": () => step(-1),
  Enter: () => item && view(2 * item.from - item.to, 2 * item.to - item.from), Escape: () => select(),
};
const on = (name, act, target = canvas) => target.addEventListener(name, act, {passive: false});
on("keydown", e => { if (KEYS[e.key] && rows.length && !e.ctrlKey && !e.metaKey && !e.altKey) { e.preventDefault(); KEYS[e.key]() } });
for (const name of ["focus", "blur"]) on(name, () => view(a, b));
on("pointerdown", e => {
  canvas.setPointerCapture(e.pointerId); tip.hidden = 1;
  drag = {px: e.offsetX, py: e.offsetY, a, b, scroll};
  if (e.offsetY > H - BELOW) { drag = 0; pan((e.offsetX - left) / X * data.end - (a + b) / 2) }
});
on("pointermove", e => {
  if (drag) {
    const across = e.offsetX - drag.px, down = e.offsetY - drag.py;
    drag.far ||= Math.hypot(across, down) > 3;
    scroll = drag.scroll - down;
    return view(drag.a - across / f, drag.b - across / f);
  }
  const found = find(e.offsetX, e.offsetY);
  tip.hidden = !found;
  if (found) { tip.textContent = found.text; tip.style.left = max(0, min(e.offsetX + 12, W - 240)) + "px"; tip.style.top = canvas.offsetTop + e.offsetY + 16 + "px" }
});
on("pointerup", e => { if (drag && !drag.far) select(find(e.offsetX, e.offsetY)); drag = 0 });
on("pointercancel", () => { drag = 0 });
on("pointerleave", () => { tip.hidden = 1 });
on("wheel", e => {
  if (e.ctrlKey || e.metaKey) zoom(Math.exp(e.deltaY * .002), a + (e.offsetX - left) / f);
  else if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan(e.deltaX / f);
  else return;
  e.preventDefault();
});
on("click", e => { const by = e.target.dataset.zoom; if (by) +by ? zoom(+by) : KEYS[0]() }, box);
on("change", e => go(e.target.value), box);

const show = next => {
  data = next;
  for (const q of data.qpus) {
    q.before = KINDS.slice(0, 5).map((_, k) => { const total = new Int32Array(q.start.length + 1); q.duration.forEach((v, i) => { total[i + 1] = total[i] + (q.kind[i] == k ? v : 0) }); return total });
    q.queue.most = q.queue.value.reduce((p, v) => max(p, v), 0);
  }
  data.waiting = steps(data.sessions.flatMap(s => s.waits));
  data.open = steps(data.sessions.map(s => [s.from, s.to]));
  scale = item = a = 0; b = max(1, data.end);
  box.hidden = 0;
  size();
};
show(data);
new ResizeObserver(size).observe(canvas);
matchMedia("(prefers-color-scheme:dark)").addEventListener("change", size);
return {show, view, draw, go, window: () => [a, b, left]};
};
