"""Claims about the loop around StyleGAN's steps."""

import json

import jax
import numpy as np
import pytest
from helpers import tiny_gan
from helpers import toy_subject as toy
from PIL import Image

from advmix_jax import datasets
from advmix_jax.datasets import image_hash
from advmix_jax.generators import (
  gan,
  gan_training,
  growing,
  presets,
  stylegan,
)
from advmix_jax.runtime import checkpoints, files, loop, metrics, preemption

pytestmark = pytest.mark.usefixtures('compile_fast')


@pytest.fixture
def of_8_pixels(tmp_path):
  """The config of a run on 32 images of 8 x 8, whose step compiles fast."""
  path = tmp_path / 'images.npz'
  images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), np.uint8)
  data = {'image': images, 'label': np.arange(32) % 10}
  np.savez(path, **{f'train_{name}': x for name, x in data.items()})

  def config(kimg):
    made = tiny_gan.config(kimg)
    made.data = datasets.default_config('arrays')
    made.data.path = str(path)
    made.network.update(resolution=8, fmaps=(8, 4), split=2)
    return made

  return config


def test_a_resumed_run_equals_an_uninterrupted_one(
  of_8_pixels, tmp_path, monkeypatch
):
  # One compilation for the three runs, whose steps are the same program.
  step = gan.make_step(of_8_pixels(1).network, of_8_pixels(1).gan)
  monkeypatch.setattr(gan, 'make_step', lambda *arguments: step)
  gan_training.train(of_8_pixels(0.032), tmp_path / 'whole')
  gan_training.train(of_8_pixels(0.016), tmp_path / 'parts')
  gan_training.train(of_8_pixels(0.032), tmp_path / 'parts')
  with monkeypatch.context() as patch, pytest.raises(SystemExit) as e:
    answers = iter([False, False, True])
    patch.setattr(preemption, 'asked', lambda step, every: next(answers))
    gan_training.train(of_8_pixels(0.032), tmp_path / 'stopped')
  assert e.value.code == 143
  gan_training.train(of_8_pixels(0.032), tmp_path / 'stopped')
  whole = tiny_gan.leaves(tmp_path / 'whole' / 'generator.npz')
  stopped = tiny_gan.leaves(tmp_path / 'stopped' / 'generator.npz')
  parts = tiny_gan.leaves(tmp_path / 'parts' / 'generator.npz')
  assert set(whole) == set(parts)
  for name, value in whole.items():
    np.testing.assert_array_equal(value, parts[name], err_msg=name)
    np.testing.assert_array_equal(value, stopped[name], err_msg=name)
  init = stylegan.make_generator(of_8_pixels(1).network).init
  shapes = jax.eval_shape(init, jax.random.key(0))
  assert len(whole) == len(jax.tree.leaves(shapes))
  assert (tmp_path / 'whole' / 'samples' / '000000k.png').exists()
  config = json.loads((tmp_path / 'parts' / 'config.json').read_text())
  assert config['gan']['kimg'] == 0.032


def test_the_file_knows_its_images(of_8_pixels, tmp_path, monkeypatch):
  images = datasets.load(of_8_pixels(1).data, 'train').image
  params = {'mapping': {'dlatent_avg': np.zeros(1)}}
  count = len(images)
  for most, known in ((count, count), (count - 1, 0)):  # Above: a large file.
    monkeypatch.setattr(gan_training, '_MOST_HASHES', most)
    path = tmp_path / f'{most}.npz'
    gan_training._save(path, of_8_pixels(1), params, images)
    text = files.load_npz(path)[1]['training_images']
    found = set(image_hash.from_text(text).tolist())
    assert len(found) == known
    assert found <= set(image_hash.image_hashes(images).tolist())


def test_too_few_classes_for_the_images_are_refused(tmp_path):
  config = tiny_gan.config(1.0)
  config.network.label_size = 4
  with pytest.raises(ValueError, match='label_size is 4, expected 0 .* 10'):
    gan_training.train(config, tmp_path)


def test_images_of_another_size_name_the_preset_that_fits(tmp_path):
  config = tiny_gan.config(1.0)
  config.network.update(resolution=16, fmaps=(8, 8, 4), split=2)
  with pytest.raises(ValueError, match='is 16, the images are 32x32; .*preset'):
    gan_training.train(config, tmp_path)


