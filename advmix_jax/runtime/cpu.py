"""Two settings that make XLA on the CPU twice as fast: memory and convolutions.

**Memory.** XLA takes the memory of all temporaries of a program in one piece at
every call and gives it back at the end. glibc passes pieces above 32 MiB on to
the system, so each call meets fresh pages, and a page fault for every 4 KiB of
them: half the time of a small training step. `keep_memory` makes glibc serve
such pieces from the heap, never shrink it, and back it by huge pages.

**Convolutions.** jaxlib 0.10 hands them to YNNPACK, which runs each on a single
core. `spread_convolutions` leaves matrix products to it and convolutions to
Eigen, which uses all cores.

docs/performance.md has what they are worth. Contents: configure, keep_memory,
spread_convolutions.
"""

import ctypes
import os
import platform

import jaxlib.version

# From glibc's malloc.h and Linux's mman.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_MADV_HUGEPAGE = 14
_HUGE_PAGE = 2 << 20

# XLA ends the process at a flag that it doesn't know. 0.10.2 was run with this
# one, and 0.12.0 has it.
_FLAG = 'xla_cpu_experimental_ynn_fusion_type'
_VERSIONS = (0, 10, 2), (0, 12, 1)


def configure() -> None:
  """Both settings; call it before JAX starts, that is, before its first use."""
  keep_memory()
  spread_convolutions()


def keep_memory(size: int = 4 << 30) -> bool:
  """Lets the heap grow and stay; see above.

  What was used once stays with the process until it ends, also where it is
  free again. What was never used is only reserved.

  Args:
    size: bytes of address space for which huge pages are asked; > 2 MiB.

  Returns:
    Whether this is glibc: elsewhere (macOS, musl) nothing is done.
  """
  if platform.libc_ver()[0] != 'glibc':
    return False
  libc = ctypes.CDLL(None)
  libc.mallopt(_M_ARENA_MAX, 1)  # Other arenas hold no large pieces.
  libc.mallopt(_M_MMAP_MAX, 0)
  libc.mallopt(_M_TRIM_THRESHOLD, -1)
  libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
  libc.free.argtypes = [ctypes.c_void_p]
  libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
  block = libc.malloc(size)  # None where address space is limited.
  if block:
    first = -(-block // _HUGE_PAGE) * _HUGE_PAGE
    libc.madvise(first, block + size - first & -_HUGE_PAGE, _MADV_HUGEPAGE)
    libc.free(block)
  return True


def spread_convolutions() -> bool:
  """Adds to XLA_FLAGS what keeps convolutions on all cores; see above.

  Returns:
    Whether anything was done: False where XLA_FLAGS has the option already or
    names a file, where JAX_PLATFORMS leaves the CPU out, or where this jaxlib
    isn't known to have the option.
  """
  flags = os.environ.get('XLA_FLAGS', '').strip()
  known = _VERSIONS[0] <= jaxlib.version.__version_info__ < _VERSIONS[1]
  own = _FLAG in flags or flags[:1] not in ('', '-')  # Or the name of a file.
  elsewhere = 'cpu' not in os.environ.get('JAX_PLATFORMS', 'cpu')
  if own or elsewhere or not known:
    return False
  option = f'--{_FLAG}=LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT'
  os.environ['XLA_FLAGS'] = f'{flags} {option}'.lstrip()
  return True
