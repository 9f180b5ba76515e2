"""Messages to people about a deal as a whole."""

from markupsafe import Markup

from fsm.cards import Card, CardContext, card, deal_keyboard
from fsm.i18n import _
from fsm.text import html, lines
from fsm.words import CLOSE_REASON, DEAL_OUTCOME
from handlers.deals.captions import icon, object_of
from models.enums import DealStage
from services.deals import DealView
from services.errors import NotFound


async def _view(context: CardContext, deal_id: int) -> DealView | None:
    """The deal as the recipient sees it now; None when he does not see it any more."""
    try:
        return await context.services.deals.card(context.actor, deal_id)
    except NotFound:
        return None


def _title(view: DealView) -> Markup:
    deal = view.deal
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
    view = await _view(context, deal)
    if view is None or view.deal.stage is not DealStage.CLOSED:
        return None
    outcome = _(DEAL_OUTCOME[view.deal.outcome]) if view.deal.outcome else ""
    reason = _(CLOSE_REASON[view.deal.close_reason]) if view.deal.close_reason else ""
    said = html(_("🔒 The deal was closed: {outcome}, {reason}"), outcome=outcome, reason=reason)
    return Card(lines(said, _title(view), view.deal.close_note or None), deal_keyboard(deal))


@card("deal_assigned")
async def deal_assigned(context: CardContext, deal: int) -> Card | None:
    """A seller has chosen an executor."""
    view = await _view(context, deal)
    if view is None or view.deal.executor_id != context.actor.user_id:
        return None
    said = html(_("👷 You are the executor of this deal. Seller: {name}"), name=view.deal.seller.full_name)
    return Card(lines(said, _title(view)), deal_keyboard(deal))
