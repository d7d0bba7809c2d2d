// What is not well: since when, why, and what that means for whom; and what was not well before.

import { byId, h, set } from './dom.js'
import { count, length, moment } from './format.js'

const named = 8 // patterns that are named; of more it is said how many

export function makeCondition() {
  const cards = new Map()
  const rows = h('tbody', { role: 'rowgroup' })
  const summary = h('summary', {})
  const past = h('details', { class: 'past', hidden: true }, summary,
    h('div', { class: 'frame' }, h('table', { role: 'table', 'aria-label': 'What was not well before' },
      h('colgroup', {}, ...['c-when', 'c-part', 'c-lasted', '', ''].map((c) => h('col', { class: c }))),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...['Since', 'Part', 'Lasted', 'Why', 'What ended it'].map((title) =>
        h('th', { scope: 'col', role: 'columnheader', class: 'text' }, title)))), rows)))
  byId('past').append(past)
  let shown = ''

  return {
    update(f) {
      drawCards(cards, f.components.filter((c) => c.state !== 'ok'), f)
      const history = f.history ?? []
      past.hidden = history.length === 0
      set(summary, history.length === 1 ? 'One trouble before, which is over' : `${count(history.length)} troubles before, which are over`)
      const signature = history.map((e) => e.component + e.until).join()
      if (signature !== shown) {
        shown = signature
        rows.replaceChildren(...history.map(row))
      }
      byId('past').hidden = past.hidden
    },
  }
}

function row(e) {
  const cell = (label, text, extra = '') => h('td', { role: 'cell', class: 'text wide ' + extra, 'data-label': label }, text)
  return h('tr', { class: 'pattern', role: 'row', 'data-state': e.state },
    cell('Since', h('time', { datetime: e.since }, moment(e.since))),
    h('td', { role: 'cell', class: 'text wide', 'data-label': 'Part' }, h('span', { class: 'dot', 'aria-hidden': 'true' }), `${e.component} ${e.state}`),
    cell('Lasted', length((new Date(e.until) - new Date(e.since)) / 1000)),
    cell('Why', e.cause ?? '', 'long'), cell('What ended it', e.ended, 'long'))
}

function drawCards(cards, bad, f) {
  const box = byId('troubles')
  box.hidden = bad.length === 0
  for (const [name, card] of cards) if (!bad.some((c) => c.component === name)) { card.node.remove(); cards.delete(name) }
  bad.sort((a, b) => (a.state === b.state ? 0 : a.state === 'down' ? -1 : 1))
  bad.forEach((c, i) => {
    if (!cards.has(c.component)) cards.set(c.component, makeCard())
    const card = cards.get(c.component)
    card.update(c, f)
    if (box.children[i] !== card.node) box.insertBefore(card.node, box.children[i] ?? null)
  })
}

function makeCard() {
  const title = h('strong')
  const since = h('time')
  const cause = h('p')
  const effects = h('dl', { class: 'effects' })
  const node = h('article', {}, h('div', { class: 'what' }, title, since), cause, effects)
  let shown = ''
  return {
    node,
    update(c, f) {
      node.className = 'trouble ' + c.state
      set(title, `${c.component} is ${c.state}`)
      since.dateTime = c.since
      set(since, `since ${moment(c.since)}, for ${length(Math.max(1, (new Date(f.time) - new Date(c.since)) / 1000))}`)
      set(cause, sentence(c.cause ?? ''))
      const list = c.effects ?? []
      const signature = JSON.stringify(list)
      if (signature === shown) return
      shown = signature
      effects.hidden = list.length === 0
      effects.replaceChildren(...list.flatMap((e) => [
        h('dt', {}, ...names([...(e.reads ?? []), ...(e.writes ?? [])])),
        h('dd', { 'data-how': e.how }, ...code(e.means)),
      ]))
    },
  }
}

const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.') : '')

function names(list) {
  const some = list.slice(0, named).flatMap((n, i) => [i > 0 ? ', ' : '', h('span', { class: 'name' }, n)])
  return list.length > named ? [...some, h('span', { title: list.join(', ') }, ` and ${list.length - named} more`)] : some
}

// code sets what stands between backticks in the type of code.
const code = (text) => text.split('`').map((part, i) => (i % 2 ? h('code', {}, part) : part))
