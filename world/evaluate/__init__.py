"""How well scene worlds do what they are asked for: measured on exact facts, whose numbers the README quotes."""
