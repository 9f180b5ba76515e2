// Text with entities (offset and length in UTF-16 units, which is what JavaScript strings count in) → safe DOM.
// Nothing here ever reaches innerHTML; a link gets an href only when its scheme is on the list.

import { h, icon } from './dom.js'
import { t } from './strings.js'

const SAFE = /^(https?:|mailto:|tel:)/i
const AUTO = /(https?:\/\/[^\s<>«»"]+[^\s<>«»".,;:!?)\]}])|(?<![\w/@.])(t\.me\/[\w+/?=&%-]+)|(?<![\w/:.])(\/[a-z][a-z0-9_]{0,31})(?![\w/.-])/gi
const BLOCKS = new Set(['pre', 'blockquote', 'expandable_blockquote'])
const OPAQUE = new Set(['code', 'pre', 'text_link', 'url', 'email', 'phone_number', 'bot_command', 'mention', 'hashtag', 'cashtag'])

export function safeHref(url) {
  const full = /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `https://${url}`
  return SAFE.test(full) ? full : null
}

/** `actions`: {command(text), link(url, event), copy(text)} — what a click inside the text does. */
export function richText(text, entities, actions) {
  const sorted = [...(entities ?? [])].filter((e) => e.length > 0).sort((a, b) => a.offset - b.offset || b.length - a.length)
  const out = document.createDocumentFragment()
  write(out, text, 0, text.length, sorted, actions, false)
  return out
}

function write(parent, text, from, to, entities, actions, opaque) {
  let at = from
  let i = 0
  while (i < entities.length) {
    const e = entities[i]
    const start = Math.max(e.offset, at)
    const end = Math.min(e.offset + e.length, to)
    i += 1
    if (start >= end) continue
    plain(parent, text.slice(at, start), actions, opaque)
    const inner = []
    while (i < entities.length && entities[i].offset < end) { inner.push(entities[i]); i += 1 }
    const { outer, body } = shell(e, text.slice(start, end), actions)
    write(body, text, start, end, inner, actions, opaque || OPAQUE.has(e.type))
    parent.append(outer)
    at = end
    // A block already ends its line; the newline after it would make an empty one.
    if (BLOCKS.has(e.type) && text[at] === '\n' && at < to) at += 1
    // What stuck out of this entity goes on after it.
    for (const rest of inner) if (rest.offset + rest.length > at && rest.offset + rest.length > end) entities.splice(i, 0, { ...rest, offset: at, length: rest.offset + rest.length - at })
  }
  plain(parent, text.slice(at, to), actions, opaque)
}

function plain(parent, text, actions, opaque) {
  if (!text) return
  if (opaque) { parent.append(text); return }
  let at = 0
  for (const match of text.matchAll(AUTO)) {
    parent.append(text.slice(at, match.index))
    parent.append(match[3] ? command(match[3], actions) : link(match[0], match[0], actions))
    at = match.index + match[0].length
  }
  parent.append(text.slice(at))
}

function link(url, label, actions) {
  const href = safeHref(url)
  if (!href) return h('span', {}, label ?? '')
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer', title: label === url ? null : url, onclick: (event) => actions.link(href, event) }, label ?? '')
}

function command(text, actions) {
  return h('a', { href: '#', class: 'command', onclick: (event) => { event.preventDefault(); actions.command(text) } }, text)
}

function same(el) {
  return { outer: el, body: el }
}

function shell(e, text, actions) {
  switch (e.type) {
    case 'bold': return same(h('strong'))
    case 'italic': return same(h('em'))
    case 'underline': return same(h('u'))
    case 'strikethrough': return same(h('s'))
    case 'code': return same(h('code', { title: t('copy'), role: 'button', tabindex: 0, onclick: () => actions.copy(text), onkeydown: (event) => { if (event.key === 'Enter') { event.stopPropagation(); actions.copy(text) } } }))
    case 'spoiler': return same(spoiler())
    case 'text_link': return same(link(e.url, null, actions))
    case 'url': return same(link(text, null, actions))
    case 'email': return same(h('a', { href: `mailto:${text}` }))
    case 'phone_number': return same(h('a', { href: `tel:${text.replace(/[^+\d]/g, '')}` }))
    case 'bot_command': return same(h('a', { href: '#', class: 'command', onclick: (ev) => { ev.preventDefault(); actions.command(text) } }))
    case 'mention': case 'hashtag': case 'cashtag': case 'text_mention': return same(h('span', { class: 'tag' }))
    case 'pre': {
      const body = h('code')
      const head = h('span', { class: 'pre-head' }, e.language ?? '', h('button', { type: 'button', class: 'bare', title: t('copy'), aria: { label: t('copy') }, onclick: () => actions.copy(text) }, icon('copy', 16)))
      return { outer: h('pre', { tabindex: 0 }, head, body), body }
    }
    case 'blockquote': return same(h('blockquote'))
    case 'expandable_blockquote': {
      const body = h('span', { class: 'fold' })
      const button = h('button', { type: 'button', class: 'bare unfold', title: t('expand'), aria: { label: t('expand'), expanded: false } }, icon('down', 16))
      const outer = h('blockquote', { class: 'expandable' }, body, button)
      const toggle = () => button.hidden || button.setAttribute('aria-expanded', String(outer.classList.toggle('open')))
      // Only what is cut has something to unfold, which depends on the width that it is laid out in.
      new ResizeObserver(() => { if (!outer.classList.contains('open')) button.hidden = body.scrollHeight <= body.clientHeight + 2 }).observe(body)
      outer.addEventListener('click', (event) => { if (!event.target.closest('a, code') && !getSelection().toString()) toggle() })
      return { outer, body }
    }
    default: return same(h('span'))
  }
}

function spoiler() {
  const reveal = (event) => {
    if (el.classList.contains('shown')) return
    event.preventDefault()
    event.stopPropagation()
    el.classList.add('shown')
    el.removeAttribute('role')
  }
  const el = h('span', {
    class: 'spoiler', role: 'button', tabindex: 0, aria: { label: t('spoiler') }, onclick: reveal,
    onkeydown: (event) => { if (event.key === 'Enter' || event.key === ' ') { reveal(event); el.removeAttribute('aria-label') } },
  })
  return el
}
