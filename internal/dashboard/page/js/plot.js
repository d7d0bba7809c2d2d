// A chart with axes: lines, or stacked bars, over equal steps of time. It is drawn as wide as its
// place; arrow keys or the pointer read off one step.

import { attr, h, s, set } from './dom.js'

const tall = 170
const edge = { left: 58, right: 12, top: 10, bottom: 24 }

// makePlot takes: title and a note to it; show, a value in words; log, whether the scale is logarithmic; bars.
export function makePlot({ title, note = '', show, log = false, bars = false }) {
  const svg = s('svg', { class: 'plot', role: 'img', tabindex: 0 })
  const legend = h('ul', { class: 'legend' })
  const at = h('p', { class: 'at quiet', 'aria-live': 'polite' })
  const node = h('div', { class: 'panel plotted' }, h('div', { class: 'heading' }, h('h3', {}, title, note ? h('span', { class: 'note' }, ' ' + note) : null), at), legend, svg)
  const cursor = s('line', { class: 'cursor', visibility: 'hidden' })
  let drawn = null
  let place = null

  function tell() {
    attr(cursor, 'visibility', place == null || !drawn ? 'hidden' : 'visible')
    if (place == null || !drawn) { set(at, ''); return }
    const x = drawn.x(place)
    for (const [k, v] of Object.entries({ x1: x, x2: x, y1: edge.top, y2: tall - edge.bottom })) attr(cursor, k, v)
    set(at, `${clock(drawn.time(place), drawn.step)}: ` + (drawn.series.map((l) => `${l.name} ${show(l.values[place])}`).join(', ') || 'nothing'))
  }
  svg.addEventListener('pointermove', (e) => {
    if (!drawn) return
    place = Math.max(0, Math.min(drawn.n - 1, drawn.at(e.clientX - svg.getBoundingClientRect().left)))
    tell()
  })
  svg.addEventListener('pointerleave', () => { place = null; tell() })
  svg.addEventListener('blur', () => { place = null; tell() })
  svg.addEventListener('keydown', (e) => {
    if (!drawn || !['ArrowLeft', 'ArrowRight'].includes(e.key)) return
    e.preventDefault()
    place = Math.max(0, Math.min(drawn.n - 1, (place ?? drawn.n) + (e.key === 'ArrowLeft' ? -1 : 1)))
    tell()
  })

  return {
    node,
    // update takes the series, each { name, kind, values }, the seconds of a step, how many steps the
    // whole range has, and the time at the end of the last one.
    update(series, { step, steps, end }) {
      const w = Math.max(260, svg.clientWidth || node.clientWidth - 40)
      const [left, right, low, high] = [edge.left, w - edge.right, tall - edge.bottom, edge.top]
      const n = series[0]?.values.length ?? steps
      const first = steps - n
      const x = (i) => left + ((first + i + 0.5) / steps) * (right - left)
      const sums = bars && n ? Array.from({ length: n }, (_, i) => series.reduce((sum, l) => sum + l.values[i], 0)) : null
      const all = (sums ?? series.flatMap((l) => l.values)).filter((v) => v > 0)
      const scale = all.length ? (log ? logarithmic : linear)(all) : null
      const y = (v) => low - scale.part(v) * (low - high)
      const time = (i) => new Date(end.getTime() - (n - 1 - i) * step * 1000)
      drawn = { n, series, step, x, time, at: (px) => Math.round(((px - left) / (right - left)) * steps - 0.5) - first }
      attr(svg, 'viewBox', `0 0 ${w} ${tall}`)
      const marks = []
      for (const v of scale?.ticks ?? []) marks.push(s('line', { class: 'rule', x1: left, x2: right, y1: y(v), y2: y(v) }), s('text', { class: 'tick end', x: left - 8, y: y(v) + 4 }, bare(show(v))))
      marks.push(s('line', { class: 'rule', x1: left, x2: right, y1: low, y2: low }))
      const span = steps * step * 1000
      for (const t of roundTimes(end.getTime() - span, end.getTime(), Math.max(2, Math.min(7, Math.floor((right - left) / 80))))) {
        const at = right - ((end.getTime() - t) / span) * (right - left)
        const text = minute(new Date(t), step)
        marks.push(s('line', { class: 'rule', x1: at, x2: at, y1: low, y2: low + 4 }))
        if (at + text.length * 3.5 < w) marks.push(s('text', { class: 'tick middle', x: at, y: tall - 6 }, text))
      }
      if (!scale) marks.push(s('text', { class: 'tick middle', x: (left + right) / 2, y: tall / 2 }, 'nothing in this time'))
      const shapes = !scale ? [] : bars ? stacked(series, n, x, y, low, (right - left) / steps) : series.map((l) => s('path', { class: 'line ' + l.kind, d: track(l.values, x, y) }))
      svg.replaceChildren(...marks, ...shapes, cursor)
      legend.replaceChildren(...series.map((l) => h('li', {}, h('span', { class: 'key ' + l.kind }), l.name)))
      attr(svg, 'aria-label', `${title}: ` + (all.length ? `highest ${show(Math.max(...all))}; ${series.map((l) => `${l.name} now ${show(l.values.at(-1))}`).join(', ')}. Arrow keys read off the steps.` : 'nothing in this time'))
      if (place != null && place >= n) place = null
      tell()
    },
  }
}

