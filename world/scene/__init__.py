"""What is where: the road graph, the HD map drawn from it, everything that stands or moves, and questions about them."""
