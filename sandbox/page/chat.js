// A column: one person's chat with the bot — header, messages, keyboards, the field to write in.

import { api, h, icon, iconButton, reconcile } from './dom.js'
import { dayKey, dayLabel, roleName, t } from './strings.js'
import { layout, renderRow, summary, textOf } from './message.js'
import { avatar, confirmContact, filesDialog, forwardDialog, linkDialog, linkMenu, popover, toast } from './panels.js'

const REACTIONS = ['👍', '❤', '🔥', '🎉', '👌', '🙏', '🤔', '👎']
const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches
const TAP_PATIENCE = 30_000 // a client stops spinning long before Telegram forgets the tap

export class Column {
  constructor(store, chat) {
    this.store = store
    this.chat = chat
    this.taps = new Map() // tap id or key → key of the button that spins
    this.reply = null
    this.editing = null
    this.closedKeyboard = false
    this.context = {
      person: chat.person, bot: store.bot, delivered: (id) => !chat.pending.has(id), pinned: (id) => chat.person.pinned.includes(id),
      busy: (key) => [...this.taps.values()].includes(key),
      actions: { jump: (id) => this.jump(id), react: (id, emoji) => this.post('react', { message_id: id, emoji }), tap: (view, button, key) => this.tap(view, button, key), lightbox: store.lightbox },
      text: { command: (text) => this.say(text), copy: (text) => this.copy(text), link: (url, event) => this.follow(url, event) },
    }
    this.build()
  }

  // --- the frame ------------------------------------------------------------------------------------------------

  build() {
    const { person } = this.chat
    this.title = h('div', { class: 'who' })
    this.others = h('div', { class: 'others', role: 'group', aria: { label: t('quickSwitch') } })
    this.pin = h('button', { type: 'button', class: 'pin bare', hidden: true })
    this.list = h('div', { class: 'messages', role: 'log', aria: { live: 'polite', relevant: 'additions', label: t('theirs', { name: person.name }) } })
    this.scroll = h('div', { class: 'scroll' }, this.list)
    this.count = h('span', { class: 'badge', hidden: true })
    this.bottom = h('button', { type: 'button', class: 'to-bottom', title: t('toBottom'), aria: { label: t('toBottom') }, onclick: () => this.toBottom(true), hidden: true }, icon('down'), this.count)
    this.dock = h('div', { class: 'dock' })
    this.toasts = h('div', { class: 'toasts', role: 'status' })
    this.tools = h('div', { class: 'tools' }, ['reply', 'more'].map((name) => iconButton(name, t(name), (event) => this.tool(name, event), { tabindex: -1 })))
    this.el = h('section', { class: 'column', data: { person: person.id }, aria: { label: t('theirs', { name: person.name }) }, onfocusin: () => this.store.focus(this), onpointerdown: () => this.store.focus(this) },
      h('header', { class: 'chat-head' }, iconButton('back', t('back'), () => this.store.showList(), { class: 'only-phone' }), this.title, this.others,
        h('div', { class: 'head-buttons' }, iconButton('more', t('more'), (event) => this.menu(event)), iconButton('close', t('closeColumn'), () => this.store.closeColumn(this), { class: 'close-column' }))),
      this.pin,
      h('div', { class: 'stage' }, h('div', { class: 'wallpaper' }), this.scroll, this.bottom, this.toasts, this.dropZone()),
      this.dock)
    this.buildComposer()
    // Who turns elsewhere has done with the list of commands.
    this.dock.addEventListener('focusout', (event) => { if (!this.dock.contains(event.relatedTarget)) this.hideSuggestions() })
    this.scroll.addEventListener('scroll', () => this.scrolled(), { passive: true })
    this.list.addEventListener('pointerover', (event) => this.hover(event))
    this.list.addEventListener('contextmenu', (event) => this.contextMenu(event))
    this.list.addEventListener('dblclick', (event) => { const row = event.target.closest('.row'); if (row && !event.target.closest('button, a')) this.startReply(Number(row.dataset.id)) })
    this.list.addEventListener('keydown', (event) => this.rowKeys(event))
    this.longPress()
    // Pictures and the keyboard change heights: who was at the bottom stays there.
    this.pinnedDown = true
    this.sizes = new ResizeObserver(() => { if (this.pinnedDown) this.toBottom() })
    this.sizes.observe(this.list)
    this.sizes.observe(this.scroll)
    this.sync()
    this.syncPerson()
  }

