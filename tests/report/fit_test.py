"""Claims about advmix_jax/report/fit.py."""

import csv

import numpy as np

from advmix_jax.report import fit

PNG = b'\x89PNG\r\n\x1a\n'


def test_histogram_counts_every_image_once():
  errors = np.float32([0.0, 0.1, 0.1, 0.3, 0.4, 9.0])
  text = fit.histogram(errors, bins=4)
  lines = text.splitlines()
  assert lines[0] == (
    'squared error: mean 1.65000, median 0.20000, largest 9.00000, 6 images'
  )
  counts = [int(line.split()[3]) for line in lines[1:]]
  # 99.5% of the way from the fifth to the sixth is below the outlier.
  assert counts == [5, 0, 0, 1]
  assert [line.count('#') for line in lines[1:]] == [40, 0, 0, 8]
  assert '+' in lines[-1]


def test_histogram_of_perfect_fits():
  assert '3 ####' in fit.histogram(np.zeros(3))


def test_worst_are_named_in_order():
  errors = np.float32([0.5, 2.0, 0.25, 2.0])
  assert fit.worst(errors, 3) == [(1, 2.0), (3, 2.0), (0, 0.5)]
  assert len(fit.worst(errors)) == 4


def test_curves_table_shows_both_starts():
  text = fit.curves_table(
    {'average': np.linspace(1, 0, 8), 'network': [0.2, 0.1]}
  )
  assert text.splitlines() == [
    '     steps        0        1        2        5        7',
    '   average  1.00000  0.85714  0.71429  0.28571  0.00000',
    '   network  0.20000  0.10000                           ',
  ]


def test_pictures_are_png():
  images = np.zeros((3, 4, 4, 3))
  assert fit.worst_grid(np.ones(3), images, images).startswith(PNG)
  assert fit.curves_plot({'average': [1.0, 0.5]}).startswith(PNG)


def test_bad_fits_are_flagged_by_number():
  errors = np.float32([0.01, 0.04, 0.02, 0.03])
  assert fit.flagged(errors, 0.025) == 'above 0.025: 2 of 4 images: 1 3'
  assert fit.flagged(errors, 0.05) == 'above 0.05: 0 of 4 images'
  text = fit.table(errors, 0.025, ['a.png', 'b, c.png', 'd.png', 'e.png'])
  rows = list(csv.reader(text.splitlines()))
  assert rows[0] == ['image', 'mean_squared_error', 'flagged', 'source']
  assert [(int(i), float(e)) for i, e, *_ in rows[1:]] == [
    (0, 0.01),
    (1, 0.04),
    (2, 0.02),
    (3, 0.03),
  ]
  assert [f for *_, f, _ in rows[1:]] == ['0', '1', '0', '1']
  assert [name for *_, name in rows[1:3]] == ['a.png', 'b, c.png']
  assert fit.table(errors).splitlines()[2] == '1,0.040000,0,1'
