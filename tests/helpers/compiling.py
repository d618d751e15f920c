"""How XLA compiles tests: in less than half of the time.

The first flag costs tests a quarter less, the second one another 40%: XLA
prepares fewer loops by LLVM's optimiser. Level 0 is not an option where numbers
count: with it, some of Algorithm 1 are wrong. Programs that tests start are
compiled as those of users are, but for those that are only compared with
themselves.

Contents: FAST, FASTEST; LEVEL_0, options of one jax.jit.
"""

_NO_EMITTERS = '--xla_cpu_use_fusion_emitters=false'
FAST = f'--xla_backend_optimization_level=1 {_NO_EMITTERS}'
LEVEL_0 = {'xla_backend_optimization_level': 0}
FASTEST = f'--xla_backend_optimization_level=0 {_NO_EMITTERS}'
