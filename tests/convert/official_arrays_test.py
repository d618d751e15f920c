"""Converted networks against arrays that the official code computed."""

import contextlib

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers.paths import ORACLE, needs_oracle

from advmix_jax.generators import stylegan, stylegan_modules
from checkpoints_convert import convert, nvlabs_pickle


def _official(images):
  return np.asarray(images * 2 - 1).transpose(0, 3, 1, 2)


def _ours(images):
  return (images.transpose(0, 2, 3, 1) + 1) / 2


def _load(tmp_path, case, network):
  """Converts one reference pickle and loads the file, as a user does."""
  path = tmp_path / f'{case}-{network}.npz'
  convert.convert_file(ORACLE / f'{case}-nosrc.pkl', path, network=network)
  if network == 'D':
    return stylegan.load_discriminator(path)
  return stylegan.load(path)


# Tolerances below are those of the reference arrays' own description.
@needs_oracle
@pytest.mark.parametrize('case', ['r32', 'r64'])
def test_averaged_generator_equals_the_official_one(case, tmp_path):
  generator, params = _load(tmp_path, case, 'Gs')
  ref = np.load(ORACLE / f'{case}-ref.npz')
  w = jax.jit(generator.map)(params, ref['z'])
  synthesize = jax.jit(generator.synthesize)
  np.testing.assert_allclose(w, ref['dlatents'], atol=5e-5)
  for psi, cutoff, key in [
    (1, 8, 'psi1'),
    (0.7, 8, 'psi07'),
    (0.5, 4, 'psi05_cutoff4'),
  ]:
    cut = stylegan.truncate(params, w, psi=psi, cutoff=cutoff)
    if f'dlatents_{key}' in ref:
      np.testing.assert_allclose(cut, ref[f'dlatents_{key}'], atol=5e-5)
    image = _official(synthesize(params, cut))
    np.testing.assert_allclose(image, ref[f'images_{key}'], atol=1e-4)
    if f'mixed_dlatents_{key}' in ref:
      mixed = jnp.concatenate([cut[:, :4], jnp.roll(cut, -1, 0)[:, 4:]], 1)
      expected = ref[f'mixed_dlatents_{key}']
      np.testing.assert_allclose(mixed, expected, atol=5e-5)
      image = _official(synthesize(params, mixed))
      np.testing.assert_allclose(image, ref[f'mixed_images_{key}'], atol=1e-4)
  _check_uint8(ref)


def _check_uint8(ref):
  """floor(official * 127.5 + 128) is floor(ours * 255 + 0.5)."""
  ours = _ours(ref['images_psi07'])
  whole = np.clip(np.floor(ours * 255 + 0.5), 0, 255)
  wrong = whole != ref['images_psi07_uint8_nhwc']
  assert wrong.mean() < 1e-3  # Where rounding to float32 crosses a half.


@needs_oracle
@pytest.mark.parametrize('case', ['r32', 'r64'])
def test_generator_in_training_equals_the_official_one(case, tmp_path):
  generator, params = _load(tmp_path, case, 'G')
  ref = np.load(ORACLE / f'{case}-ref.npz')

  @jax.jit
  def draw(params, z):
    w = stylegan.truncate(params, generator.map(params, z))
    return generator.synthesize(params, w)

  image = _official(draw(params, ref['z']))
  np.testing.assert_allclose(image, ref['G_images_psi07'], atol=1e-4)


@needs_oracle
@pytest.mark.parametrize('case', ['r32', 'r64'])
def test_discriminator_equals_the_official_one(case, tmp_path):
  discriminator, params = _load(tmp_path, case, 'D')
  ref = np.load(ORACLE / f'{case}-ref.npz')
  apply = jax.jit(discriminator.apply)
  both = np.concatenate([ref['images_psi07'], ref['images_psi1']])
  pairs = [
    (ref['probe_images'], ref['D_probe_images']),
  ]
  if case == 'r32':  # Every batch size is compiled anew.
    pairs += [(both[:n], ref[f'D_batch{n}']) for n in (1, 2, 8)]
  keys = ['images_psi1', 'images_psi07', 'images_psi05_cutoff4']
  keys += ['mixed_images_psi1', 'mixed_images_psi07', 'G_images_psi07']
  pairs += [(ref[k], ref[f'D_{k}']) for k in keys if f'D_{k}' in ref]
  assert len(pairs) >= 6
  for images, scores in pairs:
    ours = apply(params, _ours(images))
    np.testing.assert_allclose(ours, scores[:, 0], atol=1e-5)