@pytest.mark.parametrize('tint', [0, 1])
def test_a_preset_sees_whether_any_image_has_a_colour(tint):
  images = np.full((3, 32, 32, 3), 7, np.uint8)
  images[2, 31, 31, 0] += tint
  config = tiny_gan.config(1.0)
  config.preset = 'small'
  found = gan_training._with_preset(config, images)
  assert found.network.grey == (not tint)


@pytest.mark.parametrize('mirror, z', [(False, 512), (True, 128)])
def test_a_preset_does_not_count_mirror_images(mirror, z, monkeypatch, capsys):
  monkeypatch.setattr(gan_training.jax, 'default_backend', lambda: 'gpu')
  monkeypatch.setattr(presets, 'LARGE_FROM', 6)
  config = tiny_gan.config(1.0)
  config.preset = 'auto'
  config.data = datasets.default_config('folder')
  config.data.mirror = mirror
  images = np.zeros((10, 32, 32, 3), np.uint8)
  found = gan_training._with_preset(config, images)
  assert found.network.latent_size == z  # That of 'large', or of 'small'.
  count = 5 if mirror else 10
  assert f"preset 'auto' of {count} images" in capsys.readouterr().out


class _Steps:
  """Stands for the compiled step: learns nothing, and notes what it is given.

  Args:
    bad: the step from 1 whose loss is not a number.
  """

  def __init__(self, bad=0):
    self.bad, self.labels, self.options, self.moments = bad, [], [], []
    self.images, self.keys, self.network = [], [], None

  def __call__(self, state, batch, rng, blend, **options):
    self.labels.append(np.asarray(batch.label))
    self.images.append(np.asarray(batch.image))
    self.keys.append(jax.random.key_data(rng))
    self.options.append(options | {'blend': float(blend)})
    adam, *rest = state.generator_opt
    self.moments.append(int(adam.count))
    state = state._replace(
      step=state.step + 1,
      generator_opt=(adam._replace(count=adam.count + 1), *rest),
    )
    return state, {'r1': np.nan if state.step == self.bad else 0.0}


@pytest.fixture
def run(monkeypatch, tmp_path):
  """Trains in a folder by steps that learn nothing; returns these."""

  def train(config, folder='run', bad=0):
    steps = _Steps(bad)

    def make_step(network, *arguments):
      steps.network = network
      return steps

    monkeypatch.setattr(gan, 'make_step', make_step)
    monkeypatch.setattr(gan_training, '_picture', lambda *arguments: None)
    gan_training.train(config, tmp_path / folder)
    return steps

  return train


def _growing(kimg, **fields):
  """Starts at 8 x 8."""
  return tiny_gan.config(kimg, start_resolution=8, **fields)


def test_every_epoch_shows_every_image_once_in_another_order(run):
  config = _growing(0.04)  # Five batches of 8 are two epochs of 20.
  config.data.num_train = 20
  labels = np.concatenate(run(config).labels)
  everything = sorted(datasets.load(config.data, 'train').label)
  assert sorted(labels[:20]) == sorted(labels[20:]) == everything
  assert not np.array_equal(labels[:20], labels[20:])


def test_a_resumed_run_shows_the_images_that_are_left(run):
  whole = run(_growing(0.064), 'whole').labels
  first, rest = (run(_growing(kimg), 'parts').labels for kimg in (0.016, 0.064))
  assert len(first) == 2
  np.testing.assert_array_equal(first + rest, whole)


def test_pictures_show_the_finest_level_that_is_whole(tmp_path):
  config = _growing(1.0, phase_kimg=0.02)
  state = tiny_gan.state(config)
  for images, pixel in ((16, 4), (32, 4), (48, 2)):  # 32: level 1 fades in.
    gan_training._picture(config, tmp_path, state, images)
    path = tmp_path / 'samples' / '000000k.png'
    shown = np.asarray(Image.open(path))[::2, ::2]  # Twice as large as drawn.
    for size, same in ((pixel, True), (2 * pixel, False)):
      blocks = shown[::size, ::size].repeat(size, 0).repeat(size, 1)
      assert np.array_equal(blocks, shown) == same


