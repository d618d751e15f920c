"""Tables in Markdown.

  text = markdown.table([['', 'clean'], ['AdvMix', '96.8%']])

Contents: table.
"""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
  """A table in GitHub's Markdown; the first row is the header."""
  header, *body = rows
  lines = [header, ['---'] * len(header), *body]
  return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'
