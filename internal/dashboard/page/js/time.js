// The view over time: how fast, how slow and how often wrong, for the whole service or one pattern.

import { h, set } from './dom.js'
import { ask, words } from './ask.js'
import { go, to } from './views.js'
import { makePlot } from './plot.js'
import { spark } from './chart.js'
import { bytes, count, latency, length, none, rate, share } from './format.js'

const ranges = [['5m', '5 min'], ['1h', '1 h'], ['6h', '6 h'], ['24h', '24 h']]
const seconds = { '5m': 300, '1h': 3600, '6h': 21600, '24h': 86400 }
const every = 5000
const hues = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5']
const most = 5 // kinds of errors that have a colour of their own

export function makeTime(box) {
  const segments = h('fieldset', { class: 'segments', id: 'ranges' }, h('legend', { class: 'quiet' }, 'The last'),
    ...ranges.map(([value, name]) => h('label', {}, h('input', { type: 'radio', name: 'range', value }), h('span', {}, name))))
  const title = h('h2', {})
  const note = h('p', { class: 'quiet' })
  const plots = [
    makePlot({ title: 'Requests', show: rate }),
    makePlot({ title: 'Latency', note: 'each line of the scale is ten times the one below', show: (v) => latency(v) || none, log: true }),
    makePlot({ title: 'Errors by kind', show: rate, bars: true }),
  ]
  const tables = h('details', { class: 'figures' }, h('summary', {}, 'These figures as a table'), h('div', { class: 'frame scroll', tabindex: '0' }))
  const list = h('ul', { class: 'multiples', 'aria-label': 'Patterns' })
  const trouble = h('p', { class: 'complaint', role: 'alert', hidden: true })
  box.replaceChildren(h('div', { class: 'heading' }, title, segments), trouble, ...plots.map((p) => p.node), tables,
    h('section', { 'aria-label': 'Patterns' }, h('h2', {}, 'Patterns, by their p99'), list), note)
  let chosen = { range: '5m', pattern: '' }
  let timer = 0
  let last = null
  segments.addEventListener('change', () => go('time', { range: segments.querySelector('input:checked').value, pattern: chosen.pattern }))
  addEventListener('resize', () => { if (last && !box.hidden) draw(last) })
  tables.addEventListener('toggle', () => { if (last) draw(last) })

  async function poll() {
    clearTimeout(timer)
    const mine = chosen
    try {
      const past = await ask('/past?range=' + mine.range)
      if (mine !== chosen || box.hidden) return
      trouble.hidden = true
      last = past
      draw(past)
    } catch (problem) {
      if (mine !== chosen) return
      set(trouble, words(problem))
      trouble.hidden = false
    }
    timer = setTimeout(poll, every)
  }

  function draw(past) {
    const shown = past.patterns.find((p) => p.kind + ' ' + p.name === chosen.pattern) ?? (chosen.pattern ? { ...past.whole, requests: 0, rate: [], p50: [], p95: [], p99: [], errors: [] } : past.whole)
    const steps = Math.min(60, Math.round(seconds[past.range] / past.step))
    const frame = { step: past.step, steps, end: new Date(past.end) }
    set(title, chosen.pattern ? chosen.pattern.split(' ')[1] : 'The whole service')
    const line = (name, kind, values) => ({ name, kind, values })
    plots[0].update([line('requests', 'c0', shown.rate)], frame)
    plots[1].update([line('p99', 'c3', shown.p99), line('p95', 'c1', shown.p95), line('p50', 'c0', shown.p50)], frame)
    const errors = errorLines(shown, past.steps)
    plots[2].update(errors, frame)
    if (tables.open) tables.lastChild.replaceChildren(table(shown, errors, frame))
    list.replaceChildren(...multiples(past, steps, chosen))
    const lived = past.steps * past.step
    set(note, `Steps of ${length(past.step)}${lived < seconds[past.range] ? `, of ${length(Math.max(1, lived))} so far` : ''}. These are the figures of ${past.node || 'this node'} alone, kept in its memory since it started: ${bytes(past.kept)} now, at most ${bytes(past.bound)}. For longer, and for all nodes, let Prometheus gather /metrics.`)
  }

  return {
    show(params) {
      const range = seconds[params.get('range')] ? params.get('range') : '5m'
      chosen = { range, pattern: params.get('pattern') ?? '' }
      segments.querySelector(`input[value="${range}"]`).checked = true
      if (last) draw(last)
      poll()
    },
    hide() { clearTimeout(timer); chosen = { ...chosen } },
  }
}

// errorLines gives a line for each of the most frequent kinds, and one for the others together.
function errorLines(p, steps) {
  const wrong = p.errors.filter((e) => e.kind !== 'answer')
  const lines = wrong.slice(0, most).map((e, i) => ({ name: `${e.code.replaceAll('_', ' ')} (${e.kind === 'failed' ? 'the service' : 'the request'} is to blame)`, kind: e.kind === 'failed' ? 'bad' : hues[1 + (i % 5)], values: e.rate }))
  const rest = wrong.slice(most)
  if (rest.length) lines.push({ name: 'others', kind: 'c5', values: Array.from({ length: steps }, (_, i) => rest.reduce((n, e) => n + e.rate[i], 0)) })
  return lines
}

// multiples are small charts of all patterns that were asked for, the slowest first; each leads to its own.
function multiples(past, steps, chosen) {
  const highest = (p) => Math.max(...p.p99, 0)
  const item = (p) => {
    const chart = spark({ points: steps, ground: false })
    const id = p.kind ? p.kind + ' ' + p.name : ''
    chart.update(p.p99.map((v) => v || null), `p99, highest ${latency(highest(p))}`, p.p50.map((v) => v || null))
    const wrong = p.errors.reduce((n, e) => n + (e.kind === 'answer' ? 0 : e.count), 0)
    return h('li', {}, h('a', { href: to('time', { range: past.range, pattern: id }), 'aria-current': chosen.pattern === id ? 'true' : null },
      h('span', { class: 'who' }, h('span', { class: 'name' }, p.name || 'the whole service'), h('span', { class: 'quiet' }, p.kind)), chart.node,
      h('span', {}, `p99 up to ${latency(highest(p))}`), h('span', { class: 'quiet' }, `${count(p.requests)} asked${wrong ? `, ${share(wrong / p.requests)} wrong` : ''}`)))
  }
  return [past.whole, ...past.patterns.toSorted((a, b) => highest(b) - highest(a))].map(item)
}

function table(p, errors, { step, end }) {
  const columns = [['requests', p.rate, rate], ['p50', p.p50, latency], ['p95', p.p95, latency], ['p99', p.p99, latency], ...errors.map((e) => [e.name, e.values, rate])]
  const row = (i) => h('tr', {}, h('th', { scope: 'row', class: 'text' }, new Date(end.getTime() - (p.rate.length - 1 - i) * step * 1000).toLocaleTimeString('en-GB')),
    ...columns.map(([, values, show]) => h('td', {}, values[i] ? show(values[i]) : none)))
  return h('table', { class: 'rows' }, h('thead', {}, h('tr', {}, h('th', { scope: 'col', class: 'text' }, 'until'), ...columns.map(([name]) => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, ...p.rate.map((_, i) => row(p.rate.length - 1 - i))))
}
