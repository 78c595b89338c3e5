"""Seconds to read a CSV file of numbers into columns with found types: pandas' C reader, polars and pyarrow.

python read_csv.py FILE THREADS    (pandas' C reader takes one thread)
"""

import sys

import pandas
import polars
import pyarrow
import pyarrow.csv
from measure import emit, timed

READERS = {
    "pandas": (pandas, lambda path: pandas.read_csv(path, engine="c"), 1),
    "polars": (polars, lambda path: polars.read_csv(path), None),
    "pyarrow": (pyarrow, lambda path: pyarrow.csv.read_csv(path), None),
}

path, threads = sys.argv[1], int(sys.argv[2])
for name, (module, read, own_threads) in READERS.items():
    samples = [timed(lambda: read(path)) for _ in range(4)]
    emit(name, module.__version__, own_threads or threads, "C1", "s", samples[1:])
