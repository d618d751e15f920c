"""Settings of all tests: the scripts' own, and repeatable draws of hypothesis.

For fresh ones: pytest --hypothesis-profile=default
"""

import hypothesis

from advmix_jax import cpu

cpu.configure()

hypothesis.settings.register_profile(
  'repeatable', derandomize=True, deadline=None
)
hypothesis.settings.load_profile('repeatable')
