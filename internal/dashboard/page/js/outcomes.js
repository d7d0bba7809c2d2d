// How answers come about, in one order and one set of colours everywhere.

import { share, count } from './format.js'

export const kinds = ['hit', 'refreshed', 'shared', 'joined', 'miss', 'stale', 'bypass']

export const meaning = {
  hit: 'from the cache, within fresh',
  refreshed: 'a hit that also started an early refresh',
  shared: 'from the cache that the nodes share',
  joined: 'waited for a load that another request had started',
  miss: 'loaded from the store by this request',
  stale: 'older than fresh, because loading failed',
  bypass: 'the read has no fresh: always from the store',
}

export const sum = (counts) => kinds.reduce((n, k) => n + counts[k], 0)

// words tells the shares in the order of the bar.
export function words(counts) {
  const all = sum(counts)
  if (all === 0) return 'no answers'
  return kinds.filter((k) => counts[k] > 0).map((k) => `${k} ${share(counts[k] / all)} (${count(counts[k])})`).join(', ')
}
