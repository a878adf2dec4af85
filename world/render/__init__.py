"""From a scene to a picture: assets, z-buffer, G-buffer, shading, air."""
