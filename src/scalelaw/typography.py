"""Characters for numbers in figures and in the report."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def superscript(number: int) -> str:
    """Return a whole number in superscript characters."""
    return str(number).translate(_SUPERSCRIPT)