// track draws through values; a step without any leaves a gap, and one between two gaps a dot.
function track(values, x, y) {
  let d = ''
  values.forEach((v, i) => {
    if (!(v > 0)) return
    d += (values[i - 1] > 0 ? 'L' : 'M') + x(i).toFixed(1) + ' ' + y(v).toFixed(1)
    if (!(values[i - 1] > 0) && !(values[i + 1] > 0)) d += 'h.01'
  })
  return d
}

function stacked(series, n, x, y, low, step) {
  const list = []
  for (let i = 0; i < n; i++) {
    let sum = 0
    for (const l of series) {
      if (!(l.values[i] > 0)) continue
      const from = sum ? y(sum) : low
      sum += l.values[i]
      list.push(s('rect', { class: 'bar ' + l.kind, x: (x(i) - step * 0.4).toFixed(1), width: (step * 0.8).toFixed(1), y: y(sum).toFixed(1), height: Math.max(0.5, from - y(sum)).toFixed(1) }))
    }
  }
  return list
}

function linear(values) {
  const highest = Math.max(...values)
  const size = 10 ** Math.floor(Math.log10(highest))
  const by = [0.2, 0.5, 1, 2, 5].map((k) => k * size).find((k) => highest / k <= 5) ?? 5 * size
  const ticks = []
  for (let v = by; v < highest + by; v += by) ticks.push(Number(v.toPrecision(6)))
  const end = ticks.at(-1)
  return { ticks, part: (v) => v / end }
}

function logarithmic(values) {
  const [from, to] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)) + 1e-9)]
  const ticks = []
  for (let e = from; e <= to; e++) ticks.push(10 ** e)
  const most = 6
  const every = Math.ceil(ticks.length / most)
  return { ticks: ticks.filter((_, i) => i % every === 0), part: (v) => (Math.log10(v) - from) / Math.max(1, to - from) }
}

// bare takes the zeros from behind a number of the scale.
const bare = (text) => text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '')

// roundTimes gives the times of a clock's face between two, in milliseconds, as many as there is room
// for: whole minutes, or five of them, or hours.
function roundTimes(from, to, most) {
  const by = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720].map((m) => m * 60000).find((d) => (to - from) / d <= most) ?? 86400000
  const zone = new Date(to).getTimezoneOffset() * 60000
  const list = []
  for (let t = Math.ceil((from - zone) / by) * by + zone; t <= to; t += by) list.push(t)
  return list
}

function clock(t, step) { return dated(t, step, t.toLocaleTimeString('en-GB', step < 60 ? {} : { hour: '2-digit', minute: '2-digit' })) }

function minute(t, step) { return dated(t, step, t.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })) }

// dated puts the day before a time of a long range, where that is not today.
function dated(t, step, text) {
  return t.toDateString() === new Date().toDateString() || step < 360 ? text : t.toLocaleDateString('en-GB', { weekday: 'short' }) + ' ' + text
}
