"""How XLA compiles tests: in less than half of the time.

Level 1 costs tests a quarter less, the older emitters, which jaxlib 0.12 has no
more, another 40%: XLA prepares fewer loops by LLVM's optimiser. By default, XLA
cuts a program into 32 parts to compile them in parallel, which takes a tenth
more CPU time at level 1 and a third more at level 0; several tests at a time
use all cores anyhow.

Level 0 is not an option where numbers count: with it, some of Algorithm 1 are
wrong. Programs that tests start are compiled as those of users are, but for
those that are only compared with themselves, or whose numbers do not count.

Contents: EMITTERS, FAST, FASTEST; LEVEL_0, options of one jax.jit.
"""

import jaxlib.version

EMITTERS = 'xla_cpu_use_fusion_emitters'  # '' where XLA knows no such flag.
if jaxlib.version.__version_info__ >= (0, 11):
  EMITTERS = ''

_OLDER = f'--{EMITTERS}=false ' if EMITTERS else ''
_SHARED = f'{_OLDER}--xla_cpu_parallel_codegen_split_count=1'
FAST = f'--xla_backend_optimization_level=1 {_SHARED}'
LEVEL_0 = {'xla_backend_optimization_level': 0}
FASTEST = f'--xla_backend_optimization_level=0 {_SHARED}'
