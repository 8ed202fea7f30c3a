"""How TLS with another server went, in the words of TLS reports (RFC 8460 4.3), and under which policy."""

from __future__ import annotations

import enum

from attrs import frozen


class ResultType(enum.Enum):
    """What failed (RFC 8460 4.3)."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


class PolicyType(enum.Enum):
    """Which kind of policy was followed (RFC 8460 4.4)."""

    TLSA = "tlsa"
    STS = "sts"
    NO_POLICY_FOUND = "no-policy-found"


@frozen
class PolicyUsed:
    """
    The policy that a connection was held to, as a report shows it (RFC 8460 4.4).

    @ivar domain: the domain whose policy it is: the recipients'.
    @ivar strings: the policy itself: TLSA records, or lines of the MTA-STS file.
    @ivar mx: patterns of host names in an MTA-STS policy.
    """

    type: PolicyType
    domain: str
    strings: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
