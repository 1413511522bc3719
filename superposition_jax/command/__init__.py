"""The command line and the Python functions of the same names: runs, multiruns, shards, and commands on a run’s folder."""
