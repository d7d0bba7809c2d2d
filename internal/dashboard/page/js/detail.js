// What opens under a row: everything that is known of one pattern.

import { h } from './dom.js'
import { words } from './outcomes.js'
import { count, latency, none, rate, span } from './format.js'

const list = (pairs) => h('dl', {}, ...pairs.filter(([, text]) => text).map(([term, text]) => h('div', {}, h('dt', {}, term), h('dd', {}, text))))

const percentiles = (l) => (l && l.p50 ? `p50 ${latency(l.p50)}, p95 ${latency(l.p95)}, p99 ${latency(l.p99)}` : none)

const kindWords = { failed: 'the service is to blame', refused: 'the request is to blame', answer: 'an answer, not a failure' }

function common(p, f, about) {
  return [
    ['Address', h('code', {}, about.paths[p.name] ?? none)],
    ['Requests', `${count(p.requests)} in ${span(f)}, mean ${latency(p.mean)}`],
    ['Waiting for the store', percentiles(p.store)],
    ['Errors', p.errors.length ? p.errors.map((e) => `${count(e.count)} × ${e.code} (${kindWords[e.kind]})`).join('; ') : 'none'],
    ['Who may ask', whoMay(about, p.name)],
  ]
}

function whoMay(about, name) {
  const permission = [...about.access.reads, ...about.access.writes].find((x) => x.pattern === name)
  if (!permission) return null
  if (permission.public) return 'everybody, without a token'
  if (permission.nobody) return 'only the service itself'
  if (permission.anyone) return 'any verified caller'
  return (permission.rules ?? []).map((r) => `${r.name}: ${r.if}`).join('; or ')
}

const expected = (plan, p) => (plan.expect ? `${rate(plan.expect)}; now ${rate(p.rate)}` : null)

export const readDetail = (about) => (p, f) => {
  const plan = about.plan.reads.find((r) => r.name === p.name) ?? {}
  return list([
    ...common(p, f, about),
    ['Served by', (plan.served_by ?? []).map((s) => (s.given?.length ? `${s.given.join(' and ')} given: ` : '') + s.index).join('; ')],
    ['Answers', words(p.cache)],
    ['Age from the cache', percentiles(p.age)],
    ['Age of stale answers', p.cache.stale ? percentiles(p.stale_age) : null],
    ['Changed by', plan.changed_by?.writes?.join(', ')],
    ['Expected by the model', expected(plan, p)],
    ['Priority', plan.priority],
  ])
}

export const writeDetail = (about) => (p, f) => {
  const plan = about.plan.writes.find((w) => w.name === p.name) ?? {}
  return list([
    ...common(p, f, about),
    ['Steps', (plan.steps ?? []).map(step).join('; ')],
    ['Emits', plan.emits?.join(', ')],
    ['Changes the answers of', plan.changes?.join(', ')],
    ['Expected by the model', expected(plan, p)],
    ['Priority', plan.priority],
  ])
}

const step = (s) => `${s.op} ${s.entity}` + (s.each ? ` for each of ${s.each}` : '') + (s.when ? ` when ${s.when}` : '') + (s.if ? ` if ${s.if}` : '')
