"""From a person's picture or film to a scene: what a small network reads in it, and the street that fits."""