@contextlib.contextmanager
def _recorded():
  """Yields a dict that collects what each Haiku module returns, by name."""
  seen = {}

  def keep(function, args, kwargs, context):
    result = function(*args, **kwargs)
    if context.method_name == '__call__':
      seen[context.module.name] = result
    return result

  with hk.intercept_methods(keep):
    yield seen


@needs_oracle
def test_layers_of_the_generator_equal_the_official_ones(tmp_path):
  generator, params = _load(tmp_path, 'r32', 'Gs')
  ref = np.load(ORACLE / 'r32-layers.npz')
  z = np.load(ORACLE / 'r32-ref.npz')['z'][:2]
  w = jax.jit(generator.map)(params, z)
  w = stylegan.truncate(params, w)  # As for these reference arrays.

  def run(params, w):
    with _recorded() as seen:
      images = [generator.synthesize(params, w)]
    images += [generator.synthesize(params, w, level=k) for k in (1, 2, 3)]
    return seen, images, generator.synthesize(params, w, level=1, blend=0.25)

  seen, images, between = jax.jit(run)(params, w)
  for i in range(8):
    ours = seen[stylegan_modules.layer_name(i)].transpose(0, 3, 1, 2)
    size = 2 ** (i // 2 + 2)
    kind = ('Const', 'Conv')[i] if i < 2 else ('Conv0_up', 'Conv1')[i % 2]
    expected = ref[f'G_synthesis/{size}x{size}/{kind}']
    np.testing.assert_allclose(ours, expected, atol=1e-4)
  read = [ref[f'G_synthesis/ToRGB_lod{k}'] for k in range(4)]
  big = [x.repeat(2**k, 2).repeat(2**k, 3) for k, x in enumerate(read)]
  for image, expected in zip(images, big, strict=True):
    np.testing.assert_allclose(_official(image), expected, atol=1e-4)
  expected = big[1] + (big[2] - big[1]) * 0.25
  np.testing.assert_allclose(_official(between), expected, atol=1e-4)


@needs_oracle
def test_layers_of_the_discriminator_equal_the_official_ones(tmp_path):
  discriminator, params = _load(tmp_path, 'r32', 'D')
  ref = np.load(ORACLE / 'r32-layers.npz')
  images = _ours(np.load(ORACLE / 'r32-ref.npz')['images_psi07'])

  def run(params, images):
    with _recorded() as seen:
      discriminator.apply(params, images)
    return seen

  found = jax.jit(run)(params, images)
  compared = 0
  for name, value in found.items():
    size, _, kind = name.removeprefix('b').partition('_')
    key = f'{size}x{size}/{kind.capitalize()}'
    if f'D/{key}' in ref and value.ndim == 4:
      ours = np.asarray(value).transpose(0, 3, 1, 2)
      np.testing.assert_allclose(ours, ref[f'D/{key}'], atol=1e-4)
      compared += 1
  assert compared == 7  # Two convolutions a block above 4x4, and one there.
  # Of these, our modules end before the leaky ReLU, if there is one.
  for name, key, slope in [
    ('from_rgb_lod0', 'FromRGB_lod0', 0.2),
    ('b4_dense0', '4x4/Dense0', 0.2),
    ('b4_dense1', '4x4/Dense1', 1.0),
  ]:
    value = np.asarray(found[name])
    ours = np.maximum(value, slope * value)
    ours = ours.transpose(0, 3, 1, 2) if ours.ndim == 4 else ours
    np.testing.assert_allclose(ours, ref[f'D/{key}'], atol=1e-5)


@needs_oracle
@pytest.mark.parametrize('name', ['r32-protocol5-nosrc', 'r32-Gs-nosrc'])
def test_other_files_hold_the_same_network(name):
  first = nvlabs_pickle.load(ORACLE / 'r32-nosrc.pkl')['Gs']
  other = nvlabs_pickle.load(ORACLE / f'{name}.pkl')['Gs']
  first, other = (convert.convert(network)[2] for network in (first, other))
  jax.tree.map(np.testing.assert_array_equal, first, other)
