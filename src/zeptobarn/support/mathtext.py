"""Texts that figures show: matplotlib reads what stands between dollar signs as formulas."""


def unreadable(text: str) -> str:
    r"""Say why matplotlib cannot draw a text; nothing, if it can.

    Examples
    --------
    >>> unreadable("CEνNS $^8$B"), unreadable(r"90\,% of \$5")
    ('', '')
    >>> unreadable("5 $")
    'a single $ begins a formula that does not end; where $ itself is meant, write \\$'
    >>> unreadable(r"$\nosuchthing$").split(":")[0]
    'between $ and $ there is no formula that matplotlib can read'
    """
    signs = text.count("$") - text.count(r"\$")
    if signs == 0:
        return ""
    if signs % 2:
        return "a single $ begins a formula that does not end; where $ itself is meant, write \\$"
    from matplotlib.mathtext import MathTextParser

    try:
        for line in text.split("\n"):
            MathTextParser("path").parse(line)
    except ValueError as error:
        what = str(error).strip().splitlines()[-1]
        return f"between $ and $ there is no formula that matplotlib can read: {what}"
    return ""
