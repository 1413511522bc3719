"""One toy model as pure functions of its numbers, on one (feature, batch) matrix. Nothing here maps over models or compiles."""
