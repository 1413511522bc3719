"""Checks shapes and types in `core` and in all experiments that name shapes; imported before any of them."""

from pathlib import Path

from jaxtyping import install_import_hook

ROOT = Path(__file__).parents[1]
FILES = [file for file in ROOT.glob("superposition_jax/experiments/**/*.py") if "from jaxtyping" in file.read_text("utf-8")]
NAMES = ["superposition_jax.core", *(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in FILES)]
install_import_hook(NAMES, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
