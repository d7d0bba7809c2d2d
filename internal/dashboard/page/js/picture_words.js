// What has to do with what in a model, for the picture's colours and in words.

const and = (list) => (list.length < 2 ? list.join('') : list.slice(0, -1).join(', ') + ' and ' + list.at(-1))

// relations gives, for a box, those that it has to do with: near, or stale where its answers change.
export function relations(about) {
  const { plan } = about
  const pairs = new Map()
  const tie = (a, b, role = 'near', back = role) => {
    for (const [x, y, r] of [[a, b, role], [b, a, back]]) {
      if (!pairs.has(x)) pairs.set(x, new Map())
      if (pairs.get(x).get(y) !== 'stale') pairs.get(x).set(y, r)
    }
  }
  for (const w of plan.writes) {
    for (const st of w.steps ?? []) tie('write ' + w.name, 'entity ' + st.entity)
    for (const r of w.changes) tie('write ' + w.name, 'read ' + r, 'stale')
    for (const e of w.emits ?? []) tie('write ' + w.name, 'event ' + e)
  }
  for (const r of plan.reads) tie('entity ' + r.entity, 'read ' + r.name)
  for (const f of plan.feeds ?? []) for (const e of f.of) tie('entity ' + e, 'feed ' + f.name)
  for (const e of plan.events ?? []) for (const then of [e.then, e.done, e.refused]) if (then) tie('event ' + e.name, 'write ' + then)
  for (const v of plan.views ?? []) {
    const kept = about.entities.find((e) => e.view === v.name)
    if (!kept) continue
    tie('entity ' + v.from, 'entity ' + kept.name)
    for (const w of v.follows) {
      tie('write ' + w, 'entity ' + kept.name)
      for (const r of v.reads) tie('write ' + w, 'read ' + r, 'stale')
    }
  }
  return { near: (id) => pairs.get(id) ?? new Map() }
}

// sentence tells the same in words.
export function sentence(about, id) {
  const { plan } = about
  const [kind, name] = id.split(' ')
  const said = []
  if (kind === 'write') {
    const w = plan.writes.find((x) => x.name === name)
    said.push(w.code ? 'runs Go code' : and(w.steps.map((st) => `${st.op}s ${st.entity}${st.each ? ' for each of ' + st.each : ''}${st.when ? ' when ' + st.when : ''}`)))
    said.push(w.changes.length ? `changes the answers of ${and(w.changes)}` : 'changes no answer of a read in its partition')
    if (w.views?.length) said.push(`is followed by the ${w.views.length > 1 ? 'views' : 'view'} ${and(w.views)}`)
    if (w.emits?.length) said.push(`emits ${and(w.emits)}`)
    if (w.async) said.push(w.async === 'always' ? 'is always accepted and done afterwards' : 'may be accepted and done afterwards')
  } else if (kind === 'read') {
    const r = plan.reads.find((x) => x.name === name)
    said.push(`${r.kind === 'get' ? 'gets one' : 'lists'} ${r.entity} of one ${r.partition}`)
    said.push('is served by ' + and([...new Set(r.served_by.map((sv) => (sv.index === 'primary key' ? 'the primary key' : `the index (${sv.fields.join(', ')})`) + (sv.given?.length ? ` where ${and(sv.given)} is given` : '')))]))
    said.push(r.changed_by.writes.length ? `its answers are changed by ${and(r.changed_by.writes)}${r.changed_by.view ? `, by way of the view ${r.changed_by.view}` : ''}` : 'nothing changes its answers')
    said.push(r.fresh ? `may be ${r.fresh} old` + (r.stale ? `, and ${r.stale} while the store is away` : '') : 'always shows the latest')
  } else if (kind === 'entity') {
    const e = about.entities.find((x) => x.name === name)
    said.push(`in one ${e.partition}, ${e.key.length ? 'by ' + and(e.key) : 'one row'}: ${and(e.fields.slice(1).map((f) => f.name))}`)
    if (e.view) said.push('is kept by a view of ' + plan.views.find((v) => v.name === e.view).from)
    const by = plan.writes.filter((w) => (w.steps ?? []).some((st) => st.entity === name && st.op !== 'read')).map((w) => w.name)
    if (by.length) said.push('is written by ' + and(by))
    const reads = plan.reads.filter((r) => r.entity === name).map((r) => r.name)
    if (reads.length) said.push('is read by ' + and(reads))
  } else if (kind === 'event') {
    const e = plan.events.find((x) => x.name === name)
    said.push(e.emitted_by.length ? `is emitted by ${and(e.emitted_by)}` : 'is emitted by nothing')
    if (e.data.length) said.push(`carries ${and(e.data)}`)
    if (e.hosts?.length) said.push(`is delivered to ${and(e.hosts)}`)
    if (e.then) said.push(`then ${e.then} follows${e.each ? ` for each of ${e.each}` : ''}`)
    if (e.done) said.push(`${e.done} when that is done`)
    if (e.refused) said.push(`${e.refused} when it is refused`)
  } else {
    said.push(`shows the changes of ${and(plan.feeds.find((f) => f.name === name).of)}`)
  }
  return `${kind[0].toUpperCase()}${kind.slice(1)} ${name}: ${said.join('; ')}.`
}
