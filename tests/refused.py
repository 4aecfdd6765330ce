"""Values that a parameter of a loss must refuse, by what it wants."""

import numpy as np

NOT_POSITIVE = (0, -1.0, np.inf, np.nan, None, "1", True, [1.0], 1 + 0j, np.ones(2))
NOT_SHARES = (-0.1, 1.1, np.nan, None, "0.5", True, [0.5], np.full(2, 0.5))
NOT_FLAGS = (None, 0, 1, "yes", "False", np.ones(2), [True])
NOT_WEIGHTS = (-1.0, "2", [1.0, -1.0, 1.0], [1.0, 1.0], np.ones((4, 3)), {}, 1 + 0j)
NOT_A_SHAPE = (None, "1", [1.0, 2.0], 1 + 0j, np.ones((1, 1, 1)))  # any number is one
