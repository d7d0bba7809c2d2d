// Those who are told of events, and what was given up: to be replayed or dropped.

import { byId, h, set } from './dom.js'
import { count, length, moment, none } from './format.js'

const columns = [
  { title: 'Told of events', text: true },
  { title: 'Waiting', show: (e) => (e.waiting ? count(e.waiting) : none) },
  { title: 'Oldest', show: (e) => (e.oldest ? length(e.oldest) : none) },
  { title: 'Attempts', show: (e) => count(e.attempts) },
  { title: 'Failed', show: (e) => (e.failures ? count(e.failures) : none) },
  { title: 'Dead letters', show: (e) => (e.dead ? count(e.dead) : none) },
]
const shown = 20
const every = 5000

async function ask(method, address, body) {
  const response = await fetch(address, { method, cache: 'no-store', body: body && JSON.stringify(body) })
  if (response.status === 401) location.assign('/login')
  if (!response.ok) throw new Error((await response.text()).trim() || `status ${response.status}`)
  return response.json()
}

export function makeLetters() {
  const body = h('tbody', { role: 'rowgroup' })
  const letters = h('div', { class: 'letters', hidden: true })
  const rows = new Map()
  byId('letters').append(
    h('div', { class: 'heading' }, h('h2', { id: 'letters-title' }, 'Events')),
    h('div', { class: 'frame' }, h('table', { role: 'table', 'aria-label': 'Who is told of events' },
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...columns.map((c) =>
        h('th', { scope: 'col', role: 'columnheader', class: c.text ? 'text' : '' }, c.title)))), body)),
    letters)

  let asked = 0
  async function list() {
    asked = Date.now()
    try {
      const page = await ask('GET', `/dead?limit=${shown}`)
      letters.hidden = page.letters.length === 0
      letters.replaceChildren(
        h('div', { class: 'heading' }, h('h3', {}, 'Dead letters'), h('p', { class: 'actions' },
          page.next ? h('span', { class: 'quiet' }, `the first ${shown}; partita dead lists all `) : null,
          button('Replay all', 'replay', { all: true }))),
        h('ul', {}, ...page.letters.map(item)))
    } catch (problem) {
      console.warn(problem.message)
    }
  }

  function button(words, what, order, warning) {
    const b = h('button', { type: 'button', class: 'plain', onclick: async () => {
      if (warning && !confirm(warning)) return
      b.disabled = true
      try {
        await ask('POST', '/dead/' + what, order)
      } catch (problem) {
        alert(problem.message)
      }
      list()
    } }, words)
    return b
  }

  const item = (l) => h('li', {},
    h('p', {}, h('span', { class: 'name' }, l.event), ` for ${l.target}, of ${l.family} ${l.partition}, given up ${moment(l.given_up)}`),
    h('p', { class: 'quiet' }, l.reason),
    h('p', { class: 'actions' },
      button('Replay', 'replay', { ids: [l.id] }),
      button('Drop', 'drop', { ids: [l.id] }, `Drop this event for ${l.target} for good?`)))

  return {
    update(f) {
      const endpoints = f.endpoints ?? []
      byId('letters').hidden = endpoints.length === 0
      for (const [name, row] of rows) if (!endpoints.some((e) => e.name === name)) { row[0].parentNode.remove(); rows.delete(name) }
      for (const e of endpoints) {
        let cells = rows.get(e.name)
        if (!cells) {
          cells = [h('th', { scope: 'row', role: 'rowheader', class: 'text' }, h('span', { class: 'name' }, e.name)),
            ...columns.slice(1).map((c) => h('td', { role: 'cell', 'data-label': c.title }))]
          rows.set(e.name, cells)
          body.append(h('tr', { class: 'pattern', role: 'row' }, ...cells))
        }
        columns.slice(1).forEach((c, i) => {
          const text = c.show(e)
          set(cells[i + 1], text)
          cells[i + 1].classList.toggle('none', text === none)
        })
      }
      const dead = endpoints.some((e) => e.dead > 0)
      if ((dead || !letters.hidden) && Date.now() - asked >= every && !letters.contains(document.activeElement)) list()
    },
  }
}
