// Rows of one partition, through a list of the model with its filters, or in the order of the key.

import { h } from './dom.js'
import { ask } from './ask.js'
import { go, to } from './views.js'
import { drawRow } from './data_row.js'
import { cell } from './data_cell.js'

export async function drawRows(about, place, params) {
  const { entity, partition } = place
  if (entity.key.length === 0) return drawRow(about, place, params)
  const list = entity.lists.find((l) => l.name === params.get('through'))
  const bar = filterBar(place, list, params)
  const missing = (list?.by ?? []).filter((name) => !params.has('f.' + name))
  if (missing.length) return [bar, h('p', { class: 'empty' }, `${list.name} needs ${missing.join(' and ')}: fill it in above.`)]
  const query = new URLSearchParams({ entity: entity.name, partition })
  for (const [name, value] of params) if (name.startsWith('f.') || ['through', 'from', 'to', 'after'].includes(name)) query.set(name, value)
  const page = await ask('/data/rows?' + query)
  if (page.rows.length === 0) return [bar, h('p', { class: 'empty' }, nothing(page, place, params))]
  const fields = entity.fields.slice(1)
  const head = (text) => h('th', { scope: 'col', role: 'columnheader', class: 'text' }, text)
  const row = (r) => h('tr', { class: 'pattern', role: 'row' },
    ...fields.map((f, i) => h(i === 0 ? 'th' : 'td', { scope: i === 0 ? 'row' : null, role: i === 0 ? 'rowheader' : 'cell', class: 'text', 'data-label': f.name },
      i === 0 ? h('a', { class: 'name', href: to('data', rowAddress(place, r)) }, String(r.values[f.name])) : cell(about, entity, f, r.values))),
    h('td', { role: 'cell', 'data-label': 'version' }, String(r.version)))
  return [bar,
    h('div', { class: 'frame scroll', tabindex: '0', role: 'region', 'aria-label': `Rows of ${entity.name}` }, h('table', { class: 'rows', role: 'table', 'aria-label': `Rows of ${entity.name}` },
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...fields.map((f) => head(f.name)), h('th', { scope: 'col', role: 'columnheader', title: 'The version of the partition that last changed the row' }, 'version'))),
      h('tbody', { role: 'rowgroup' }, ...page.rows.map(row)))),
    h('p', { class: 'pager' }, h('span', { class: 'quiet' }, `${page.rows.length} ${page.rows.length === 1 ? 'row' : 'rows'}${params.get('after') ? ' of a later page' : ''}; the partition is at version ${page.version}`),
      params.get('after') ? h('a', { href: to('data', { ...Object.fromEntries(params), after: '' }) }, 'First page') : null,
      page.next ? h('a', { href: to('data', { ...Object.fromEntries(params), after: page.next }) }, 'Next page') : null)]
}

function nothing(page, { entity }, params) {
  if (page.version === 0) return 'This partition was never written.'
  const filtered = [...params.keys()].some((k) => k.startsWith('f.') || k === 'from' || k === 'to' || k === 'through')
  return filtered ? `No ${entity.name} is like that; the partition is at version ${page.version}.` : `This partition has no ${entity.name}; it is at version ${page.version}.`
}

const rowAddress = ({ entity, partition }, r) => ({ entity: entity.name, partition, ...Object.fromEntries(entity.key.map((k) => ['k.' + k, r.values[k]])) })

// filterBar offers the lists of the model, and the filters of the one that is chosen.
function filterBar({ entity, partition }, list, params) {
  const through = h('select', { id: 'through', name: 'through' }, h('option', { value: '' }, `by key: ${entity.key.join(', ')}`),
    ...entity.lists.map((l) => h('option', { value: l.name }, `${l.name}: ${l.sort.join(', ')}${l.where ? `, where ${l.where}` : ''}`)))
  through.value = list?.name ?? ''
  through.addEventListener('change', () => go('data', { entity: entity.name, partition, through: through.value }))
  const field = (name) => entity.fields.find((f) => f.name === name)
  const control = (name, label, f) => {
    const id = 'filter-' + name
    const input = f.enum ? h('select', { id, name }, h('option', { value: '' }, 'any'), ...f.enum.map((v) => h('option', { value: v }, v))) : h('input', { id, name, type: 'text', placeholder: f.type, autocomplete: 'off' })
    input.value = params.get(name) ?? ''
    return h('p', {}, h('label', { for: id }, label), input)
  }
  const controls = !list ? [] : [
    ...list.by.map((n) => control('f.' + n, n, field(n))), ...list.filter.map((n) => control('f.' + n, n, field(n))),
    ...(list.range ? [control('from', `${list.range} from`, field(list.range)), control('to', `${list.range} before`, field(list.range))] : []),
  ]
  const form = h('form', { class: 'chooser filters', 'aria-label': 'Filters' }, h('p', {}, h('label', { for: 'through' }, 'Through'), through), ...controls,
    controls.length ? h('button', { class: 'plain' }, 'Filter') : null)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    go('data', { entity: entity.name, partition, ...Object.fromEntries(new FormData(form)) })
  })
  return form
}
