// Where everything in the picture stands. Columns from left to right: events, writes, data, reads.

const line = 18
const gap = 14
const columns = { event: [0, 150], write: [190, 190], entity: [486, 270], read: [860, 230] }
export const width = 1092
const letters = { entity: 36, other: 26 } // that fit into a line

const cut = (text, most) => (text.length > most ? text.slice(0, most - 1) + '…' : text)
const plain = (words, kind = '') => [words, kind]

export function arrange(about) {
  const { plan } = about
  const entities = []
  const frames = []
  let y = 30
  for (const f of plan.partitions) {
    const list = about.entities.filter((e) => e.partition === f.name)
    if (list.length === 0) continue
    const top = y
    y += 32
    for (const e of list) {
      const b = entityBox(e, plan, y)
      entities.push(b)
      y += b.h + gap
    }
    frames.push({ x: columns.entity[0] - 14, y: top, w: columns.entity[1] + 28, h: y - top, title: `one ${f.name}`, note: `${f.by} ${f.type}` })
    y += gap + 6
  }
  const middle = Object.fromEntries(entities.map((b) => [b.id, b]))

  const writes = place('write', plan.writes.map((w) => {
    const rows = [plain(w.name, 'strong')]
    const does = w.code ? ['Go code'] : w.steps.map((st) => `${st.op} ${st.entity}${st.each ? ' × ' + st.each : ''}`)
    const wanted = average((w.steps ?? []).map((st) => middle['entity ' + st.entity]?.y))
    return box('write', 'write ' + w.name, [rows, ...[...new Set(does)].map((t) => [plain(cut(t, letters.other), 'small')])], wanted)
  }))
  const reads = [...plan.reads.map((r) => {
    const note = [r.kind, r.fresh ? `fresh ${r.fresh}` : 'latest', r.stale && `stale ${r.stale}`].filter(Boolean).join(' · ')
    return box('read', 'read ' + r.name, [[plain(cut(r.name, letters.other), 'strong')], [plain(note, 'small')]], anchor(middle['entity ' + r.entity], r))
  }), ...(plan.feeds ?? []).map((f) => box('feed', 'feed ' + f.name, [[plain(cut(f.name, letters.other), 'strong')], [plain('feed of ' + cut(f.of.join(', '), 20), 'small')]], average(f.of.map((n) => middle['entity ' + n]?.y))))]
  const right = place('read', reads)
  const left = Object.fromEntries(writes.map((b) => [b.id, b]))
  const events = place('event', (plan.events ?? []).map((e) => {
    const notes = [e.then && 'then ' + e.then, e.hosts?.length && 'to ' + e.hosts[0], e.after && 'after ' + e.after].filter(Boolean)
    return box('event', 'event ' + e.name, [[plain(cut(e.name, 18), 'strong')], ...notes.map((n) => [plain(cut(n, 22), 'small')])], average(e.emitted_by.map((n) => left['write ' + n]?.y)))
  }))
  const boxes = [...events, ...writes, ...entities, ...right]
  return { boxes, frames, lines: linesOf(about, Object.fromEntries(boxes.map((b) => [b.id, b]))), height: Math.max(y, ...boxes.map((b) => b.y + b.h + gap)) }
}

const average = (list) => {
  const some = list.filter((n) => n != null)
  return some.length ? some.reduce((a, b) => a + b, 0) / some.length : Infinity
}

function box(kind, id, rows, wanted) {
  return { kind, id, wanted, h: rows.length * line + 12, rows: rows.map((parts, i) => ({ parts, y: 19 + i * line, kind: '' })) }
}

