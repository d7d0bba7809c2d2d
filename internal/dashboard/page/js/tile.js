// A tile: one figure large, a line beside it, a chart of its past.

import { h, set } from './dom.js'
import { length } from './format.js'

// makeTile takes a chart, or any other node, to stand at the foot of the tile. show turns one of the chart's
// values into words.
export function makeTile({ title, chart, foot, kind = '', show = String }) {
  const number = h('span')
  const unit = h('span', { class: 'unit' })
  const figure = h('p', { class: 'figure' }, number, unit)
  const beside = h('p', { class: 'beside' })
  const at = h('span', { class: 'at', 'aria-hidden': 'true' })
  const node = h('div', { class: `tile ${kind}` }, h('h3', {}, title), figure, beside, at, chart ? chart.node : foot)
  let values = []
  let step = 1
  let pointed = null

  function tell() {
    if (pointed == null) { set(at, ''); chart.point(null); return }
    const place = Math.round(pointed * (chart.points - 1)) - (chart.points - values.length)
    if (place < 0) { set(at, ''); chart.point(null); return }
    const ago = (values.length - 1 - place) * step
    set(at, `${show(values[place])} ${ago === 0 ? 'now' : length(ago) + ' ago'}`)
    chart.point(chart.points - values.length + place)
  }
  if (chart) {
    chart.points = 60
    chart.node.addEventListener('pointermove', (e) => {
      const box = chart.node.getBoundingClientRect()
      pointed = Math.min(1, Math.max(0, (e.clientX - box.left) / box.width))
      tell()
    })
    chart.node.addEventListener('pointerleave', () => { pointed = null; tell() })
  }
  return {
    node,
    update({ parts, text = '', bad = false, past = [], others, stepSeconds = 1 }) {
      set(number, parts[0])
      set(unit, parts[1])
      set(beside, text)
      beside.title = text
      figure.classList.toggle('bad', bad)
      if (!chart) return
      values = past
      step = stepSeconds
      const top = Math.max(...past.filter((v) => v != null), 0)
      chart.update(past, `${title} over the last ${length(Math.max(1, past.length * step))}; highest ${show(top)}`, others)
      tell()
    },
  }
}
