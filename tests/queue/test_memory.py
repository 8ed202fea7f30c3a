"""The queue in memory keeps the contract."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.interfaces import IDeliveryQueue
from mailframe.queue.memory import MemoryQueue
from mailframe.testing.queue_administration import AdministeredQueueContract
from mailframe.testing.queue_lending import LendingAtOnceContract
from mailframe.testing.queues import DeliveryQueueContract


class MemoryQueueTests(AdministeredQueueContract, LendingAtOnceContract, DeliveryQueueContract, TestCase):
    async def make_queue(self, clock: Clock) -> IDeliveryQueue:
        return MemoryQueue(clock)
