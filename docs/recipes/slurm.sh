#!/usr/bin/env bash
# A sweep in 16 shards on SLURM: sbatch docs/recipes/slurm.sh outputs/big experiment=phase_law
# Then, once all are done: python -m superposition_jax.run merge=outputs/big
#SBATCH --job-name=superposition
#SBATCH --array=0-15
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=superposition-%A_%a.log
set -euo pipefail

folder=${1:?give the folder that all shards share, then the sweep}
shift
# A shard that dies or is preempted is run again by the same line: it goes on after its last finished part.
# 16 is the number of shards, also when only some of them are run again (sbatch --array=3,7 …).
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" python -m superposition_jax.run "$@" hydra.run.dir="$folder" \
    runtime.shard="$SLURM_ARRAY_TASK_ID/16"
