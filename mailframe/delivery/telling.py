"""Reports of success for what was delivered before the client was answered; the rest is told by the queue's runner."""

from __future__ import annotations

from twisted.logger import Logger

from mailframe.delivery.queueing import Results
from mailframe.hooks import Delivered, Delivery
from mailframe.interfaces import IDeliveryQueue
from mailframe.queue.attempt import news_of, success
from mailframe.queue.bounce import written
from mailframe.queue.noting import note_report
from mailframe.site import Site

_log = Logger()


async def tell_success(queue: IDeliveryQueue, delivery: Delivery, outcomes: Results, site: Site) -> None:
    """
    Queue a report about those recipients for whom the sender wants to know of success (RFC 3461 4.1), if there are any.

    @param outcomes: of a message that the client need not send again.
    """
    delivered = [
        (recipient, outcome)
        for recipient, outcome in outcomes
        if "SUCCESS" in recipient.notify and isinstance(outcome, Delivered)
    ]
    if not delivered:
        return
    told = [news_of(delivery.envelope, recipient, success(outcome), outcome) for recipient, outcome in delivered]
    news = [each for each in told if each is not None]
    if not news:
        return
    report = written(news, delivery.envelope, delivery.message, site.clock.seconds(), site)
    try:
        await queue.put(report.id, report.envelope, report.message, report.due)
    except Exception:  # the mail is delivered, whoever is told of it
        _log.failure("{message} the report of success cannot be queued", message=delivery.id)
    else:
        note_report(site, delivery.id, news, report)
