// What was committed in a partition, the latest first: who wrote, which rows, from what to what.

import { h } from './dom.js'
import { ask } from './ask.js'
import { to } from './views.js'
import { length, moment } from './format.js'
import { text } from './data_cell.js'

export async function drawTrail(about, { entity, partition }, params) {
  const query = new URLSearchParams({ entity: entity.name, partition })
  if (params.get('before')) query.set('before', params.get('before'))
  const trail = await ask('/data/changes?' + query)
  const empty = trail.head === 0 ? 'This partition was never written.' : 'The changes of before are not kept any more.'
  return h('section', { 'aria-label': 'Changes' },
    h('div', { class: 'heading' }, h('h2', {}, `Changes of one ${entity.partition}`), h('p', { class: 'quiet' }, `at version ${trail.head}; ${retention(trail)}`)),
    trail.changes.length ? entries(about, partition, trail) : h('p', { class: 'empty' }, empty),
    h('p', { class: 'pager' },
      params.get('before') ? h('a', { href: to('data', { entity: entity.name, partition, log: 'on' }) }, 'Latest') : null,
      trail.next ? h('a', { href: to('data', { entity: entity.name, partition, log: 'on', before: trail.next }) }, 'Earlier changes') : null))
}

// retention says how long changes are kept.
export const retention = (trail) => `changes are kept for ${length(trail.keep)}, the latest of a partition always` + (trail.pruned ? '; earlier ones were here and are not kept any more' : '')

// entries lists changes; of one row alone it need not be said which.
export function entries(about, partition, trail, alone = false) {
  return h('ol', { class: 'trail' }, ...trail.changes.map((c) => h('li', {},
    h('p', { class: 'what' }, h('strong', { class: 'name' }, `v${c.version}`), h('span', {}, c.write), h('time', { datetime: c.time, title: c.time }, moment(c.time)),
      c.events?.length ? h('span', { class: 'quiet' }, 'emitted ' + c.events.join(', ')) : null,
      c.foreign ? h('span', { class: 'quiet' }, 'by another model: not all of it can be shown') : null),
    ...c.rows.map((r) => change(about, partition, c, r, alone)))))
}

const kinds = { insert: 'new', update: 'changed', delete: 'deleted', expire: 'expired' }

function change(about, partition, c, r, alone) {
  const entity = about.entities.find((e) => e.name === r.entity)
  const at = { entity: r.entity, partition, ...Object.fromEntries(entity.key.map((k, i) => ['k.' + k, r.key[i]])) }
  if (!r.after) at.version = c.version // the row itself does not lead there any more
  const values = r.after ?? r.before
  const names = r.kind === 'update' ? r.fields ?? [] : entity.fields.slice(1).map((f) => f.name).filter((n) => !entity.key.includes(n) && values[n] != null)
  return h('div', { class: 'change', 'data-kind': r.kind },
    h('p', {}, h('span', { class: 'kind' }, kinds[r.kind]), ' ',
      alone ? null : h('a', { href: to('data', at) }, r.entity, h('span', { class: 'name' }, ' ' + r.key.join(' ')))),
    names.length ? h('dl', { class: 'values' }, ...names.flatMap((n) => [h('dt', {}, n), h('dd', {}, ...difference(r, n))])) : null)
}

function difference(r, name) {
  if (r.kind !== 'update') return [text((r.after ?? r.before)[name])]
  return [h('del', {}, text(r.before[name])), ' ', h('span', { class: 'quiet', 'aria-label': 'to' }, '→'), ' ', h('ins', {}, text(r.after[name]))]
}
