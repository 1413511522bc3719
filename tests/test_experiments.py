"""Every declared table has exactly its variables, whatever the sweep, and every figure shows data."""

import ast
import re
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import superposition_jax
from superposition_jax.command import pipeline
from superposition_jax.config import run_config
from superposition_jax.config.compose import compose, conf_dir
from superposition_jax.errors import ConfigError
from superposition_jax.experiments import FOLDERS, declare, figures, tables
from superposition_jax.experiments.registry import EXPERIMENTS, FIGURES, TABLES
from superposition_jax.results import select, status
from superposition_jax.results.status import STATUS

SMALL = {"steps": 40, "curve_points": 5, "batch_size": 32, "snapshots": 12}


def configs(key, name):
    """Composed configs of the experiments that have a table or figure."""
    for path in sorted(Path(conf_dir(), "experiment").glob("*.yaml")):
        if name in (yaml.safe_load(path.read_text(encoding="utf-8")).get("sweep") or {}).get(key, []):
            yield compose([f"experiment={path.stem}"])
    yield compose(["sweep=sparsity"])


def shrunk(composed, *, several, seeds):
    """The same with few steps, and two values or none of its last axes: as few axes as its tables and figures can do with."""
    axes = {name: axis for name, axis in composed["sweep"]["axes"].items() if axis}
    cells = {name: axis for name, axis in axes.items() if axis["path"] != "seed"}
    if several and not cells:
        axes |= (cells := {"rate": {"path": "train.learning_rate", "values": [0.01, 0.02]}})
    dims = list(dict.fromkeys(axis.get("zip") or name for name, axis in cells.items()))
    train = composed["train"] | SMALL | {"schedule": composed["train"]["schedule"] | {"warmup": 0.0}}
    for count in range(int(several), len(dims) + 1):
        chosen = {name: two_values(axis) for name, axis in axes.items() if (axis.get("zip") or name) in dims[len(dims) - count :]}
        chosen |= {"seed": {"path": "seed", "range": 2}} if seeds else {}
        small = composed | {"train": train, "sweep": composed["sweep"] | {"axes": chosen}}
        try:
            return run_config.read(small)
        except ConfigError as error:
            refused = error
    raise refused


def two_values(axis):
    """An axis with its first and last value alone."""
    return axis | ({"values": [axis["values"][0], axis["values"][-1]]} if "values" in axis else {"num": 2})


@cache
def trained(key, name, several, seeds):
    """The first config that has a table or figure, shrunk and trained; its Dataset without tables, and the trainer."""
    composed = next(configs(key, name)) | {key: [name]}
    config = shrunk(composed | {"figures": []} if key == "tables" else composed, several=several, seeds=seeds)
    without = config._replace(tables=config.tables if key == "figures" else [], figures=[])
    return pipeline.run(without), pipeline.trainer_for(config, config.groups)


def with_status(dataset, first, last="ok"):
    """The Dataset as if its first and last model had another status."""
    status = dataset["status"].copy(deep=True)
    status.values.flat[0], status.values.flat[-1] = STATUS.index(first), STATUS.index(last)
    return dataset.assign(status=status)


def along_another_axis(dataset):
    """The Dataset along a further axis, at whose first value all models diverged."""
    sweep, variables = {*dataset["status"].dims}, {k: v for k, v in dataset.data_vars.items() if v.attrs.get("per") != "run"}
    wide = dataset.assign({k: v.expand_dims(further=2, axis=len(sweep & {*v.dims})) for k, v in variables.items()})
    status = wide["status"].copy(deep=True)
    status[{"further": 0}] = STATUS.index("diverged")
    return wide.assign(status=status).assign_coords(further=("further", [0.1, 0.2], {"path": "train.learning_rate"}))


def holds_what_it_declares(name, dataset, trainer):
    """The Dataset with a table, checked against the declaration."""
    whole = tables.add(dataset, [name], trainer)
    declared, sweep = TABLES[name].variables, dataset["status"].dims
    added = {str(v): whole[v] for v in whole.data_vars if v not in dataset}
    assert {v for v, variable in declared.items() if not variable.optional} <= added.keys() <= declared.keys()
    ok = whole["status"] == STATUS.index("ok")
    for variable, values in added.items():
        meaning, dims, per, nan, _ = declared[variable]
        over = {"model": sweep, "cell": tuple(select.cell_dims(dataset)), "run": ()}[per]
        assert values.dims == (*over, *dims), variable
        assert values.attrs["long_name"] == meaning
        assert nan or np.isfinite(values.where(ok, 0) if per == "model" else values).all(), variable
        assert per != "model" or values.where(~ok).isnull().all(), variable
    assert select.findings(whole) or select.seed_dim(dataset) is None
    return whole