  buildComposer() {
    this.input = h('textarea', { rows: 1, placeholder: t('message'), aria: { label: t('message') }, autocapitalize: 'sentences', spellcheck: true })
    this.input.addEventListener('input', () => { this.grow(); this.suggest() })
    this.input.addEventListener('keydown', (event) => this.keys(event))
    this.input.addEventListener('paste', (event) => this.paste(event))
    this.menuButton = h('button', { type: 'button', class: 'menu-button', aria: { label: t('commands'), expanded: false }, onpointerdown: (event) => event.preventDefault(), onclick: () => this.toggleCommands() }, icon('menu', 20), h('span', {}, t('menu')))
    this.keyboardButton = iconButton('keyboard', t('showKeyboard'), () => { this.closedKeyboard = !this.closedKeyboard; this.syncPerson() })
    this.sendButton = iconButton('send', t('send'), () => this.submit(), { class: 'send' })
    this.suggestions = h('div', { class: 'suggestions', role: 'listbox', aria: { label: t('commands') }, hidden: true })
    this.banner = h('div', { class: 'banner', hidden: true })
    this.keyboard = h('div', { class: 'reply-keys', hidden: true })
    this.picker = h('input', { type: 'file', multiple: true, hidden: true, onchange: () => { this.attach([...this.picker.files], this.picker.accept !== ''); this.picker.value = '' } })
    this.bar = h('div', { class: 'bar' }, this.menuButton, iconButton('attach', t('attach'), (event) => this.attachMenu(event)), this.input, this.keyboardButton, this.sendButton)
    this.startButton = h('button', { type: 'button', class: 'start', onclick: () => (this.chat.person.blocked ? this.post('block', { blocked: false }) : this.post('start', {})) })
    this.dock.append(this.suggestions, this.banner, this.bar, this.startButton, this.keyboard, this.picker)
  }

  syncPerson() {
    const { person } = this.chat
    this.context.person = person
    const typing = this.chat.action
    const state = person.blocked ? t('blockedBot') : person.started ? t('chatWith') : t('notStarted')
    this.title.replaceChildren(avatar(person), h('div', {}, h('div', { class: 'name' }, person.name),
      h('div', { class: `sub${typing ? ' live' : person.role && person.started && !person.blocked ? ' quiet' : ''}` }, person.role ? h('span', { class: `role c${person.roleTone}` }, roleName(person.role)) : null,
        typing ? h('span', { class: 'line' }, t(actionWord(typing)), h('span', { class: 'dots', aria: { hidden: true } }, h('i'), h('i'), h('i'))) : h('span', { class: 'line' }, state))))
    const silent = person.blocked || !person.started
    this.bar.hidden = silent
    this.startButton.hidden = !silent
    this.startButton.textContent = person.blocked ? t('unblock') : t('start')
    this.menuButton.hidden = !person.commands.length
    const board = person.keyboard?.keyboard
    const shown = Boolean(board) && !this.closedKeyboard && !silent
    this.keyboardButton.hidden = !board
    this.keyboardButton.title = t(shown ? 'hideKeyboard' : 'showKeyboard')
    this.keyboardButton.setAttribute('aria-label', this.keyboardButton.title)
    this.keyboard.hidden = !shown
    this.keyboard.classList.toggle('tall', Boolean(board) && !person.keyboard.resize_keyboard)
    this.keyboard.replaceChildren(...(shown ? board.map((row) => h('div', { class: 'keys-row' }, row.map((button) => {
      const b = typeof button === 'string' ? { text: button } : button
      return h('button', { type: 'button', class: `reply-key ${b.style ?? ''}`, onclick: () => this.pressReplyKey(b) }, b.text)
    }))) : []))
    this.input.placeholder = person.keyboard?.input_field_placeholder || t('message')
    if (person.keyboard?.force_reply && this.forced !== person.keyboard) {
      this.forced = person.keyboard
      const last = [...this.chat.views].reverse().find((v) => v.out)
      if (last) this.startReply(last.message.message_id)
    }
    const pinnedId = person.pinned.at(-1)
    const pinned = pinnedId && this.chat.views.find((v) => v.message.message_id === pinnedId)
    this.pin.hidden = !pinned
    if (pinned) {
      this.pin.replaceChildren(icon('pin', 18), h('span', {}, h('b', {}, t('pinned')), h('span', { class: 'line' }, summary(pinned))))
      this.pin.onclick = () => this.jump(pinnedId)
    }
  }

