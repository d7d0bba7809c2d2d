// What the service is made of and stands on, each part as it is, and how far the views are.

import { attr, h, set } from './dom.js'
import { latency, length, moment } from './format.js'

const well = 0.01 // seconds behind that nobody need know of

// makeStates makes a panel of names, each with a dot and how it is.
function makeStates(title) {
  const list = h('ul', { class: 'states' })
  const note = h('p', { class: 'quiet' })
  const rows = new Map()
  return {
    node: h('div', { class: 'panel' }, h('div', { class: 'heading' }, h('h2', {}, title), note), list),
    update(items, words) {
      set(note, words)
      for (const [name, row] of rows) if (!items.some((i) => i.name === name)) { row.node.remove(); rows.delete(name) }
      items.forEach((item, at) => {
        if (!rows.has(item.name)) {
          const [name, how] = [h('span', { class: 'name' }, item.name), h('span', { class: 'quiet' })]
          rows.set(item.name, { node: h('li', {}, h('span', { class: 'dot', 'aria-hidden': 'true' }), name, how), how })
        }
        const row = rows.get(item.name)
        attr(row.node, 'data-state', item.state)
        set(row.how, item.how)
        if (list.children[at] !== row.node) list.insertBefore(row.node, list.children[at] ?? null)
      })
    },
  }
}

export function partsPanel() {
  const panel = makeStates('Parts and dependencies')
  return {
    node: panel.node,
    update(f) {
      const bad = f.components.filter((c) => c.state !== 'ok').length
      panel.update(f.components.map((c) => ({ name: c.component, state: c.state, how: c.state === 'ok' ? 'well' : `${c.state} since ${moment(c.since)}` })),
        bad ? `${bad} of ${f.components.length} not well` : `all ${f.components.length} well`)
    },
  }
}

export function viewsPanel() {
  const panel = makeStates('Views')
  return {
    node: panel.node,
    update(f) {
      panel.update((f.views ?? []).map((v) => ({ name: v.name, ...how(v) })), 'behind the changes that they follow')
    },
  }
}

function how(v) {
  if (v.state !== 'ready') return { state: 'degraded', how: `${v.state}, ${Math.floor(v.built_share * 100)} % built` }
  if (v.lag <= well) return { state: 'ok', how: 'up to date' }
  return { state: v.lag < 5 ? 'ok' : 'degraded', how: `${v.lag < 1 ? latency(v.lag) : length(v.lag)} behind` }
}
