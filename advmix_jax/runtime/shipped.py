"""The folder of the files that ship with the package.

Contents: DATA.
"""

import pathlib

DATA = pathlib.Path(__file__).parent.parent / 'data'