// place puts boxes into their column, each as near to where it belongs as the others let it.
function place(column, list) {
  const [x, w] = columns[column]
  let y = 30
  const sorted = list.map((b, i) => ({ ...b, x, w, i })).sort((a, b) => a.wanted - b.wanted || a.i - b.i)
  const whole = sorted.reduce((n, b) => n + b.h + gap, 0)
  let rest = whole
  const end = Math.max(...sorted.map((b) => (b.wanted === Infinity ? 0 : b.wanted + b.h)), 0)
  for (const b of sorted) {
    const latest = Math.max(y, end + 60 - rest) // so that the last ones do not slide far down
    b.y = Math.max(y, Math.min(b.wanted === Infinity ? y : b.wanted, latest))
    y = b.y + b.h + gap
    rest -= b.h + gap
  }
  return sorted
}

// entityBox has a line for each field, and one for each index that serves a read.
function entityBox(e, plan, y) {
  const [x, w] = columns.entity
  const rows = [{ parts: [plain(e.name, 'strong'), plain(e.view ? ' a view' : e.key.length ? '' : ' one row', 'small')] }]
  for (const f of e.fields.slice(1)) {
    const key = e.key.includes(f.name)
    rows.push({ parts: [plain(cut(f.name, 20), key ? 'key' : ''), plain(' ' + cut(f.enum ? f.enum.join(' | ') : f.type + (f.null ? '?' : ''), letters.entity - Math.min(f.name.length, 20) - 1), 'small')] })
  }
  const indexes = new Map()
  for (const r of plan.reads) if (r.entity === e.name) for (const sv of r.served_by) indexes.set(sv.fields.join(), sv)
  const at = {}
  for (const [fields, sv] of indexes) {
    at[fields] = rows.length
    rows.push({ parts: [plain(sv.index === 'primary key' ? 'by key' : 'index ' + cut(sv.fields.slice(1).join(', '), letters.entity - 6), 'index')] })
  }
  const drawn = rows.map((r, i) => ({ ...r, y: 19 + i * line, kind: i ? 'mono' : '' }))
  return { kind: e.view ? 'entity kept' : 'entity', id: 'entity ' + e.name, x, y, w, h: rows.length * line + 12, rows: drawn, at: Object.fromEntries(Object.entries(at).map(([k, i]) => [k, y + 14 + i * line])) }
}

const anchor = (entity, r) => (entity ? average(r.served_by.map((sv) => entity.at[sv.fields.join()])) - 20 : Infinity)

function linesOf(about, at) {
  const list = []
  const add = (kind, from, to, more = {}) => {
    const [a, b] = [at[from], at[to]]
    if (!a || !b) return
    const forth = a.x <= b.x
    list.push({ kind, from, to, x1: forth ? a.x + a.w : a.x, y1: a.y + 15, x2: forth ? b.x : b.x + b.w, y2: b.y + 15, ...more })
  }
  for (const w of about.plan.writes) {
    for (const name of new Set((w.steps ?? []).filter((st) => st.op !== 'read').map((st) => st.entity))) add('write', 'write ' + w.name, 'entity ' + name)
    for (const e of w.emits ?? []) add('emit', 'write ' + w.name, 'event ' + e)
  }
  for (const r of about.plan.reads) {
    for (const sv of r.served_by) add('read', 'entity ' + r.entity, 'read ' + r.name, { y1: at['entity ' + r.entity]?.at[sv.fields.join()] })
  }
  for (const f of about.plan.feeds ?? []) for (const name of f.of) add('feed', 'entity ' + name, 'feed ' + f.name)
  for (const e of about.plan.events ?? []) for (const then of [e.then, e.done, e.refused]) if (then) add('emit', 'event ' + e.name, 'write ' + then, { y1: at['event ' + e.name].y + 30 })
  for (const v of about.plan.views ?? []) {
    const to = about.entities.find((e) => e.view === v.name)
    const [a, b] = [at['entity ' + v.from], to && at['entity ' + to.name]]
    if (a && b) list.push({ kind: 'view', from: a.id, to: b.id, x1: a.x, y1: a.y + 24, x2: b.x, y2: b.y + 15 })
  }
  return list
}
