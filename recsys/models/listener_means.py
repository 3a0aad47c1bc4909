"""Mean factors of each track's listeners, shrunk to what a regression on its prediction gives.

    a_j = (Σ y_u + PRIOR_LISTENERS α_j) / (n_j + PRIOR_LISTENERS)

with α_j predicted by a linear regression from the track's predicted factors μ_j: tracks of similar
content have similar listeners.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from index.arrays import Float32Array, Int64Array
from recsys.models.als import weighted

PRIOR_LISTENERS = 5  # listeners that the regression counts for
RIDGE = 0.01  # penalty of the regression, as a share of the prediction's mean variance
_TINY = 1e-9


def listener_means(
    counts: sparse.csr_matrix,
    user_factors: Float32Array,
    prediction: Float32Array,
    n_listeners: Int64Array,
) -> Float32Array:
    """Return a of every track, float32 (n_tracks, f); zeros where no track has listens.

    counts        listens, CSR (n_listeners, n_tracks)
    user_factors  y (n_listeners, f)
    prediction    μ (n_tracks, f)
    n_listeners   of each track: (n_tracks,)
    """
    has_listens = n_listeners > 0
    if not has_listens.any():
        return np.zeros_like(prediction)
    n = n_listeners[has_listens, None].astype(np.float32)
    sums = weighted(counts, "binary").T @ user_factors
    features, shares = prediction[has_listens], n / (n + PRIOR_LISTENERS)
    centre = features.mean(axis=0)
    gram = (features - centre).T @ (shares * (features - centre))
    gram += (RIDGE * np.trace(gram) / len(gram) + _TINY) * np.eye(len(gram), dtype=np.float32)
    means = sums[has_listens] / n
    mean_of_means = means.mean(axis=0)
    slope = np.linalg.solve(gram, (features - centre).T @ (shares * (means - mean_of_means)))
    shrunk: Float32Array = mean_of_means + (prediction - centre) @ slope
    shrunk[has_listens] += shares * (means - shrunk[has_listens])
    return shrunk
