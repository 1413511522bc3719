"""The labelled Dataset of a sweep: put together, saved, loaded, selected from and checked."""
