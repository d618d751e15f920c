"""Claims about advmix_jax/evaluation/judge.py."""

import jax
import numpy as np
import pytest

from advmix_jax import datasets, types
from advmix_jax.datasets import colored_mnist
from advmix_jax.datasets.digits import load_digits
from advmix_jax.evaluation import judge
from advmix_jax.runtime import checkpoints

pytestmark = pytest.mark.usefixtures('compile_fast')


def _shipped():
  return judge.load(view_fn=colored_mnist.brightness)


def test_the_judge_is_blind_to_colour_and_right_on_unbiased_digits():
  digits = load_digits('embedded', 'test', limit=400)
  images = [
    colored_mnist.make(digits, sigma=0.0, seed=seed, biased=False)
    for seed in (0, 1)
  ]
  names = [judge.name(_shipped(), data.image)[0] for data in images]
  np.testing.assert_array_equal(*names)
  # 98.6% of the 2,000 test digits; 400 of them within 4 standard errors.
  assert (names[0] == images[0].label).mean() > 0.96


def test_a_file_that_is_no_judge_is_refused(tmp_path):
  view_fn = colored_mnist.brightness
  params = _shipped().params
  judge.save(tmp_path / 'judge.npz', judge.Judge(params, view_fn), {})
  judge.load(tmp_path / 'judge.npz', view_fn=view_fn)
  wrong = params | {'vgg/conv3_2': params['vgg/conv3_1']}
  judge.save(tmp_path / 'judge.npz', judge.Judge(wrong, view_fn), {})
  with pytest.raises(
    ValueError, match='conv3_2/b has shape .64,., expected No'
  ):
    judge.load(tmp_path / 'judge.npz', view_fn=view_fn)
  with pytest.raises(ValueError, match='expected judge'):
    path = judge.SHIPPED.with_name('generator.npz')
    judge.load(path, view_fn=view_fn)
  judge.save(tmp_path / 'judge.npz', judge.Judge({}, view_fn), {})
  with pytest.raises(ValueError, match='vgg/conv1_1/w is missing'):
    judge.load(tmp_path / 'judge.npz', view_fn=view_fn)


def test_names_and_confidence_are_those_of_the_softmax():
  trained = _shipped()
  ink = load_digits('embedded', 'test', limit=7)
  data = colored_mnist.make(ink, sigma=0.0, seed=0, biased=False)
  # Batches of 3: the last one is padded.
  label, confidence = judge.name(trained, data.image, batch_size=3)
  images = datasets.to_float(data.image)
  network = judge._network(10)
  logits = network.apply(trained.params, trained.view_fn(images))
  p = np.asarray(jax.nn.softmax(logits))
  np.testing.assert_array_equal(label, p.argmax(-1))
  np.testing.assert_allclose(confidence, p.max(-1), rtol=1e-5)
  right = np.mean(label == data.label)
  assert judge.accuracy(trained, data) == pytest.approx(right)


def test_accuracy_is_the_share_of_names_that_are_labels():
  ink = load_digits('embedded', 'train', limit=20)
  data = colored_mnist.make(ink, sigma=0.0, seed=0, biased=False)
  name = judge.name(_shipped(), data.image)[0]
  data = data._replace(label=np.where(np.arange(20) < 5, (name + 1) % 10, name))
  assert judge.accuracy(_shipped(), data) == 15 / 20


def test_training_teaches_digits_and_not_their_colours(tmp_path):
  def dataset(biased):
    ink = load_digits('embedded', 'train', limit=128)
    return colored_mnist.make(ink, sigma=0.0, seed=0, biased=biased)

  view_fn = colored_mnist.brightness
  trained = judge.train(dataset(True), tmp_path, view_fn=view_fn, epochs=12)
  # By colour alone, which was the label, chance is what remains: 0.1, with a
  # standard deviation of 0.027 over 128 digits.
  assert judge.accuracy(trained, dataset(False)) > 0.2


