"""Measurements of the engine beside what people use today, and beside the machine's peaks. Run `python -m benchmarks.run`."""