  /** The row of other people in the head, for a phone where the list is another screen. */
  syncOthers(people) {
    this.others.replaceChildren(...people.map(({ person, unread }) => h('button', { type: 'button', class: 'bare', title: person.name, aria: { label: unread ? `${person.name}, ${t('unread', { n: unread })}` : person.name }, onclick: () => this.store.open(person.id) }, avatar(person, 'small'), unread ? h('span', { class: 'badge' }, unread) : null)))
  }

  // --- messages -------------------------------------------------------------------------------------------------

  sync() {
    const down = this.atBottom() || this.pinnedDown
    const before = this.rowsBefore
    const days = layout(this.chat.views, { dayKey, dayLabel, now: this.store.now(), delivered: this.context.delivered })
    for (const day of days) day.stamp = `${day.label}|${day.rows.map((r) => `${r.key}:${r.stamp}`).join()}`
    reconcile(this.list, days, (day, old) => {
      const section = old ?? h('div', { class: 'day' }, h('div', { class: 'date' }, h('span')), h('div', { class: 'rows' }))
      section.firstChild.firstChild.textContent = day.label
      reconcile(section.lastChild, day.rows, (row, node) => this.row(row, node))
      return section
    })
    this.empty ??= h('div', { class: 'empty' })
    if (this.chat.views.length) this.empty.remove()
    else {
      this.empty.replaceChildren(h('b', {}, t('emptyTitle')), h('span', {}, t(this.chat.person.started ? 'emptyText' : 'emptyStart')))
      this.list.after(this.empty)
    }
    this.rowsBefore = this.chat.views.length
    if (down) this.toBottom(before !== undefined && this.rowsBefore - before === 1 && this.visible())
    this.syncUnread()
  }

  row(row, node) {
    const fresh = renderRow(row, this.context)
    if (!node) {
      if (this.rowsBefore !== undefined && row.views[0].live) fresh.classList.add('arrive')
      return fresh
    }
    const [was, is] = [node, fresh].map((n) => n.querySelector('.bubble').textContent)
    if (row.views.some((v) => v.flash) && (was !== is || row.views[0].flash === 'keys')) fresh.querySelector('.bubble').classList.add('flash')
    for (const v of row.views) v.flash = null
    if (node.contains(document.activeElement)) {
      // The pressed button is redrawn with its message: the keyboard user's place must not be lost.
      const key = document.activeElement.dataset.key
      queueMicrotask(() => (key && fresh.querySelector(`[data-key="${key}"]`) || fresh.querySelector('.key') || fresh).focus({ preventScroll: true }))
    }
    return fresh
  }

  visible() { return this.el.isConnected && this.el.offsetParent !== null }

  atBottom() { return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 60 }

