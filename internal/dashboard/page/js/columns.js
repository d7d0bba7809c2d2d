// What the tables of patterns show. A column's cell function takes the empty cell and returns what
// fills it with new figures.

import { h, set } from './dom.js'
import { spark, stack } from './chart.js'
import { kinds, sum, words } from './outcomes.js'
import { count, latency, none, rate, share } from './format.js'

// text makes a column of plain words.
const text = (show, quiet = () => false) => (cell) => (p, f) => {
  const words = show(p, f)
  set(cell, words)
  cell.classList.toggle('none', words === none || quiet(p, f))
}

const name = { title: 'Name', text: true, width: 'c-name', ascending: true, value: (p) => p.name }

const trend = {
  title: 'Recent rate', trend: true, width: 'c-trend',
  cell(cell) {
    const chart = spark({ ground: false })
    cell.append(chart.node)
    return (p) => chart.update(p.trend, 'Rate over time, now ' + rate(p.trend.at(-1) ?? 0))
  },
}

const rates = { title: 'Rate', width: 'c-rate', value: (p) => p.rate, cell: text((p) => rate(p.rate), (p) => p.requests === 0) }

const time = (title, value, width = 'c-time') => ({ title, width, value, cell: text((p) => latency(value(p))) })

// p99 is marked where it misses what the model promises.
const p99 = (about) => ({
  title: 'p99', width: 'c-time', value: (p) => p.p99,
  cell(cell) {
    const draw = text((p) => latency(p.p99))(cell)
    return (p, f) => {
      draw(p, f)
      const promised = about.objectives[p.name]
      cell.classList.toggle('missed', promised > 0 && p.p99 > promised)
      if (promised > 0) cell.title = `The model promises ${latency(promised)}`
    }
  },
})

const wrong = (p) => p.errors.reduce((n, e) => n + (e.kind === 'answer' ? 0 : e.count), 0)

const errors = {
  title: 'Errors', text: true, wide: true, width: 'c-errors', value: (p) => (p.requests ? wrong(p) / p.requests : 0),
  cell(cell) {
    const part = h('span', { class: 'error-share' })
    const which = h('span', { class: 'kinds' })
    cell.append(part, which)
    return (p) => {
      cell.classList.toggle('none', wrong(p) === 0)
      const list = p.errors.filter((e) => e.kind !== 'answer').map((e) => `${e.code.replaceAll('_', ' ')} ${count(e.count)}`).join(', ')
      set(part, list ? share(wrong(p) / p.requests) : none)
      part.classList.toggle('failed', p.failed_share > 0)
      set(which, list)
      cell.title = list
    }
  },
}

const cacheColumn = {
  title: 'Answered', text: true, wide: true, width: 'c-cache', value: (p) => (sum(p.cache) ? (p.cache.hit + p.cache.refreshed) / sum(p.cache) : -1),
  hint: 'Sort by the share of hits',
  cell(cell) {
    const bar = stack(kinds)
    cell.append(bar.node)
    return (p) => {
      bar.update(p.cache, words(p.cache))
      cell.title = words(p.cache)
    }
  },
}

const age = {
  title: 'Age, p95', half: true, width: 'c-age', value: (p) => p.age.p95, hint: 'Age of answers from the cache',
  cell: text((p) => latency(p.age.p95)),
}

const declared = (about) => {
  const plans = Object.fromEntries(about.plan.reads.map((r) => [r.name, r]))
  return {
    title: 'Fresh / stale', half: true, width: 'c-fresh', hint: 'As the model declares it',
    cell: (cell) => {
      cell.title = 'Never older than fresh in health; at most as old as stale while the store is away'
      return text((p) => [plans[p.name]?.fresh || 'latest', plans[p.name]?.stale].filter(Boolean).join(' / '))(cell)
    },
  }
}

export const readColumns = (about) => [
  name, trend, rates, time('p50', (p) => p.p50), time('p95', (p) => p.p95), p99(about), errors, cacheColumn, age, declared(about),
]

const steps = (about) => {
  const plans = Object.fromEntries(about.plan.writes.map((w) => [w.name, w]))
  const does = (w) => (w?.code ? 'Go code' : (w?.steps ?? []).map((s) => s.op + ' ' + s.entity).join(', '))
  return {
    title: 'Does', text: true, wide: true, width: 'c-steps',
    cell: (cell) => (p) => {
      set(cell, does(plans[p.name]))
      cell.title = does(plans[p.name])
    },
  }
}

export const writeColumns = (about) => [
  name, trend, rates, time('p50', (p) => p.p50), time('p95', (p) => p.p95), p99(about), errors,
  { ...time('Store, p95', (p) => p.store.p95, 'c-age'), half: true, hint: 'From handing it to the store until it is durable' },
  { title: 'Replayed', half: true, width: 'c-age', value: (p) => p.replayed, hint: 'Answered again by their Idempotency-Key', cell: text((p) => (p.replayed ? count(p.replayed) : none)) },
  steps(about),
]
