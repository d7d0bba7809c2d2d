// The top of the page: who serves, how it is, since when; and the choices of window and theme.

import { byId, set, attr } from './dom.js'
import { length, moment, version } from './format.js'

export function makeHeader({ changed }) {
  makeTheme(byId('theme'))
  const windows = byId('windows')
  windows.addEventListener('change', changed)
  let answered = null

  return {
    window: () => windows.querySelector('input:checked').value,
    update(f) {
      answered = new Date()
      document.title = (f.state.state === 'ok' ? '' : f.state.state + ': ') + f.service + ' – Partita'
      set(byId('service'), f.service)
      attr(byId('state'), 'data-state', f.state.state)
      set(byId('state-words'), f.state.words + (f.state.state === 'ok' ? '' : ', since ' + moment(f.state.since)))
      set(byId('facts'), [
        'up ' + length(f.uptime),
        version(f.version),
        'model ' + f.revision.slice(0, 12),
        f.store && f.store.kind + ' ' + f.store.version,
      ].filter(Boolean).join('  ·  '))
      set(byId('version'), version(f.version))
    },
    lost() {
      attr(byId('state'), 'data-state', 'down')
      set(byId('state-words'), answered ? `no answer from the service since ${moment(answered)}; asking again` : 'no answer from the service; asking again')
      byId('figures').classList.add('old')
    },
  }
}

function makeTheme(button) {
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark'
  const show = () => {
    set(button, dark() ? 'Light' : 'Dark')
    attr(button, 'aria-label', `Switch to the ${dark() ? 'light' : 'dark'} theme`)
  }
  button.addEventListener('click', () => {
    const theme = dark() ? 'light' : 'dark'
    document.documentElement.dataset.theme = theme
    try { localStorage.setItem('theme', theme) } catch { /* it lasts for this visit */ }
    show()
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show)
  show()
}
