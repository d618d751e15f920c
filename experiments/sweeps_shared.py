"""What the items of sweeps.py, sweeps_rgb.py and sweeps_faces.py share.

Contents: UNCONDITIONAL, PRINTED, PIXELS, QUICK, FULL.
"""

# Of a row: without classes, style mixing is off the data where the colour is
# the label.
UNCONDITIONAL = {
  'generator': {'network.label_size': 0, 'gan.style_mixing': 0.0},
  'generator_name': 'StyleGAN, unconditional',
}
# Algorithm 2 with lines 1 and 9 as the paper prints them; steps go along the
# gradient's sign all the same.
PRINTED = {'attack.keep': 'misclassified', 'attack.test_start': False}
# Algorithm 1 without VGG-16: the pixel term alone, 20 times faster.
PIXELS = {
  'start_steps': 0,
  'steps': 50,
  'perceptual_weight': 0.0,
  'mixing_weight': 0.0,
}
# Few images, and a learned start with few steps.
QUICK = {
  'generator': {'gan.kimg': 80.0, 'gan.decay_kimg': 35.0},
  'start': {'sample_steps': 300, 'steps': 300},
  'encoder': PIXELS,
  'measure': {'num_mixes': 500},
}
# As the generator that ships is trained: configs/stylegan.py as it is.
FULL = {'measure': {'num_mixes': 2000}}
