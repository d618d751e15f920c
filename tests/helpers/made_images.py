"""Made image files: CelebA's official format, and folders with a CSV."""

import io
import pathlib
import zipfile

import numpy as np
from PIL import Image

from advmix_jax.datasets import celeba


def picture(seed: int, height: int = 218, width: int = 178) -> np.ndarray:
  """A smooth random picture [height, width, 3] uint8, which JPEG keeps well."""
  small = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), np.uint8)
  image = Image.fromarray(small).resize((width, height), Image.BILINEAR)
  return np.asarray(image)


def jpeg(image: np.ndarray) -> bytes:
  """The picture as a JPEG file of high quality."""
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, 'jpeg', quality=98)
  return buffer.getvalue()


def attributes(count: int) -> np.ndarray:
  """Random attributes [count, 40], 0 or 1."""
  return np.random.default_rng(9).integers(0, 2, (count, 40))


def write_celeba(
  folder: pathlib.Path,
  *,
  count: int = 6,
  as_zip: bool = True,
  height: int = 218,
  width: int = 178,
) -> list[str]:
  """Writes `count` images as CelebA has them; two thirds are for training."""
  names = [f'{i + 1:06d}.jpg' for i in range(count)]
  lines = [str(count), ' '.join(celeba.ATTRIBUTES) + ' ']
  for name, row in zip(names, attributes(count), strict=True):
    lines.append(f'{name} ' + ' '.join('-1' if v == 0 else ' 1' for v in row))
  (folder / 'list_attr_celeba.txt').write_text('\n'.join(lines) + '\n')
  parts = [f'{n} {(0, 0, 0, 0, 1, 2)[i % 6]}' for i, n in enumerate(names)]
  (folder / 'list_eval_partition.txt').write_text('\n'.join(parts) + '\n')
  data = {n: jpeg(picture(i, height, width)) for i, n in enumerate(names)}
  if as_zip:
    with zipfile.ZipFile(folder / 'img_align_celeba.zip', 'w') as archive:
      for name, content in data.items():
        archive.writestr(f'img_align_celeba/{name}', content)
  else:
    (folder / 'img_align_celeba').mkdir()
    for name, content in data.items():
      (folder / 'img_align_celeba' / name).write_bytes(content)
  return names
