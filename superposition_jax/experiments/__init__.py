"""Results of papers, a folder each: the table, the figure, its own numerics, and the declaration of what the folder offers."""
