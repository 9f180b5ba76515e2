// One row of a chat: a message, or an album (messages of one media group), as a bubble with its buttons.

import { fileSize, h, icon } from './dom.js'
import { clockTime, language, t } from './strings.js'
import { richText, safeHref } from './text.js'

const IMAGE = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/
export const fileUrl = (fileId, download) => `/page/files/${encodeURIComponent(fileId)}${download ? '?download=1' : ''}`
export const textOf = (view) => view.message.text ?? view.message.caption ?? ''

/** Words for the list of people, quotes and screen readers. */
export function summary(view, count = 1) {
  const m = view.message
  const caption = textOf(view)
  if (view.content === 'text') return caption
  const kind = count > 1 ? t('album', { n: count }) : view.content === 'document' ? m.document.file_name ?? t('document') : t(view.content)
  return caption ? `${kind}, ${caption}` : kind
}

/** Groups messages into days and rows; neighbours of one author within five minutes share a block. */
export function layout(views, { dayKey, dayLabel, now, delivered }) {
  const days = []
  let row
  for (const view of views) {
    const m = view.message
    const date = new Date(m.date * 1000)
    const key = dayKey(date)
    let day = days.at(-1)
    if (day?.day !== key) {
      day = { key: `d${key}-${days.length}`, day: key, label: dayLabel(date, now), rows: [] }
      days.push(day)
      row = undefined
    }
    if (row && m.media_group_id && row.group === m.media_group_id && row.out === view.out) {
      row.views.push(view)
      continue
    }
    const joined = row && row.out === view.out && m.date - row.views.at(-1).message.date < 300 && !row.views.at(-1).message.reply_markup
    if (row) row.last = !joined
    row = { key: `m${m.message_id}`, group: m.media_group_id, views: [view], out: view.out, first: !joined, last: true }
    day.rows.push(row)
  }
  for (const day of days) {
    for (const one of day.rows) one.stamp = `${one.first}${one.last}${!one.out && delivered(one.views[0].message.message_id)}${one.views.map((v) => v.stamp).join()}`
  }
  return days
}

/** `ctx`: {person, bot, actions, delivered(id), busy(key), text actions}. `out` means: the bot sent it. */
export function renderRow(row, ctx) {
  const head = row.views[0]
  const m = head.message
  const mine = !row.out
  const caption = row.views.find((v) => textOf(v)) ?? head
  const bubble = h('div', { class: 'bubble' })
  const parts = []
  if (m.forward_origin) parts.push(h('div', { class: 'forwarded' }, t('forwardedFrom'), ' ', h('b', {}, originName(m.forward_origin))))
  if (m.via_bot) parts.push(h('div', { class: 'forwarded' }, t('via'), ' ', h('b', {}, `@${m.via_bot.username}`)))
  if (m.reply_to_message) parts.push(quote(m.reply_to_message, m.quote, ctx))
  const media = mediaOf(row.views, ctx)
  const text = textOf(caption)
  const emojiOnly = head.content === 'text' && !m.entities && /^(\p{Extended_Pictographic}[\u{FE0F}\u{200D}\p{Emoji_Modifier}]*){1,3}$/u.test(text)
  const meta = metaOf(row, ctx)
  const above = m.show_caption_above_media
  const body = text ? h('div', { class: emojiOnly ? 'text jumbo' : 'text', dir: 'auto' }, richText(text, caption.message.entities ?? caption.message.caption_entities, ctx.text), meta) : null
  if (media && above) parts.push(body, media)
  else parts.push(media, body)
  if (emojiOnly && parts.filter(Boolean).length === 1) bubble.classList.add('naked')
  bubble.append(...parts.filter(Boolean))
  const reactions = reactionsOf(row, ctx)
  const visual = media?.classList.contains('visual')
  if (!body && reactions) reactions.append(meta)
  else if (!body) {
    meta.classList.add(visual ? 'overlay' : 'below')
    bubble.append(meta)
  }
  if (visual) bubble.classList.add('has-visual', ...(parts.filter(Boolean)[0] === media ? ['visual-first'] : []), ...((body && !above) || reactions ? [] : ['visual-last']))
  if (reactions) bubble.append(reactions)
  const keyboard = m.reply_markup?.inline_keyboard ? inlineKeyboard(head, ctx) : null
  const who = mine ? t('you') : ctx.bot.first_name
  return h('article', {
    class: `row ${mine ? 'mine' : 'theirs'}${row.first ? ' first' : ''}${row.last ? ' last' : ''}${keyboard ? ' with-keys' : ''}`,
    tabindex: -1, data: { id: m.message_id }, aria: { label: `${who}, ${clockTime(new Date(m.date * 1000))}: ${summary(caption, row.views.length).slice(0, 200)}` },
  }, h('div', { class: 'stack' }, bubble, keyboard))
}

function originName(origin) {
  if (origin.type === 'hidden_user') return origin.sender_user_name
  const who = origin.sender_user ?? origin.sender_chat ?? origin.chat ?? {}
  return who.title ?? [who.first_name, who.last_name].filter(Boolean).join(' ')
}

