// The nodes of the service, each in its own words. One node alone needs no table.

import { byId, h, set, attr } from './dom.js'
import { bytes, latency, length, moment, none, rate, share, version } from './format.js'

const columns = [
  { title: 'Node', width: 'c-node' },
  { title: 'State', text: true, wide: true, width: 'c-state', show: words },
  { title: 'Up', show: (n) => (n.gone || n.left ? none : length((Date.now() - new Date(n.started)) / 1000)) },
  { title: 'Rate', show: (n) => (n.total ? rate(n.total.rate) : none) },
  { title: 'p99', show: (n) => (n.total ? latency(n.total.p99) : none) },
  { title: 'Failed', show: (n) => (n.total?.requests ? share(n.total.failed_share) : none) },
  { title: 'Processor', show: (n) => `${n.cpu.toFixed(2)} of ${n.cpus}` },
  { title: 'Memory', show: (n) => bytes(n.rss) },
  { title: 'Shards', hint: 'Parts of the work behind commits that it does, of 16', show: (n) => (n.shards || none) },
  { title: 'Model', mono: true, width: 'c-model', show: (n) => n.revision.slice(0, 8) },
  { title: 'Program', text: true, width: 'c-program', show: (n) => version(n.version) },
]

function words(n) {
  if (n.left) return 'stopped at ' + moment(n.since)
  if (n.gone) return 'not heard of since ' + moment(n.since)
  const figures = n.total ? '' : ', sends no figures that can be read here'
  return n.state.state === 'ok' ? 'well' + figures : n.state.words + ', since ' + moment(n.state.since) + figures
}

const level = (n) => (n.left ? 'left' : n.gone ? 'down' : n.state.state)

export function makeNodes() {
  const body = h('tbody', { role: 'rowgroup' })
  const note = h('p', { class: 'quiet' })
  const rows = new Map()
  byId('nodes').append(
    h('div', { class: 'heading' }, h('h2', { id: 'nodes-title' }, 'Nodes'), note),
    h('div', { class: 'frame' }, h('table', { role: 'table', 'aria-label': 'Nodes' },
      h('colgroup', {}, ...columns.map((c) => h('col', { class: c.width ?? 'c-small' }))),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...columns.map((c) =>
        h('th', { scope: 'col', role: 'columnheader', class: c.text || !c.show ? 'text' : '', title: c.hint }, c.title)))), body)))

  function makeRow() {
    const dot = h('span', { class: 'dot', 'aria-hidden': 'true' })
    const name = h('span', { class: 'name' })
    const here = h('span', { class: 'here' }, 'this node')
    const cells = columns.slice(1).map((c) => h('td', { role: 'cell', 'data-label': c.title, class: [c.text && 'text', c.wide && 'wide', c.mono && 'name'].filter(Boolean).join(' ') }))
    const row = h('tr', { class: 'pattern', role: 'row' }, h('th', { scope: 'row', role: 'rowheader', class: 'text' }, dot, name, here), ...cells)
    return {
      row,
      update(n, revision) {
        attr(row, 'data-state', level(n))
        set(name, n.node)
        here.hidden = !n.this
        row.title = n.address ?? ''
        columns.slice(1).forEach((c, i) => {
          const text = String(c.show(n))
          set(cells[i], text)
          cells[i].classList.toggle('none', text === none)
          if (c.mono) cells[i].classList.toggle('missed', n.revision !== revision)
          if (c.wide) cells[i].title = text
        })
      },
    }
  }

  return {
    update(f) {
      const alone = f.nodes.length < 2
      byId('nodes').hidden = alone
      if (alone) return
      const there = f.nodes.filter((n) => !n.gone && !n.left).length
      const which = f.merged === there ? `all ${there} nodes` : `${f.merged} of ${there} nodes`
      set(note, `The figures are those of ${which} together; cache, store, accepted writes and process are this node’s own`)
      const wanted = f.nodes.map((n) => n.boot)
      for (const [boot, r] of rows) if (!wanted.includes(boot)) { r.row.remove(); rows.delete(boot) }
      f.nodes.forEach((n, i) => {
        if (!rows.has(n.boot)) rows.set(n.boot, makeRow())
        const r = rows.get(n.boot)
        r.update(n, f.revision)
        if (body.children[i] !== r.row) body.insertBefore(r.row, body.children[i] ?? null)
      })
    },
  }
}
