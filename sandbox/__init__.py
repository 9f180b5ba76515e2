"""A local Telegram: a strict Bot API server, virtual users and a chat page. The product imports nothing of it.

`world` is what exists and what people do; `methods` what the bot may ask, by the `rules`; `api` the HTTP around it;
`delivery` brings updates to the bot; `people` tells stories; `faults` makes trouble.

    async with LocalTelegram() as telegram:
        bot = Bot(telegram.token, session=AiohttpSession(api=TelegramAPIServer.from_base(telegram.url)))
        seller = VirtualUser(telegram, id=101, first_name="Анна", quiet=until_the_bot_is_idle)
        await seller.start()
        await seller.tap("Новая сделка")
        assert "Клиент" in seller.screen
        assert telegram.world.refusals() == []
"""
