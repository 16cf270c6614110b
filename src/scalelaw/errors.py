"""Errors that are the user's to mend; the command line prints them without a traceback."""

from difflib import get_close_matches

_LONGEST_WORD, _MOST_WORDS = 100, 2_000
"""Beyond these no near word is looked for: it would take longer than the reading."""


class ScalelawError(Exception):
    """Base of all errors with a message meant for the user."""


class UsageError(ScalelawError):
    """What was asked for contradicts itself or is out of range."""


class UnreadableError(ScalelawError):
    """A file or folder is missing or cannot be read."""


class ConfigError(ScalelawError):
    """The configuration has an unknown key or a value of the wrong kind."""


class FitError(ScalelawError):
    """The data given to a fit cannot identify its parameters."""


class MissingColumnError(FitError):
    """The data lack a column that the specification names."""


class InvalidValueError(FitError):
    """A value is empty, not a number, not finite, or outside the range that the model needs."""


class NoVariationError(FitError):
    """A variable is the same in every record, or varies only through one group."""


class TooFewRecordsError(FitError):
    """There are fewer records than the model needs."""


class TooFewGroupsError(FitError):
    """There are fewer independent groups than the model or its intervals need."""


class NotIdentifiedError(FitError):
    """The data leave the parameters, or the answer that is asked for, undetermined."""


def visible(text: str, most: int = 500) -> str:
    r"""Return text that may be shown anywhere: cut, and what cannot be seen is escaped.

    Cells, keys and paths are other people's words. Control characters, which a terminal would obey,
    and those that turn or hide text become escapes such as ``\x1b`` and ``\u202e``.

    Parameters
    ----------
    text : str
        Any text.
    most : int
        Characters that are kept; how many there were is said where some are cut.

    Examples
    --------
    >>> visible("red \x1b[31m", 80)
    'red \\x1b[31m'
    >>> visible("9" * 5000, 4)
    '9999... (5,000 characters)'
    """
    if len(text) > most:
        text = f"{text[:most]}... ({len(text):,} characters)"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def did_you_mean(word: str, known: list[str], most: int = _MOST_WORDS) -> str:
    """Return ``did you mean "x"?`` for the nearest known word, an empty string if none is near.

    Among more words than `most` none is looked for, since every row of a file may ask.
    """
    if len(word) > _LONGEST_WORD or len(known) > most:
        return ""
    folded = {k.casefold(): k for k in known if len(k) <= _LONGEST_WORD}
    near = get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return f'did you mean "{folded[near[0]]}"?' if near else ""
