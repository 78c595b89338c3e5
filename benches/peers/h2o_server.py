"""H2O in a JVM of its own: a CSV file sent and parsed, and predictions of one row, one after another.

python h2o_server.py FILE THREADS PORT    (needs Java)
"""

import sys
import time

import h2o
from h2o.estimators import H2ODeepLearningEstimator
from measure import emit, timed

path, threads, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
h2o.init(ip="127.0.0.1", port=port, bind_to_localhost=True, nthreads=threads, max_mem_size="6G", verbose=False)
h2o.no_progress()
try:
    version = h2o.__version__
    samples = []
    for _ in range(3):
        samples.append(timed(lambda: h2o.upload_file(path)))
        h2o.remove_all()
    emit("h2o", version, threads, "C2", "s", samples)

    rows = h2o.H2OFrame([[i % 7, i % 5, i % 3, i % 2, "abc"[i % 3]] for i in range(300)], column_names=list("pqrst"))
    rows["t"] = rows["t"].asfactor()
    model = H2ODeepLearningEstimator(hidden=[16], epochs=1)
    model.train(x=list("pqrs"), y="t", training_frame=rows)
    row = h2o.H2OFrame([[1, 2, 0, 1]], column_names=list("pqrs"))
    rates = [20 / sum(timed(lambda: model.predict(row)) for _ in range(20)) for _ in range(3)]
    emit("h2o", version, threads, "P1", "requests/s", rates, best=max)
finally:
    h2o.cluster().shutdown()
    time.sleep(1)
