// Figures for people: three digits that matter, with their unit.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
export const none = '–'

function digits(n) {
  const a = Math.abs(n)
  if (a === 0) return '0'
  if (a >= 100) return whole.format(n)
  return n.toFixed(a >= 10 ? 1 : 2)
}

const scales = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M']]

// parts gives a number and what stands behind it.
function scaled(n) {
  for (const [by, sign] of scales) if (Math.abs(n) >= by) return [digits(n / by), sign]
  return [digits(n), '']
}

export const count = (n) => (Math.abs(n) < 1e10 ? whole.format(n) : scaled(n).join(' '))
export const amount = (n) => (Number.isInteger(n) ? count(n) : scaled(n).join(' ').trim())

export function rateParts(n) {
  if (n > 0 && n < 0.01) return ['< 0.01', '/s']
  const [number, sign] = scaled(n)
  return [number, sign + '/s']
}
export const rate = (n) => rateParts(n).join(' ')

export function latencyParts(seconds) {
  if (!seconds) return [none, '']
  if (seconds < 1e-3) return [digits(seconds * 1e6), 'µs']
  if (seconds < 1) return [digits(seconds * 1e3), 'ms']
  return [digits(seconds), 's']
}
export const latency = (seconds) => latencyParts(seconds).join(' ').trim()

export function shareParts(x) {
  const p = x * 100
  if (p === 0) return ['0', '%']
  if (p < 0.01) return ['< 0.01', '%']
  if (p > 99.99 && p < 100) return ['> 99.99', '%']
  return [p === 100 ? '100' : p.toFixed(p >= 10 && p < 99 ? 1 : 2), '%']
}
export const share = (x) => shareParts(x).join(' ')

export function bytes(n) {
  if (n == null || n < 0) return 'not known'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++ }
  return (i === 0 ? n : digits(n)) + ' ' + units[i]
}

// length tells how long something lasts, in at most two units.
export function length(seconds) {
  if (seconds < 1) return latency(seconds)
  const n = Math.round(seconds)
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]]
  const i = units.findIndex(([, size]) => n >= size)
  const [name, size] = units[i]
  let text = Math.floor(n / size) + ' ' + name
  if (i + 1 < units.length) {
    const rest = Math.floor((n % size) / units[i + 1][1])
    if (rest > 0) text += ' ' + rest + ' ' + units[i + 1][0]
  }
  return text
}

// span is the time that figures cover: their window, or less soon after the start.
export function span(figures) {
  const window = { '10s': 10, '1m': 60, '5m': 300, '1h': 3600 }[figures.window]
  return length(Math.abs(figures.covered / window - 1) < 0.05 ? window : Math.max(1, figures.covered))
}

// moment is a clock time, with the day where it is not today.
export function moment(text) {
  const t = new Date(text)
  const clock = t.toLocaleTimeString('en-GB')
  return t.toDateString() === new Date().toDateString() ? clock : t.toLocaleDateString('en-GB') + ' ' + clock
}

// version tells what was built: a release, or a commit between releases.
export function version(text) {
  if (!text || text === '(devel)' || text === 'unknown') return 'development version'
  const [, commit, changed] = text.match(/[-.]\d{14}-([0-9a-f]{7})[0-9a-f]{5}(\+dirty)?$/) ?? []
  return commit ? `built from ${commit}${changed ? ' with changes' : ''}` : `version ${text.replace(/^v/, '')}`
}
