// A table with one row per pattern, made once and updated in place. Sorting happens when a header
// is pressed, not with each new figure: rows that jump cannot be read.

import { h, attr } from './dom.js'

// Roles are written out, since small screens lay tables out as cards, which hides what they are.
export function makeTable({ label, columns, patterns, detail, empty }) {
  if (patterns.length === 0) return { node: h('p', { class: 'empty' }, empty), update() {} }
  const rows = patterns.map((p) => makeRow(p, columns, detail))
  const body = h('tbody', { role: 'rowgroup' }, ...rows.flatMap((r) => r.nodes))
  let current = patterns

  function sortBy(column, header, all) {
    const descending = header.getAttribute('aria-sort') !== 'descending' && !(column.ascending && header.getAttribute('aria-sort') == null)
    for (const other of all) attr(other, 'aria-sort', null)
    attr(header, 'aria-sort', descending ? 'descending' : 'ascending')
    const value = (row) => column.value(current.find((p) => p.name === row.name))
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)]
      const order = typeof x === 'string' ? x.localeCompare(y) : x - y
      return descending ? -order : order
    })
    body.append(...rows.flatMap((r) => r.nodes))
  }

  const headers = columns.map((c) => {
    const header = h('th', { scope: 'col', role: 'columnheader', class: c.text ? 'text' : c.trend ? 'trend' : '' })
    if (!c.value) header.append(h('span', { class: c.trend ? 'unseen' : '' }, c.title))
    else header.append(h('button', { type: 'button', title: c.hint, onclick: () => sortBy(c, header, headers) }, c.title))
    return header
  })
  const node = h('div', { class: 'frame' }, h('table', { role: 'table', 'aria-label': label },
    h('colgroup', {}, ...columns.map((c) => h('col', { class: c.width }))),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...headers)), body))
  return {
    node,
    update(list, figures) {
      current = list
      for (const row of rows) {
        const pattern = list.find((p) => p.name === row.name)
        if (pattern) row.update(pattern, figures) // else only a node that is gone had it
      }
    },
  }
}

function makeRow(pattern, columns, detail) {
  const toggle = h('button', { type: 'button', 'aria-expanded': 'false', title: 'Show more of ' + pattern.name }, pattern.name)
  const row = h('tr', { class: 'pattern', role: 'row' }, h('th', { scope: 'row', role: 'rowheader', class: 'text' }, toggle))
  const draws = columns.slice(1).map((c) => {
    const cell = h('td', { role: 'cell', 'data-label': c.trend ? null : c.title, class: [c.text && 'text', c.trend && 'trend', c.wide && 'wide', c.half && 'half', c.width].filter(Boolean).join(' ') })
    row.append(cell)
    return c.cell(cell)
  })
  const box = h('td', { colspan: columns.length, role: 'cell' })
  const more = h('tr', { class: 'detail', role: 'row', hidden: true }, box)
  let last = null
  let figures = null
  toggle.addEventListener('click', () => {
    more.hidden = !more.hidden
    attr(toggle, 'aria-expanded', !more.hidden)
    if (!more.hidden && last) box.replaceChildren(detail(last, figures))
  })
  return {
    name: pattern.name,
    nodes: [row, more],
    update(p, f) {
      last = p
      figures = f
      row.classList.toggle('idle', p.requests === 0)
      for (const draw of draws) draw(p, f)
      if (!more.hidden) box.replaceChildren(detail(p, f))
    },
  }
}
