"""The commands of `lucidrive`, a file a family. Heavy imports are inside the functions, so that `--help` is instant."""
