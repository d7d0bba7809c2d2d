// What to change in the model, from what was measured since the start.

import { h } from './dom.js'
import { ask, words } from './ask.js'
import { count, length } from './format.js'

const some = 8 // of those of which not enough was seen

export function makeAdvice() {
  const body = h('div', {})
  const node = h('section', { 'aria-labelledby': 'advice-title' }, h('h2', { id: 'advice-title' }, 'Advice'), body)
  return {
    node,
    async show() {
      try {
        const report = await ask('/advice')
        const nodes = report.nodes > 1 ? ` on ${report.nodes} nodes` : ''
        const unseen = [...new Set((report.not_enough ?? []).map((u) => u.of))]
        const more = unseen.length > some ? ` and ${unseen.length - some} more` : ''
        body.replaceChildren(
          note(`From ${count(report.requests)} requests in ${length(Math.max(1, report.seconds))}${nodes}; \`partita advise\` tells the same.`),
          report.advice?.length ? h('ul', { class: 'trail' }, ...report.advice.map(item)) : h('p', { class: 'empty' }, 'Nothing that should be changed was seen so far.'),
          ...(unseen.length ? [note(`Not enough was seen yet to say anything of ${unseen.slice(0, some).join(', ')}${more}.`)] : []))
      } catch (problem) {
        body.replaceChildren(h('p', { class: 'complaint', role: 'alert' }, words(problem)))
      }
    },
  }
}

const item = (a) => h('li', {}, h('p', {}, h('strong', {}, ...text(capital(a.says)))),
  h('ul', { class: 'notes' }, ...(a.evidence ?? []).map((e) => h('li', {}, ...text(e)))),
  a.think ? note(`Think of this before: ${a.think}.`) : null,
  a.change ? h('pre', { class: 'change-of-model' }, change(a.change)) : null)

const note = (words) => h('p', { class: 'quiet small' }, ...text(words))

const capital = (words) => words[0].toUpperCase() + words.slice(1)

// text sets what stands between backticks in the type of code.
const text = (words) => words.split('`').map((part, i) => (i % 2 ? h('code', {}, part) : part))

// change shows a line of the model file as it is, and what to write there.
function change(c) {
  const lines = [`${c.file}:${c.line}`]
  if (c.old) lines.push('- ' + c.old)
  if (c.new) lines.push(...c.new.split('\n').map((l) => '+ ' + l))
  return lines.join('\n')
}
