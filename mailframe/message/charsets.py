"""Octets to text by a charset's name, for names that strangers choose.

Python's own look-up is not asked: it tries to import a module for each unknown name, remembers each for ever, and
knows codecs (C{unicode_escape}, C{punycode}, C{idna}) that are no charsets of mail, and slow on hostile input.
"""

from __future__ import annotations

import re
from encodings.aliases import aliases

_NAMES = """
    ascii utf_8 utf_7 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le latin_1 iso8859_2 iso8859_3
    iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_11 iso8859_13 iso8859_14
    iso8859_15 iso8859_16 koi8_r koi8_u koi8_t ptcp154 tis_620 hp_roman8 cp437 cp737 cp775 cp850 cp852 cp855
    cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865 cp866 cp869 cp874 cp932 cp949 cp950 cp1250 cp1251 cp1252
    cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 big5 big5hkscs gb2312 gbk gb18030 hz euc_jp euc_jis_2004
    euc_jisx0213 euc_kr johab shift_jis shift_jis_2004 shift_jisx0213 iso2022_jp iso2022_jp_1 iso2022_jp_2
    iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr mac_cyrillic mac_greek mac_iceland mac_latin2
    mac_roman mac_turkish
"""
KNOWN = frozenset(_NAMES.split())
"""Python's names of the charsets that are decoded; all others are guessed."""
# What senders declare is often the smaller of two charsets: browsers, too, read the larger one.
_MEANT = {"ascii": "utf_8", "latin_1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}
_MEANT |= {"iso8859_9": "cp1254", "shift_jis": "cp932", "tis_620": "cp874", "iso8859_11": "cp874"}
_BY_NAME = {name: name for name in KNOWN}
_BY_NAME |= {alias: name for alias, name in aliases.items() if name in KNOWN}
_BY_NAME |= {"iso_8859_8_i": "iso8859_8", "iso_8859_8_e": "iso8859_8", "ks_c_5601_1987": "cp949", "x_sjis": "cp932"}
_BY_NAME |= {"unicode_1_1_utf_7": "utf_7", "x_gbk": "gb18030", "x_mac_roman": "mac_roman", "macintosh": "mac_roman"}
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAME_OCTETS = 40


def decode(data: bytes, charset: str) -> str:
    """
    Return text; what cannot be decoded becomes U+FFFD. An unknown charset is read as L{guess} does.

    @param charset: a name as it is found in mail, in any case; only the first 40 octets are looked at.
    """
    name = _BY_NAME.get(_PUNCTUATION.sub("_", charset[:_NAME_OCTETS].lower()).strip("_"))
    if name is None or name in ("ascii", "utf_8"):
        return guess(data)
    text = data.decode(_MEANT.get(name, name), "replace")
    return _SURROGATE.sub("\ufffd", text)  # UTF-7 can spell them; no UTF-8 can carry them


def guess(data: bytes) -> str:
    """Return undeclared octets as text: UTF-8 where they are valid UTF-8, else ISO 8859-1, which anything is."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
