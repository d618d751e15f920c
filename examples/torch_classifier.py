"""A PyTorch classifier under attack: torch2jax makes it a function of JAX.

  pip install -e '.[torch]'
  python examples/torch_classifier.py

torch2jax runs the model's own `forward` on JAX arrays, so gradients and
compilation are JAX's. PyTorch's images are [B, C, H, W]; ours are [B, H, W, C].
If your model normalises its input, do it in `logits_fn`, after the division by
255 that `evaluate` has made already: images come in [0, 1].
"""

import jax.numpy as jnp
import on_digits
import torch
from torch2jax import t2j


def build():
  """A small convolutional network; put your own model here."""
  torch.manual_seed(0)
  return torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
    torch.nn.Tanh(),
    torch.nn.Flatten(),
    torch.nn.Linear(8 * 16 * 16, 10),
  )


def as_jax(model):
  """The model as a function: images [B, H, W, C] in [0, 1] -> logits [B, K].

  `eval()` switches dropout and updates of batch statistics off. The model's
  weights are copied: a model that is trained further needs a new function.
  """
  model.eval()
  state = {name: t2j(x.detach()) for name, x in model.state_dict().items()}
  run = t2j(model)

  def logits_fn(image):
    return run(jnp.transpose(image, (0, 3, 1, 2)), state_dict=state)

  return logits_fn


def native(model, image):
  """What PyTorch itself says of images [B, H, W, C], for comparison."""
  with torch.no_grad():
    return model(torch.from_numpy(image.transpose(0, 3, 1, 2).copy())).numpy()


if __name__ == '__main__':
  print(on_digits.evaluate(as_jax(build())))
