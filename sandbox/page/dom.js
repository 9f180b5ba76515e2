// The two things every other file needs: making elements, and talking to the page's server.

const ICONS = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  menu: 'M4 7h16M4 12h16M4 17h16',
  more: 'M12 5.500v.01M12 12v.01M12 18.500v.01',
  attach: 'M20.500 11.500l-8.300 8.300a5.400 5.400 0 0 1-7.700-7.700l8.700-8.600a3.600 3.600 0 0 1 5.100 5.100l-8.600 8.600a1.800 1.800 0 0 1-2.600-2.600l7.900-7.900',
  send: 'M3.500 20.500l18-8.500-18-8.500 2.200 7.200L15 12l-9.300 1.300z',
  keyboard: 'M3 6.500h18v11H3zM6.500 10h.01M10 10h.01M14 10h.01M17.500 10h.01M8 14h8',
  down: 'M5 9l7 7 7-7',
  up: 'M5 15l7-7 7 7',
  reply: 'M10 6L4 12l6 6M4 12h9c4 0 7 2.500 7 7',
  forward: 'M14 6l6 6-6 6M20 12h-9c-4 0-7 2.500-7 7',
  smile: 'M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18zM8.500 14.500c1.800 2.600 5.200 2.600 7 0M9 9.500v.01M15 9.500v.01',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  file: 'M6 3h8l5 5v13H6zM14 3v5h5',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 2.500-2.500L20 17M15.500 9v.01',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20c1-4 4-5.500 7.500-5.500s6.500 1.500 7.500 5.500',
  addPerson: 'M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3 20c1-4 3.700-5.500 7-5.500s6 1.500 7 5.500M19 8v6M16 11h6',
  clock: 'M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18zM12 7v5l3.500 2',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6l1.500 1.500h-15zM10 21h4',
  columns: 'M4 5h16v14H4zM9.300 5v14M14.700 5v14',
  pulse: 'M3 12h4l2.500-7 5 14L17 12h4',
  bolt: 'M13 3L5 14h6l-1 7 8-11h-6z',
  sun: 'M12 16.500a4.500 4.500 0 1 1 0-9 4.500 4.500 0 0 1 0 9zM12 2.500V4M12 20v1.500M2.500 12H4M20 12h1.500M5.300 5.300l1 1M17.700 17.700l1 1M5.300 18.700l1-1M17.700 6.300l1-1',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z',
  reset: 'M4.500 12a7.500 7.500 0 1 0 2.500-5.600M4 4v4.500h4.500',
  download: 'M12 4v11M7 10.500l5 5 5-5M5 20h14',
  external: 'M8 6h10v10M18 6L6 18',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  block: 'M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18zM5.800 5.800l12.400 12.400',
  link: 'M10 14a4 4 0 0 0 5.700 0l3.500-3.500a4 4 0 0 0-5.700-5.700L12 6.300M14 10a4 4 0 0 0-5.700 0l-3.500 3.500a4 4 0 0 0 5.700 5.700l1.500-1.500',
  pin: 'M9 4h6l-1 6 3.500 3.500h-11L10 10zM12 13.500V20',
  split: 'M4 5h16v14H4zM12 5v14M14.800 12h3M16.300 10.500v3',
  edit: 'M4 20l1-5L16.500 3.500l4 4L9 19zM14 6l4 4',
  trash: 'M5 7h14M9.500 7V4h5v3M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500',
  help: 'M9.200 9.300a2.900 2.900 0 1 1 4.300 2.600c-1 .6-1.500 1.200-1.500 2.300M12 17.500v.01M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18z',
}

/** An element; `on…` props are listeners, `data` and `aria` are objects, null and false are left out. */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag)
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue
    if (key.startsWith('on')) el.addEventListener(key.slice(2), value)
    else if (key === 'class') el.className = value
    else if (key === 'data') Object.assign(el.dataset, value)
    else if (key === 'style') for (const [name, v] of Object.entries(value)) el.style.setProperty(name, v)
    else if (key === 'aria') for (const [name, v] of Object.entries(value)) el.setAttribute(`aria-${name}`, String(v))
    else if (key in el && typeof value !== 'string') el[key] = value
    else el.setAttribute(key, value === true ? '' : value)
  }
  el.append(...children.flat(2).filter((c) => c !== null && c !== undefined && c !== false))
  return el
}

export function icon(name, size = 24) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('width', size)
  svg.setAttribute('height', size)
  svg.setAttribute('aria-hidden', 'true')
  svg.classList.add('icon', `icon-${name}`)
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', ICONS[name])
  svg.append(path)
  return svg
}

/** A round button that is only an icon: its label is for the tooltip and for screen readers. */
export function iconButton(name, label, onclick, extra = {}) {
  return h('button', { type: 'button', title: label, aria: { label }, onclick, ...extra, class: `round ${extra.class ?? ''}` }, icon(name))
}

/** Brings `parent`'s children to `items` touching only what changed: same key and same stamp → same node. */
export function reconcile(parent, items, render) {
  const known = (parent.known ??= new Map())
  const fresh = new Map()
  let cursor = parent.firstChild
  for (const item of items) {
    let node = known.get(item.key)
    if (!node || node.stamp !== item.stamp) {
      const next = render(item, node)
      next.stamp = item.stamp
      if (node && node !== next) {
        if (cursor === node) cursor = next
        node.replaceWith(next)
      }
      node = next
    }
    fresh.set(item.key, node)
    if (node === cursor) cursor = cursor.nextSibling
    else parent.insertBefore(node, cursor)
  }
  for (const [key, node] of known) if (fresh.get(key) !== node && node.parentNode === parent && ![...fresh.values()].includes(node)) node.remove()
  parent.known = fresh
}

/** What the server refused, in its own words. */
export class Refused extends Error {}

export async function api(path, body) {
  const form = body instanceof FormData
  const response = await fetch(`/page/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: body === undefined || form ? { 'X-Sandbox': 'page' } : { 'X-Sandbox': 'page', 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : form ? body : JSON.stringify(body),
  })
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw new Refused(answer.error ?? `HTTP ${response.status}`)
  return answer
}

export function fileSize(bytes, locale) {
  const units = locale === 'ru' ? ['Б', 'КБ', 'МБ', 'ГБ'] : ['B', 'KB', 'MB', 'GB']
  let step = 0
  let value = bytes ?? 0
  while (value >= 1024 && step < units.length - 1) { value /= 1024; step += 1 }
  return `${value.toLocaleString(locale, { maximumFractionDigits: value < 10 && step ? 1 : 0 })} ${units[step]}`
}
