// Making and changing elements. Text is only ever set as text.

const SVG = 'http://www.w3.org/2000/svg'

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value)
    else if (value === true) node.setAttribute(name, '')
    else if (value !== false && value != null) node.setAttribute(name, value)
  }
  node.append(...children.filter((c) => c != null))
  return node
}

export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children)
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children)
export const byId = (id) => document.getElementById(id)

// set changes a node's text only when it differs, so that nothing is laid out in vain.
export function set(node, text) {
  if (node.textContent !== text) node.textContent = text
}

export function attr(node, name, value) {
  if (value == null) node.removeAttribute(name)
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value)
}
