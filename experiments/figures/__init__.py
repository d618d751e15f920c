"""Figures of the paper that need no table of results: 2, 4, 6 and 9.

Each module has `make(outdir) -> paths`, which writes its pictures and returns
where they are. It is seeded and takes seconds to a minute.

  from figures import figure_4
  figure_4.make('docs/figures')  # [figure_4.png, figure_4.svg]

Contents: figure_2, figure_4, figure_6, figure_9; digits (what 2 and 9 share).
"""