  toBottom(smooth) {
    this.pinnedDown = true
    this.scroll.scrollTo({ top: this.scroll.scrollHeight, behavior: smooth && !calm() ? 'smooth' : 'instant' })
    this.syncUnread()
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll
    const down = this.atBottom()
    const size = `${scrollHeight}/${clientHeight}`
    // What moves while the sizes stay is moved by the person; a smooth scroll down passes through "not at the bottom",
    // so only going up means leaving it. What moves with the sizes (an edit above, a keyboard) is the layout's doing.
    if (down) this.pinnedDown = true
    else if (size !== this.lastSize) { if (this.pinnedDown) this.toBottom() } else if (scrollTop < (this.lastTop ?? 0) - 2) this.pinnedDown = false
    this.lastSize = size
    this.lastTop = scrollTop
    if (scrollTop < 200 && this.chat.more && !this.loading) this.older()
    this.floatDates()
    this.syncUnread()
  }

  /** A day's name that has left its place and lies over the messages is seen only while somebody scrolls. */
  floatDates() {
    this.scroll.classList.add('moves')
    clearTimeout(this.rests)
    this.rests = setTimeout(() => this.scroll.classList.remove('moves'), 100)
    const { top } = this.scroll.getBoundingClientRect()
    for (const day of this.list.children) day.firstChild.classList.toggle('floats', day.getBoundingClientRect().top < top - 2)
  }

  async older() {
    this.loading = true
    try {
      const { messages, more } = await api(`people/${this.chat.person.id}/messages?before=${this.chat.views[0].message.message_id}`)
      const fromBottom = this.scroll.scrollHeight - this.scroll.scrollTop
      this.chat.more = more
      this.store.prepend(this.chat, messages)
      this.sync()
      this.scroll.scrollTop = this.scroll.scrollHeight - fromBottom
    } finally { this.loading = false }
  }

  syncUnread() {
    const last = this.chat.views.at(-1)?.message.message_id ?? 0
    if (this.visible() && this.pinnedDown && document.visibilityState === 'visible') this.store.read(this.chat, last)
    const unread = this.store.unread(this.chat)
    this.bottom.hidden = this.pinnedDown
    this.count.hidden = !unread
    this.count.textContent = unread
  }

  async jump(id) {
    while (!this.viewOf(id) && this.chat.more && !this.loading) await this.older()
    const row = this.rowOf(id)
    if (!row) return this.toast(t('gone'))
    this.pinnedDown = false
    row.scrollIntoView({ block: 'center', behavior: calm() ? 'instant' : 'smooth' })
    row.classList.remove('found')
    requestAnimationFrame(() => row.classList.add('found'))
    setTimeout(() => row.classList.remove('found'), 1600)
  }

  rowOf(id) {
    const view = this.chat.views.find((v) => v.message.message_id === id)
    const group = view?.message.media_group_id
    const first = group ? this.chat.views.find((v) => v.message.media_group_id === group) : view
    return first && this.list.querySelector(`[data-id="${first.message.message_id}"]`)
  }

  viewOf(id) { return this.chat.views.find((v) => v.message.message_id === Number(id)) }

  // --- what can be done with a message --------------------------------------------------------------------------

  hover(event) {
    if (event.pointerType === 'touch') return
    const row = event.target.closest('.row')
    if (row && this.tools.parentNode?.parentNode !== row) row.firstChild.append(this.tools)
  }

  tool(name, event) {
    const id = Number(this.tools.closest('.row').dataset.id)
    if (name === 'reply') this.startReply(id)
    else this.messageMenu(id, event.currentTarget.getBoundingClientRect())
  }

  contextMenu(event) {
    const row = event.target.closest('.row')
    if (!row || getSelection().toString()) return
    const link = event.target.closest('a[href*="t.me/"]')
    event.preventDefault()
    const at = event.clientX ? new DOMRect(event.clientX, event.clientY, 0, 0) : row.querySelector('.bubble').getBoundingClientRect()
    this.messageMenu(Number(row.dataset.id), at, link?.href)
  }

