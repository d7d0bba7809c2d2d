// What to change in the model, from what was measured since the start.

import { h } from './dom.js'
import { ask, words } from './ask.js'
import { count, length } from './format.js'

export function makeAdvice() {
  const body = h('div', {})
  const node = h('section', { 'aria-labelledby': 'advice-title' }, h('h2', { id: 'advice-title' }, 'Advice'), body)
  return {
    node,
    async show() {
      try {
        const report = await ask('/advice')
        body.replaceChildren(h('p', { class: 'quiet small' }, ...text(`From ${count(report.requests)} requests in ${length(Math.max(1, report.seconds))}${report.nodes > 1 ? ` on ${report.nodes} nodes` : ''}; \`partita advise\` tells the same.`)),
          report.advice?.length ? h('ul', { class: 'trail' }, ...report.advice.map(item)) : h('p', { class: 'empty' }, 'Nothing that should be changed was seen.'))
      } catch (problem) {
        body.replaceChildren(h('p', { class: 'complaint', role: 'alert' }, words(problem)))
      }
    },
  }
}

const item = (a) => h('li', {}, h('p', {}, h('strong', {}, ...text(capital(a.says)))),
  h('ul', { class: 'notes' }, ...(a.evidence ?? []).map((e) => h('li', {}, ...text(e)))),
  a.think ? h('p', { class: 'quiet small' }, ...text(`Think of this before: ${a.think}.`)) : null,
  a.change ? h('pre', { class: 'change-of-model' }, change(a.change)) : null)

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
