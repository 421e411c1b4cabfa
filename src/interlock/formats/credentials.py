"""Secrets in text, which no version control, ticket or log may hold: found by form, or by the name they stand under.

Forms: PEM and PGP private keys, JSON web tokens (RFC 7519), passwords in URLs (RFC 3986 userinfo), and the tokens that
AWS, Google, GitHub, GitLab, Slack, Vault and age prefix with letters of their own. Nobody here prints what was found.
"""

from __future__ import annotations

import math
import re
from collections import Counter

CERTAIN = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|-----BEGIN PGP PRIVATE KEY BLOCK-----"
    r"|\b[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@"  # userinfo with a password in a URL
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"  # a JSON web token
)
"""What evidence must never hold either: nothing else looks like it."""
_FORMS = re.compile(
    CERTAIN + r"|LS0tLS1CRUdJTi[A-Za-z0-9+/]{8,}"  # Base64 of what begins like PEM
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bAIza[0-9A-Za-z_-]{35}"
    r"|\bya29\.[0-9A-Za-z_-]{20,}"
    r"|\bgh[pousr]_[0-9A-Za-z]{36}|\bgithub_pat_[0-9A-Za-z_]{22,}"
    r"|\bglpat-[0-9A-Za-z_-]{20,}"
    r"|\bxox[abeoprs]-[0-9A-Za-z-]{10,}"
    r"|\bhv[sbr]\.[0-9A-Za-z_-]{20,}"
    r"|\bAGE-SECRET-KEY-1[0-9A-Z]{20,}"
)
_SECRET = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|credential|api[_.-]?key|access[_.-]?key|private[_.-]?key)s?$", re.I
)
_KEY = re.compile(r"key$", re.I)
_HARMLESS = re.compile(
    r"(?:true|false|none|null|\d+(?:\.\d+)?(?:ms|s|m|h|d)?|\*+|<[^>]*>|\$\{?[\w.]*\}?|/[\w./@-]*"
    r"|(?:vault|secret|ref|env|file):[\w./#-]+|https?://[^\s@]*)?$",
    re.I,
)
"""Switches, times, placeholders, paths and references: what stands for a secret, and is none."""
_LONG, _BITS = 20, 3.5


def token(text: str) -> bool:
    """Whether ``text`` holds something of a secret's form."""
    return _FORMS.search(text) is not None


def named(name: str, value: str) -> bool:
    """Whether ``value`` is a secret because of what it is called: anything but a stand-in under a name such as
    ``DB_PASSWORD``, what looks random under a name such as ``SIGNING_KEY``."""
    if _HARMLESS.match(value):
        return False
    return bool(_SECRET.search(name)) or (bool(_KEY.search(name)) and random(value))


def random(value: str) -> bool:
    """Whether ``value`` is long, one word, and as varied as keys are: 3.5 bits a character."""
    if len(value) < _LONG or any(sign in value for sign in " ,;"):
        return False
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts) >= _BITS
