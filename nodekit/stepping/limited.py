"""When an explicit step is limited by stability, and not by accuracy: seen on the steps of dopri5 (see lesson 15).

Shared by the detector, analysis/stiffness.py, and by method="auto", steppers/auto.py.
Source: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 1996, section IV.2, and their code DOPRI5.
"""

import numpy as np

from nodekit.methods.explicit import DOPRI5

# A step is limited by stability when |hλ| is beyond this part of the real limit: a smooth controller settles within it.
LIMITED = 0.75
# As in the code DOPRI5: so many limited steps make it stiff, and so many others in a row forget them.
STIFF_AFTER, CALM_AFTER = 15, 6
# Y₇ − Y₆ of dopri5 in units of h: the difference of the last two rows of a.
LAST_STAGES_APART = np.subtract(DOPRI5.a[6], (*DOPRI5.a[5], 0.0))


def rate_of_step(k, h):
    """|λ| ≈ ‖k₇ − k₆‖ / ‖Y₇ − Y₆‖ of a dopri5 step of size h with the slopes k (7, ...); 0 where the states agree.

    Both stages lie at t + h, and so differ in their states alone. Source: Hairer, Wanner 1996, section IV.2.
    """
    distance = abs(h) * np.linalg.norm(np.tensordot(LAST_STAGES_APART, k[:6], 1))
    return float(np.linalg.norm(k[6] - k[5]) / distance) if distance else 0.0
