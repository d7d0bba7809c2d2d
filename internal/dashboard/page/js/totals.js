// The whole service in four tiles, and what to do while there is nothing to show.

import { byId, h, set } from './dom.js'
import { spark, stack } from './chart.js'
import { makeTile } from './tile.js'
import { kinds, words } from './outcomes.js'
import { count, latency, latencyParts, length, none, rate, rateParts, share, shareParts, span } from './format.js'

const quiet = 'no requests in this time'

export function makeTotals() {
  const requests = makeTile({ title: 'Requests', chart: spark(), show: rate })
  const failed = makeTile({ title: 'Failed', chart: spark(), show: rate })
  const slow = makeTile({ title: 'Latency, p99', chart: spark(), show: (v) => (v == null ? 'no requests' : latency(v)) })
  const bar = stack(kinds)
  const cached = makeTile({ title: 'Cache hits', foot: h('div', { class: 'fill' }, bar.node) })
  byId('totals').replaceChildren(requests.node, failed.node, slow.node, cached.node)
  const scale = h('p', { class: 'scale' })
  byId('totals').after(scale)

  return {
    update(f, about) {
      const t = f.total
      const step = { stepSeconds: f.chart.step }
      requests.update({ parts: rateParts(t.rate), text: `${count(t.requests)} in ${span(f)}`, past: f.chart.rate, ...step })
      failed.update({
        parts: t.requests ? shareParts(t.failed_share) : [none, ''], bad: t.failed_share > 0,
        text: t.requests ? `and ${share(t.refused_share)} refused` : quiet, past: f.chart.failed, ...step,
      })
      failed.node.title = 'Failed: the service was to blame. Refused: the request was, such as a missing right or a broken rule.'
      failed.node.querySelector('.chart').classList.toggle('bad', f.chart.failed.some((n) => n > 0))
      const gaps = (list) => list.map((v) => v || null)
      slow.update({
        parts: latencyParts(t.p99), text: t.requests ? `p50 ${latency(t.p50)} · p95 ${latency(t.p95)}` : quiet,
        past: gaps(f.chart.p99), others: gaps(f.chart.p50), ...step,
      })
      const all = Object.fromEntries(kinds.map((k) => [k, f.reads.reduce((n, r) => n + r.cache[k], 0)]))
      const asked = kinds.reduce((n, k) => n + all[k], 0) - all.bypass
      cached.update({
        parts: asked ? shareParts(t.hit_share) : [none, ''],
        text: all.stale ? `${count(all.stale)} stale answers` : asked ? `${count(all.miss)} loads for ${count(asked)} reads` : 'no read has asked it yet',
      })
      bar.update(all, 'Answers to reads: ' + words(all))
      bar.node.parentElement.title = words(all)
      set(scale, `Charts: the last ${length(f.chart.step * f.chart.points)}, in steps of ${length(f.chart.step)}`)
      drawFirst(f, about)
    },
  }
}

// drawFirst says what to do while nobody has asked anything.
function drawFirst(f, about) {
  const box = byId('first')
  const idle = [...f.reads, ...f.writes].every((p) => p.requests === 0) && f.chart.rate.every((r) => r === 0)
  if (!idle || !about.try) { box.hidden = true; return }
  if (!box.hasChildNodes()) {
    const copy = h('button', { class: 'plain', type: 'button' }, 'Copy')
    copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(about.try)
        set(copy, 'Copied')
      } catch {
        getSelection().selectAllChildren(box.querySelector('pre'))
        set(copy, 'Selected')
      }
      setTimeout(() => set(copy, 'Copy'), 2000)
    })
    box.replaceChildren(h('p', {}, 'No requests lately. Ask for something, and watch it arrive here:'),
      h('div', { class: 'command' }, h('pre', {}, about.try), copy))
  }
  box.hidden = false
}
