"""YAML's own traps: what a parser's complaint most likely means to somebody who writes phone digits.

Texts here begin with `*`, `#`, `!` and `${`, and all of these are YAML's. The complaint of the
parser is true and of no use ("found character that cannot start any token"); these functions look
at the line and say what to write instead.
"""

from __future__ import annotations

import re

QUOTE = "`{}` is YAML's own: put the text in quotes"
_COMMENT = re.compile(r"(?:^|\s)#")


def comment_trap(text: str, rest: str) -> tuple[str | None, bool]:
    """What a comment may have done to an unquoted text, and whether it must have been a mistake.

    `rest` is what stands behind the text in its line. `# so` after a text is a comment as people
    write them; `#so` after `${pin}` is a digit that YAML ate.
    """
    comment = rest.strip()
    if not comment.startswith("#"):
        return None, False
    if not text:
        return f"`#` starts a comment: write '{comment.split()[0]}'", False
    if "${" not in text:
        return None, False
    if _unclosed(text):
        return f'`#` starts a comment, which swallows the `}}`: write "{text} {comment}"', False
    glued = len(comment) == 1 or not comment[1].isspace()
    return f'for the text, write "{text} {comment}"; for a comment, put a space after `#`', glued


def _unclosed(text: str) -> bool:
    return text.rfind("}") < text.rfind("${")


def trap_of(context: str, problem: str, begun: str, line: str, column: int) -> tuple[str, str | None]:
    """The message and hint for a syntax error: the parser's words, the line of the context, the line and column."""
    here = line[column:].lstrip()
    if "escape" in problem or "expected escape sequence" in problem:
        escape = line[column : column + 1]
        return (
            f"`\\{escape}` is no escape that YAML knows",
            "in double quotes `\\` starts an escape: use single quotes, as in '\\d{4}'",
        )
    if "scanning an alias" in context or "scanning an anchor" in context:
        sign = "*" if "alias" in context else "&"
        what = "an alias" if sign == "*" else "an anchor"
        return f"`{sign}` starts {what}, and this is no name", f"for the text, put it in quotes: '{sign}…'"
    if "scanning a tag" in context or "parsing a tag" in context:
        return "`!` starts a tag, and this is none", "for the text, put it in quotes: '!…'"
    if "cannot start any token" in problem:
        if here.startswith("\t") or line[column : column + 1] == "\t":
            return "a tab cannot indent", "use spaces"
        return f"`{here[:1]}` cannot start a text", f"put the text in quotes: '{here.strip()}'"
    if "quoted scalar" in context:
        return "this quote is never closed", "end the text with the same quote, on the same line"
    dollar = "${" in line or "${" in begun
    if "mapping values are not allowed" in problem:
        if dollar:
            return "`: ` cannot stand in an unquoted text", 'put the text with its `${…}` in quotes: "${…}"'
        return "`: ` cannot stand in an unquoted text", "put the text in quotes, or check the indentation"
    if "flow mapping" in context or "flow sequence" in context:
        return _flow_trap(context, begun, line, dollar)
    if re.search(r""":\s+(['"]).*\1\s*\S""", line) or re.match(r"""\s*-\s+(['"]).*\1\s*\S""", line):
        return "text after a closing quote", "put the whole value in single quotes"
    if dollar and re.search(r":\s+\$\{", line):
        return "this cannot be read as YAML", 'put the text with its `${…}` in quotes: "${…}"'
    return _plain_words(context, problem), "check the indentation: a key or item here fits nothing above"


def _flow_trap(context: str, begun: str, line: str, dollar: bool) -> tuple[str, str | None]:
    close = "}" if "mapping" in context else "]"
    for text in (begun, line):
        comment = _COMMENT.search(text)
        if comment and close in text[comment.start() :]:
            return (
                f"the `{close}` that belongs here was swallowed by a comment",
                "`#` after a space starts a comment: put the text with `#` in quotes",
            )
    if dollar:
        return "`${` cannot stand unquoted inside `{…}` or `[…]`", 'put the text in quotes: "${…}"'
    return (
        f"expected `,` or `{close}` here",
        f"a text that holds `,`, `{{`, `}}`, `[` or `]` must be quoted inside `{close}`",
    )


def _plain_words(context: str, problem: str) -> str:
    words = f"{context}: {problem}" if context and problem else problem or context or "this cannot be read as YAML"
    return words.replace("<block end>", "the end of this block").replace("<", "").replace(">", "")