function quote(m, excerpt, ctx) {
  const bot = m.from?.is_bot
  const view = { message: m, content: contentOf(m) }
  const thumb = m.photo ? h('img', { src: fileUrl(m.photo[0].file_id), alt: '' }) : null
  return h('button', { type: 'button', class: `quote${bot ? '' : ' own'}`, onclick: () => ctx.actions.jump(m.message_id) }, thumb,
    h('span', {}, h('b', {}, bot ? ctx.bot.first_name : ctx.person.name), h('span', { class: 'line' }, excerpt?.text ?? summary(view))))
}

export function contentOf(m) {
  return ['text', 'photo', 'animation', 'document', 'video', 'voice', 'audio', 'video_note', 'sticker', 'contact', 'venue', 'location', 'poll', 'dice'].find((k) => k in m) ?? 'service'
}

function metaOf(row, ctx) {
  const view = row.views.at(-1) // a bot's edits are its screens at work: Telegram's apps do not mark them either
  const m = row.views[0].message
  const date = new Date(m.date * 1000)
  const delivered = !row.out && ctx.delivered(m.message_id)
  const tick = row.out ? null : h('span', { class: 'ticks', title: t(delivered ? 'deliveredTick' : 'sent'), aria: { label: t(delivered ? 'deliveredTick' : 'sent') }, role: 'img' }, ticks(delivered))
  return h('span', { class: 'meta' }, ctx.pinned(m.message_id) ? icon('pin', 12) : null, view.edited && view.message.edit_date && !row.out ? `${t('edited')} ` : '',
    h('time', { datetime: date.toISOString(), title: date.toLocaleString(language()) }, clockTime(date)), tick)
}

function ticks(both) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 18 12')
  svg.setAttribute('width', 18)
  svg.setAttribute('height', 12)
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  path.setAttribute('d', both ? 'M1 6.500l3.500 3.500L11 2.500M7.500 9.500l.6.500L15 2.500' : 'M4 6.500l3.500 3.500L14 2.500')
  svg.append(path)
  return svg
}

function reactionsOf(row, ctx) {
  const groups = new Map()
  for (const view of row.views) {
    for (const [who, emojis] of Object.entries(view.reactions ?? {})) {
      for (const emoji of emojis) groups.set(emoji, [...(groups.get(emoji) ?? []), who])
    }
  }
  if (!groups.size) return null
  const id = row.views[0].message.message_id
  return h('div', { class: 'reactions' }, [...groups].map(([emoji, who]) => {
    const mine = who.includes(String(ctx.person.id))
    const names = who.map((w) => (w === 'bot' ? ctx.bot.first_name : ctx.person.name)).join(', ')
    return h('button', { type: 'button', class: mine ? 'chosen' : '', title: names, aria: { pressed: mine, label: `${emoji} ${names}` }, onclick: () => ctx.actions.react(id, mine ? null : emoji) }, emoji, h('span', {}, who.length > 1 ? who.length : ''))
  }))
}

// --- media ----------------------------------------------------------------------------------------------------------

function mediaOf(views, ctx) {
  const pictures = views.filter((v) => v.message.photo || v.message.video)
  if (pictures.length && pictures.length === views.length) return album(views, ctx)
  if (views.length > 1) return h('div', { class: 'files' }, views.map((v) => single(v, ctx)))
  return single(views[0], ctx)
}

function album(views, ctx) {
  const n = views.length
  const tiles = views.map((view, index) => tile(view, views, index, ctx))
  if (n === 1) return h('div', { class: 'visual single' }, tiles)
  return h('div', { class: `visual album n${Math.min(n, 10)}` }, tiles)
}

function tile(view, views, index, ctx) {
  const m = view.message
  if (m.video) return h('video', { src: fileUrl(m.video.file_id), controls: true, preload: 'metadata' })
  const size = m.photo.at(-1)
  const img = h('img', { src: fileUrl(size.file_id), alt: m.caption ?? t('photo'), loading: 'lazy', decoding: 'async', width: size.width, height: size.height })
  const button = h('button', { type: 'button', class: `bare tile${m.has_media_spoiler ? ' veiled' : ''}`, aria: { label: t('openPhoto', { n: index + 1 }) } }, img)
  // One picture keeps its shape (within reason), so the chat does not jump when the bytes arrive.
  if (views.length === 1) {
    const ratio = Math.min(Math.max(size.width / size.height, 0.6), 2.4)
    const width = Math.round(Math.min(Math.max(size.width, 160), 340, 380 * ratio))
    button.style.width = `${width}px`
    button.style.aspectRatio = String(ratio)
  }
  button.addEventListener('click', () => {
    if (button.classList.contains('veiled')) button.classList.remove('veiled')
    else ctx.actions.lightbox(views.filter((v) => v.message.photo).map((v) => ({ url: fileUrl(v.message.photo.at(-1).file_id), caption: textOf(v) })), index)
  })
  return button
}

