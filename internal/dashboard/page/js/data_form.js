// A form for one write of the model. The service checks everything; what it complains about stands at
// the field that it is about.

import { h, set, attr } from './dom.js'
import { ask, Problem, words } from './ask.js'
import { to } from './views.js'
import { control } from './data_input.js'

export async function drawForm(about, { entity, partition, key }, write, params) {
  const address = { entity: entity.name, partition, ...Object.fromEntries(entity.key.map((k, i) => ['k.' + k, key?.[i]])) }
  let row = null
  if (key || entity.key.length === 0) row = (await ask('/data/row?' + new URLSearchParams(clean(address)))).row
  const version = write.on === entity.name && write.guarded ? row?.version : null
  const start = row?.values ?? { [entity.fields[0].name]: partition }
  const inputs = write.inputs.map((i) => control(i, start[i.name], (i.row && start[i.name] != null)))
  const complaint = h('p', { class: 'complaint', role: 'alert', hidden: true })
  const done = h('div', { class: 'done', role: 'status', hidden: true })
  const who = h('input', { id: 'operator', type: 'text', autocomplete: 'username', required: true, value: remembered(), 'aria-describedby': 'operator-hint' })
  const send = h('button', { class: 'plain main' }, write.name)
  const form = h('form', { class: 'panel edit', novalidate: true, 'aria-label': write.name },
    h('div', { class: 'heading' }, h('h2', {}, write.name), h('p', { class: 'quiet' }, does(about, write) + (version ? `; only if the row is still at version ${version}` : ''))),
    ...inputs.map((i) => i.node),
    h('p', { class: 'input' }, h('label', { for: 'operator' }, 'Your name'), who, h('span', { class: 'hint', id: 'operator-hint' }, 'goes into the log of the service, with what you did')),
    complaint, h('p', { class: 'actions' }, send, h('a', { href: to('data', address) }, 'Back')), done)

  let attempt = null // its key lasts until the service has answered, so that what is sent again is done once
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    remember(who.value.trim())
    const body = '{' + inputs.map((i) => i.json()).filter(Boolean).join(',') + '}'
    attempt ??= newKey()
    for (const i of inputs) i.complain([])
    complaint.hidden = done.hidden = true
    send.disabled = true
    try {
      const answer = await ask('/data/writes/' + write.name, { method: 'POST', body, headers: {
        'Content-Type': 'application/json', 'Idempotency-Key': attempt, 'Partita-Operator': who.value.trim(), ...(version ? { 'Partita-Row-Version': String(version) } : {}),
      } })
      attempt = null
      done.replaceChildren(h('p', {}, `Done${answer.replayed ? ', before already' : ''}: the partition is at version ${answer.version}. `, h('a', { href: to('data', { ...address, ...keyOf(entity, answer.result) }) }, 'Look at it')),
        answer.result ? h('pre', {}, JSON.stringify(answer.result, null, 2)) : null)
      done.hidden = false
      if (version) { send.hidden = true; done.querySelector('a').focus() } // the row has another version now
    } catch (problem) {
      if (problem instanceof Problem && problem.status < 500) attempt = null
      const rest = inputs.reduce((left, i) => i.complain(left), problem.errors ?? [])
      const place = rest.find((e) => e.parameter === 'Partita-Operator')
      attr(who, 'aria-invalid', place ? 'true' : null)
      set(complaint, words(problem) + rest.filter((e) => e !== place && e.detail && !problem.message.includes(e.detail)).map((e) => ` ${e.pointer ?? e.parameter ?? e.header}: ${e.detail}.`).join(''))
      complaint.hidden = false
      const bad = form.querySelector('[aria-invalid="true"]')
      ;(bad ?? send).focus()
    } finally {
      send.disabled = false
    }
  })
  const first = form.querySelector('.input input:not([readonly]), .input select, .input textarea')
  attr(first ?? send, 'data-focus', '')
  return form
}

const clean = (o) => Object.fromEntries(Object.entries(o).filter(([, v]) => v != null))

function does(about, write) {
  const plan = about.plan.writes.find((w) => w.name === write.name)
  return plan.code ? 'Go code' : plan.steps.map((s) => `${s.op} ${s.entity}${s.when ? ` when ${s.when}` : ''}`).join(', ')
}

// keyOf names the row that a write answered with, where it is of this entity.
function keyOf(entity, result) {
  const row = result?.[entity.name] ?? result
  return Object.fromEntries(entity.key.map((k) => ['k.' + k, row?.[k]]).filter(([, v]) => v != null))
}

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('')

function remembered() {
  try { return localStorage.getItem('operator') ?? '' } catch { return '' }
}
function remember(name) {
  try { localStorage.setItem('operator', name) } catch { /* it lasts for this visit */ }
}
