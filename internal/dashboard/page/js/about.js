// What the service is: its model as a picture, and in words its partitions, entities and plan of access.

import { byId, h } from './dom.js'
import { count } from './format.js'
import { makePicture } from './picture.js'

export function drawAbout(about) {
  const box = byId('about')
  box.before(makePicture(about))
  box.append(h('div', { class: 'families' }, ...about.plan.partitions.map((p) => family(p, about))), plan(about))
}

function family(p, about) {
  const entities = about.entities.filter((e) => e.partition === p.name)
  const sizes = [p.expect && `${count(p.expect)} expected`, p.rows > 1.5 && `about ${count(Math.round(p.rows))} rows in each`].filter(Boolean).join(', ')
  return h('div', { class: 'panel' },
    h('div', { class: 'heading' }, h('h3', {}, `Partition: one ${p.name}`), h('p', { class: 'quiet' }, p.view ? `kept by the view ${p.view}` : '')),
    h('p', { class: 'quiet' }, h('code', {}, `${p.by} ${p.type}`), sizes ? ` · ${sizes}` : ''),
    h('ul', { class: 'entities' }, ...entities.map((e) => h('li', {}, h('span', { class: 'name' }, e.name),
      e.key.length ? ` by ${e.key.join(', ')}` : ' one row', others(e).length ? ` · ${others(e).join(', ')}` : ''))))
}

const others = (e) => e.fields.slice(1 + e.key.length).map((f) => f.name)

const or = (list) => [...new Set(list)].join(' or ')

function plan(about) {
  const row = (name, cells) => h('tr', {}, h('th', { scope: 'row', class: 'text name' }, name),
    ...cells.map(([label, text]) => h('td', { class: 'text', 'data-label': label }, text)))
  const reads = about.plan.reads.map((r) => row(r.name, [
    ['Address', h('code', {}, about.paths[r.name] ?? '')],
    ['Through', or(r.served_by.map((s) => (s.index === 'primary key' ? s.index : `index (${s.fields.join(', ')})`)))],
    ['Freshness', r.changed_by.writes.length ? `changes of ${r.changed_by.writes.join(', ')}` : r.changed_by.view ? `the view ${r.changed_by.view}` : 'nothing changes it'],
  ]))
  const writes = about.plan.writes.map((w) => row(w.name, [
    ['Address', h('code', {}, about.paths[w.name] ?? '')],
    ['Through', w.code ? 'Go code' : (w.steps ?? []).map((s) => `${s.op} ${s.entity}`).join(', ')],
    ['Freshness', w.changes.length ? `it changes ${w.changes.join(', ')}` : 'it changes no answer'],
  ]))
  return h('div', { class: 'frame' }, h('table', { class: 'plan' },
    h('caption', {}, 'Plan of access'),
    h('colgroup', {}, h('col', { class: 'c-name' }), h('col', {}), h('col', {}), h('col', {})),
    h('thead', {}, h('tr', {}, ...['Pattern', 'Address', 'Through', 'Freshness'].map((t) => h('th', { scope: 'col', class: 'text' }, t)))),
    h('tbody', {}, ...reads, ...writes)))
}