function single(view, ctx) {
  const m = view.message
  switch (view.content) {
    case 'text': case 'service': return null
    case 'photo': case 'video': return album([view], ctx)
    case 'animation': return h('div', { class: 'visual single' }, gif(m.animation))
    case 'document': return documentCard(m.document, ctx)
    case 'voice': return h('div', { class: 'audio' }, h('audio', { src: fileUrl(m.voice.file_id), controls: true, preload: 'none', aria: { label: t('voice') } }))
    case 'audio': return h('div', { class: 'audio' }, h('b', {}, m.audio.title ?? m.audio.file_name ?? t('audio')), h('audio', { src: fileUrl(m.audio.file_id), controls: true, preload: 'none' }))
    case 'video_note': return h('div', { class: 'visual round-video' }, h('video', { src: fileUrl(m.video_note.file_id), controls: true, preload: 'metadata' }))
    case 'sticker': return h('div', { class: 'sticker' }, h('img', { src: fileUrl(m.sticker.file_id), alt: m.sticker.emoji ?? t('sticker') }))
    case 'contact': return contactCard(m.contact)
    case 'venue': return h('div', { class: 'card' }, h('b', {}, m.venue.title), h('span', {}, m.venue.address))
    case 'location': return h('div', { class: 'card' }, h('b', {}, t('location')), h('span', {}, `${m.location.latitude.toFixed(5)}, ${m.location.longitude.toFixed(5)}`))
    case 'poll': return h('div', { class: 'card' }, h('b', {}, m.poll.question), m.poll.options.map((o) => h('span', {}, `○ ${o.text}`)))
    case 'dice': return h('div', { class: 'text jumbo' }, `${m.dice.emoji} ${m.dice.value}`)
    default: return null
  }
}

function gif(file) {
  if (IMAGE.test(file.mime_type ?? '')) return h('img', { src: fileUrl(file.file_id), alt: t('animation') })
  const video = h('video', { src: fileUrl(file.file_id), autoplay: true, loop: true, playsinline: true })
  video.muted = true
  return video
}

const TONES = { pdf: 'red', xls: 'green', xlsx: 'green', csv: 'green', doc: 'blue', docx: 'blue', zip: 'amber', rar: 'amber', '7z': 'amber', txt: 'gray' }

function documentCard(file, ctx) {
  const name = file.file_name ?? t('file')
  const ext = name.includes('.') ? name.split('.').at(-1).toLowerCase().slice(0, 4) : ''
  const picture = IMAGE.test(file.mime_type ?? '')
  const face = picture
    ? h('button', { type: 'button', class: 'bare face', aria: { label: t('openPhoto', { n: name }) }, onclick: () => ctx.actions.lightbox([{ url: fileUrl(file.file_id), caption: name }], 0) }, h('img', { src: fileUrl(file.file_id), alt: '', loading: 'lazy' }))
    : h('span', { class: `face ${TONES[ext] ?? 'blue'}`, aria: { hidden: true } }, ext || icon('file'))
  return h('div', { class: 'document' }, face, h('span', { class: 'about' },
    h('a', { href: fileUrl(file.file_id, true), download: name, title: `${t('download')}: ${name}` }, h('span', { class: 'name' }, name.slice(0, -8)), h('span', { class: 'tail' }, name.slice(-8))),
    h('span', { class: 'size' }, fileSize(file.file_size, language()), icon('download', 14))))
}

function contactCard(contact) {
  const name = [contact.first_name, contact.last_name].filter(Boolean).join(' ')
  return h('div', { class: 'document' }, h('span', { class: 'face blue', aria: { hidden: true } }, icon('person')), h('span', { class: 'about' }, h('b', {}, name), h('a', { href: `tel:${contact.phone_number}` }, contact.phone_number)))
}

/** The dark arithmetic signs of emoji fonts cannot be read on a dark ground: they are drawn in white there. */
export const seen = (text) => text.split(/([\u2795-\u2797\u27b0\u2714\u2716]\ufe0f?)/).map((part, i) => (i % 2 ? h('i', { class: 'sign' }, part) : part))

// --- buttons --------------------------------------------------------------------------------------------------------

function inlineKeyboard(view, ctx) {
  const id = view.message.message_id
  return h('div', { class: 'keys', role: 'group', aria: { label: t('menu') } }, view.message.reply_markup.inline_keyboard.map((row, y) =>
    h('div', { class: 'keys-row' }, row.map((button, x) => {
      const mark = button.url ? 'external' : button.copy_text ? 'copy' : button.switch_inline_query !== undefined || button.switch_inline_query_chosen_chat ? 'forward' : null
      const key = `${id}:${y}:${x}`
      const el = h('button', { type: 'button', class: `key ${button.style ?? ''}${ctx.busy(key) ? ' busy' : ''}`, data: { key }, title: button.url && safeHref(button.url), aria: ctx.busy(key) ? { busy: true } : {}, onclick: () => ctx.actions.tap(view, button, key) },
        h('span', { class: 'label' }, seen(button.text)), mark ? icon(mark, 12) : null)
      if (button.disabled) el.disabled = true
      return el
    }))))
}
