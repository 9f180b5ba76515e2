"""The peer: python-telegram-bot with the same echo and the same button.

python -m bench.bots.ptb API_URL WEBHOOK_PORT
"""

import sys

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, CallbackQueryHandler, ContextTypes, Defaults, MessageHandler, filters

from bench.bots.screen import ROWS, SCREEN

TOKEN = "1000001:" + "A" * 35
KEYBOARD = InlineKeyboardMarkup(
    [[InlineKeyboardButton(text, callback_data=data) for text, data in row] for row in ROWS]
)


async def echo(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.message.reply_text(update.message.text, reply_markup=KEYBOARD)


async def press(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.callback_query.edit_message_text(SCREEN, reply_markup=KEYBOARD)
    await update.callback_query.answer()


def main() -> None:
    url, port = sys.argv[1], int(sys.argv[2])
    builder = Application.builder().token(TOKEN).base_url(f"{url}/bot").base_file_url(f"{url}/file/bot")
    # Its default is one update at a time, which would measure our side's waiting and not its work.
    application = builder.concurrent_updates(True).defaults(Defaults(parse_mode="HTML")).build()
    application.add_handler(MessageHandler(filters.TEXT, echo))
    application.add_handler(CallbackQueryHandler(press))
    application.run_webhook(
        listen="127.0.0.1",
        port=port,
        url_path="telegram",
        webhook_url=f"http://127.0.0.1:{port}/telegram",
        secret_token="secret",  # noqa: S106 - of a machine that nobody else reaches
    )


if __name__ == "__main__":
    main()
