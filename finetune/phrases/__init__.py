"""How people say things, by language and idea. `{...}` is filled in by the generator; a phrase is a template for the split."""
