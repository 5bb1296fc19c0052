"""YAML's own traps: what a parser's complaint most likely means to somebody who writes phone digits.

Texts here begin with `*`, `#`, `!` and `${`, and all of these are YAML's. The complaint of the
parser is true and of no use ("found character that cannot start any token"); these functions look
at the line and say what to write instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Trap:
    """What to tell about a syntax error; `at_start` when the place to show is where the thing begins."""

    message: str
    hint: str | None = None
    at_start: bool = False
    column: int | None = None
    """The index in the line, where it is neither the begin nor where the parser stopped."""


def trap_of(context: str, problem: str, begun: str, line: str, column: int) -> Trap:
    """What a syntax error means.

    `context` and `problem` are the parser's words, `begun` the line where the thing began, `line` and
    `column` where the error was found.
    """
    here = line[column:].lstrip()
    if "escape" in problem:
        return Trap(
            f"`\\{line[column : column + 1]}` is no escape that YAML knows",
            "in double quotes `\\` starts an escape: use single quotes, as in '\\d{4}'",
        )
    if "scanning an alias" in context or "scanning an anchor" in context:
        what = "`*` starts an alias" if "alias" in context else "`&` starts an anchor"
        begin = max(line[:column].rfind(what[1]), 0)
        word = re.split(r"\s", line[begin:])[0]
        if _in_brackets(line[:begin]):
            word = re.split(r"[,\]}]", word)[0]
        return Trap(f"{what}, and this is no name", f"for the text, put it in quotes: '{word}'")
    if "scanning a tag" in context or "parsing a tag" in context:
        return Trap("`!` starts a tag, and this is none", "for the text, put it in quotes: '!…'")
    if "cannot start any token" in problem:
        if line[column : column + 1] == "\t" or here.startswith("\t"):
            indents = not line[:column].strip(" \t-")
            return Trap(
                "a tab cannot indent" if indents else "a tab cannot stand between a key and its value", "use spaces"
            )
        return Trap(f"`{here[:1]}` cannot start a text", f"put the text in quotes: '{here.strip()}'")
    if "quoted scalar" in context:
        return Trap("this quote is never closed", "end the text with the same quote, on the same line", at_start=True)
    dollar = "${" in line or "${" in begun
    if "mapping values are not allowed" in problem:
        hint = (
            'put the text with its `${…}` in quotes: "${…}"'
            if dollar
            else "put the text in quotes, or check the indentation"
        )
        return Trap("`: ` cannot stand in an unquoted text", hint)
    if "flow mapping" in context or "flow sequence" in context:
        return _flow_trap(context, begun, line, dollar)
    if "simple key" in context:
        return Trap("`- ` or `: ` is missing here", "put a space after `-` and after `:`", at_start=True)
    if re.search(r"[:-]\s+[\[{].*[\]}]\s*[^\s,\]}#]", line):
        return Trap("text after a closing bracket", "put the whole value in single quotes")
    if re.search(r""":\s+(['"]).*\1\s*\S""", line) or re.match(r"""\s*-\s+(['"]).*\1\s*\S""", line):
        return Trap("text after a closing quote", "put the whole value in single quotes")
    if re.search(r":\s+\$\{", line):
        return Trap("this cannot be read as YAML", 'put the text with its `${…}` in quotes: "${…}"')
    return Trap(_plain_words(context, problem), "check the indentation: a key or item here fits nothing above")


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _in_brackets(text: str) -> bool:
    return text.count("{") + text.count("[") > text.count("}") + text.count("]")


def _flow_trap(context: str, begun: str, line: str, dollar: bool) -> Trap:
    close = "}" if "mapping" in context else "]"
    for text, at_start in ((begun, True), (line, False)):
        comment = _COMMENT.search(text)
        if comment and close in text[comment.start() :]:
            return Trap(
                f"a comment starts here, which swallows the `{close}`",
                "`#` after a space starts a comment: put the text with `#` in quotes",
                at_start,
                comment.end() - 1,
            )
    if dollar:
        return Trap("`${` cannot stand unquoted inside `{…}` or `[…]`", 'put the text in quotes: "${…}"')
    if line != begun and _indentation(line) <= _indentation(begun):  # the next key, or the end of the file
        return Trap(f"this `{'{' if close == '}' else '['}` is never closed", f"end it with `{close}`", at_start=True)
    return Trap(
        f"expected `,` or `{close}` here",
        "inside `{…}` and `[…]`, a text that holds `,`, `{`, `}`, `[` or `]` must be quoted",
    )


@dataclass(frozen=True, slots=True)
class Swallowed:
    """A comment that ate a closing bracket; `column` is the index of its `#`."""

    message: str
    hint: str
    column: int


def swallowing_comment(line: str) -> Swallowed | None:
    """Whether a comment in `line` holds the `}` or `]` that something before it still needs."""
    comment = _COMMENT.search(line)
    if comment is None:
        return None
    before, inside = line[: comment.start()], line[comment.start() :]
    for opening, closing in ("{}", "[]"):
        if before.count(opening) > before.count(closing) and closing in inside:
            return Swallowed(
                f"a comment starts here, which swallows the `{closing}`",
                "`#` after a space starts a comment: put the text with `#` in quotes",
                comment.end() - 1,
            )
    return None


def _plain_words(context: str, problem: str) -> str:
    words = f"{context}: {problem}" if context and problem else problem or context or "this cannot be read as YAML"
    return words.replace("<block end>", "the end of this block").replace("<", "").replace(">", "")
