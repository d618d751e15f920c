"""Keeps the process's memory for itself, so that XLA need not ask for it again.

On the CPU, XLA takes the memory of all temporaries of a program in one piece at
every call and gives it back at the end. glibc passes pieces above 32 MiB on to
the system, so each call meets fresh pages, and a page fault for every 4 KiB of
them: half the time of a small training step. `keep_memory` makes glibc serve
such pieces from the heap, never shrink it, and back it by huge pages.

Contents: keep_memory.
"""

import ctypes
import platform

# From glibc's malloc.h and Linux's mman.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_MADV_HUGEPAGE = 14
_HUGE_PAGE = 2 << 20


def keep_memory(size: int = 4 << 30) -> bool:
  """Lets the heap grow once and stay; call it before JAX starts its threads.

  Memory that is not used is only reserved, not occupied.

  Args:
    size: bytes of address space for which huge pages are asked.

  Returns:
    Whether anything was done: False without glibc (macOS, musl).
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