  longPress() {
    let timer
    const cancel = () => clearTimeout(timer)
    this.list.addEventListener('touchstart', (event) => {
      const row = event.target.closest('.row')
      const touch = event.touches[0]
      cancel()
      if (row) timer = setTimeout(() => { navigator.vibrate?.(10); this.messageMenu(Number(row.dataset.id), new DOMRect(touch.clientX, touch.clientY, 0, 0)) }, 480)
    }, { passive: true })
    for (const end of ['touchend', 'touchmove', 'touchcancel']) this.list.addEventListener(end, cancel, { passive: true })
  }

  messageMenu(id, at, href) {
    const view = this.viewOf(id)
    if (!view) return
    const mine = view.reactions?.[String(this.chat.person.id)] ?? []
    const reactions = h('div', { class: 'react-strip', role: 'group', aria: { label: t('react') } }, REACTIONS.map((emoji) => h('button', { type: 'button', class: mine.includes(emoji) ? 'chosen' : '', aria: { label: emoji, pressed: mine.includes(emoji) }, onclick: () => { close(); this.post('react', { message_id: id, emoji: mine.includes(emoji) ? null : emoji }) } }, emoji)))
    const link = href ?? deepLinks(view, this.store.bot.username).at(-1)
    const items = [
      ['reply', t('reply'), () => this.startReply(id)],
      !view.out && (view.content === 'text' || view.message.caption) ? ['edit', t('edit'), () => this.startEdit(view)] : null,
      textOf(view) ? ['copy', t('copyText'), () => this.copy(textOf(view))] : null,
      link ? ['link', t('openAs'), () => linkMenu(this.store, this.chat.person, link, at)] : null,
      ['forward', t('forward'), () => forwardDialog(this.store, this.chat.person, view)],
      !view.out ? ['trash', t('remove'), () => this.post('delete', { message_id: id }), 'danger'] : null,
    ].filter(Boolean)
    const close = popover(at, items, reactions)
  }

  startReply(id) {
    const view = this.viewOf(id)
    if (!view) return
    this.editing = null
    this.reply = id
    this.showBanner('reply', view.out ? this.store.bot.first_name : t('you'), summary(view))
  }

  startEdit(view) {
    this.reply = null
    this.editing = view.message.message_id
    this.input.value = textOf(view)
    this.grow()
    this.showBanner('edit', t('editing'), textOf(view))
  }

  showBanner(name, title, line) {
    this.banner.hidden = false
    this.banner.replaceChildren(icon(name, 20), h('span', {}, h('b', {}, title), h('span', { class: 'line' }, line)), iconButton('close', t('cancel'), () => this.dropBanner()))
    this.input.focus()
  }

  dropBanner() {
    if (this.editing) { this.input.value = ''; this.grow() }
    this.reply = null
    this.editing = null
    this.banner.hidden = true
  }

  async copy(text) {
    try { await navigator.clipboard.writeText(text) } catch { return }
    this.toast(t('copied'))
  }

  follow(url, event) {
    const payload = startPayload(url, this.store.bot.username)
    if (payload === null) return
    event?.preventDefault()
    this.post('start', payload ? { payload } : {})
  }

  // --- taps -----------------------------------------------------------------------------------------------------

  async tap(view, button, key) {
    if (button.callback_data !== undefined) {
      if (this.context.busy(key)) return
      this.taps.set(key, key)
      this.spin(key)
      const { tap_id: id } = (await this.post('press', { message_id: view.message.message_id, data: button.callback_data })) ?? {}
      this.taps.delete(key)
      if (!id || this.chat.answered.delete(id)) return this.spin(key)
      this.taps.set(id, key)
      setTimeout(() => { if (this.taps.delete(id)) this.spin(key) }, TAP_PATIENCE)
    } else if (button.url) {
      if (startPayload(button.url, this.store.bot.username) !== null) this.follow(button.url)
      else open(button.url, '_blank', 'noopener')
    } else if (button.copy_text) this.copy(button.copy_text.text)
    else if (button.switch_inline_query_current_chat !== undefined) this.write(`@${this.store.bot.username} ${button.switch_inline_query_current_chat}`)
    else if (button.switch_inline_query !== undefined) this.write(`@${this.store.bot.username} ${button.switch_inline_query}`)
    else this.toast(t('notHere'))
  }