def test_a_network_that_still_grows_is_stored_with_its_lod(
  run, tmp_path, capsys
):
  # From 8 to 32 in 4 phases of 0.02: at 0.032, level 1 begins to fade in.
  run(_growing(0.032, phase_kimg=0.02))
  assert 'lod 1.4: attacks need the full size, from gan.kimg=0.08 on' in (
    capsys.readouterr().out
  )
  generator, params = stylegan.load(tmp_path / 'run' / 'generator.npz')
  w = np.ones((1, 8, 8), np.float32)
  level, blend = growing.level_at(_growing(1.0, phase_kimg=0.02).gan, 32, 0.032)
  np.testing.assert_array_equal(
    generator.synthesize(params, w),
    generator.synthesize(params, w, level=level, blend=blend),
  )
  with pytest.raises(ValueError, match='fine needs a network of lod 0'):
    generator.fine(params, w, w)


def test_a_step_has_the_level_and_the_losses_that_the_options_ask_for(run):
  config = _growing(0.128, phase_kimg=0.02, r1_interval=3)
  steps = run(config)
  assert len(steps.options) == 16
  levels = [growing.level_at(config.gan, 32, 0.008 * i) for i in range(16)]
  assert {level for level, _ in levels} == {0, 1, 2}
  for i, options in enumerate(steps.options):
    level, blend = levels[i]
    assert options == {
      'level': level,
      'blend': pytest.approx(blend),
      'with_r1': i % 3 == 0,
    }
    # Adam's moments are new at a new level.
    if i:
      same = levels[i - 1][0] == level
      assert steps.moments[i] == (steps.moments[i - 1] + 1 if same else 0)


def test_a_loss_that_is_not_finite_stops_with_the_checkpoint_kept(
  run, tmp_path
):
  with pytest.raises(
    ValueError, match=r'gan: the r1 is nan in steps 3\.\.4'
  ) as e:
    run(_growing(0.064), bad=4)
  assert 'the last good checkpoint, step 2, is kept' in str(e.value)
  manager = checkpoints.make_manager(tmp_path / 'run')
  assert list(manager.all_steps()) == [2]
  assert [r['step'] for r in metrics.read(tmp_path / 'run')] == [2]
  assert not (tmp_path / 'run' / 'generator.npz').exists()


def test_a_grid_has_shapes_by_row_and_colours_by_column():
  generator = toy.generator()  # Its image is one pixel, (z_∥, z_⊥).
  rng = jax.random.key(2)
  z = np.clip(jax.random.normal(rng, (5, 1)), 0, 1)[:, 0]
  shapes, colors = z[:2], z[2:]
  grid = gan_training.mixing_grid(generator, {}, rng, rows=2, columns=3)
  assert grid.shape == (3, 4, 1, 1, 2)
  grid = np.asarray(grid)[:, :, 0, 0]
  np.testing.assert_array_equal(grid[0, 0], 0)
  for i in range(2):
    np.testing.assert_array_equal(grid[i + 1, 0], shapes[i])
    for j in range(3):
      np.testing.assert_array_equal(grid[0, j + 1], colors[j])
      np.testing.assert_array_equal(grid[i + 1, j + 1], [shapes[i], colors[j]])


def test_a_finished_folder_is_of_its_own_data_seed_and_options(
  of_8_pixels, tmp_path, monkeypatch
):
  # Without steps: what is claimed before them decides.
  monkeypatch.setattr(loop, 'run', lambda workdir, state, *_, **__: state)
  gan_training.train(of_8_pixels(0.032), tmp_path)
  before = (tmp_path / 'config.json').read_bytes()
  other = of_8_pixels(0.032)
  other.seed += 1
  faster = of_8_pixels(0.032)
  faster.gan.learning_rate *= 2
  wider = of_8_pixels(0.064)
  wider.network.fmaps = (16, 4)
  for config, name in (
    (other, 'seed=0 .now 1'),
    (faster, 'gan.learning_rate'),
    (wider, 'network.fmaps'),
    (of_8_pixels(0.016), r'gan.kimg=0.032 .now 0.016'),
  ):
    with pytest.raises(ValueError, match=f'holds a run of another.*{name}'):
      gan_training.train(config, tmp_path)
  (tmp_path / 'data.sha256').write_text('0')
  with pytest.raises(ValueError, match='a run on other data'):
    gan_training.train(of_8_pixels(0.032), tmp_path)
  assert (tmp_path / 'config.json').read_bytes() == before


