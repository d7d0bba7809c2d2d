// The tables of reads and writes.

import { byId, h } from './dom.js'
import { makeTable } from './table.js'
import { readColumns, writeColumns } from './columns.js'
import { readDetail, writeDetail } from './detail.js'
import { kinds, meaning } from './outcomes.js'

export function makePatterns(first, about) {
  byId('legend').replaceChildren(...kinds.map((k) => h('li', { title: meaning[k] }, h('span', { class: `key ${k}` }), k)))
  const reads = makeTable({
    label: 'Reads', columns: readColumns(about), patterns: first.reads, detail: readDetail(about),
    empty: 'The model declares no reads. Add one under reads: and start the service again.',
  })
  const writes = makeTable({
    label: 'Writes', columns: writeColumns(about), patterns: first.writes, detail: writeDetail(about),
    empty: 'The model declares no writes. Add one under writes: and start the service again.',
  })
  byId('reads').append(reads.node)
  byId('writes').append(writes.node)
  return {
    update(f) {
      reads.update(f.reads, f)
      writes.update(f.writes, f)
    },
  }
}
