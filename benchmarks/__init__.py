"""Measurements of the engine against what people use today, and against the machine. Run `python -m benchmarks.run`."""
