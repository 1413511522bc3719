"""What is on disk while a run trains and after it: parts, training state, manifest."""
