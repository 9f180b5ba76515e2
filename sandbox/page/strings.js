// Every word of the page, in both languages. `t('key', {name})` fills {name}.

const RU = {
  sandbox: 'песочница', people: 'Люди', newPerson: 'Новый человек', chatWith: 'чат с ботом',
  typing: 'печатает', uploading: 'отправляет файл', choosing: 'готовит ответ',
  message: 'Сообщение', send: 'Отправить', attach: 'Прикрепить', attachPhoto: 'Фото или видео', attachFile: 'Файл',
  attachForward: 'Переслать от клиента…', attachContact: 'Мой контакт', commands: 'Команды', menu: 'Меню',
  showKeyboard: 'Показать клавиатуру', hideKeyboard: 'Скрыть клавиатуру', start: 'Запустить', unblock: 'Разблокировать бота',
  block: 'Заблокировать бота', today: 'Сегодня', yesterday: 'Вчера', edited: 'изм.', back: 'К списку', close: 'Закрыть', cancel: 'Отмена',
  more: 'Ещё', reply: 'Ответить', forward: 'Переслать', react: 'Реакция', copy: 'Копировать', copied: 'Скопировано', copyText: 'Копировать текст',
  edit: 'Изменить', editing: 'Изменение сообщения', remove: 'Удалить', download: 'Скачать', expand: 'Развернуть', spoiler: 'Скрытый текст, нажмите, чтобы показать',
  forwardedFrom: 'Переслано от', via: 'через', pinned: 'Закреплённое сообщение', unread: 'непрочитанных: {n}', toBottom: 'К последнему сообщению',
  photo: 'Фото', photos: 'Фото, {n}', video: 'Видео', document: 'Файл', voice: 'Голосовое сообщение', audio: 'Аудио', animation: 'GIF', sticker: 'Стикер',
  video_note: 'Видеосообщение', contact: 'Контакт', location: 'Геопозиция', venue: 'Место', poll: 'Опрос', dice: 'Кубик', service: 'Служебное сообщение', album: 'Альбом, {n}',
  openPhoto: 'Открыть фото {n}', emptyTitle: 'Здесь пока пусто', emptyStart: 'Нажмите «Запустить», и бот ответит.', emptyText: 'Напишите боту: например, /menu',
  dropPhotos: 'Быстро: как фото', dropFiles: 'Без сжатия: как файлы', filesTitle: 'Отправить файлы: {n}', fileTitle: 'Отправить файл',
  caption: 'Подпись', compress: 'Отправить как фото', tooMany: 'Больше десяти файлов уйдут несколькими альбомами.', 
  now: 'Сейчас', nowTip: 'Вернуть часы к настоящему времени', plusDay: '+1 день', plusMonth: '+1 месяц', nextReminder: 'К напоминанию', nextReminderTip: 'Перевести часы к ближайшему напоминанию бота',
  noReminder: 'Бот сейчас ничего не ждёт', noReminderSource: 'Нет связи с базой бота: ближайшее напоминание неизвестно', clock: 'Часы демонстрации', ahead: 'вперёд на {text}', days: '{n} дн.', hours: '{n} ч', minutes: '{n} мин',
  columns: 'Чатов рядом', oneColumn: 'Один чат', twoColumns: 'Два чата рядом', threeColumns: 'Три чата рядом', openBeside: 'Открыть рядом', closeColumn: 'Закрыть этот чат',
  inspector: 'Инспектор', inspectorTip: 'Запросы бота и обновления', faults: 'Неполадки', faultsOn: 'Неполадки включены', theme: 'Тема', toDark: 'Тёмная тема', toLight: 'Светлая тема', language: 'Language: English',
  reset: 'Начать демо заново', resetAsk: 'Начать демо заново?', resetText: 'Переписка и все данные демо-агентства будут созданы снова. Часы вернутся к настоящему времени.', resetYes: 'Начать заново', resetting: 'Создаём демо заново…',
  lost: 'Связь с песочницей потеряна. Переподключаемся…', back2: 'Связь восстановлена',
  inspectorEmpty: 'Пока тихо. Напишите боту, и здесь появятся его запросы и обновления.', filter: 'Фильтр: метод, текст, id', requests: 'Запросы', updates: 'Обновления', onlyErrors: 'Только отказы', clear: 'Очистить',
  queued: 'в очереди', delivered: 'доставлено', failed: 'ошибка', dropped: 'истекло', dropped0: 'соединение сброшено', injected: 'неполадка',
  faultsTitle: 'Неполадки сети и Telegram', faultsHint: 'Как бот ведёт себя в плохой день. Всё выключено по умолчанию.', allOff: 'Выключить всё',
  fault_latency: 'Задержка каждого ответа, с', fault_too_many_rate: '429 Too Many Requests, доля', fault_retry_after: '… с retry_after, с', fault_error_rate: '500 Internal Server Error, доля', fault_reset_before_rate: 'Обрыв до приёма запроса, доля',
  fault_reset_after_rate: 'Обрыв после приёма, доля', fault_duplicate_rate: 'Обновление приходит повторно, доля', fault_duplicates: '… столько раз', fault_reorder_rate: 'Обновления меняются местами, доля', fault_outage: 'Полный отказ: Telegram недоступен', fault_methods: 'Только эти методы (через запятую)',
  personTitle: 'Новый человек', personHint: 'Посторонний с телефоном в руках: можно проверить приглашение.', firstName: 'Имя', lastName: 'Фамилия', username: 'Имя пользователя, без @', lang: 'Язык приложения', payload: 'Ссылка-приглашение или код', payloadHint: 't.me/{bot}?start=… или только код; пусто — ещё не запускал бота', create: 'Добавить', lastInvite: 'Подставить последнюю ссылку из чатов',
  openAs: 'Открыть ссылку как…', me: '{name} (вы)', someoneNew: 'Новый человек…',
  forwardTitle: 'Переслать от клиента', forwardHint: 'Сообщение придёт боту как пересланное из другого чата.', author: 'От кого', text: 'Текст сообщения', hidden: 'Аккаунт скрыт настройками', forwardTo: 'Кто пересылает боту', forwarded: 'Переслано',
  contactTitle: 'Отправить боту свой номер?', phone: 'Телефон', share: 'Отправить', notHere: 'Песочница этого не умеет', notStarted: 'ещё не запускал бота', blockedBot: 'заблокировал бота', you: 'Вы', bot: 'бот',
  sent: 'Отправлено боту', deliveredTick: 'Доставлено боту', file: 'файл', shortcuts: 'Клавиши', ok: 'ОК', result: 'ответ', params: 'параметры', openLink: 'Открыть ссылку', error: 'Не получилось: {text}', gone: 'Этого сообщения больше нет',
  keys: 'Alt+1…9 — чат по номеру · Alt+← Alt+→ — соседний чат · / — команды бота · Enter — отправить · Shift+Enter — новая строка · ↑ в пустом поле — к сообщениям · Tab — к кнопкам сообщения · Enter на сообщении — ответить · Shift+F10 — меню сообщения · Esc — отмена, назад к полю', quickSwitch: 'Сменить человека', inlineEmpty: 'Ничего не найдено', theirs: 'Чат: {name}',
}

