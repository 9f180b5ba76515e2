// What lies over or beside the chats: menus, dialogs, toasts, the lightbox and the inspector.

import { api, fileSize, h, icon, iconButton } from './dom.js'
import { language, preciseTime, t } from './strings.js'
import { fileUrl, summary } from './message.js'

export function avatar(person, size = '') {
  const initials = [person.user.first_name, person.user.last_name].filter(Boolean).map((w) => [...w][0]).join('').toUpperCase()
  return h('span', { class: `avatar c${person.tone} ${size}`, aria: { hidden: true } }, initials)
}

export function toast(holder, text) {
  const el = h('div', { class: 'toast' }, text)
  holder.append(el)
  while (holder.children.length > 3) holder.firstChild.remove()
  setTimeout(() => { el.classList.add('leave'); setTimeout(() => el.remove(), 250) }, Math.min(7000, 2600 + text.length * 40))
}

// --- menus ----------------------------------------------------------------------------------------------------------

let openMenu = null

/** `items`: [icon, label, action, class]; returns the function that closes it. */
export function popover(at, items, head) {
  openMenu?.()
  const before = document.activeElement
  const close = () => {
    if (openMenu !== close) return
    openMenu = null
    el.remove()
    removeEventListener('pointerdown', outside, true)
    before?.focus?.({ preventScroll: true })
  }
  const outside = (event) => { if (!el.contains(event.target)) close() }
  const el = h('div', { class: 'popover', role: 'menu', onkeydown: keys }, head, items.map(([name, label, action, style]) => h('button', { type: 'button', role: 'menuitem', class: style ?? '', onclick: () => { close(); action() } }, icon(name, 20), h('span', {}, label))))
  function keys(event) {
    const buttons = [...el.querySelectorAll('button')]
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key]
    if (event.key === 'Escape' || event.key === 'Tab') { event.preventDefault(); event.stopPropagation(); close() }
    else if (step) { event.preventDefault(); buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length].focus() }
  }
  document.body.append(el)
  const { offsetWidth: width, offsetHeight: height } = el // its rectangle is that of an opening animation
  const below = at.bottom + 6 + height <= innerHeight - 8
  el.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`
  el.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - height - 6)}px`
  openMenu = close
  addEventListener('pointerdown', outside, true)
  el.querySelector('button')?.focus({ preventScroll: true })
  return close
}

/** Who opens a t.me link to our bot: anyone in the room, or somebody new. */
export function linkMenu(store, me, url, at) {
  const payload = store.payload(url)
  const others = store.people().filter((p) => p.id !== me.id)
  popover(at, [
    ['person', t('me', { name: me.name }), () => api(`people/${me.id}/start`, { payload })],
    ...others.map((p) => ['person', p.name, () => { store.open(p.id); return api(`people/${p.id}/start`, { payload }) }]),
    ['addPerson', t('someoneNew'), () => personDialog(store, url)],
  ])
}

// --- dialogs --------------------------------------------------------------------------------------------------------

function dialog(title, body, { confirm, cancel = true, onConfirm, danger, wide, extra, busy } = {}) {
  const error = h('p', { class: 'error', role: 'alert', hidden: true })
  const ok = confirm ? h('button', { type: 'submit', class: `filled${danger ? ' danger' : ''}` }, confirm) : null
  const form = h('form', { method: 'dialog', onsubmit: submit },
    h('header', {}, h('h2', {}, title), iconButton('close', t('close'), () => el.close())),
    h('div', { class: 'body' }, body), error,
    h('footer', {}, extra, h('span', { class: 'gap' }), cancel ? h('button', { type: 'button', class: 'text-button', onclick: () => el.close() }, t('cancel')) : null, ok))
  const el = h('dialog', { class: wide ? 'wide' : '', aria: { label: title }, onclose: () => el.remove(), onclick: (event) => { if (event.target === el) el.close() } }, form)
  async function submit(event) {
    event.preventDefault()
    ok.disabled = true
    if (busy) ok.textContent = busy
    error.hidden = true
    try {
      await onConfirm()
      el.close()
    } catch (problem) {
      error.textContent = t('error', { text: problem.message })
      error.hidden = false
      ok.disabled = false
      ok.textContent = confirm
    }
  }
  document.body.append(el)
  el.showModal()
  return el
}

export function field(label, control, hint) {
  return h('label', { class: 'field' }, h('span', {}, label), control, hint ? h('small', {}, hint) : null)
}

export function confirmReset() {
  dialog(t('resetAsk'), h('p', {}, t('resetText')), { confirm: t('resetYes'), danger: true, busy: t('resetting'), onConfirm: () => api('reset', {}) })
}