def test_a_run_may_be_made_longer(of_8_pixels, tmp_path, monkeypatch):
  monkeypatch.setattr(loop, 'run', lambda workdir, state, *_, **__: state)
  gan_training.train(of_8_pixels(0.016), tmp_path)
  longer = of_8_pixels(0.032)
  longer.gan.update(learning_rate=1e-4, decay_kimg=0.016)
  longer.log_kimg *= 2
  gan_training.train(longer, tmp_path)
  config = json.loads((tmp_path / 'config.json').read_text())
  assert (config['gan']['kimg'], config['gan']['learning_rate']) == (
    0.032,
    1e-4,
  )


@pytest.mark.parametrize(
  ('section', 'values', 'message'),
  [
    ('gan', {'kimg': 0.007}, 'gan.kimg is 0.007, expected at least 0.008'),
    ('gan', {'start_resolution': 16}, 'start_resolution is 16, expected 0'),
    ('gan', {'mixing_cut': 'no'}, "mixing_cut is 'no', expected one of"),
    ('network', {'mbstd_group_size': 3}, 'batch_size is 8, .* multiple .* 3'),
  ],
  ids=str,
)
def test_bad_options_leave_an_empty_folder(
  of_8_pixels, tmp_path, section, values, message
):
  config = of_8_pixels(0.016)
  config[section].update(values)
  with pytest.raises(ValueError, match=message):
    gan_training.train(config, tmp_path / 'run')
  assert not (tmp_path / 'run' / 'config.json').exists()


def test_a_step_sees_real_images_at_its_level(run):
  steps = run(_growing(0.016))  # Level 2, from 8 x 8 to 32 x 32.
  for images in steps.images:
    np.testing.assert_allclose(images, tiny_gan.averaged(images, 4), atol=1e-6)
    assert not np.allclose(images, tiny_gan.averaged(images, 8), atol=0.1)


def test_a_generator_draws_classes_as_often_as_its_images_have_them(
  run, tmp_path
):
  config = _growing(0.016)
  config.network.label_size = 10
  frequencies = run(config).network.label_frequencies
  label = datasets.load(config.data, 'train').label
  shares = np.bincount(label, minlength=10) / len(label)
  assert shares.min() < shares.max()  # Of 32 images.
  np.testing.assert_allclose(frequencies, shares)
  _, metadata = files.load_npz(tmp_path / 'run' / 'generator.npz')
  assert metadata['config']['label_frequencies'] == list(frequencies)


def test_every_step_draws_by_a_key_of_its_own(run):
  config = _growing(0.04)
  config.seed = 3
  rng = jax.random.key(4)
  expected = [jax.random.key_data(jax.random.fold_in(rng, i)) for i in range(5)]
  np.testing.assert_array_equal(run(config).keys, expected)


def test_what_is_saved_is_the_average_of_the_generators(
  run, tmp_path, monkeypatch
):
  config = _growing(0.08, phase_kimg=0.01)
  state = tiny_gan.state(config)  # Its average is another draw.
  monkeypatch.setattr(gan, 'init', lambda *_: state)
  run(config)
  _, params = stylegan.load(tmp_path / 'run' / 'generator.npz')
  name = 'synthesis/~/b4_const'
  np.testing.assert_array_equal(
    params[name]['const'], state.average[name]['const']
  )
  assert (params[name]['const'] != state.generator[name]['const']).any()


def test_a_finished_training_keeps_its_file_of_other_periods(tmp_path, run):
  """Latents and learned starts are held to the hash of that file."""
  config = _growing(0.016)
  run(config)
  path = tmp_path / 'run' / 'generator.npz'
  before = path.read_bytes()
  config.sample_kimg = 0.004
  run(config)
  assert path.read_bytes() == before
