"""How long runs take on two idle cores, in seconds: estimates for plans.

WORKSPACE.md has the measurements behind them.

Contents: MEASURE, FIGURE; generator, start, latents, classifier.
"""

import ml_collections

MEASURE = 40.0
FIGURE = 60.0

_START = 10.0  # Python, JAX, and compiled programs that the cache holds.
_COMPILE_GAN = 45.0
_GAN_IMAGES = 300.0  # Images per second; 1 map at the split.
_GAN_FACES = 44.0  # Of 64x64, configs/stylegan_celeba.py.
_VGG_IMAGES = 190.0  # Images with gradient per second through VGG-16's blocks.
_DECODED_IMAGES = 3000.0  # The same through the generator alone.
_DECODED_FACES = 260.0  # Of 64x64, the generator of faces.
_PIXEL_STEP = 0.09  # Seconds of a step on real images, without VGG-16.
_SAMPLE_STEP = 0.06  # Seconds of a step on samples, without VGG-16.
_TEST = 5.0  # Test digits and recolourings.

# Milliseconds per training image.
_METHODS = {
  'vgg': {
    'randmix': 1.5,
    'advmix': 6.5,
    'adversarial_training': 6.5,
    'irm': 1.5,
  },
  'linear': {
    'randmix': 0.15,
    'advmix': 0.65,
    'adversarial_training': 0.2,
    'irm': 0.1,
  },
}
_OTHER_METHODS = {'vgg': 0.8, 'linear': 0.05}
_IMAGES = {'embedded': 10_000, 'celeba': 7_499}
_MNIST = 60_000


def _num_train(data: ml_collections.ConfigDict) -> int:
  return data.num_train or _IMAGES.get(data.source, _MNIST)


def _pixels(data: ml_collections.ConfigDict) -> float:
  """Pixels of an image, in those of a digit, 32x32."""
  return (data.resolution / 32) ** 2 if 'resolution' in data else 1.0


def _decoding(data: ml_collections.ConfigDict) -> float:
  """Seconds per image and step on pixels alone."""
  if 'resolution' in data:
    return data.resolution / 64 / _DECODED_FACES  # 450 a second at 32x32.
  return 1 / _DECODED_IMAGES


def _encoding(config: ml_collections.ConfigDict) -> float:
  """Seconds per image and step of Algorithm 1."""
  encoder = config.encoder
  if not encoder.perceptual_weight and not encoder.mixing_weight:
    return _decoding(config.data)
  passes = 1 + (encoder.mixing_weight > 0)
  return passes / _VGG_IMAGES * _pixels(config.data)


def generator(config: ml_collections.ConfigDict) -> float:
  """Training a StyleGAN, configs/stylegan.py or stylegan_celeba.py."""
  faces = 'resolution' in config.data
  rate = _GAN_FACES if faces else _GAN_IMAGES
  return _COMPILE_GAN + 1000 * config.gan.kimg / rate


def start(config: ml_collections.ConfigDict) -> float:
  """Training the learned start, configs/encoder.py."""
  training = config.inversion
  images = 2 * training.batch_size * (1 + (training.mixing_weight > 0))
  with_vgg = training.perceptual_weight or training.mixing_weight
  step = images / _VGG_IMAGES if with_vgg else _PIXEL_STEP
  steps = training.sample_steps * _SAMPLE_STEP + training.steps * step
  return 2 * _START + steps * _pixels(config.data)


def latents(config: ml_collections.ConfigDict) -> float:
  """Encoding the training images of a classifier."""
  images, encoder = _num_train(config.data), config.encoder
  each = encoder.start_steps * _decoding(config.data)
  each += encoder.steps * _encoding(config)
  return 2 * _START + images * each


def classifier(config: ml_collections.ConfigDict) -> float:
  """Training and testing one classifier, without attacks on it."""
  name = config.classifier.name
  others = _OTHER_METHODS.get(name, _OTHER_METHODS['vgg'])
  each = _METHODS.get(name, {}).get(config.method, others)
  images = _num_train(config.data) * config.optimizer.epochs
  if config.method == 'advmix':  # In proportion to the images it looks at.
    each *= config.attack.restarts * (config.attack.steps + 1) / 10
  if name == 'vgg':
    each *= config.classifier.width / 16
  return _START + _TEST + each * images / 1000 * _pixels(config.data)