  spin(key) {
    const el = this.list.querySelector(`[data-key="${CSS.escape(key)}"]`)
    if (!el) return
    const busy = this.context.busy(key)
    el.classList.toggle('busy', busy)
    busy ? el.setAttribute('aria-busy', 'true') : el.removeAttribute('aria-busy')
  }

  /** The bot answered a press, perhaps before the server told us the press's id. */
  answered({ tap_id: id, text, show_alert: alert, url }) {
    const key = this.taps.get(id)
    if (this.taps.delete(id)) this.spin(key)
    else this.chat.answered.add(id)
    if (text && alert) this.alert(text)
    else if (text) this.toast(text)
    if (url && startPayload(url, this.store.bot.username) !== null) this.follow(url)
    else if (url) open(url, '_blank', 'noopener')
  }

  toast(text) { toast(this.toasts, text) }

  alert(text) {
    const close = () => { box.remove(); this.input.focus({ preventScroll: true }) }
    const ok = h('button', { type: 'button', class: 'text-button', onclick: close }, t('ok'))
    const box = h('div', { class: 'alert', role: 'alertdialog', aria: { modal: true, label: text }, onkeydown: (event) => { if (event.key === 'Escape') close(); if (event.key === 'Tab') event.preventDefault() } }, h('div', {}, h('b', {}, this.store.bot.first_name), h('p', {}, text), ok))
    this.el.append(box)
    ok.focus()
  }

  // --- writing --------------------------------------------------------------------------------------------------

  async post(action, body) {
    try { return await api(`people/${this.chat.person.id}/${action}`, body) } catch (error) { this.toast(t('error', { text: error.message })); return null }
  }

  write(text) {
    this.fill(text)
    this.suggest()
    this.input.focus()
  }

  fill(text) {
    this.input.value = text
    this.grow()
  }

  async submit() {
    const text = this.input.value.trim()
    if (!text) return
    const { reply, editing } = this
    this.input.value = ''
    this.grow()
    this.hideSuggestions()
    this.editing = null
    this.dropBanner()
    this.pinnedDown = true
    const done = editing ? await this.post('edit', { message_id: editing, text }) : await this.say(text, reply)
    if (!done && !this.input.value) this.write(text)
  }

  say(text, reply = null) {
    this.pinnedDown = true
    return this.post('say', reply ? { text, reply_to: reply } : { text })
  }

  pressReplyKey(button) {
    if (button.request_contact) confirmContact(this.store, this.chat.person, (phone) => this.post('contact', { phone }))
    else if (button.request_location || button.web_app || button.request_users || button.request_chat || button.request_poll) this.toast(t('notHere'))
    else this.say(button.text)
  }

  grow() {
    this.input.style.height = 'auto'
    this.input.style.height = `${Math.min(this.input.scrollHeight, 180)}px`
    this.bar.classList.toggle('filled', this.input.value.trim() !== '')
  }

