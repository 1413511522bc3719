"""Many models at once: programs, memory, devices, and the host loop that trains tiles of models."""
