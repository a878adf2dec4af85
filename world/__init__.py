"""The world: `Control -> Frame`. A tokenizer and a dynamics model that dream the road, and the town they learnt it from."""
