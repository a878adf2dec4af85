"""The world, `Control -> Frame`: a tokenizer and a dynamics model that dream the road; the town they learnt from."""