def has_data(artist):
    """Whether an artist of a panel shows a finite number."""
    if points := getattr(artist, "get_offsets" if isinstance(artist, PathCollection) else "get_xydata", None):
        return np.isfinite(points()).all(axis=1).any()
    if getattr(artist, "get_array", lambda: None)() is not None:
        return np.isfinite(np.ma.filled(np.ma.asarray(artist.get_array(), float), np.nan)).any()
    paths = artist.get_paths() if hasattr(artist, "get_paths") else [artist.get_path()]
    return any(np.isfinite(path.vertices).all(axis=1).any() for path in paths)


def with_motif(dataset):
    """The Dataset with weights in which a neuron serves two features and another inhibits one; few steps may train none."""
    weights = {"W_in": [[2, 0.5], [1, 0]], "W_out": [[0.5, 2], [0, -5]]}  # (hidden, feature): x₀ moves |x₁| by 2·2 − 1·5
    small = dataset.isel(hidden=slice(2), feature=slice(2))
    return small.assign({name: small[name].copy(data=np.broadcast_to(w, small[name].shape)) for name, w in weights.items()})


def shows_data(name, dataset, *, everywhere=True):
    """Every panel of a figure, or some, has lines, points, images or patches with data; returns the texts in the panels."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = figures.draw(name, with_motif(dataset) if name == "circuit" else dataset)
    figure = drawing if isinstance(drawing, Figure) else drawing._fig
    if not isinstance(drawing, Figure):
        drawing._draw_frame(0)
        drawing._draw_was_started = True
    panels = {axes: [*axes.lines, *axes.collections, *axes.images, *axes.patches] for axes in figure.axes}
    with_data = [axes for axes, artists in panels.items() if any(map(has_data, artists))]
    empty = [axes.get_title() for axes in panels if axes not in with_data and not axes.texts]  # of a word
    assert with_data, f"{name}: shows nothing"
    assert not (empty and everywhere), f"{name}: empty panels {empty}"
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_every_folder_declares_itself_once():
    folders = {path.parent.name for path in Path(declare.__file__).parent.glob("*/__init__.py")}
    assert folders == {*FOLDERS}
    for key, registry in (("tables", TABLES), ("figures", FIGURES)):
        names = [name for experiment in EXPERIMENTS.values() for name in getattr(experiment, key)]
        assert len(names) == len({*names} & registry.keys())
    variables = [name for experiment in EXPERIMENTS.values() for table in experiment.tables.values() for name in table.variables]
    assert len(variables) == len({*variables})
    streams = [experiment.stream for experiment in EXPERIMENTS.values() if experiment.stream is not None]
    assert len({*streams, 0, 1, 2}) == len(streams) + 3


def test_declarations_are_light():
    """Neither matplotlib, scipy nor pandas are imported to know what there is."""
    light = ("experiments.declare.", "experiments.needs", "experiments.REACHED", "sweep.Grid", "types.Spec")
    for path in Path(declare.__file__).parent.glob("*/__init__.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if hasattr(node, "names")]
        names = {f"{getattr(node, 'module', '')}.{alias.name}".lstrip(".") for node in nodes for alias in node.names}
        heavy = {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
        assert all(name.removeprefix("superposition_jax.").startswith(light) for name in heavy), path


def states_no_error_of_one_seed_a_scale(name, dataset):
    """Two seeds whose initial weights have two scales leave no error to be stated, nor one share for both of them."""
    scaled = status.without_diverged(dataset.assign_coords(init_scale=(select.seed_dim(dataset), [1.0, 2.0])))
    lines = "\n".join(sys.modules[TABLES[name].module].findings(scaled))
    assert "±" not in lines.replace("± 0,", ""), lines  # a crossing's, of the same seeds in every sample
    assert not re.search(r"of 2 seeds (?!at initial scale)", lines), lines


LONG = ("vulnerability", "packing", "simulation", "hierarchy", "interference", "recovery", "dictionary")
"""Tables that take several seconds."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in TABLES])
def test_a_table_of_seeds_and_an_axis_with_models_that_diverged_or_are_missing(name, short_descents):
    dataset, trainer = trained("tables", name, True, True)
    assert dataset["status"].size >= 4
    whole = holds_what_it_declares(name, with_status(dataset, "diverged", "missing"), trainer)
    without_any = dataset.assign(status=xr.full_like(dataset["status"], STATUS.index("diverged")))
    xr.testing.assert_identical(tables.add(without_any, [name], trainer)[[*dataset]], without_any)
    states_no_error_of_one_seed_a_scale(name, whole)
    for figure, declared in FIGURES.items():
        if declared.table == name:
            shows_data(figure, whole)
            if figure != "crossing":  # which has one axis
                shows_data(figure, along_another_axis(whole), everywhere=False)


