// The page: what is known (people, chats, clock, faults), what happens to it (events), and how it is laid out.

import { api, h, icon, iconButton } from './dom.js'
import { Column, deepLinks, startPayload } from './chat.js'
import { summary } from './message.js'
import { Inspector, avatar, confirmReset, faultsDialog, faultsOn, keysDialog, lightbox, personDialog, popover, toast } from './panels.js'
import { clockTime, dayKey, dayLabel, language, longMoment, roleName, setLanguage, setZone, shortDate, shortMoment, span, t } from './strings.js'

const PHONE = matchMedia('(max-width: 719px)')
const LEAST = 330 // a column narrower than this is no chat

class App {
  constructor() {
    this.chats = new Map() // person id → chat
    this.columns = new Map() // person id → Column, kept while hidden: draft and scroll stay
    this.open_ = [] // ids shown now, left to right
    this.picked = new Set() // those of them that somebody chose; the rest only fill the room
    this.wanted = Number(localStorage.getItem('columns')) || 3
    this.faults = {}
    this.roles = [] // in order of appearance: each has a colour
    this.bot = { first_name: 'Bot', username: 'bot' }
    this.offset = 0
    this.skew = 0
    this.lightbox = lightbox
    this.marks = JSON.parse(sessionStorage.getItem('read') ?? '{}')
    this.theme(localStorage.getItem('theme') ?? new URLSearchParams(location.search).get('theme') ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'))
  }

  // --- what columns and panels ask ----------------------------------------------------------------------------------

  now() { return new Date(Date.now() + this.skew) }
  people() { return [...this.chats.values()].map((c) => c.person) }
  payload(text) { const link = text.trim(); return link ? startPayload(link, this.bot.username) ?? link : null }
  note(text) { toast(this.notes, text) }
  focus(column) { if (this.active !== column.chat.person.id) { this.active = column.chat.person.id; this.drawList() } }

  lastInvite() {
    const all = [...this.chats.values()].flatMap((c) => c.views.filter((v) => v.out))
    return all.sort((a, b) => b.message.date - a.message.date || b.message.message_id - a.message.message_id).flatMap((v) => deepLinks(v, this.bot.username))[0]
  }

  unread(chat) { return chat.views.filter((v) => v.out && v.message.message_id > (this.marks[chat.person.id] ?? 0)).length }

  read(chat, id) {
    if ((this.marks[chat.person.id] ?? 0) >= id) return
    this.marks[chat.person.id] = id
    sessionStorage.setItem('read', JSON.stringify(this.marks))
    this.later()
  }

  // --- the frame ----------------------------------------------------------------------------------------------------

  build() {
    document.documentElement.lang = language()
    document.title = `Polisdesk · ${t('sandbox')}`
    this.moment = h('span', { class: 'moment' })
    this.ahead = h('span', { class: 'ahead', hidden: true })
    this.steps = h('div', { class: 'steps', role: 'group', aria: { label: t('clock') } },
      h('button', { type: 'button', title: t('nowTip'), onclick: () => this.travel({ to: 'now' }) }, t('now')),
      h('button', { type: 'button', onclick: () => this.travel({ to: '+day' }) }, t('plusDay')),
      h('button', { type: 'button', onclick: () => this.travel({ to: '+month' }) }, t('plusMonth')),
      (this.nextButton = h('button', { type: 'button', class: 'next', title: t('nextReminderTip'), onclick: () => this.travel({ to: 'next' }) }, icon('bell', 16), h('span', {}, t('nextReminder')))))
    this.clockButton = h('button', { type: 'button', class: 'clock', title: t('clock'), aria: { label: t('clock') }, onclick: (event) => this.clockMenu(event) }, icon('clock', 18), this.moment, this.ahead)
    this.columnButton = iconButton('columns', t('columns'), (event) => popover(event.currentTarget.getBoundingClientRect(), ['oneColumn', 'twoColumns', 'threeColumns'].map((key, i) => [i + 1 === this.shown() ? 'check' : 'columns', t(key), () => this.want(i + 1)])), { class: 'no-phone' })
    this.faultButton = iconButton('bolt', t('faults'), () => faultsDialog(this), { class: 'no-phone' })
    this.inspector = new Inspector(() => this.inspect(false))
    this.inspectButton = iconButton('pulse', t('inspectorTip'), () => this.inspect(this.inspector.el.hidden), { class: 'no-phone' })
    this.persons = h('div', { class: 'persons' })
    this.board = h('div', { class: 'board' })
    this.lost = h('div', { class: 'lost', role: 'alert', hidden: true }, h('i', { class: 'spinner' }), t('lost'))
    this.notes = h('div', { class: 'toasts global', role: 'status' })
    this.themeButton = iconButton('moon', t('theme'), () => this.toggleTheme(), { class: 'no-phone' })
    document.body.replaceChildren(
      h('header', { class: 'top' },
        h('div', { class: 'brand' }, h('img', { src: '/page/static/icon.svg', alt: '', width: 30, height: 30 }), h('div', {}, h('b', {}, 'Polisdesk'), h('small', {}, t('sandbox')))),
        h('div', { class: 'time' }, this.clockButton, this.steps),
        h('div', { class: 'controls' }, this.columnButton, this.inspectButton, this.faultButton, this.themeButton,
          h('button', { type: 'button', class: 'round no-phone lang', title: t('language'), aria: { label: t('language') }, onclick: () => this.toggleLanguage() }, language() === 'ru' ? 'EN' : 'RU'),
          iconButton('more', t('more'), (event) => this.mainMenu(event)))),
      this.lost,
      h('main', {},
        h('nav', { class: 'side', aria: { label: t('people') } }, this.persons, h('button', { type: 'button', class: 'add', onclick: () => personDialog(this) }, icon('addPerson', 20), t('newPerson'))),
        this.board, this.inspector.el),
      this.notes)
  }

  theme(name) {
    this.themeName = name
    document.documentElement.dataset.theme = name
    document.querySelector('meta[name="theme-color"]').content = name === 'dark' ? '#17212b' : '#ffffff'
  }

  toggleTheme() {
    this.theme(this.themeName === 'dark' ? 'light' : 'dark')
    localStorage.setItem('theme', this.themeName)
    this.drawHead()
  }

  toggleLanguage() {
    setLanguage(language() === 'ru' ? 'en' : 'ru')
    const inspecting = !this.inspector.el.hidden
    const drafts = [...this.columns].map(([id, c]) => [id, c.input.value])
    this.columns.clear()
    this.build()
    this.draw()
    for (const [id, text] of drafts) if (text) this.column(id).fill(text)
    this.inspect(inspecting)
  }

  mainMenu(event) {
    const phone = PHONE.matches
    const dark = this.themeName === 'dark'
    popover(event.currentTarget.getBoundingClientRect(), [
      phone ? ['pulse', t('inspector'), () => this.inspect(this.inspector.el.hidden)] : null,
      phone ? ['bolt', t('faults'), () => faultsDialog(this)] : null,
      phone ? [dark ? 'sun' : 'moon', t(dark ? 'toLight' : 'toDark'), () => this.toggleTheme()] : null,
      phone ? ['help', t('language'), () => this.toggleLanguage()] : null,
      ['addPerson', t('newPerson'), () => personDialog(this)],
      phone ? null : ['help', t('shortcuts'), () => keysDialog()],
      ['reset', t('reset'), () => confirmReset(), 'danger'],
    ].filter(Boolean))
  }

  clockMenu(event) {
    popover(event.currentTarget.getBoundingClientRect(), [
      ['clock', t('now'), () => this.travel({ to: 'now' })],
      ['forward', t('plusDay'), () => this.travel({ to: '+day' })],
      ['forward', t('plusMonth'), () => this.travel({ to: '+month' })],
      this.canNext ? ['bell', t('nextReminder'), () => this.travel({ to: 'next' })] : null,
    ].filter(Boolean))
  }

  async travel(body) {
    try {
      const { moved } = await api('clock', body)
      if (!moved) this.note(t('noReminder'))
    } catch (error) { this.note(t('error', { text: error.message })) }
  }

  /** The past is fetched when somebody looks; what happens from then on comes by itself. */
  async loadLog() {
    if (this.inspector.el.hidden) return
    const { log } = await api('inspector')
    this.inspector.load(log)
  }

  inspect(open) {
    this.inspector.el.hidden = !open
    this.loadLog()
    this.inspectButton.setAttribute('aria-pressed', String(open))
    this.fit()
  }

  // --- which chats are seen -------------------------------------------------------------------------------------------

  shown() {
    if (PHONE.matches) return 1
    const free = innerWidth - (innerWidth < 1000 ? 84 : 280) - (this.inspector.el.hidden ? 0 : 380)
    return Math.max(1, Math.min(this.wanted, Math.floor(free / LEAST), this.chats.size || 1))
  }

  want(n) {
    this.wanted = n
    localStorage.setItem('columns', n)
    this.fit()
  }

  /** Shows a person: where they are already, or in place of the active chat (`beside`: as one more). */
  open(id, beside) {
    if (!this.open_.includes(id)) {
      if (beside && this.wanted < 3) this.want(this.wanted + 1)
      const at = Math.max(0, this.open_.indexOf(this.active))
      if (beside || this.open_.length < this.shown()) this.open_.splice(at + 1, 0, id)
      else {
        this.picked.delete(this.open_[at])
        this.open_[at] = id
      }
    }
    this.picked.add(id)
    this.active = id
    document.body.classList.add('in-chat')
    this.fit()
    const column = this.columns.get(id)
    if (!matchMedia('(pointer: coarse)').matches) column?.input.focus({ preventScroll: true })
  }

  openWhenHere(id) {
    if (this.chats.has(id)) this.open(id)
    else this.awaited = id
  }

  closeColumn(column) {
    const id = column.chat.person.id
    this.open_ = this.open_.filter((one) => one !== id)
    this.picked = new Set(this.open_)
    this.want(Math.max(1, this.open_.length))
    if (this.active === id) this.active = this.open_[0]
    this.drawList()
  }

  showList() {
    document.body.classList.remove('in-chat')
    this.persons.querySelector('[aria-current=true]')?.focus()
  }

  column(id) {
    if (!this.columns.has(id)) this.columns.set(id, new Column(this, this.chats.get(id)))
    return this.columns.get(id)
  }

  fit() {
    const room = this.shown()
    const picked = this.open_.filter((id) => this.chats.has(id) && this.picked.has(id))
    const fill = [...this.byRole()].filter((id) => !picked.includes(id)).slice(0, Math.max(0, room - picked.length))
    this.open_ = this.open_.filter((id) => picked.includes(id) || fill.includes(id))
    this.open_.push(...fill.filter((id) => !this.open_.includes(id)))
    while (this.open_.length > room) this.open_.splice(this.open_.at(-1) === this.active ? this.open_.length - 2 : this.open_.length - 1, 1)
    if (!this.open_.includes(this.active)) this.active = this.open_[0]
    const now = this.open_.map((id) => this.column(id).el)
    const same = now.length === this.board.children.length && now.every((el, i) => el === this.board.children[i])
    if (!same) {
      const fresh = this.open_.filter((id) => !this.columns.get(id).el.isConnected)
      this.board.replaceChildren(...now)
      for (const id of fresh) { const c = this.columns.get(id); c.sync(); c.toBottom() }
    }
    this.board.dataset.columns = now.length
    this.later()
  }

  /** One person of each role first: a seller, an executor and an admin tell more than three sellers. */
  byRole() {
    const seen = new Set()
    const firsts = this.people().filter(({ role }) => role && !seen.has(role) && seen.add(role)).map((p) => p.id)
    return new Set([...firsts, ...this.chats.keys()])
  }

  // --- drawing --------------------------------------------------------------------------------------------------------

  draw() {
    this.drawHead()
    this.fit()
    for (const column of this.columns.values()) { column.sync(); column.syncPerson() }
    this.drawList()
  }

  drawHead() {
    this.moment.textContent = (PHONE.matches ? shortMoment : longMoment)(this.now())
    this.ahead.hidden = this.offset < 60
    this.ahead.textContent = `+${span(this.offset)}`
    this.ahead.title = t('ahead', { text: span(this.offset) })
    this.nextButton.disabled = !this.canNext
    this.nextButton.title = t(this.canNext ? 'nextReminderTip' : 'noReminderSource')
    const dark = this.themeName === 'dark'
    this.themeButton.replaceChildren(icon(dark ? 'sun' : 'moon'))
    this.themeButton.title = t(dark ? 'toLight' : 'toDark')
    this.themeButton.setAttribute('aria-label', this.themeButton.title)
    const on = faultsOn(this.faults)
    this.faultButton.classList.toggle('alarm', on)
    this.faultButton.title = t(on ? 'faultsOn' : 'faults')
  }

  /** The list follows soon, once for many events. */
  later() {
    if (this.soon) return
    this.soon = setTimeout(() => { this.soon = null; this.drawList() }, 0)
  }

  drawList() {
    const focused = this.persons.contains(document.activeElement) ? document.activeElement.closest('[data-person]')?.dataset.person : null
    let total = 0
    const known = []
    this.persons.replaceChildren(...[...this.chats.values()].map((chat) => {
      const { person } = chat
      const unread = this.unread(chat)
      total += unread
      known.push({ person, unread })
      const last = chat.views.at(-1)
      const at = last && new Date(last.message.date * 1000)
      const today = at && dayKey(at) === dayKey(this.now())
      const line = chat.action ? h('span', { class: 'live' }, `${t('typing')}…`) : last ? [last.out ? null : h('em', {}, `${t('you')}: `), summary(last).replace(/\s+/g, ' ').slice(0, 90)] : h('em', {}, t(person.started ? 'emptyTitle' : 'notStarted'))
      const shown = this.open_.includes(person.id)
      return h('div', { class: `person${shown ? ' shown' : ''}${this.active === person.id ? ' active' : ''}`, data: { person: person.id } },
        h('button', { type: 'button', class: 'bare main', aria: { current: shown, label: `${person.name}${person.role ? `, ${roleName(person.role)}` : ''}${unread ? `, ${t('unread', { n: unread })}` : ''}` }, title: person.name, onclick: () => this.open(person.id) },
          avatar(person), h('span', { class: 'text' },
            h('span', { class: 'top-line' }, h('b', {}, person.name), at ? h('time', {}, today ? clockTime(at) : shortDate(at)) : null),
            person.role ? h('span', { class: `role c${person.roleTone}` }, roleName(person.role)) : null,
            h('span', { class: 'bottom-line' }, h('span', { class: 'line' }, line), unread ? h('span', { class: 'badge' }, unread) : null))),
        shown || this.chats.size < 2 ? null : iconButton('split', t('openBeside'), () => this.open(person.id, true), { class: 'beside' }))
    }))
    if (focused) this.persons.querySelector(`[data-person="${focused}"] .main`)?.focus()
    for (const id of this.open_) this.columns.get(id)?.syncOthers(known.filter((k) => k.person.id !== id).sort((a, b) => (b.unread > 0) - (a.unread > 0)))
    document.title = `${total ? `(${total}) ` : ''}Polisdesk · ${t('sandbox')}`
  }

  // --- what happens ---------------------------------------------------------------------------------------------------

  load(state) {
    setZone(state.timezone)
    const firstTime = !this.boot
    const drafts = new Map() // what somebody was typing outlives a restart of the server
    if (this.boot !== state.boot) {
      for (const [id, column] of this.columns) if (column.input.value) drafts.set(id, column.input.value)
      if (!firstTime) { this.columns.clear(); this.board.replaceChildren() }
      this.chats.clear()
      this.picked.clear()
      if (sessionStorage.getItem('boot') !== state.boot) this.marks = {}
      sessionStorage.setItem('boot', state.boot)
      this.boot = state.boot
    }
    Object.assign(this.bot, state.bot)
    this.setClock(state.clock)
    this.faults = state.faults
    const seen = new Set(state.people.map((p) => p.id))
    for (const id of [...this.chats.keys()]) if (!seen.has(id)) { this.chats.delete(id); this.columns.delete(id) }
    for (const { messages, more, waiting, ...person } of state.people) {
      const chat = this.chatOf(person)
      const fresh = messages.map(stamped)
      const known = new Map(chat.views.map((v) => [v.message.message_id, v]))
      const from = fresh[0]?.message.message_id ?? Infinity
      chat.views = [...chat.views.filter((v) => v.message.message_id < from), ...fresh.map((v) => (known.get(v.message.message_id)?.stamp === v.stamp ? known.get(v.message.message_id) : v))]
      chat.more = more
      chat.pending = new Set(waiting)
      this.marks[person.id] ??= fresh.at(-1)?.message.message_id ?? 0
    }
    this.draw()
    for (const [id, text] of drafts) if (this.chats.has(id)) this.column(id).fill(text)
    this.loadLog()
  }

  chatOf(person) {
    const known = this.chats.get(person.id)
    if (person.role && !this.roles.includes(person.role)) this.roles.push(person.role)
    person.tone = (known ? [...this.chats.keys()].indexOf(person.id) : this.chats.size) % 7
    person.roleTone = this.roles.indexOf(person.role) % 7
    if (known) {
      known.person = person
      return known
    }
    const chat = { person, views: [], pending: new Set(), answered: new Set(), action: null, more: false }
    this.chats.set(person.id, chat)
    return chat
  }

  prepend(chat, messages) { chat.views = [...messages.map(stamped), ...chat.views] }

  setClock({ now, offset, can_next: can }) {
    this.skew = new Date(now).getTime() - Date.now()
    this.offset = offset
    this.canNext = can
  }

  event({ kind, chat: id, at, data }) {
    const chat = this.chats.get(id)
    const column = this.columns.get(id)
    switch (kind) {
      case 'message': case 'edited': {
        if (!chat) return
        const view = stamped(data)
        const place = chat.views.findIndex((v) => v.message.message_id === view.message.message_id)
        if (place >= 0) {
          if (kind === 'edited') view.flash = chat.views[place].stamp === view.stamp ? null : 'text'
          chat.views[place] = view
        } else if (kind === 'message') { view.live = true; chat.views.push(view) }
        if (view.out && kind === 'message') this.act(chat, null)
        if (!view.out && !chat.person.started) { chat.person.started = true; column?.syncPerson() }
        this.dirty(column)
        break
      }
      case 'deleted':
        if (!chat) return
        chat.views = chat.views.filter((v) => v.message.message_id !== data.message_id)
        this.dirty(column)
        break
      case 'reaction': {
        const view = chat?.views.find((v) => v.message.message_id === data.message_id)
        if (!view) return
        view.reactions = data.reactions
        stamped(view)
        this.dirty(column)
        break
      }
      case 'answer': column?.answered(data); return
      case 'action': if (chat) this.act(chat, data.action); break
      case 'pinned': if (chat) { chat.person.pinned = data.message_ids; column?.syncPerson() } break
      case 'person': case 'commands': {
        for (const person of data.people) {
          this.chatOf(person)
          this.columns.get(person.id)?.syncPerson()
          if (this.awaited === person.id) { this.awaited = null; this.open(person.id) }
        }
        this.fit()
        break
      }
      case 'clock': this.setClock(data); this.drawHead(); for (const c of this.columns.values()) c.sync(); break
      case 'faults': this.faults = data; this.drawHead(); return
      case 'call': this.inspector.add({ kind, at, data }); return
      case 'update': {
        this.inspector.add({ kind, at, data })
        const message = data.update.message ?? data.update.edited_message
        if (!chat || !message) return
        if (data.state === 'delivered') chat.pending.delete(message.message_id)
        else if (data.state === 'queued') chat.pending.add(message.message_id)
        this.dirty(column)
        break
      }
      default: return
    }
    this.later()
  }

  act(chat, action) {
    clearTimeout(chat.actionTimer)
    if (chat.action === action) { if (!action) return }
    chat.action = action
    if (action) chat.actionTimer = setTimeout(() => this.act(chat, null), 5500)
    this.columns.get(chat.person.id)?.syncPerson()
    this.later()
  }

  /** Many events of one moment are drawn once. */
  dirty(column) {
    if (!column || column.dirty) return
    column.dirty = true
    setTimeout(() => { column.dirty = false; column.sync(); if (!column.pin.hidden || column.chat.person.pinned.length) column.syncPerson() }, 0)
  }

  listen() {
    const source = new EventSource('/page/events')
    let late
    source.addEventListener('state', (event) => {
      clearTimeout(late)
      if (!this.lost.hidden) this.note(t('back2'))
      this.lost.hidden = true
      this.load(JSON.parse(event.data))
    })
    source.addEventListener('message', (event) => this.event(JSON.parse(event.data)))
    source.addEventListener('error', () => {
      clearTimeout(late)
      late = setTimeout(() => { this.lost.hidden = false }, 700)
      // A refused connection is retried by the browser; a closed one is not.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.listen(), 1500)
    })
  }

  shortcuts() {
    addEventListener('keydown', (event) => {
      if (!event.altKey || event.ctrlKey || event.metaKey) return
      const digit = /^Digit([1-9])$/.exec(event.code)
      const ids = [...this.chats.keys()]
      if (digit && ids[digit[1] - 1] !== undefined) this.open(ids[digit[1] - 1])
      else if (['ArrowLeft', 'ArrowRight'].includes(event.key)) {
        const at = this.open_.indexOf(this.active) + (event.key === 'ArrowRight' ? 1 : -1)
        if (this.open_[at] === undefined) return
        this.open(this.open_[at])
      } else return
      event.preventDefault()
    })
    addEventListener('resize', () => { this.fit(); this.drawHead() })
    addEventListener('visibilitychange', () => { for (const c of this.columns.values()) c.syncUnread() })
    for (const kind of ['dragover', 'drop']) addEventListener(kind, (event) => event.preventDefault()) // a file dropped beside a chat must not replace the page
    setInterval(() => this.drawHead(), 10_000)
  }
}

function stamped(view) {
  view.stamp = ''
  const { live, flash, stamp, ...content } = view
  view.stamp = JSON.stringify(content)
  return view
}

const app = new App()
app.build()
app.shortcuts()
app.listen()
window.app = app // for the curious, at the browser's console
