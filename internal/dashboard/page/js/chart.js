// Small charts as inline SVG. The newest value is at the right edge; a chart that is not full yet
// is empty on its left.

import { s, attr } from './dom.js'

const height = 40
const top = 3

function coordinates(values, points, highest) {
  const first = points - values.length
  return values.map((v, i) => [first + i, v == null ? null : height - (v / highest) * (height - top)])
}

// path draws through values; null leaves a gap.
function path(list) {
  let d = ''
  let drawing = false
  for (const [x, y] of list) {
    if (y == null) { drawing = false; continue }
    d += (drawing ? 'L' : 'M') + x + ' ' + y.toFixed(2)
    drawing = true
  }
  return d
}

// areas gives the ground under each stretch without gaps.
function areas(list) {
  let d = ''
  let begun = null
  list.concat([[0, null]]).forEach(([x, y], i) => {
    if (y != null) {
      if (begun == null) { d += `M${x} ${height}`; begun = x }
      d += `L${x} ${y.toFixed(2)}`
    } else if (begun != null) {
      d += `L${list[i - 1][0]} ${height}Z`
      begun = null
    }
  })
  return d
}

// spark is a line with its ground, and a second, quieter line where one is given.
export function spark({ points = 60, ground = true } = {}) {
  const area = s('path', { class: 'area' })
  const second = s('path', { class: 'second' })
  const line = s('path', { class: 'line' })
  const cursor = s('line', { class: 'cursor', y1: 0, y2: height, visibility: 'hidden' })
  const node = s('svg', { class: 'chart', viewBox: `0 0 ${points - 1} ${height}`, preserveAspectRatio: 'none', role: 'img' },
    ground ? area : null, second, line, cursor)
  return {
    node,
    update(values, label, others = []) {
      const highest = Math.max(...values, ...others, 0) || 1
      const list = coordinates(values, points, highest)
      attr(line, 'd', path(list))
      if (ground) attr(area, 'd', areas(list))
      attr(second, 'd', path(coordinates(others, points, highest)))
      attr(node, 'aria-label', label)
    },
    point(x) {
      attr(cursor, 'visibility', x == null ? 'hidden' : 'visible')
      if (x != null) { attr(cursor, 'x1', x); attr(cursor, 'x2', x) }
    },
  }
}

// bars shows amounts per step.
export function bars({ points = 60 } = {}) {
  const list = Array.from({ length: points }, (_, i) => s('rect', { class: 'bar', x: i + 0.15, width: 0.7, y: height, height: 0 }))
  const base = s('line', { class: 'base', x1: 0, x2: points, y1: height - 0.5, y2: height - 0.5 })
  const node = s('svg', { class: 'chart', viewBox: `0 0 ${points} ${height}`, preserveAspectRatio: 'none', role: 'img' }, base, ...list)
  return {
    node,
    update(values, label) {
      const highest = Math.max(...values, 0) || 1
      const first = points - values.length
      list.forEach((bar, i) => {
        const v = i < first ? 0 : Math.max(0, values[i - first])
        const tall = v === 0 ? 0 : Math.max(1, (v / highest) * (height - top))
        attr(bar, 'y', (height - tall).toFixed(2))
        attr(bar, 'height', tall.toFixed(2))
      })
      attr(node, 'aria-label', label)
    },
    point() {},
  }
}

// stack is one bar cut into shares, in the order of kinds.
export function stack(kinds) {
  const parts = kinds.map((k) => s('rect', { class: k, y: 0, height: 10 }))
  const node = s('svg', { class: 'stack', viewBox: '0 0 100 10', preserveAspectRatio: 'none', role: 'img' }, ...parts)
  return {
    node,
    update(counts, label) {
      const all = kinds.reduce((sum, k) => sum + counts[k], 0) || 1
      let x = 0
      kinds.forEach((k, i) => {
        const w = (counts[k] / all) * 100
        attr(parts[i], 'x', x.toFixed(2))
        attr(parts[i], 'width', w.toFixed(2))
        x += w
      })
      attr(node, 'aria-label', label)
    },
  }
}

// meter shows how much of a bound is used.
export function meter() {
  const part = s('rect', { x: 0, y: 0, height: 10, width: 0 })
  const node = s('svg', { class: 'meter', viewBox: '0 0 100 10', preserveAspectRatio: 'none', role: 'img' }, part)
  return {
    node,
    update(used, bound, label) {
      const x = bound > 0 ? Math.min(1, Math.max(0, used / bound)) : 0
      attr(part, 'width', (x * 100).toFixed(2))
      node.classList.toggle('high', x > 0.9)
      attr(node, 'aria-label', label)
    },
  }
}
