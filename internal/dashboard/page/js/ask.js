// Questions to the service, and what it has to complain about.

const patience = 10000

// Problem is an answer that is none: detail says what to do, errors name the bad places.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The service answered with status ${status}.`)
    this.status = status
    this.title = body.title
    this.errors = body.errors ?? []
  }
}

// exact keeps the digits of rows' numbers that JavaScript cannot hold.
const exact = (key, value, context) => (typeof value === 'number' && !Number.isSafeInteger(value) && context?.source && String(value) !== context.source ? context.source : value)

export async function ask(address, { method = 'GET', body, headers, wait = patience } = {}) {
  const response = await fetch(address, { method, body, headers, cache: 'no-store', signal: AbortSignal.timeout(wait) })
  if (response.status === 401) {
    location.assign('/login' + location.hash)
    throw new Error('log in first')
  }
  const text = await response.text()
  if (response.ok) return JSON.parse(text, address.startsWith('/data/') ? exact : undefined)
  let problem = { detail: text.trim() }
  if (response.headers.get('Content-Type')?.startsWith('application/problem+json')) problem = JSON.parse(text)
  throw new Problem(response.status, problem)
}

// words says what went wrong, for people.
export const words = (problem) => (problem instanceof Problem ? problem.message : 'The service did not answer. Try again.')
