// Parts, views, cache, store, accepted writes and process: how each is, and how much of it is used.

import { byId, h, set } from './dom.js'
import { meter } from './chart.js'
import { partsPanel, viewsPanel } from './parts.js'
import { bytes, count, latency, length, none, rate, share } from './format.js'

export function makeMachine(first) {
  const panels = [partsPanel(), first.views?.length && viewsPanel(), first.cache && cachePanel(), first.shared_cache && sharedPanel(), first.store && storePanel(), first.admission && admissionPanel(), first.accepted && acceptedPanel(), processPanel()].filter(Boolean)
  byId('machine').replaceChildren(...panels.map((p) => p.node))
  return { update: (f) => panels.forEach((p) => p.update(f)) }
}

// panel makes pairs of words and figures, some with a meter under them.
function panel(title, lines) {
  const note = h('p', { class: 'quiet' })
  const cells = lines.map(([, , metered]) => ({ value: h('dd'), meter: metered ? meter() : null }))
  const node = h('div', { class: 'panel' }, h('div', { class: 'heading' }, h('h2', {}, title), note),
    h('dl', { class: 'pairs' }, ...lines.flatMap(([term], i) => [h('dt', {}, term), cells[i].value, cells[i].meter?.node])))
  return {
    node,
    update(f) {
      lines.forEach(([term, show, used], i) => {
        set(cells[i].value, show(f))
        if (used) cells[i].meter.update(...used(f), `${term}: ${show(f)}`)
      })
    },
    note: (text) => set(note, text),
  }
}

function cachePanel() {
  return panel('Cache', [
    ['Memory', (f) => `${bytes(f.cache.bytes)} of ${bytes(f.cache.bound)}`, (f) => [f.cache.bytes, f.cache.bound]],
    ['Reads answered from it', (f) => (f.reads.some((r) => r.cache.hit) ? share(f.total.hit_share) : none)],
    ['Answers', (f) => count(f.cache.entries)],
    ['of them “not found”', (f) => count(f.cache.not_found)],
    ['Partitions', (f) => count(f.cache.partitions)],
    ['Loads under way', (f) => count(f.cache.flights)],
    ['Dropped for room', (f) => count(f.cache.evictions)],
  ])
}

function sharedPanel() {
  const p = panel('Shared cache', [
    ['Had the answer', (f) => (f.shared_cache.hits + f.shared_cache.misses ? share(f.shared_cache.hits / (f.shared_cache.hits + f.shared_cache.misses)) : none)],
    ['Had one that this node knew better', (f) => count(f.shared_cache.unfit)],
    ['Waits for another node', (f) => count(f.shared_cache.waits)],
    ['of them in vain', (f) => count(f.shared_cache.waits_in_vain)],
    ['Answers left there', (f) => count(f.shared_cache.puts)],
    ['Too large for it', (f) => count(f.shared_cache.too_large)],
    ['Calls under way', (f) => count(f.shared_cache.waiting)],
    ['Calls that failed', (f) => count(f.shared_cache.errors)],
    ['Calls spared while it was away', (f) => count(f.shared_cache.skipped)],
    ['A call, p50', (f) => latency(f.shared_cache.p50)],
    ['A call, p99', (f) => latency(f.shared_cache.p99)],
  ])
  const state = (f) => f.components.find((c) => c.component === 'shared cache')
  return { node: p.node, update(f) { p.update(f); p.note(state(f)?.state ?? '') } }
}

function storePanel() {
  const p = panel('Store', [
    ['Queue', (f) => `${count(f.store.queue)} of ${count(f.store.queue_bound)} writes`, (f) => [f.store.queue, f.store.queue_bound]],
    ['Readers at work', (f) => `${count(f.store.readers_in_use)} of ${count(f.store.readers)}`, (f) => [f.store.readers_in_use, f.store.readers]],
    ['Size', (f) => bytes(f.store.bytes)],
    ['Writes per group', (f) => (f.store.groups ? f.store.group_size.toFixed(1) : none)],
    ['Writes committed', (f) => count(f.store.group_writes)],
    ['Groups committed', (f) => count(f.store.groups)],
  ])
  return { node: p.node, update(f) { if (f.store) { p.update(f); p.note(`${f.store.kind} ${f.store.version}`) } else p.note('gives no figures now') } }
}

