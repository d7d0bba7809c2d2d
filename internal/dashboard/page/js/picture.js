// The model as a picture: entities by partition in the middle, writes on their left and what they
// emit, reads and feeds on their right. Lines end at the index that serves a read.

import { attr, h, s, set } from './dom.js'
import { arrange, width } from './picture_layout.js'
import { relations, sentence } from './picture_words.js'

const invitation = 'Choose a write, a read, an entity, an event or a feed to see what it has to do with; arrow keys lead from one to the next.'

export function makePicture(about) {
  const map = relations(about)
  const { boxes, lines, frames, height } = arrange(about)
  const text = h('p', { class: 'told', role: 'status' }, invitation)
  const parts = new Map()
  const drawn = lines.map((l) => ({ ...l, node: s('path', { class: `edge ${l.kind}`, d: curve(l), 'marker-end': 'url(#tip)' }) }))
  let held = null

  // light shows what a box has to do with: itself, what it touches, and what it invalidates.
  function light(id) {
    const near = id ? map.near(id) : null
    svg.classList.toggle('lit', !!id)
    for (const [name, node] of parts) {
      attr(node, 'data-role', !id ? null : name === id ? 'self' : near.get(name) ?? null)
    }
    for (const l of drawn) l.node.classList.toggle('on', !!id && (l.from === id || l.to === id || (near.has(l.from) && near.has(l.to) && (l.kind === 'view'))))
  }
  function choose(id) {
    held = held === id ? null : id
    for (const [name, node] of parts) attr(node, 'aria-pressed', name === held)
    light(held)
    set(text, held ? sentence(about, held) : invitation)
  }

  const nodes = boxes.map((b) => {
    const node = s('g', { class: `box ${b.kind}`, tabindex: -1, role: 'button', 'aria-pressed': 'false', 'aria-label': sentence(about, b.id), transform: `translate(${b.x} ${b.y})` },
      s('rect', { width: b.w, height: b.h, rx: 8 }), ...b.rows.map(rowOf(b)))
    node.addEventListener('click', () => choose(b.id))
    node.addEventListener('pointerenter', () => { if (!held) light(b.id) })
    node.addEventListener('pointerleave', () => { if (!held) light(null) })
    node.addEventListener('focus', () => { stop(b.id); if (!held) light(b.id) })
    node.addEventListener('blur', () => { if (!held) light(null) })
    node.addEventListener('keydown', (e) => {
      if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); choose(b.id) }
      if (e.key === 'Escape' && held) choose(held)
      if (e.key.startsWith('Arrow')) { e.preventDefault(); next(boxes, b, e.key)?.focus() }
    })
    parts.set(b.id, node)
    return node
  })
  // One stop of the Tab key for the whole picture; arrow keys go on from there.
  function stop(id) {
    for (const [name, node] of parts) attr(node, 'tabindex', name === id ? 0 : -1)
  }
  stop((boxes.find((b) => b.kind === 'write') ?? boxes[0])?.id)
  function next(all, from, key) {
    const [dx, dy] = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key]
    const far = (b) => {
      const [x, y] = [b.x - from.x, b.y + Math.min(b.h, 30) / 2 - from.y - Math.min(from.h, 30) / 2]
      const along = x * dx + y * dy
      return along > 1 && (dx === 0 ? Math.abs(x) < 40 : true) ? along + 3 * Math.abs(dx ? y / 3 : x) : Infinity
    }
    const best = all.toSorted((a, b) => far(a) - far(b))[0]
    return far(best) < Infinity ? parts.get(best.id) : null
  }
  const svg = s('svg', { class: 'picture', viewBox: `-2 0 ${width + 4} ${height}`, width: width + 4, height, role: 'group', 'aria-label': `The model of ${about.plan.service}: writes, entities by partition, and reads` },
    s('defs', {}, s('marker', { id: 'tip', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' }, s('path', { d: 'M0 0 8 4 0 8z' }))),
    ...frames.map((f) => s('g', { class: 'family', 'aria-hidden': 'true' }, s('rect', { x: f.x, y: f.y, width: f.w, height: f.h, rx: 12 }),
      s('text', { x: f.x + 12, y: f.y + 21 }, s('tspan', { class: 'strong' }, f.title), s('tspan', {}, ' ' + f.note)))),
    ...['Events', 'Writes', 'Data', 'Reads and feeds'].map((title, i) => s('text', { class: 'head', x: [0, 190, 486, 860][i], y: 14 }, title)),
    ...drawn.map((l) => l.node), ...nodes)
  return h('section', { 'aria-label': 'Picture of the model' },
    h('ul', { class: 'legend' }, ...[['write', 'writes'], ['read', 'is read through'], ['emit', 'emits, then'], ['view', 'is followed by'], ['changed', 'its answers change']].map(([k, t]) =>
      h('li', {}, h('span', { class: `stroke ${k}` }), t))),
    text, h('div', { class: 'frame canvas', tabindex: '0', role: 'region', 'aria-label': 'Picture; it can be scrolled' }, svg))
}

const curve = ({ x1, y1, x2, y2 }) => {
  if (Math.abs(x1 - x2) < 30) return `M${x1} ${y1}C${x1 - 46} ${y1} ${x2 - 46} ${y2} ${x2} ${y2}` // back to the same column
  const bend = (x2 - x1) / 2
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`
}

const rowOf = (b) => (r) => s('text', { class: r.kind, x: 10, y: r.y }, ...r.parts.map(([words, kind]) => s('tspan', { class: kind || null }, words)))
