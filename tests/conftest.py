"""Settings of all tests: hypothesis draws the same examples in every run.

For fresh ones: pytest --hypothesis-profile=default
"""

import hypothesis

hypothesis.settings.register_profile(
  'repeatable', derandomize=True, deadline=None
)
hypothesis.settings.load_profile('repeatable')
