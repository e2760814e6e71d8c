// The timeline of a run as timeline.js draws it, from the names and columns that embedded.py has packed.
const unpack = async (names, columns) => {
const inflate = text => new Response(new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("deflate-raw")));
const meta = await inflate(names).json(), bytes = new Uint8Array(await inflate(columns).arrayBuffer()), c = {};
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
return {...meta, qpus, sessions};
};
