"""Bad input to the standard evaluation: each one clear line."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import toy_subject as toy

from advmix_jax.evaluation import foreign, inputs, standard

N = 6


def images(*shape, scale=1.0, dtype=np.float32):
  shape = shape or (N, 1, 1, 2)
  return (np.random.default_rng(0).uniform(size=shape) * scale).astype(dtype)


def logits_fn(x):
  return toy.logits(jnp.float32(1), x)


def line(**changes):
  """The error of an evaluation with one bad argument."""
  arguments = {
    'logits_fn': logits_fn,
    'images': images(),
    'labels': np.ones(N, int),
    'generator': (toy.generator(), {}),
    'latents': images(N, 2, 1),
    'attack': toy.attack_config(),
  } | changes
  with pytest.raises(ValueError) as caught:
    standard.evaluate(**arguments)
  text = str(caught.value)
  assert '\n' not in text and len(text) < 300
  return text


WITH_NAN = images()
WITH_NAN[3] = np.nan


@pytest.mark.parametrize(
  'changes, message',
  [
    # Images.
    ({'images': images(scale=255)}, 'floats up to 255: divide them by 255'),
    ({'images': images(scale=2) - 1}, 'from -1 to 1: (images + 1) / 2'),
    ({'images': images(scale=9) - 4}, 'undo their normalisation'),
    ({'images': images(scale=255, dtype=np.int64)}, 'images are int64'),
    ({'images': WITH_NAN}, 'images have numbers that are not finite'),
    ({'images': images(N, 3, 8, 8)}, 'channels first'),
    ({'images': images(N, 8, 8)}, 'images[..., None]'),
    ({'images': images(0, 8, 8, 3)}, 'N > 0'),
    ({'images': images(N, 8, 8, 3)}, 'the generator makes (1, 1, 2)'),
    # Names.
    ({'sources': ['a.png']}, '6 images but 1 sources'),
    # Judges: an answer [N, 1] would be compared with all labels.
    (
      {'judge_fn': lambda x: np.ones((len(x), 1), int)},
      'judge_fn returns int64 of shape (6, 1) for 6 images, expected (6,)',
    ),
    ({'judge_fn': lambda x: np.ones(len(x))}, 'judge_fn returns float64'),
    ({'judge_fn': lambda x: 1}, 'of shape () for 6 images'),
    (
      {'judge_fn': lambda x: np.ones(len(x), int), 'with_ladder': False},
      'judge_fn audits the ladder',
    ),
    # Labels.
    ({'labels': np.ones(N - 1, int)}, '6 images but 5 labels'),
    ({'labels': np.ones(N)}, 'labels are float64, expected integers'),
    ({'labels': np.eye(N, 2, dtype=int)}, 'labels.argmax(-1)'),
    ({'labels': np.full(N, 2)}, 'labels are from 2 to 2, expected 0 to 1'),
    ({'labels': np.full(N, -1)}, 'labels are from -1 to -1'),
    # Latents, the generator and options.
    ({'latents': images(N - 1, 2, 1)}, 'expected (6, 2, 1)'),
    ({'latents': np.full((N, 2, 1), np.nan)}, 'latents have numbers'),
    ({'generator': toy.generator()}, 'generator is a Generator'),
    ({'generator': ({}, toy.generator())}, 'generator is a tuple'),
    ({'attack': 'strong'}, "attack is 'strong', expected 'standard'"),
    ({'attack': toy.attack_config(restarts=-1)}, 'attack.restarts is -1'),
    ({'batch_size': 0}, 'batch_size is 0'),
    # The classifier.
    ({'logits_fn': 'vgg'}, 'logits_fn is a str, expected a function'),
    ({'logits_fn': lambda x: x}, 'returns shape (6, 1, 1, 2) for 6 images'),
    ({'logits_fn': lambda x: x[:, 0, 0, :1]}, 'expected (6, K), K >= 2'),
    ({'logits_fn': lambda x: x[:1, 0, 0]}, 'returns shape (1, 2) for 6'),
    ({'logits_fn': lambda x: logits_fn(x) * jnp.nan}, '6 of 6 images'),
    ({'logits_fn': lambda x: logits_fn(x) + 1j}, 'returns complex64'),
    ({'logits_fn': lambda x: x.no_such}, 'fails on images of shape (6, 1'),
    ({'logits_fn': lambda x: logits_fn(x)[: 1 / 0]}, 'ZeroDivisionError'),
  ],
)
def test_bad_input_is_one_line_that_names_it(changes, message):
  assert message in line(**changes)


def test_nan_beyond_the_first_images_is_found():
  def spoilt(x):  # One of the two logits.
    lost = jnp.where(x[:, 0, 0, 0] > 0.99, jnp.nan, 0)
    return logits_fn(x).at[:, 1].add(lost)

  many = np.zeros((40, 1, 1, 2), np.float32)
  many[30] = 1
  found = line(
    logits_fn=spoilt,
    images=many,
    labels=np.zeros(40, int),
    latents=images(40, 2, 1),
  )
  assert '1 of 40 images, the first one is image 30' in found


def test_a_function_with_a_state_is_found():
  rng = np.random.default_rng(0)
  drops = lambda x: logits_fn(x) * rng.normal()  # noqa: E731
  assert 'keeps a state' in line(logits_fn=drops)
  on_host = lambda x: drops(np.asarray(x))  # noqa: E731
  assert 'keeps a state' in line(logits_fn=on_host)


def test_a_fixed_batch_size_is_found():
  def fixed(x):
    assert len(x) == N, f'batch of {len(x)}, expected {N}'
    return logits_fn(x)

  assert 'shape (1, 1, 1, 2): AssertionError: batch of 1' in line(
    logits_fn=fixed
  )


def softmax(x):
  e = jnp.exp(logits_fn(x))
  return e / e.sum(-1, keepdims=True)


def test_probabilities_are_a_warning():
  (found,) = foreign.adapt(softmax, images()).warnings
  assert 'probabilities' in found
  assert not foreign.adapt(logits_fn, images()).warnings
  # The logarithms of probabilities are logits.
  assert not foreign.adapt(lambda x: jnp.log(softmax(x)), images()).warnings
  # Some below 0 are none, though their sum is 1.
  assert not foreign.adapt(lambda x: 9 * softmax(x) - 4, images()).warnings


@pytest.mark.parametrize('dtype', [jnp.float16, jnp.bfloat16])
def test_logits_become_single_precision(dtype):
  adapted = foreign.adapt(lambda x: logits_fn(x).astype(dtype), images())
  assert adapted.gradients and adapted.num_classes == 2
  assert adapted.logits_fn({}, images()).dtype == jnp.float32


@pytest.mark.parametrize(
  ('shape', 'hint'),
  [
    ((4, 4, 1), r'images.repeat\(3, axis=-1\)'),
    ((4, 4, 4), r'images\[..., :3\] leaves the transparency out'),
    ((3, 4, 4), r'images.transpose\(0, 2, 3, 1\)'),
    ((5, 4, 3), 'resize the images'),
  ],
)
def test_images_of_another_size_are_told_how_to_mend(shape, hint):
  with pytest.raises(ValueError, match=hint):
    inputs.check_size(np.zeros((2, *shape)), (4, 4, 3))