@pytest.mark.slow
@pytest.mark.parametrize("several", [False, True], ids=["one model", "an axis without seeds"])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_seeds(name, several, short_descents):
    dataset, trainer = trained("tables", name, several, False)
    assert select.seed_dim(dataset) is None
    whole = holds_what_it_declares(name, dataset, trainer)
    for figure, declared in FIGURES.items():
        if declared.table == name and (several or not declared.needs):
            shows_data(figure, whole)


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if figure.table is None])
def test_a_figure_of_results_alone(name):
    dataset, _ = trained("figures", name, True, True)
    shows_data(name, dataset)
    shows_data(name, with_status(dataset, "diverged"))
    shows_data(name, along_another_axis(dataset), everywhere=False)


def test_a_motif_is_drawn_with_its_interference():
    words = shows_data("circuit", trained("tables", "asymmetry", True, True)[0])
    assert "x₀ = 1 moves |x₁| by 4.00 through the shared neuron,\nby −1.00 through all neurons" in words


def test_a_user_s_table_is_a_function(monkeypatch):
    def doubled(dataset, trainer):
        return xr.Dataset({"double": 2 * dataset["loss"]}).assign_attrs(findings="twice", factor=2)

    dataset, trainer = trained("figures", "summary", True, True)
    monkeypatch.setitem(TABLES, "doubled", doubled)
    whole = tables.add(dataset, ["doubled"], trainer)
    np.testing.assert_array_equal(whole["double"], 2 * dataset["loss"])
    assert (select.findings(whole), whole.attrs["factor"]) == ([*select.findings(dataset), "twice"], 2)
    axis = dataset["loss"].dims[0]
    monkeypatch.setitem(TABLES, "doubled", lambda dataset, trainer: xr.Dataset({axis: (axis, 2 * dataset[axis].values)}))
    with pytest.raises(ConfigError, match=rf"doubled has a result with the name of the axis {axis}"):
        tables.add(dataset, ["doubled"], trainer)


MINE = """
from superposition_jax import extend

def halves(dataset, trainer):
    return {"half": dataset["loss"].values.ravel() / 2, **({"quarter": [0]} if dataset.sizes["hidden"] > 1 else {})}

def lacks(specs, grid):
    return None if specs[0].n_features == 2 else "needs two features"

NEED = extend.Need("two features", lacks)
extend.TABLES["halves"] = extend.Table(__name__, {"half": extend.Variable("half of the loss")}, [NEED])
"""


def test_a_user_s_table_may_declare_itself(tmp_path, monkeypatch):
    (tmp_path / "halving.py").write_text(MINE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(TABLES, "halves", None)  # which is deleted afterwards
    given = ["imports=[halving]", "tables=[halves]", "train.steps=20", "model.n_features=2", "model.n_hidden=1"]
    dataset = superposition_jax.run(given)
    np.testing.assert_array_equal(dataset["half"], dataset["loss"] / 2)
    assert dataset["half"].attrs["long_name"] == "half of the loss"
    with pytest.raises(ConfigError, match=r"tables = \['halves'\]: halves needs two features"):
        run_config.load([*given, "model.n_features=3"])
    with pytest.raises(ConfigError, match=r"sweep\.axes = 'half'"):
        run_config.load([*given, "+sweep.axes.half={path: seed, range: 2}"])
    with pytest.raises(ConfigError, match=r"tables = \['halves'\]: halves has quarter, which is not declared"):
        superposition_jax.run([*given, "model.n_hidden=2"])
