"""Who hears instead of a seller who is not here: his deals are the admins' until somebody takes them over."""

from models.enums import Role
from models.tables import Deal, OutboxMessage, User
from storage.uow import Transaction

_KEEPERS = {Role.SELLER.value, Role.ADMIN.value}


def keeps(user: User) -> bool:
    """Whether a person can look after deals of his own: he is let in, and may sell."""
    return user.active and not _KEEPERS.isdisjoint(user.roles)


async def admins_instead(tx: Transaction, user: User) -> list[User]:
    """The admins who hear what is meant for a person who cannot be told."""
    return [admin for admin in await tx.people.with_role(Role.ADMIN) if admin.id != user.id]


async def readdress(tx: Transaction) -> None:
    """Give messages for people who are not here to the admins where they are about a deal that these people sell.

    What else was meant for them is dropped: nobody who is shut out is written to.
    """
    with tx.session.no_autoflush:
        found = await tx.people.by_ids({message.recipient_id for message in tx.messages})
    people = {user.id: user for user in found}
    for message in tx.messages:
        user = people[message.recipient_id]
        if keeps(user):
            continue
        deal = None if message.deal_id is None else await tx.session.get_one(Deal, message.deal_id)
        sells = deal is not None and deal.seller_id == user.id
        if sells:
            for admin in await admins_instead(tx, user):
                await _copy(tx, message, admin)
        if sells or not user.active:
            await _drop(tx, message)


async def _copy(tx: Transaction, message: OutboxMessage, admin: User) -> None:
    if admin.id == tx.actor_id:
        return
    if message.edits_card and not await tx.tasks.has_card(admin.id, message.card_key or ""):
        return
    tx.session.add(
        OutboxMessage(
            recipient_id=admin.id,
            kind=message.kind,
            params=message.params,
            dedup_key=message.dedup_key and f"{message.dedup_key}:{admin.id}",
            card_key=message.card_key,
            edits_card=message.edits_card,
            deal_id=message.deal_id,
        )
    )


async def _drop(tx: Transaction, message: OutboxMessage) -> None:
    if message in tx.session.new:
        tx.session.expunge(message)
    else:
        await tx.session.delete(message)
