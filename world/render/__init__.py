"""From a scene to a picture: assets, z-buffer, G-buffer, shading, air."""

import os

# numba's OpenMP reads this when its first parallel loop starts. Threads that spin while they wait fight with any other busy program
# for two cores: a picture then takes 500 ms instead of 30.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