const EN = {
  sandbox: 'sandbox', people: 'People', newPerson: 'New person', chatWith: 'chat with the bot',
  typing: 'typing', uploading: 'sending a file', choosing: 'preparing',
  message: 'Message', send: 'Send', attach: 'Attach', attachPhoto: 'Photo or video', attachFile: 'File',
  attachForward: 'Forward from a client…', attachContact: 'My contact', commands: 'Commands', menu: 'Menu',
  showKeyboard: 'Show keyboard', hideKeyboard: 'Hide keyboard', start: 'Start', unblock: 'Unblock the bot',
  block: 'Block the bot', today: 'Today', yesterday: 'Yesterday', edited: 'edited', back: 'Back to people', close: 'Close', cancel: 'Cancel',
  more: 'More', reply: 'Reply', forward: 'Forward', react: 'React', copy: 'Copy', copied: 'Copied', copyText: 'Copy text',
  edit: 'Edit', editing: 'Edit message', remove: 'Delete', download: 'Download', expand: 'Expand', spoiler: 'Hidden text, press to show',
  forwardedFrom: 'Forwarded from', via: 'via', pinned: 'Pinned message', unread: '{n} unread', toBottom: 'To the latest message',
  photo: 'Photo', photos: 'Photos, {n}', video: 'Video', document: 'File', voice: 'Voice message', audio: 'Audio', animation: 'GIF', sticker: 'Sticker',
  video_note: 'Video message', contact: 'Contact', location: 'Location', venue: 'Venue', poll: 'Poll', dice: 'Dice', service: 'Service message', album: 'Album, {n}',
  openPhoto: 'Open photo {n}', emptyTitle: 'Nothing here yet', emptyStart: 'Press Start and the bot will answer.', emptyText: 'Write to the bot: try /menu',
  dropPhotos: 'Quick: as photos', dropFiles: 'Uncompressed: as files', filesTitle: 'Send files: {n}', fileTitle: 'Send a file',
  caption: 'Caption', compress: 'Send as photos', tooMany: 'More than ten files go as several albums.',
  now: 'Now', nowTip: 'Put the clock back to real time', plusDay: '+1 day', plusMonth: '+1 month', nextReminder: 'Next reminder', nextReminderTip: 'Move the clock to the bot’s next reminder',
  noReminder: 'The bot is waiting for nothing', noReminderSource: 'No line to the bot’s database: the next reminder is unknown', clock: 'Demo clock', ahead: '{text} ahead', days: '{n} d', hours: '{n} h', minutes: '{n} min',
  columns: 'Chats side by side', oneColumn: 'One chat', twoColumns: 'Two chats side by side', threeColumns: 'Three chats side by side', openBeside: 'Open beside', closeColumn: 'Close this chat',
  inspector: 'Inspector', inspectorTip: 'Requests of the bot and updates', faults: 'Faults', faultsOn: 'Faults are on', theme: 'Theme', toDark: 'Dark theme', toLight: 'Light theme', language: 'Язык: русский',
  reset: 'Start the demo afresh', resetAsk: 'Start the demo afresh?', resetText: 'The chats and all data of the demo agency will be made anew. The clock goes back to real time.', resetYes: 'Start afresh', resetting: 'Making the demo anew…',
  lost: 'Connection to the sandbox lost. Reconnecting…', back2: 'Connected again',
  inspectorEmpty: 'Quiet so far. Write to the bot, and its requests and updates appear here.', filter: 'Filter: method, text, id', requests: 'Requests', updates: 'Updates', onlyErrors: 'Refusals only', clear: 'Clear',
  queued: 'queued', delivered: 'delivered', failed: 'failed', dropped: 'expired', dropped0: 'connection dropped', injected: 'fault',
  faultsTitle: 'Faults of the network and Telegram', faultsHint: 'How the bot behaves on a bad day. All off by default.', allOff: 'All off',
  fault_latency: 'Delay of every answer, s', fault_too_many_rate: '429 Too Many Requests, rate', fault_retry_after: '… with retry_after, s', fault_error_rate: '500 Internal Server Error, rate', fault_reset_before_rate: 'Dropped before acceptance, rate',
  fault_reset_after_rate: 'Dropped after acceptance, rate', fault_duplicate_rate: 'An update arrives again, rate', fault_duplicates: '… so many times', fault_reorder_rate: 'Updates swap places, rate', fault_outage: 'Outage: Telegram is unreachable', fault_methods: 'Only these methods (comma separated)',
  personTitle: 'New person', personHint: 'A stranger with a phone in hand: good for trying an invite.', firstName: 'First name', lastName: 'Last name', username: 'Username, without @', lang: 'App language', payload: 'Invite link or code', payloadHint: 't.me/{bot}?start=… or only the code; empty — has not started the bot', create: 'Add', lastInvite: 'Use the latest link from the chats',
  openAs: 'Open link as…', me: '{name} (you)', someoneNew: 'New person…',
  forwardTitle: 'Forward from a client', forwardHint: 'The bot gets it as a message forwarded from another chat.', author: 'From', text: 'Message text', hidden: 'Account hidden by privacy settings', forwardTo: 'Who forwards it to the bot', forwarded: 'Forwarded',
  contactTitle: 'Share your number with the bot?', phone: 'Phone', share: 'Share', notHere: 'The sandbox cannot do this', notStarted: 'has not started the bot', blockedBot: 'has blocked the bot', you: 'You', bot: 'bot',
  sent: 'Sent to the bot', deliveredTick: 'Delivered to the bot', file: 'file', shortcuts: 'Keys', ok: 'OK', result: 'answer', params: 'parameters', openLink: 'Open link', error: 'That did not work: {text}', gone: 'This message is gone',
  keys: 'Alt+1…9 — chat by number · Alt+← Alt+→ — next chat · / — commands of the bot · Enter — send · Shift+Enter — new line · ↑ in an empty field — to the messages · Tab — to the buttons of a message · Enter on a message — reply · Shift+F10 — menu of a message · Esc — cancel, back to the field', quickSwitch: 'Switch person', inlineEmpty: 'Nothing found', theirs: 'Chat: {name}',
}