export function keysDialog() {
  const rows = t('keys').split(' · ').map((line) => line.split(' — '))
  dialog(t('shortcuts'), h('dl', { class: 'shortcuts' }, rows.map(([keys, what]) => h('div', {}, h('dt', {}, h('kbd', {}, keys)), h('dd', {}, what)))), { cancel: false, confirm: t('ok'), onConfirm: async () => {} })
}

export function filesDialog(files, { asPhotos, caption, send }) {
  let chosen = [...files]
  const urls = []
  const list = h('div', { class: 'previews' })
  const visual = (file) => /^(image\/(png|jpeg|webp)|video\/)/.test(file.type)
  const compress = h('input', { type: 'checkbox', checked: asPhotos })
  const text = h('input', { type: 'text', value: caption, maxlength: 1024, placeholder: t('caption'), aria: { label: t('caption') }, autofocus: true })
  const draw = () => {
    if (!chosen.length) return el.close()
    const photos = compress.checked
    list.className = `previews${photos && chosen.every(visual) ? ' grid' : ''}`
    list.replaceChildren(...chosen.map((file, i) => {
      const url = file.type.startsWith('image/') ? URL.createObjectURL(file) : null
      if (url) urls.push(url)
      return h('div', { class: 'preview' }, url ? h('img', { src: url, alt: '' }) : h('span', { class: 'face blue' }, icon('file')),
        h('span', { class: 'about' }, h('b', {}, file.name), h('small', {}, fileSize(file.size, language()))),
        iconButton('close', `${t('remove')}: ${file.name}`, () => { chosen = chosen.filter((_, n) => n !== i); draw() }))
    }))
  }
  compress.addEventListener('change', draw)
  const el = dialog(chosen.length > 1 ? t('filesTitle', { n: chosen.length }) : t('fileTitle'), [list,
    files.some(visual) ? h('label', { class: 'check' }, compress, h('span', {}, t('compress'))) : null,
    files.length > 10 ? h('small', {}, t('tooMany')) : null, text],
  { confirm: t('send'), onConfirm: () => send(chosen, text.value.trim(), compress.checked) })
  el.addEventListener('close', () => urls.forEach((url) => URL.revokeObjectURL(url)))
  draw()
}

/** A message goes to the bot as forwarded: one of the chat, or something a client wrote elsewhere. */
export function forwardDialog(store, person, view) {
  const who = h('select', {}, store.people().filter((p) => !p.blocked).map((p) => h('option', { value: p.id, selected: p.id === person.id }, p.name)))
  if (view) {
    dialog(t('forward'), [h('p', { class: 'quoted' }, summary(view).slice(0, 300)), field(t('forwardTo'), who)], { confirm: t('forward'), onConfirm: () => {
      const target = Number(who.value)
      store.open(target)
      return api(`people/${target}/forward`, { message_id: view.message.message_id, from_person: person.id })
    } })
    return
  }
  const author = h('input', { type: 'text', required: true, value: language() === 'ru' ? 'Мария Клиентова' : 'Mary Client' })
  const text = h('textarea', { rows: 4, required: true, autofocus: true })
  const hidden = h('input', { type: 'checkbox', checked: true })
  dialog(t('forwardTitle'), [h('p', { class: 'hint' }, t('forwardHint')), field(t('author'), author), field(t('text'), text), h('label', { class: 'check' }, hidden, h('span', {}, t('hidden')))],
    { confirm: t('forward'), onConfirm: () => api(`people/${person.id}/forward`, { author: author.value, text: text.value, hidden: hidden.checked }) })
}

export function linkDialog(store, person) {
  const link = h('input', { type: 'text', required: true, autofocus: true, placeholder: `t.me/${store.bot.username}?start=…` })
  dialog(t('openLink'), field(t('payload'), link), { confirm: t('openLink'), onConfirm: () => api(`people/${person.id}/start`, { payload: store.payload(link.value) }) })
}

export function confirmContact(store, person, send) {
  const phone = h('input', { type: 'tel', required: true, value: `+7 916 ${String(100 + (person.id % 900))}-${String(10 + (person.id % 89))}-${String(10 + (person.id % 83))}` })
  dialog(t('contactTitle'), field(t('phone'), phone), { confirm: t('share'), onConfirm: () => send(phone.value.replace(/[^+\d]/g, '')) })
}

const NAMES = { ru: ['Глеб', 'Новиков'], en: ['Grace', 'Newman'] }

