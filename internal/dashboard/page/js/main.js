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
import { makeViews } from './views.js'
import { makeData } from './data.js'
import { makeTime } from './time.js'
import { drawAbout } from './about.js'
import { makeAdvice } from './advice.js'
import { ask } from './ask.js'

const every = 1000
const patience = 5000

const header = makeHeader({ changed: () => poll() })

let parts = null
let about = null
let timer = 0
let asked = 0

async function poll() {
  clearTimeout(timer)
  const mine = ++asked
  try {
    about ??= await ask('/about', { wait: patience })
    const figures = await ask('/live?window=' + header.window(), { wait: patience })
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
    const advice = about.advice ? makeAdvice() : null
    if (advice) byId('about').before(advice.node)
    const views = { model: { show: () => advice?.show() }, time: makeTime(byId('view-time')), data: makeData(byId('view-data'), about) }
    makeViews((view, params) => {
      for (const [name, part] of Object.entries(views)) if (name !== view) part.hide?.()
      views[view]?.show(params)
    })
  }
  header.update(figures)
  for (const part of parts) part.update(figures, about)
  byId('figures').classList.remove('old')
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) poll() })
poll()
