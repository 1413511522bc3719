"""The labelled Dataset of a sweep: how it is assembled, saved, loaded, selected from and checked."""
