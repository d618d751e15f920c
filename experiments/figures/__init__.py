"""Figures of the paper that need no table of results.

Each module has `make(outdir) -> paths`, which writes its pictures and returns
where they are. It is seeded and takes seconds to a minute.

  from figures import figure_4
  figure_4.make('docs/figures')  # [figure_4.png, figure_4.svg]

Contents: figure_2, figure_4, figure_6, figure_9 of digits and of the toy;
figure_1, figure_5, figure_8, figure_10, figure_11 of faces; what they share:
digits, faces, short.
"""
