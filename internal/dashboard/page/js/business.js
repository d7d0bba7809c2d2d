// Business figures: large, with what each step brought.

import { byId, h } from './dom.js'
import { bars } from './chart.js'
import { makeTile } from './tile.js'
import { amount, rate, span } from './format.js'

export function makeBusiness(first) {
  const tiles = first.business.map((b) => makeTile({ title: title(b), chart: bars(), kind: 'business', show: amount }))
  byId('business').hidden = tiles.length === 0
  byId('business-tiles').replaceChildren(...tiles.map((t) => t.node))
  return {
    update(f) {
      f.business.forEach((b, i) => {
        const top = (b.series ?? []).slice(0, 3).map((s) => `${Object.values(s.labels).join(' ')} ${amount(s.total)}`).join(' · ')
        if (!tiles[i]) return // of a node with a later model
        tiles[i].update({
          parts: [amount(b.total), ''],
          text: `${b.window >= 0 ? '+' : ''}${amount(b.window)} in ${span(f)} · ${rate(b.rate)}` + (top && ` · ${top}`),
          past: b.trend, stepSeconds: f.chart.step,
        })
        tiles[i].node.title = `${b.kind === 'sum' ? 'Sum' : 'Count'} over ${b.of}, since the start of this process`
      })
    },
  }
}

const title = (b) => b.name[0].toUpperCase() + b.name.slice(1).replaceAll('_', ' ')
