"""The commands of evaluate.py, one a module: their arguments, their run, what they print."""
