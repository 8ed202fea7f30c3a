"""SASL mechanisms, server side: pure challenge and response, one mechanism a module (RFC 4422)."""

from mailframe.sasl.exchange import Challenge, Exchange, Mechanism, SaslError, decode, encode
from mailframe.sasl.login import LOGIN
from mailframe.sasl.plain import PLAIN

MECHANISMS: dict[bytes, Mechanism] = {mechanism.name: mechanism for mechanism in (PLAIN, LOGIN)}
"""The mechanisms that are offered, by name, best first."""

__all__ = ["MECHANISMS", "Challenge", "Exchange", "Mechanism", "SaslError", "decode", "encode"]
