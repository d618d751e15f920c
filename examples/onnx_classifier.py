"""An ONNX classifier under attack: jaxonnxruntime makes it a function of JAX.

  pip install -e '.[onnx]'
  python examples/onnx_classifier.py

The model's batch size has to be free (a name, not a number): in PyTorch,
`torch.onnx.export(..., dynamic_axes={'image': {0: 'batch'}})`. ONNX images are
mostly [B, C, H, W]; ours are [B, H, W, C].
"""

import numpy as np
import on_digits
import onnx
from jaxonnxruntime import call_onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def build():
  """A small convolutional network; put onnx.load('model.onnx') here."""
  rng = np.random.default_rng(0)

  def array(name, *shape):
    value = rng.normal(size=shape).astype(np.float32) / 8
    return numpy_helper.from_array(value, name)

  def tensor(name, *shape):
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

  graph = helper.make_graph(
    [
      helper.make_node(
        *('Conv', ['image', 'kernel', 'bias'], ['conv']),
        strides=[2, 2],
        pads=[1, 1, 1, 1],
      ),
      helper.make_node('Tanh', ['conv'], ['active']),
      helper.make_node('Flatten', ['active'], ['flat'], axis=1),
      helper.make_node('MatMul', ['flat', 'read'], ['logits']),
    ],
    'classifier',
    [tensor('image', 'batch', 3, 32, 32)],
    [tensor('logits', 'batch', 10)],
    [array('kernel', 8, 3, 3, 3), array('bias', 8), array('read', 2048, 10)],
  )
  opset = helper.make_opsetid('', 13)
  return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def as_jax(model):
  """The model as a function: images [B, H, W, C] in [0, 1] -> logits [B, K]."""
  size = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
  sample = np.zeros((1, *size[1:]), np.float32)
  run, params = call_onnx.call_onnx_model(model, [sample])
  return lambda image: run(params, [image.transpose(0, 3, 1, 2)])[0]


def native(model, image):
  """What ONNX itself says of images [B, H, W, C], for comparison."""
  inputs = {'image': image.transpose(0, 3, 1, 2)}
  return ReferenceEvaluator(model).run(None, inputs)[0]


if __name__ == '__main__':
  print(on_digits.evaluate(as_jax(build())))
