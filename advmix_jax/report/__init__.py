"""Tables, plots and pages, made from records only.

A record is the content of a run's results.json. Nothing here trains or
evaluates, so every table can be made again from its records:

  from advmix_jax.report import figures, pages, tables
  print(tables.markdown_table(records))
  png = figures.picture_grid(images, row_names=['image', 'mix'])
  html = pages.page('Demo', [pages.Section('Mixes', pictures=[('mixes', png)])])

Contents:

  statistics  wilson_interval, mean_interval, over_seeds, percent
  tables      Record, method_name, table_rows, interval_note, markdown_table
  figures     picture_grid, line_plot: PNGs
  illustrations  Panel, scatter_panels, swatches, difference_grid,
              target_captions, render: figures from arrays alone
  records     read, add, relabel, serves, newest: files of records, for the
              paper's tables
  results     Layout, Cell, cell, curves, table, generators, page:
              docs/results.md
  groups      text: accuracy by groups of the test images
  markdown    table
  curves      plot, draw, render: curves with bands
  checks      rows: gates with values and limits
  pages       Pictures, Section; page: HTML from templates/page.html; examples,
              mixes, attacked: PNGs; comparison: the page of runs; listing
  strength    rows, plot, section, listing: accuracy against eps and K
  fit         histogram, worst, table, flagged, worst_grid, curves_plot,
              curves_table: how well latents fit their images
"""