// admissionPanel shows what the gates before the store let in, and how many wait.
function admissionPanel() {
  const gate = (name, of) => [
    [`${name} at the store`, (f) => `${count(of(f).inside)} of ${count(of(f).limit)}`, (f) => [of(f).inside, of(f).limit]],
    ['waiting before it', (f) => count(of(f).waiting)],
  ]
  const refused = (f) => ['door', 'reads', 'writes'].reduce((n, k) => n + (f.admission[k].classes ?? []).reduce((m, c) => m + c.refused, 0), 0)
  const p = panel('Admission', [
    ...gate('Reads', (f) => f.admission.reads), ...gate('Writes', (f) => f.admission.writes),
    ['Connections', (f) => count(f.admission.door.connections)],
    ['Refused since start', (f) => count(refused(f))],
  ])
  return {
    node: p.node,
    update(f) {
      if (!f.admission) return
      p.update(f)
      p.note(['door', 'reads', 'writes'].some((k) => f.admission[k].overloaded) ? 'more comes than can be done' : '')
    },
  }
}

function acceptedPanel() {
  const known = (show) => (f) => (f.accepted.waiting_known ? show(f.accepted) : 'not known')
  const p = panel('Accepted writes', [
    ['Wait on the bus', known((a) => (a.waiting_bound ? `${bytes(a.waiting_bytes)} of ${bytes(a.waiting_bound)}` : bytes(a.waiting_bytes))),
      (f) => [f.accepted.waiting_known ? f.accepted.waiting_bytes : 0, f.accepted.waiting_bound]],
    ['The oldest since', known((a) => (a.waiting_age ? length(a.waiting_age) : none))],
    ['Accepted here', (f) => rate(f.accepted.rate)],
    ['Settled here', (f) => count(f.accepted.settled)],
    ['of them failed', (f) => count(f.accepted.failed)],
    ['Until settled, p50', (f) => latency(f.accepted.p50)],
    ['Until settled, p99', (f) => latency(f.accepted.p99)],
    ['Put aside since start', (f) => count(f.accepted.aside)],
    ['Shards that are stuck', (f) => stuck(f.accepted.stuck ?? [])],
    ['What waits for them, apart', (f) => bytes((f.accepted.stuck ?? []).reduce((n, s) => n + s.apart_bytes, 0))],
  ])
  return { node: p.node, update(f) { if (f.accepted) { p.update(f); p.note(`${f.accepted.shards} of 16 shards here`) } } }
}

// stuck names the shards that do not get on, and the write that holds each up.
const stuck = (list) => (list.length ? list.map((s) => (s.write ? `${s.shard}: ${s.write}` : `${s.shard}, which catches up`)).join('; ') : 'none')

function processPanel() {
  const p = panel('Process', [
    ['Processor', (f) => `${f.process.cpu.toFixed(2)} of ${f.process.cpus}`, (f) => [f.process.cpu, f.process.cpus]],
    ['Disk used', (f) => (f.process.disk_size > 0 ? `${bytes(f.process.disk_free)} free of ${bytes(f.process.disk_size)}` : 'not watched'),
      (f) => [f.process.disk_size - f.process.disk_free, f.process.disk_size]],
    ['Memory', (f) => bytes(f.process.rss)],
    ['of it heap in use', (f) => bytes(f.process.heap)],
    ['Garbage collection', (f) => `${share(f.process.gc_share)}, pause p99 ${latency(f.process.gc_pause_p99)}`],
    ['Goroutines', (f) => count(f.process.goroutines)],
    ['Open files', (f) => (f.process.files < 0 ? 'not known' : `${count(f.process.files)} of ${count(f.process.files_bound)}`)],
  ])
  return { node: p.node, update(f) { p.update(f); p.note(f.process.go_version) } }
}
