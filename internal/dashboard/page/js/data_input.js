// One input of a form, by its type in the model.

import { h, set, attr } from './dom.js'
import { text } from './data_cell.js'

const number = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/
let made = 0

// control gives a node; json, the member of the body, or null where nothing is given; and complain,
// which takes the complaints that are about it and gives back the others.
export function control(input, value, fixed = false, path = '/' + input.name) {
  if (input.items) return listControl(input, path)
  const id = `input-${++made}`
  const hint = h('span', { class: 'hint', id: id + '-hint' }, hints(input))
  const complaint = h('span', { class: 'complaint', id: id + '-bad', hidden: true })
  const box = field(input, id, fixed)
  if (value != null) box.value = text(value)
  const nil = input.null && !fixed ? h('input', { type: 'checkbox', id: id + '-null' }) : null
  if (nil) {
    nil.checked = value === null && !input.required
    const follow = () => { box.disabled = nil.checked }
    nil.addEventListener('change', follow)
    follow()
  }
  const first = box.value
  const node = h('p', { class: 'input' }, h('label', { for: id }, input.name, input.required ? h('span', { class: 'quiet' }, ' needed') : null), box,
    nil ? h('label', { class: 'null', for: id + '-null' }, nil, ' null') : null, hint, complaint)
  return {
    node,
    json() {
      if (nil?.checked) return value === null && !input.required ? null : JSON.stringify(input.name) + ':null'
      if (box.value === '' && !input.required && (first === '' || input.kind !== 'string' && input.kind !== 'text')) return null
      if (box.value === '' && input.kind !== 'string' && input.kind !== 'text') return null
      return JSON.stringify(input.name) + ':' + json(input, box.value)
    },
    complain(errors) {
      const [mine, others] = [errors.filter((e) => e.pointer === path), errors.filter((e) => e.pointer !== path)]
      set(complaint, mine.map((e) => e.detail).join('; '))
      complaint.hidden = mine.length === 0
      attr(box, 'aria-invalid', mine.length ? 'true' : null)
      return others
    },
  }
}

function field(input, id, fixed) {
  const common = { id, 'aria-describedby': `${id}-hint ${id}-bad`, 'aria-required': input.required ? 'true' : null, autocomplete: 'off' }
  if (fixed) return h('input', { ...common, type: 'text', readonly: true, class: 'name' })
  const choices = input.enum ?? (input.kind === 'bool' ? ['true', 'false'] : null)
  if (choices) return h('select', common, h('option', { value: '' }, input.default ? `not given: ${input.default}` : 'not given'), ...choices.map((v) => h('option', { value: v }, v)))
  if (input.kind === 'text' || input.kind === 'json') return h('textarea', { ...common, rows: 3, maxlength: input.size || null })
  const mode = { int: 'numeric', float: 'decimal', decimal: 'decimal', email: 'email', url: 'url' }[input.kind]
  return h('input', { ...common, type: input.kind === 'date' ? 'date' : 'text', inputmode: mode, spellcheck: 'false', placeholder: input.kind === 'time' ? '2026-01-31T12:00:00Z' : null })
}

function hints(input) {
  return [input.kind === 'enum' ? null : input.type, input.min && `at least ${input.min}`, input.max && `at most ${input.max}`,
    input.pattern && `like ${input.pattern}`, input.default && !input.enum && `otherwise ${input.default}`].filter(Boolean).join(' · ')
}

// json writes a value; numbers keep their digits.
function json(input, value) {
  const plain = value.trim()
  if (input.kind === 'bool' || ['int', 'float'].includes(input.kind) && number.test(plain)) return plain
  if (input.kind === 'json') {
    try { JSON.parse(value); return value } catch { /* the service says what is wrong with it */ }
  }
  return JSON.stringify(['string', 'text'].includes(input.kind) ? value : plain)
}

// listControl repeats the inputs of a list's items.
function listControl(input, path) {
  const rows = h('div', { class: 'items' })
  const complaint = h('span', { class: 'complaint', hidden: true })
  const items = []
  function add() {
    const controls = () => item.inputs
    const item = { inputs: input.items.map((i) => control(i, undefined, false, '')) }
    const remove = h('button', { type: 'button', class: 'plain', onclick: () => { items.splice(items.indexOf(item), 1); item.node.remove(); more.focus() } }, 'Remove')
    item.node = h('div', { class: 'item', role: 'group', 'aria-label': `${input.name}, one of them` }, ...controls().map((c) => c.node), remove)
    items.push(item)
    rows.append(item.node)
    return item
  }
  const more = h('button', { type: 'button', class: 'plain', onclick: () => add().node.querySelector('input, select, textarea').focus() }, `Add to ${input.name}`)
  const node = h('fieldset', { class: 'input list' }, h('legend', {}, input.name, input.required ? h('span', { class: 'quiet' }, ' needed') : null), rows, more,
    h('span', { class: 'hint' }, input.most ? `at most ${input.most}` : ''), complaint)
  return {
    node,
    json: () => (items.length || input.required ? `${JSON.stringify(input.name)}:[${items.map((item) => `{${item.inputs.map((c) => c.json()).filter(Boolean).join(',')}}`).join(',')}]` : null),
    complain(errors) {
      const about = (e, prefix) => e.pointer === prefix || e.pointer?.startsWith(prefix + '/')
      items.forEach((item, n) => item.inputs.forEach((c, i) => {
        const place = `${path}/${n}/${input.items[i].name}`
        c.complain(errors.filter((e) => e.pointer === place).map((e) => ({ ...e, pointer: '' })))
      }))
      const whole = errors.filter((e) => e.pointer === path)
      set(complaint, whole.map((e) => e.detail).join('; '))
      complaint.hidden = whole.length === 0
      return errors.filter((e) => !about(e, path))
    },
  }
}