export function personDialog(store, link) {
  const [first, last] = NAMES[language()]
  const name = h('input', { type: 'text', required: true, value: first, maxlength: 64, autofocus: true })
  const surname = h('input', { type: 'text', value: last, maxlength: 64 })
  const username = h('input', { type: 'text', pattern: '[A-Za-z][A-Za-z0-9_]{3,31}' })
  const lang = h('select', {}, [['ru', 'Русский'], ['en', 'English']].map(([code, label]) => h('option', { value: code, selected: code === language() }, label)))
  const payload = h('input', { type: 'text', value: link ?? '' })
  const invite = store.lastInvite()
  const suggest = invite && invite !== link ? h('button', { type: 'button', class: 'text-button small', onclick: () => { payload.value = invite } }, t('lastInvite')) : null
  dialog(t('personTitle'), [h('p', { class: 'hint' }, t('personHint')),
    h('div', { class: 'pair' }, field(t('firstName'), name), field(t('lastName'), surname)),
    h('div', { class: 'pair' }, field(t('username'), username), field(t('lang'), lang)),
    field(t('payload'), payload, t('payloadHint', { bot: store.bot.username })), suggest],
  { confirm: t('create'), onConfirm: async () => {
    const made = await api('people', { first_name: name.value.trim(), last_name: surname.value.trim(), username: username.value.trim(), language_code: lang.value, payload: store.payload(payload.value) })
    store.openWhenHere(made.id)
  } })
}

const FAULTS = ['latency', 'too_many_rate', 'retry_after', 'error_rate', 'reset_before_rate', 'reset_after_rate', 'duplicate_rate', 'duplicates', 'reorder_rate', 'outage', 'methods']

export const faultsOn = (faults) => Object.entries(faults).some(([name, value]) => !['retry_after', 'duplicates', 'methods'].includes(name) && value)

export function faultsDialog(store) {
  const send = (values) => api('faults', values)
  const rows = [...new Set([...FAULTS, ...Object.keys(store.faults)])].filter((name) => name in store.faults).map((name) => {
    const value = store.faults[name]
    const label = t(`fault_${name}`) === `fault_${name}` ? name : t(`fault_${name}`)
    if (typeof value === 'boolean') {
      return h('label', { class: 'switch' }, h('span', {}, label), h('input', { type: 'checkbox', role: 'switch', checked: value, onchange: (event) => send({ [name]: event.target.checked }) }))
    }
    if (Array.isArray(value)) {
      return h('label', { class: 'range' }, h('span', {}, label), h('input', { type: 'text', value: value.join(', '), onchange: (event) => send({ [name]: event.target.value.split(/[\s,]+/).filter(Boolean) }) }))
    }
    const rate = name.endsWith('_rate')
    const show = (v) => (rate ? `${Math.round(v * 100)} %` : String(v))
    const out = h('output', {}, show(value))
    const input = h('input', { type: 'range', min: 0, max: rate ? 1 : name === 'latency' ? 5 : 30, step: rate ? 0.05 : name === 'latency' ? 0.1 : 1, value: String(value), oninput: (event) => { out.textContent = show(Number(event.target.value)) }, onchange: (event) => send({ [name]: Number(event.target.value) }) })
    input.value = value
    return h('label', { class: 'range' }, h('span', {}, label, out), input)
  })
  const el = dialog(t('faultsTitle'), [h('p', { class: 'hint' }, t('faultsHint')), rows], { cancel: false, extra: h('button', { type: 'button', class: 'text-button', onclick: async () => { await api('faults', { clear: true }); el.close() } }, t('allOff')), confirm: t('ok'), onConfirm: async () => {} })
}

export function lightbox(photos, start) {
  let at = start
  const img = h('img', { alt: '' })
  const caption = h('p', {})
  const link = h('a', { class: 'round', title: t('download'), aria: { label: t('download') }, download: 'photo.jpg' }, icon('download'))
  const show = (step) => {
    at = (at + step + photos.length) % photos.length
    img.src = photos[at].url
    img.alt = photos[at].caption || t('photo')
    caption.textContent = photos[at].caption
    link.href = `${photos[at].url}?download=1`
  }
  const many = photos.length > 1
  const el = h('dialog', { class: 'lightbox', aria: { label: t('photo') }, onclose: () => el.remove(), onclick: (event) => { if (!event.target.closest('img, button, a')) el.close() }, onkeydown: (event) => { if (many && event.key === 'ArrowRight') show(1); if (many && event.key === 'ArrowLeft') show(-1) } },
    h('div', { class: 'lightbox-bar' }, link, iconButton('close', t('close'), () => el.close())),
    many ? iconButton('back', '←', () => show(-1), { class: 'earlier' }) : null, h('figure', {}, img, h('figcaption', {}, caption)), many ? iconButton('back', '→', () => show(1), { class: 'later' }) : null)
  show(0)
  document.body.append(el)
  el.showModal()
}

// --- the inspector --------------------------------------------------------------------------------------------------

const KEEP = 500
const QUIET = new Set(['getUpdates'])

