"""How XLA compiles tests: at level 1, which takes a quarter less time.

Programs that tests start are compiled as those of users are. Level 0 is not an
option: with it, some numbers of Algorithm 1 are wrong.
"""

FAST = '--xla_backend_optimization_level=1'
