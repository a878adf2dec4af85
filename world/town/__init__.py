"""The town: where the default data come from. SUMO moves the traffic, an own bicycle model is the ego car, Panda3D is the camera."""
