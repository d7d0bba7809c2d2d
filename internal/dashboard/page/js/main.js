// Asks the service for its figures every second and hands them to the parts of the page.

import { byId } from './dom.js'
import { makeHeader } from './header.js'
import { makeCondition } from './condition.js'
import { makeLoad } from './load.js'
import { makeTotals } from './totals.js'
import { makeBusiness } from './business.js'
import { makeNodes } from './nodes.js'
import { makePatterns } from './patterns.js'
import { makeMachine } from './machine.js'
import { makeLetters } from './letters.js'
import { drawAbout } from './about.js'

const every = 1000
const patience = 5000

const header = makeHeader({ changed: () => poll() })

async function get(address) {
  const response = await fetch(address, { cache: 'no-store', signal: AbortSignal.timeout(patience) })
  if (response.status === 401) {
    location.assign('/login')
    throw new Error('log in first')
  }
  if (!response.ok) throw new Error(`status ${response.status}`)
  return response.json()
}

let parts = null
let about = null
let timer = 0
let asked = 0

async function poll() {
  clearTimeout(timer)
  const mine = ++asked
  try {
    about ??= await get('/about')
    const figures = await get('/live?window=' + header.window())
    if (mine !== asked) return // another window was chosen meanwhile
    if (figures.revision !== about.plan.revision) { location.reload(); return }
    draw(figures)
  } catch (problem) {
    if (mine === asked) header.lost()
    if (!(problem instanceof TypeError || problem.name === 'TimeoutError')) console.warn(problem.message)
  }
  if (!document.hidden) timer = setTimeout(poll, every)
}

function draw(figures) {
  if (!parts) {
    parts = [makeCondition(), makeTotals(), makeLoad(), makeBusiness(figures), makeNodes(), makePatterns(figures, about), makeLetters(), makeMachine(figures)]
    drawAbout(about)
  }
  header.update(figures)
  for (const part of parts) part.update(figures, about)
  byId('figures').classList.remove('old')
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) poll() })
poll()
