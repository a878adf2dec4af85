"""Labels of pictures, exact because the scene is known: cameras, depth, classes, instances, boxes, flow."""