  keys(event) {
    if (!this.suggestions.hidden && ['ArrowDown', 'ArrowUp', 'Tab', 'Enter', 'Escape'].includes(event.key) && this.pick(event)) return
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.submit() }
    else if (event.key === 'Escape' && !this.banner.hidden) this.dropBanner()
    else if (event.key === 'ArrowUp' && !this.input.value && this.list.querySelector('.row')) { event.preventDefault(); [...this.list.querySelectorAll('.row')].at(-1).focus() }
  }

  rowKeys(event) {
    const row = event.target.closest('.row')
    if (row && row !== event.target) {
      if (event.key === 'Escape') row.focus()
      return
    }
    if (!row) return
    const rows = [...this.list.querySelectorAll('.row')]
    const at = rows.indexOf(row)
    if (event.key === 'ArrowUp' && at) rows[at - 1].focus()
    else if (event.key === 'ArrowDown') (rows[at + 1] ?? this.input).focus()
    else if (event.key === 'Enter') this.startReply(Number(row.dataset.id))
    else if (event.key === 'Escape') this.input.focus()
    else return
    event.preventDefault()
  }

  // --- the command menu and completion ---------------------------------------------------------------------------

  toggleCommands() {
    if (!this.suggestions.hidden) return this.hideSuggestions()
    this.suggestCommands('')
    this.input.focus()
  }

  suggest() {
    const { value } = this.input
    const inline = `@${this.store.bot.username} `
    if (value.startsWith('/') && !/\s/.test(value)) return this.suggestCommands(value.slice(1).toLowerCase())
    if (value.toLowerCase().startsWith(inline)) return this.suggestInline(value.slice(inline.length))
    return this.hideSuggestions()
  }

  suggestCommands(prefix) {
    const fit = this.chat.person.commands.filter((c) => c.command.startsWith(prefix))
    this.showSuggestions(fit.map((c) => ({ node: [h('b', {}, `/${c.command}`), h('span', {}, c.description)], choose: (onlyFill) => { if (onlyFill) this.write(`/${c.command} `); else { this.write(''); this.say(`/${c.command}`) } } })))
  }

  suggestInline(query) {
    clearTimeout(this.inlineTimer)
    this.inlineTimer = setTimeout(async () => {
      const found = await this.post('inline', { query })
      if (!found || !this.input.value.endsWith(query)) return
      this.showSuggestions(found.results.map((r) => ({ node: [h('b', {}, r.title ?? r.id), h('span', {}, r.description ?? '')], choose: () => { this.write(''); this.post('inline/choose', { query_id: found.query_id, result_id: r.id }) } })))
      if (!found.results.length) this.suggestions.replaceChildren(h('div', { class: 'none' }, t('inlineEmpty')))
      this.suggestions.hidden = false
    }, 250)
  }

  showSuggestions(items) {
    this.options = items
    this.chosen = 0
    this.suggestions.hidden = !items.length
    this.menuButton.setAttribute('aria-expanded', String(!this.suggestions.hidden))
    this.suggestions.replaceChildren(...items.map((item, i) => h('button', { type: 'button', class: 'suggestion', role: 'option', tabindex: -1, aria: { selected: i === 0 }, onpointerdown: (event) => event.preventDefault(), onclick: () => { this.hideSuggestions(); item.choose() } }, item.node)))
  }

  hideSuggestions() {
    this.suggestions.hidden = true
    this.menuButton.setAttribute('aria-expanded', 'false')
  }

  pick(event) {
    if (event.key === 'Escape') { this.hideSuggestions(); return true }
    if (event.key === 'Enter' && (event.shiftKey || event.isComposing)) return false
    event.preventDefault()
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) {
      this.chosen = (this.chosen + step + this.options.length) % this.options.length
      ;[...this.suggestions.children].forEach((el, i) => { el.setAttribute('aria-selected', String(i === this.chosen)); if (i === this.chosen) el.scrollIntoView({ block: 'nearest' }) })
      return true
    }
    const option = this.options[this.chosen]
    this.hideSuggestions()
    option?.choose(event.key === 'Tab')
    return true
  }

  // --- files ----------------------------------------------------------------------------------------------------

  attachMenu(event) {
    const pick = (accept) => { this.picker.accept = accept; this.picker.click() }
    popover(event.currentTarget.getBoundingClientRect(), [
      ['image', t('attachPhoto'), () => pick('image/*,video/*')],
      ['file', t('attachFile'), () => pick('')],
      ['person', t('attachContact'), () => confirmContact(this.store, this.chat.person, (phone) => this.post('contact', { phone }))],
      ['forward', t('attachForward'), () => forwardDialog(this.store, this.chat.person, null)],
    ])
  }

  paste(event) {
    const files = [...event.clipboardData.files]
    if (!files.length) return
    event.preventDefault()
    this.attach(files, true)
  }

  attach(files, asPhotos) {
    if (!files.length) return
    const caption = this.input.value
    filesDialog(files, { asPhotos, caption, send: async (chosen, text, compress) => {
      const { reply } = this
      this.input.value = ''
      this.grow()
      this.dropBanner()
      this.pinnedDown = true
      const form = new FormData()
      form.set('caption', text)
      form.set('as_photos', compress ? '1' : '')
      if (reply) form.set('reply_to', reply)
      for (const file of chosen) form.append('files', file, file.name || 'image.png')
      await this.post('files', form)
      setTimeout(() => this.input.focus(), 0) // after the dialog has given the focus back to where it was
    } })
  }

  dropZone() {
    const zone = (photos) => h('div', { class: 'drop', data: { photos: photos ? '1' : '' } }, icon(photos ? 'image' : 'file', 40), h('b', {}, t(photos ? 'dropPhotos' : 'dropFiles')))
    this.drop = h('div', { class: 'drop-zone', hidden: true }, zone(false), zone(true))
    let depth = 0
    const stop = () => { depth = 0; this.drop.hidden = true }
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files')
    queueMicrotask(() => {
      this.el.addEventListener('dragenter', (event) => {
        if (!hasFiles(event) || this.bar.hidden) return
        event.preventDefault()
        depth += 1
        const items = [...event.dataTransfer.items]
        this.drop.lastChild.hidden = items.length > 0 && !items.some((i) => /^(image|video)\//.test(i.type))
        this.drop.hidden = false
      })
      this.el.addEventListener('dragover', (event) => {
        if (!hasFiles(event) || this.bar.hidden) return
        event.preventDefault()
        for (const one of this.drop.children) one.classList.toggle('over', one.contains(event.target))
      })
      this.el.addEventListener('dragleave', () => { depth -= 1; if (depth <= 0) stop() })
      this.el.addEventListener('drop', (event) => {
        if (!hasFiles(event) || this.bar.hidden) return
        event.preventDefault()
        const zoneHit = event.target.closest('.drop')
        stop()
        this.attach([...event.dataTransfer.files], zoneHit ? zoneHit.dataset.photos === '1' : true)
      })
    })
    return this.drop
  }

  menu(event) {
    const { person } = this.chat
    popover(event.currentTarget.getBoundingClientRect(), [
      ['send', '/start', () => this.post('start', {})],
      ['link', t('openLink'), () => linkDialog(this.store, person)],
      ['forward', t('attachForward'), () => forwardDialog(this.store, person, null)],
      ['block', t(person.blocked ? 'unblock' : 'block'), () => this.post('block', { blocked: !person.blocked }), person.blocked ? '' : 'danger'],
    ])
  }
}

