"""What stands and moves in a scene, as triangles."""
