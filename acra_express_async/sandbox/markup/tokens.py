"""How many tokens a text bills, and where a limit on tokens cuts it: an estimate of the cl100k_base encoding.

Reader counts and cuts with cl100k_base. Its table of 100,000 entries is downloaded at first use, and the one package
that carries it weighs 74 MB. So a text is split as cl100k_base splits it, and each piece costs what pieces of its kind
and length cost on average. Held against the real encoding on 600 short page texts of companies: the sum over all of
them is 1 % too high; over one page the error has a standard deviation of 7 %, over ten pages together of 3 %.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

_PIECES = re.compile(
    r"""'(?:[sdmt]|ll|ve|re)(?![^\W\d_])     # the end of a contraction
    |[^\r\n\w]?[^\W\d_]+|_[^\W\d_]+          # a word, with the sign or blank before it
    |\d{1,3}                                 # digits, three at a time
    |\ ?(?:[^\s\w]|_)+[\r\n]*                # signs, with the line ends behind them
    |\s*[\r\n]+|\s+(?!\S)|\s+""",
    re.VERBOSE | re.IGNORECASE,
)
_WIDE = re.compile(r"[^\x00-\u024f\u2010-\u2027]")

TOKENS_OF_A_WIDE_CHARACTER = 1.2
"""Tokens per character for Chinese and other non-Latin scripts."""
LONGEST_PROSE_WORD = 13
"""A lower-case word of up to this length after a space is one token; a longer one is not an English word."""


def token_count(text: str) -> int:
    """Tokens billed for `text`."""
    return math.ceil(sum(tokens for _, tokens in _counted(text)) - 1e-6)


def cut_to_tokens(text: str, tokens: int) -> str:
    """The beginning of `text` that bills at most `tokens`; a word of several tokens is cut in its middle."""
    left = float(tokens)
    for piece, cost in _counted(text):
        if cost > left:
            return text[: piece.start() + int(len(piece.group()) * left / cost * 0.999)]
        left -= cost
    return text


def _counted(text: str) -> Iterator[tuple[re.Match[str], float]]:
    for piece in _PIECES.finditer(text):
        yield piece, _tokens_of(piece.group())


def _tokens_of(piece: str) -> float:
    if piece.isascii() and len(piece) <= 3:
        return 1.0
    wide = len(_WIDE.findall(piece))
    if wide:
        return max(1.0, wide * TOKENS_OF_A_WIDE_CHARACTER)
    core = piece.strip()
    length = len(core)
    if not core or length <= 2:
        return 1.0
    if not core[-1].isalpha():
        return max(1.0, length / 2.3)
    if length > 3 and core.isupper():
        return length / 3.0
    return _tokens_of_word(length, capital=core[0].isupper(), prose=piece[0] == " ")


def _tokens_of_word(length: int, *, capital: bool, prose: bool) -> float:
    """Tokens of a word. `prose`: a space precedes it; otherwise it is part of an address or link, or starts a line."""
    if prose and not capital:
        return 1.02 if length <= LONGEST_PROSE_WORD else length / 3.0
    if prose:
        return 1.28 if length <= 9 else 1.8
    if capital:
        return 1.1 if length <= 5 else max(1.4, length / 4.8)
    return max(1.05, (length - 2) / 2.6)