def test_training_depends_on_its_seed_alone(tmp_path):
  data = _squares(64)
  first, again, other = (
    judge.train(
      data, tmp_path / name, view_fn=lambda x: x, seed=seed, epochs=1
    ).params
    for name, seed in (('a', 0), ('b', 0), ('c', 1))
  )
  jax.tree.map(np.testing.assert_array_equal, again, first)
  pairs = zip(jax.tree.leaves(other), jax.tree.leaves(first), strict=True)
  assert not all(np.array_equal(a, b) for a, b in pairs)


def _squares(n):
  """Two classes of 8x8 images: the left or the right half is bright."""
  rng = np.random.default_rng(0)
  label = rng.integers(0, 2, n).astype(np.int32)
  image = rng.integers(0, 60, (n, 8, 8, 3), np.uint8)
  image[label == 0, :, :4] += 150
  image[label == 1, :, 4:] += 150
  return types.Dataset(image, label, 2, {}, 'made')


def test_a_judge_learns_and_a_resumed_one_ends_with_the_same_bits(tmp_path):
  data = _squares(130)

  def train(folder, epochs=2):
    return judge.train(
      data, tmp_path / folder, view_fn=lambda x: x[..., :1], epochs=epochs
    )

  whole = train('whole')
  assert judge.accuracy(whole, data) > 0.9  # Chance is one half.

  class Killed(Exception):
    """As if the process died after the first epoch's checkpoint."""

  def kill(manager, step, state, save=checkpoints.save):
    save(manager, step, state)
    raise Killed

  with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
    patch.setattr(checkpoints, 'save', kill)
    train('killed')
  resumed = train('killed')
  jax.tree.map(np.testing.assert_array_equal, resumed.params, whole.params)


def test_features_see_the_view_and_lead_to_the_names():
  trained = _shipped()
  digits = load_digits('embedded', 'test', limit=7)
  red, blue = (
    colored_mnist.paint(
      digits.image, np.tile(colored_mnist.RGB_MEANS[c], (7, 1))
    )
    for c in (0, 2)
  )
  # Batches of 3: the last one is padded.
  found = judge.features(trained, red, batch_size=3)
  np.testing.assert_array_equal(found, judge.features(trained, blue))
  read_out = trained.params['vgg/logits']
  names = (found @ read_out['w'] + read_out['b']).argmax(-1)
  np.testing.assert_array_equal(names, judge.name(trained, red)[0])
  assert judge.num_classes(trained) == 10


@pytest.fixture
def noted(monkeypatch):
  """What steps of a judge's training meet: images, and the rates of Adam.

  A gradient of ones moves all weights by Adam's rate.
  """
  seen = {'image': [], 'rate': []}

  def make_update(network, adam, *_):
    def update(state, images, targets):
      params, opt_state = state
      ones = jax.tree.map(np.ones_like, params)
      updates, opt_state = adam.update(ones, opt_state)
      seen['image'].append(images)
      seen['rate'].append(-float(jax.tree.leaves(updates)[0].ravel()[0]))
      return (params, opt_state), {'loss': 0.0}

    return update

  monkeypatch.setattr(judge, '_make_update', make_update)
  return seen


def test_training_shifts_images_along_each_axis_at_falling_rates(
  noted, tmp_path
):
  image = np.zeros((256, 8, 8, 1), np.uint8)
  image[:, 3, 4] = 255
  data = types.Dataset(image, np.zeros(256, np.int32), 2, {}, 'made')
  judge.train(data, tmp_path, view_fn=lambda x: x, epochs=1)
  _, rows, columns, _ = np.nonzero(np.concatenate(noted['image']))
  assert len(rows) == 256
  # All of 25 shifts: one is missing in one case of a thousand.
  reach = range(-2, 3)
  found = set(zip(rows - 3, columns - 4, strict=True))
  assert found == {(i, j) for i in reach for j in reach}
  cosine = 2e-3 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
  # Adam's 1 - 0.999^t loses four digits of seven.
  np.testing.assert_allclose(noted['rate'], cosine, rtol=2e-3)
