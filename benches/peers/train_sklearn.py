"""scikit-learn's MLPClassifier and MLPRegressor: a `partial_fit` of all rows is one epoch of shuffled minibatches.

T1 is left out: no estimator has a sigmoid output with a squared error.
"""

import numpy as np
import sklearn
from measure import Work, arguments, measure
from sklearn.neural_network import MLPClassifier, MLPRegressor


def run(work: Work, threads: int):
    kind = MLPRegressor if work.output == "linear" else MLPClassifier
    model = kind(
        hidden_layer_sizes=work.layers[1:-1],
        batch_size=work.batch_size,
        learning_rate_init=work.learning_rate,
        solver=work.optimizer,
        momentum=0,
        alpha=0,
        early_stopping=False,
        random_state=0,
    )
    inputs, targets = work.train[0], work.train[1].squeeze()
    classes = {} if work.output == "linear" else {"classes": np.unique(targets)}

    def predict():
        if work.output == "linear":
            return model.predict(work.test[0])
        probabilities = model.predict_proba(work.test[0])
        return probabilities if work.output == "softmax" else probabilities[:, 1] - 0.5

    measure("scikit-learn", sklearn.__version__, threads, work, lambda: model.partial_fit(inputs, targets, **classes), predict)


works, _, threads = arguments()
for work in works:
    run(work, threads)
