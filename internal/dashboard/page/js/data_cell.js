// One value of a row, with the way to the row that it names.

import { h } from './dom.js'
import { to } from './views.js'

const long = 60

export function text(value) {
  if (value === null) return 'null'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

// follow gives the address that a link leads to from a row; null where a value is missing.
export function follow(link, values) {
  const given = Object.entries(link.given).map(([name, own]) => [name, values[own]])
  const partition = values[link.partition]
  if (partition == null || given.some(([, v]) => v == null)) return null
  const prefix = link.through ? 'f.' : 'k.'
  return to('data', { entity: link.entity, partition, through: link.through, ...Object.fromEntries(given.map(([n, v]) => [prefix + n, v])) })
}

export function cell(about, entity, field, values, whole = false) {
  const value = values[field.name]
  if (value == null) return h('span', { class: 'quiet' }, value === null ? 'null' : '')
  const all = text(value)
  const shown = !whole && all.length > long ? all.slice(0, long) + '…' : all
  const link = entity.links.find((l) => l.at === field.name && !l.through)
  const address = link && follow(link, values)
  const mono = ['uuid', 'json', 'bytes'].includes(field.kind) ? 'name' : null
  return address ? h('a', { href: address, class: mono, title: `${link.entity} of this ${field.name}` }, shown) : h('span', { class: mono, title: all === shown ? null : all }, shown)
}