function actionWord(action) {
  if (action === 'typing') return 'typing'
  return action.startsWith('upload') || action.startsWith('record') ? 'uploading' : 'choosing'
}

/** The payload of a link to our bot: '' for a bare link, null for any other address. */
export function startPayload(url, username) {
  let parsed
  try { parsed = new URL(/^[a-z]+:/i.test(url) ? url : `https://${url}`) } catch { return null }
  const name = parsed.protocol === 'tg:' ? parsed.searchParams.get('domain') : ['t.me', 'telegram.me'].includes(parsed.hostname) ? parsed.pathname.slice(1).replace(/\/$/, '') : null
  return name?.toLowerCase() === username.toLowerCase() ? parsed.searchParams.get('start') ?? '' : null
}

/** Links with a start payload in a message: its text, its entities and its buttons. */
export function deepLinks(view, username) {
  const m = view.message
  const urls = [...textOf(view).matchAll(/(?:https?:\/\/)?t\.me\/[^\s]+/g)].map((x) => x[0])
  for (const e of m.entities ?? m.caption_entities ?? []) if (e.url) urls.push(e.url)
  for (const row of m.reply_markup?.inline_keyboard ?? []) for (const b of row) if (b.url) urls.push(b.url)
  return urls.filter((url) => startPayload(url, username))
}
