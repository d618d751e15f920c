"""Settings of XLA on the CPU: memory, convolutions, and two threads at least.

**Memory.** At every call of a program, XLA allocates one block for all its
temporaries and frees it at the end. glibc maps blocks above 32 MiB afresh each
time, so each call has a page fault per 4 KiB: half the time of a small training
step. `keep_memory` makes glibc allocate such blocks on the heap, never shrink
the heap, and use huge pages for it.

**Convolutions.** jaxlib 0.10 computes them with YNNPACK, which runs each on a
single core. `spread_convolutions` keeps YNNPACK for matrix products and uses
Eigen for convolutions, which then run on all cores.

docs/performance.md has the measurements.

**Threads.** A callback into Python, which classifiers that aren't JAX's are,
runs on a thread of XLA and waits for another one, which copies its argument.
With one core there is none, and it waits for ever: `two_threads` asks for two.

Contents: configure, keep_memory, spread_convolutions, threads, two_threads.
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

# XLA ends the process if it doesn't know a flag. jaxlib 0.10.2 was tested with
# this flag, and 0.12.0 has it.
_FLAG = 'xla_cpu_experimental_ynn_fusion_type'
_VERSIONS = (0, 10, 2), (0, 12, 1)


def configure() -> None:
  """Applies all settings; call it before the first use of JAX."""
  keep_memory()
  spread_convolutions()
  two_threads()


def keep_memory(size: int = 4 << 30) -> bool:
  """Lets the heap grow and never shrink; see the module's docstring.

  The process keeps memory that it has used once until it ends, even after
  freeing it. Memory that was never used is only reserved.

  Args:
    size: Bytes of address space to back by huge pages; > 2 MiB.

  Returns:
    Whether the C library is glibc. On others (macOS, musl) nothing is done.
  """
  if platform.libc_ver()[0] != 'glibc':
    return False
  libc = ctypes.CDLL(None)
  libc.mallopt(_M_ARENA_MAX, 1)  # Other arenas hold no large blocks.
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
  """Sets the option in XLA_FLAGS that runs convolutions on all cores.

  Returns:
    Whether XLA_FLAGS was changed. False if XLA_FLAGS already has the option or
    names a file, if JAX_PLATFORMS excludes the CPU, or if this version of
    jaxlib isn't known to have the option.
  """
  flags = os.environ.get('XLA_FLAGS', '').strip()
  known = _VERSIONS[0] <= jaxlib.version.__version_info__ < _VERSIONS[1]
  own = _FLAG in flags or flags[:1] not in ('', '-')  # Or a file name.
  elsewhere = 'cpu' not in os.environ.get('JAX_PLATFORMS', 'cpu')
  if own or elsewhere or not known:
    return False
  option = f'--{_FLAG}=LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT'
  os.environ['XLA_FLAGS'] = f'{flags} {option}'.lstrip()
  return True


def threads() -> int:
  """How many threads XLA's CPU client has: as told, or one per core."""
  for name in ('PJRT_NPROC', 'NPROC'):  # As XLA reads them.
    if (told := os.environ.get(name, '')).isdecimal() and int(told):
      return int(told)
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def two_threads() -> bool:
  """Sets PJRT_NPROC to 2 where there is one core; whether it was set."""
  if threads() > 1:
    return False
  os.environ['PJRT_NPROC'] = '2'
  return True