export class Inspector {
  constructor(onClose) {
    this.entries = new Map() // key → {entry, node}
    this.query = ''
    this.kinds = { call: true, update: true }
    this.errorsOnly = false
    const toggle = (kind, label) => h('button', { type: 'button', class: 'chip', aria: { pressed: true }, onclick: (event) => { this.kinds[kind] = !this.kinds[kind]; event.currentTarget.setAttribute('aria-pressed', String(this.kinds[kind])); this.filter() } }, label)
    this.list = h('div', { class: 'log', tabindex: 0, role: 'list', aria: { label: t('inspector') } })
    this.hint = h('p', { class: 'hint' }, t('inspectorEmpty'))
    this.el = h('aside', { class: 'inspector', hidden: true, aria: { label: t('inspector') } },
      h('header', {}, h('h2', {}, t('inspector')), iconButton('trash', t('clear'), () => this.clear()), iconButton('close', t('close'), onClose)),
      h('div', { class: 'filters' }, h('input', { type: 'search', placeholder: t('filter'), aria: { label: t('filter') }, oninput: (event) => { this.query = event.target.value.toLowerCase(); this.filter() } }),
        toggle('call', t('requests')), toggle('update', t('updates')),
        h('button', { type: 'button', class: 'chip', aria: { pressed: false }, onclick: (event) => { this.errorsOnly = !this.errorsOnly; event.currentTarget.setAttribute('aria-pressed', String(this.errorsOnly)); this.filter() } }, t('onlyErrors'))),
      this.hint, this.list)
  }

  clear() {
    this.entries.clear()
    this.list.replaceChildren()
    this.hint.hidden = false
  }

  load(entries) {
    this.clear()
    for (const entry of entries) this.add(entry)
  }

  /** `entry`: {kind: 'call' | 'update', at, data}; the same update comes again when its state changes. */
  add(entry) {
    if (entry.kind === 'call' && QUIET.has(entry.data.method) && entry.data.verdict === 200) return
    this.hint.hidden = true
    const key = entry.kind === 'call' ? `c${entry.data.number}` : `u${entry.data.update_id}`
    const old = this.entries.get(key)
    const node = this.node(entry)
    if (old) {
      node.open = old.node.open
      old.node.replaceWith(node)
    } else this.list.prepend(node)
    this.entries.set(key, { entry, node })
    this.show({ entry, node })
    if (this.entries.size > KEEP) {
      const [oldest, { node: gone }] = this.entries.entries().next().value
      gone.remove()
      this.entries.delete(oldest)
    }
  }

  node({ kind, at, data }) {
    const call = kind === 'call'
    const bad = call ? data.verdict !== 200 : ['failed', 'dropped'].includes(data.state)
    const verdict = call ? (data.verdict || t('dropped0')) : t(data.state)
    const line = call ? hintOf(data.params) : hintOf(data.update[data.kind])
    const details = h('details', { class: `entry ${kind}${bad ? ' bad' : ''}`, role: 'listitem', ontoggle: () => { if (details.open && !details.lastChild.hasChildNodes()) details.lastChild.append(...body()) } },
      h('summary', {}, h('span', { class: 'arrow', aria: { hidden: true } }, call ? '→' : '←'), h('b', {}, call ? data.method : data.kind), h('span', { class: `verdict ${bad ? 'bad' : data.state === 'queued' ? 'wait' : 'good'}` }, verdict),
        h('time', {}, preciseTime(new Date(at))), h('span', { class: 'line' }, data.error ?? line)),
      h('div', { class: 'entry-body' }))
    const pre = (label, value) => [h('b', {}, label), h('pre', {}, JSON.stringify(value, null, 1))]
    const body = () => (call ? [data.error ? h('p', { class: 'error' }, data.error, data.injected ? ` (${t('injected')})` : '') : null, ...pre(`${t('params')} · ${Math.round(data.seconds * 1000)} ms`, data.params), ...pre(t('result'), data.result)] : pre(`update_id ${data.update_id}`, data.update)).filter(Boolean)
    return details
  }

  show({ entry, node }) {
    const bad = node.classList.contains('bad')
    const matches = !this.query || JSON.stringify(entry.data).toLowerCase().includes(this.query)
    node.hidden = !this.kinds[entry.kind] || (this.errorsOnly && !bad) || !matches
  }

  filter() {
    for (const one of this.entries.values()) this.show(one)
  }
}

function hintOf(body) {
  if (!body || typeof body !== 'object') return ''
  const m = body.message && !body.text ? body : body
  const text = m.text ?? m.caption ?? m.data ?? m.action ?? m.message?.text ?? m.document?.file_name ?? m.callback_query_id ?? ''
  const chat = m.chat_id ?? m.chat?.id ?? m.from?.id
  return `${chat ? `${chat} · ` : ''}${String(text).replace(/<[^>]+>/g, '').slice(0, 120)}`
}

export { fileUrl }
