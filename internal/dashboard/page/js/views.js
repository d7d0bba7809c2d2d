// The views of the page, and the address that leads to each: #/data?entity=order&partition=42.

import { attr, byId, set } from './dom.js'

const names = ['now', 'time', 'data', 'model']

// where gives the view and its parameters that the address names.
export function where() {
  const [name, query] = (location.hash.startsWith('#/') ? location.hash.slice(2) : 'now').split('?')
  return { view: names.includes(name) ? name : 'now', params: new URLSearchParams(query ?? '') }
}

// to writes an address; parameters without a value are left out.
export function to(view, params = {}) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value != null && value !== '') query.set(name, value)
  const text = query.toString()
  return `#/${view}${text ? '?' + text : ''}`
}

export const go = (view, params) => { location.hash = to(view, params) }

// makeViews shows the view that the address names, now and whenever it changes. show is called with
// view and parameters.
export function makeViews(show) {
  const skip = document.querySelector('.skip')
  skip.addEventListener('click', (e) => { e.preventDefault(); byId('figures').focus() }) // the address is for views
  function draw() {
    const { view, params } = where()
    for (const name of names) byId('view-' + name).hidden = name !== view
    for (const a of document.querySelectorAll('.views a')) attr(a, 'aria-current', a.dataset.view === view ? 'page' : null)
    byId('windows').hidden = view !== 'now'
    set(skip, view === 'now' ? 'Skip to the figures' : 'Skip to the content')
    show(view, params)
  }
  addEventListener('hashchange', () => { draw(); if (where().params.size === 0) scrollTo(0, 0) })
  draw()
}