export const DICTIONARIES = { ru: RU, en: EN }

function preferred() {
  const asked = new URLSearchParams(location.search).get('lang') ?? localStorage.getItem('lang') ?? navigator.language
  return asked.toLowerCase().startsWith('ru') ? 'ru' : 'en'
}

let current = preferred()

export const language = () => current

export function setLanguage(code) {
  current = code
  localStorage.setItem('lang', code)
}

// The demo's people have their roles in its language.
const ROLES = { продавец: 'seller', исполнитель: 'executor', 'главный админ': 'main admin' }

export const roleName = (role) => (current === 'en' ? ROLES[role] ?? role : role)

export function t(key, values) {
  const text = DICTIONARIES[current][key] ?? key
  return values ? text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? '')) : text
}

// Times are shown in the agency's zone, which is the one the bot speaks in.
let zone
const formats = new Map()

export function setZone(name) {
  zone = name
  formats.clear()
}

function format(kind, options) {
  const key = `${current}:${kind}`
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(current === 'ru' ? 'ru-RU' : 'en-GB', { timeZone: zone, ...options }))
  return formats.get(key)
}

export const clockTime = (date) => format('time', { hour: '2-digit', minute: '2-digit' }).format(date)
export const dayKey = (date) => format('key', { year: 'numeric', month: '2-digit', day: '2-digit' }).format(date)
export const shortDate = (date) => format('short', { day: '2-digit', month: '2-digit', year: '2-digit' }).format(date)
export const longMoment = (date) => format('long', { weekday: 'short', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit' }).format(date).replace(' г. в ', ', ').replace(' г., ', ', ').replace(' at ', ', ')
/** For a narrow bar: the year only where it is not this one. */
export const shortMoment = (date) => format(date.getFullYear() === new Date().getFullYear() ? 'brief' : 'briefYear', { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', ...(date.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' }) }).format(date).replace(' г., ', ', ').replace(' в ', ', ')
export const preciseTime = (date) => format('precise', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(date)

export function dayLabel(date, now) {
  const key = dayKey(date)
  if (key === dayKey(now)) return t('today')
  if (key === dayKey(new Date(now.getTime() - 86_400_000))) return t('yesterday')
  const sameYear = dayKey(date).slice(-4) === dayKey(now).slice(-4)
  return sameYear ? format('day', { day: 'numeric', month: 'long' }).format(date) : format('dayYear', { day: 'numeric', month: 'long', year: 'numeric' }).format(date)
}

export function span(seconds) {
  const parts = []
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  if (days) parts.push(t('days', { n: days }))
  if (hours && days < 10) parts.push(t('hours', { n: hours }))
  if (minutes && !days) parts.push(t('minutes', { n: minutes }))
  return parts.join(' ') || t('minutes', { n: 0 })
}
