// One row: its values, what belongs to it, what may be done with it, and its versions.

import { h } from './dom.js'
import { ask } from './ask.js'
import { to } from './views.js'
import { cell, follow } from './data_cell.js'
import { entries, retention } from './data_trail.js'

export async function drawRow(about, place, params) {
  const { entity, partition } = place
  const key = Object.fromEntries(entity.key.map((k, i) => ['k.' + k, place.key[i]]))
  const query = new URLSearchParams({ entity: entity.name, partition, ...key })
  const answer = await ask('/data/row?' + query)
  if (params.get('version')) query.set('version', params.get('version'))
  const trail = await ask('/data/history?' + query)
  const row = answer.row
  const address = { entity: entity.name, partition, ...key }
  const title = [entity.name, ...(place.key ?? [])].join(' ')
  const actions = about.writes.filter((w) => !w.closed && w.on === entity.name && w.op !== 'insert' && (row || w.op === 'upsert'))
  return [
    h('section', { class: 'panel row', 'aria-label': title },
      h('div', { class: 'heading' }, h('h2', {}, entity.name, ...(place.key ?? []).map((k) => h('span', { class: 'name' }, ' ' + k))),
        h('p', { class: 'quiet' }, row ? `version ${row.version}; the partition is at ${answer.version}` : `the partition is at version ${answer.version}`)),
      row ? h('dl', { class: 'values' }, ...entity.fields.flatMap((f) => [h('dt', {}, f.name), h('dd', {}, cell(about, entity, f, row.values, true))]))
        : h('p', {}, 'There is no such row now.'),
      row ? leads(entity, row) : null,
      actions.length ? h('p', { class: 'actions' }, h('span', { class: 'quiet' }, 'Writes on it:'), ...actions.map((w) =>
        h('a', { class: 'plain', href: to('data', { ...address, write: w.name, at: row?.version }) }, w.name))) : null),
    h('section', { 'aria-label': 'Versions' }, h('div', { class: 'heading' }, h('h2', {}, params.get('version') ? `Versions up to ${params.get('version')}` : 'Versions'), h('p', { class: 'quiet' }, retention(trail))),
      trail.changes.length ? entries(about, partition, trail, true) : h('p', { class: 'empty' }, row ? 'The changes that made this row are not kept any more.' : 'None are found from here: look into the changes of the partition.'),
      trail.next ? h('p', { class: 'pager' }, h('a', { href: to('data', { ...address, version: trail.next }) }, 'Earlier versions')) : null),
  ]
}

// leads lists what belongs to a row.
function leads(entity, row) {
  const list = entity.links.map((l) => [l, follow(l, row.values)]).filter(([, address]) => address)
  if (list.length === 0) return null
  const name = (l) => (l.through ? l.through : l.entity)
  return h('p', { class: 'actions' }, h('span', { class: 'quiet' }, 'Leads to:'), ...list.map(([l, address]) => h('a', { href: address }, name(l))))
}
