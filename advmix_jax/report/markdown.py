"""Tables in Markdown, and as plain text.

  text = markdown.table([['', 'clean'], ['AdvMix', '96.8%']])

Contents: table, columns.
"""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
  """A table in GitHub's Markdown; the first row is the header."""
  header, *body = rows
  lines = [header, ['---'] * len(header), *body]
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
  """The rows as lines of text, each column as wide as its longest cell."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return ['  '.join(map(str.ljust, row, widths)).rstrip() for row in rows]
