"""Messages to people about a deal as a whole."""

from markupsafe import Markup

from fsm.cards import Card, CardContext, card, deal_keyboard
from fsm.i18n import _
from fsm.text import html, lines
from fsm.words import CLOSE_REASON, DEAL_OUTCOME
from handlers.deals.captions import icon, object_of
from models.enums import DealStage
from models.tables import Deal
from services.errors import NotFound


async def _seen(context: CardContext, deal_id: int) -> Deal | None:
    """The deal as the recipient sees it now; None when he does not see it any more."""
    try:
        return await context.services.deals.heading(context.actor, deal_id)
    except NotFound:
        return None


def _title(deal: Deal) -> Markup:
    return html(
        "{icon} <b>№{n} · {what}</b>\n👤 {name}",
        icon=icon(deal),
        n=deal.number,
        what=object_of(deal),
        name=deal.client.name,
    )


@card("deal_closed")
async def deal_closed(context: CardContext, deal: int) -> Card | None:
    """An admin has closed a seller's deal."""
    found = await _seen(context, deal)
    if found is None or found.stage is not DealStage.CLOSED:
        return None
    outcome = _(DEAL_OUTCOME[found.outcome]) if found.outcome else ""
    reason = _(CLOSE_REASON[found.close_reason]) if found.close_reason else ""
    said = html(_("🔒 The deal was closed: {outcome}, {reason}"), outcome=outcome, reason=reason)
    return Card(lines(said, _title(found), found.close_note or None), deal_keyboard(deal))


@card("deal_assigned")
async def deal_assigned(context: CardContext, deal: int) -> Card | None:
    """A seller has chosen an executor."""
    found = await _seen(context, deal)
    if found is None or found.executor_id != context.actor.user_id:
        return None
    said = html(_("👷 You are the executor of this deal. Seller: {name}"), name=found.seller.full_name)
    return Card(lines(said, _title(found)), deal_keyboard(deal))
