// The data view: choose an entity and a partition, look at rows, one row, or what was committed.

import { h, set } from './dom.js'
import { ask, words } from './ask.js'
import { go, to } from './views.js'
import { drawRows } from './data_rows.js'
import { drawRow } from './data_row.js'
import { drawTrail } from './data_trail.js'
import { drawForm } from './data_form.js'

const closed = {
  login: ['Rows are shown to those who have the admin token. This service made its own when it started, as admin.token in its data folder:', 'cat partita-data/admin.token'],
  token: ['Rows are shown to those who have the admin token, and this service was started without one. Start it again with', 'PARTITA_ADMIN_TOKEN="$(openssl rand -hex 32 | tee admin-token)" partita serve …'],
  none: ['This service shows no rows here.'],
}

export function makeData(box, about) {
  if (about.rows !== 'shown') {
    const [text, command] = closed[about.rows]
    box.replaceChildren(h('section', { class: 'empty' }, h('p', {}, text), command ? h('div', { class: 'command' }, h('pre', {}, command)) : null,
      about.rows === 'login' ? h('p', {}, h('a', { href: '/login#/data' }, 'Log in')) : null))
    return { show() {} }
  }
  const chooser = makeChooser(about)
  const content = h('div', { class: 'content', tabindex: '-1' })
  box.replaceChildren(chooser.node, content)
  let shown = 0

  async function show(params) {
    const mine = ++shown
    const place = chooser.take(params)
    try {
      const part = await draw(place, params)
      if (mine !== shown) return // something else was chosen meanwhile
      const followed = box.contains(document.activeElement) && document.activeElement.matches('a') // a link that is gone or done with
      content.replaceChildren(...[part].flat().filter(Boolean))
      const first = content.querySelector('[data-focus]') ?? (followed ? content : null)
      first?.focus()
    } catch (problem) {
      if (mine === shown) content.replaceChildren(complaint(problem))
    }
  }

  function draw(place, params) {
    if (!place.partition) return drawPartitions(place)
    const write = params.get('write')
    if (write) return drawForm(about, place, about.writes.find((w) => w.name === write), params)
    if (place.key) return drawRow(about, place, params)
    if (params.get('log')) return drawTrail(about, place, params)
    return drawRows(about, place, params)
  }
  return { show }
}

export const complaint = (problem) => h('p', { class: 'complaint', role: 'alert' }, words(problem))

// makeChooser is the bar where entity and partition are chosen.
function makeChooser(about) {
  const families = about.plan.partitions
  const select = h('select', { id: 'entity' }, ...families.map((f) => h('optgroup', { label: `in ${f.name}${f.view ? ', a view' : ''}` },
    ...about.entities.filter((e) => e.partition === f.name).map((e) => h('option', { value: e.name }, e.name)))))
  const label = h('label', { for: 'partition' })
  const input = h('input', { id: 'partition', type: 'text', autocomplete: 'off', spellcheck: 'false' })
  const tabs = h('p', { class: 'tabs' })
  const node = h('form', { class: 'chooser', 'aria-label': 'What to look at' },
    h('p', {}, h('label', { for: 'entity' }, 'Entity'), select), h('p', { class: 'wide' }, label, input),
    h('button', { class: 'plain main' }, 'Show'), tabs)
  const named = () => about.entities.find((e) => e.name === select.value)
  const name = (e) => set(label, `${e.fields[0].name} (${e.fields[0].type})`)
  let family = null
  select.addEventListener('change', () => {
    const e = named()
    if (e.partition !== family) input.value = ''
    name(e)
    go('data', { entity: e.name, partition: input.value })
  })
  node.addEventListener('submit', (event) => {
    event.preventDefault()
    go('data', { entity: select.value, partition: input.value.trim() })
  })
  return {
    node,
    // take reads the place from the address, and shows it.
    take(params) {
      const entity = about.entities.find((e) => e.name === params.get('entity')) ?? named()
      const partition = params.get('partition') ?? ''
      select.value = entity.name
      input.value = partition
      family = entity.partition
      name(entity)
      const key = entity.key.map((k) => params.get('k.' + k))
      const place = { entity, partition, key: entity.key.length > 0 && key.every((k) => k != null) ? key : null }
      const at = { entity: entity.name, partition }
      const log = params.get('log')
      tabs.hidden = !partition
      tabs.replaceChildren(
        h('a', { href: to('data', at), 'aria-current': log || params.get('write') || place.key ? null : 'page' }, entity.key.length ? 'Rows' : 'Row'),
        h('a', { href: to('data', { ...at, log: 'on' }), 'aria-current': log ? 'page' : null }, 'Changes of the partition'),
        ...about.writes.filter((w) => !w.closed && w.partition === entity.partition && w.on === entity.name && (w.op === 'insert' || w.op === 'upsert'))
          .map((w) => h('a', { href: to('data', { ...at, write: w.name }), 'aria-current': params.get('write') === w.name ? 'page' : null }, w.name)))
      return place
    },
  }
}

// drawPartitions offers some partitions to begin with.
async function drawPartitions({ entity }) {
  const list = await ask('/data/partitions?' + new URLSearchParams({ family: entity.partition }))
  if (list.partitions.length === 0) return h('p', { class: 'empty' }, `No ${entity.partition} has been written yet.`)
  return h('section', { class: 'panel' }, h('h2', {}, `Choose one ${entity.partition}`),
    h('p', { class: 'quiet' }, list.more ? `The first ${list.partitions.length} in order; write another into the field above.` : `All ${list.partitions.length} that there are.`),
    h('ul', { class: 'columns' }, ...list.partitions.map((p) => h('li', {}, h('a', { class: 'name', href: to('data', { entity: entity.name, partition: p }) }, p)))))
}
