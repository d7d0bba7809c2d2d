// What costs the most, and what is refused since there is too much to do.

import { attr, byId, h, set } from './dom.js'
import { spark } from './chart.js'
import { makeTile } from './tile.js'
import { to } from './views.js'
import { none, rate, rateParts, share } from './format.js'

const most = 6

export function makeLoad() {
  const shed = makeTile({ title: 'Refused for want of room', chart: spark(), show: rate })
  shed.node.classList.add('shed')
  const partitions = table('Heaviest partitions', 'Partition', 'of this node’s work in the store, over the last half minute')
  const patterns = table('Heaviest patterns', 'Pattern', 'of all the time that requests took')
  byId('totals').append(shed.node)
  byId('load').append(h('h2', { class: 'unseen', id: 'load-title' }, 'Load'), h('div', { class: 'panels' }, partitions.node, patterns.node))

  return {
    update(f, about) {
      const now = f.chart.shed.at(-1) ?? 0
      const any = f.chart.shed.some((n) => n > 0)
      shed.node.hidden = !any
      shed.update({ parts: rateParts(now), bad: now > 0, text: now > 0 ? 'with 503 and Retry-After' : 'over', past: f.chart.shed, stepSeconds: f.chart.step })
      shed.node.querySelector('.chart').classList.toggle('bad', any)
      partitions.update((f.admission?.heavy ?? []).slice(0, most).map((p) => ({ name: p.partition, kind: p.family, share: p.share, rate: p.rate, at: address(about, p) })))
      const all = [...f.reads.map((p) => [p, 'read']), ...f.writes.map((p) => [p, 'write'])].map(([p, kind]) => ({ name: p.name, kind, cost: p.rate * p.mean, rate: p.rate }))
      const total = all.reduce((n, p) => n + p.cost, 0)
      patterns.update(all.filter((p) => p.cost > 0).sort((a, b) => b.cost - a.cost).slice(0, most).map((p) => ({ ...p, share: p.cost / total })))
      byId('load').hidden = partitions.node.hidden && patterns.node.hidden
    },
  }
}

// address leads to the rows of a partition.
function address(about, p) {
  const entity = about.entities.find((e) => e.partition === p.family)
  return entity && about.rows === 'shown' ? to('data', { entity: entity.name, partition: p.partition }) : null
}

// table lists shares of a whole, the largest first. It hides where there is nothing to list.
function table(title, first, note) {
  const list = h('ol', { class: 'shares' })
  const node = h('div', { class: 'panel' }, h('div', { class: 'heading' }, h('h2', {}, title)), list, h('p', { class: 'quiet' }, note))
  const rows = []
  function makeRow() {
    const name = h('a', { class: 'name' })
    const kind = h('span', { class: 'quiet' })
    const part = h('span', { class: 'part' })
    const speed = h('span', { class: 'quiet' })
    const bar = h('meter', { min: 0, max: 1 })
    return { node: h('li', {}, h('p', {}, name, ' ', kind), h('p', {}, part, ' ', speed), bar), name, kind, part, speed, bar }
  }
  return {
    node,
    update(items) {
      node.hidden = items.length === 0
      while (rows.length < items.length) { rows.push(makeRow()); list.append(rows.at(-1).node) }
      rows.forEach((r, i) => {
        const x = items[i]
        r.node.hidden = !x
        if (!x) return
        set(r.name, x.name)
        attr(r.name, 'href', x.at)
        r.node.title = `${first} ${x.name}`
        set(r.kind, x.kind)
        set(r.part, share(x.share))
        set(r.speed, x.rate ? rate(x.rate) : none)
        r.bar.value = x.share
        r.bar.setAttribute('aria-label', `${share(x.share)} of the whole`)
      })
    },
  }
}
