"""Bad input: one line that names the key, the value and what is allowed."""

import re
from unittest import mock

import jax
import pytest
from composed import load
from shell import TINY, run_here

import superposition_jax
from superposition_jax import extend
from superposition_jax.engine import segments
from superposition_jax.errors import ConfigError


def axis(text):
    """An override that adds an axis `x`."""
    return f"+sweep.axes.x={{{text}}}"


DECODERS = ("recovery", "dictionary", "simulation")
REFUSED = [
    # numbers and names
    (["data.sparsity=1"], ["data.sparsity = 1:", "[0, 1)"]),
    (["data.sparsity=-0.1"], ["data.sparsity = -0.1", "[0, 1)"]),
    (["data.sparsity=[0.5, 1.5]", "model.n_features=2"], ["data.sparsity = 1.5", "[0, 1)"]),
    (["data.density=0"], ["data.density = 0:", "(0, 1]"]),
    (["data.density=1e-46"], ["data.density", "1e-46"]),  # 0 in float32
    (["data.sparsity=nan"], ["data.sparsity = nan"]),
    (["train.learning_rate=inf"], ["train.learning_rate = inf", "finite"]),
    (["train.weight_decay=-inf"], ["train.weight_decay = -inf", "finite"]),
    (["train.learning_rate=1e39"], ["train.learning_rate = 1e+39", "finite"]),
    (["train.learning_rate=fast"], ["train.learning_rate = 'fast'", "finite number"]),
    (["train.b1=null"], ["train.b1 = None", "finite number"]),
    (["train.learning_rate=-1"], ["train.learning_rate = -1", "[0, inf)"]),
    (["train.b1=1"], ["train.b1 = 1", "[0, 1)"]),
    (["model.n_features=0"], ["model.n_features = 0", "whole number in [1, "]),
    (["model.n_hidden=-3"], ["model.n_hidden = -3", "whole number in [1, "]),
    (["model.n_hidden=2.5"], ["model.n_hidden = 2.5", "whole number"]),
    (["model.n_features=true"], ["model.n_features = True", "whole number"]),
    (["train.steps=0"], ["train.steps = 0", "whole number in [1, "]),
    (["train.steps=2147483648"], ["train.steps = 2147483648"]),
    (["train.batch_size=1"], ["train.batch_size = 1:", "in [2, 2147483647] or null"]),
    (["model.bias=1"], ["model.bias = 1", "true, false"]),
    (["model.activation=tanh"], ["model.activation = 'tanh'", "relu, gelu, softplus, identity"]),
    (["model.init.kind=he"], ["model.init.kind = 'he'", "xavier, normal, orthogonal, polygon, notebook"]),
    (["data.values.law=normal"], ["data.values.law = 'normal'", "uniform, signed, upper, exponential, power, binary"]),
    (["data.importance.kind=log"], ["data.importance.kind = 'log'", "uniform, geometric, power, linear"]),
    (["train.estimator=mc"], ["train.estimator = 'mc'", "iid, active, quadrature"]),
    (["train.optimizer=lion"], ["train.optimizer = 'lion'", "adam, adamw, sgd"]),
    (["train.schedule.kind=step"], ["train.schedule.kind = 'step'", "constant, linear, cosine"]),
    (["train.reduction=max"], ["train.reduction = 'max'", "sum, mean"]),
    (["figures=[heat]"], ["figures", "heat", "demonstration", "summary", "loss_curves"]),
    (["figures=[[summary]]"], ["figures", "summary"]),
    (["figures=summary"], ["figures", "'summary'", "list"]),
    *(([f"seed={seed}"], [f"seed = {seed}", "whole number"]) for seed in ("-1", "4294967296", "1.5", "'3'")),
    *(([f"name={name}"], ["name = ", "folder name"]) for name in ("../evil", "a/b", "/tmp", "..", ".hidden", "''", "null")),
    (["runtime.tracker=mlflow"], ["runtime.tracker = 'mlflow'", "one of trackio, tensorboard, wandb, null"]),
    # keys and options
    (["model=cubic"], ["model=cubic", "linear, privileged, relu, untied"]),
    (["target=max", "data.sets.kind=correlated", "data.sets.sizes=2"], ["target.kind = 'max'", "independent"]),
    (["model=privileged", "train.adversarial=true"], ["train.adversarial", "tied", "identity"]),
    (["model=untied", "measures=[attacked_loss]"], ["measures", "tied"]),
    (["model=untied", "train.expectation=own_feature"], ["train.expectation = 'own_feature'", "model.kind = tied"]),
    (["train.adversarial=true", "train.expectation=moments"], ["train.expectation = 'moments'", "train.adversarial"]),
    (["train=exact", "model.n_features=3", "train.expectation=moments"], ["train.expectation = 'moments'", "quadrature"]),
    (["tables=[vulnerability]"], ["tables", "vulnerability", "measures=[attack_radius]"]),
    (["tables=[jumps]"], ["tables", "jumps", "train.snapshots above 0"]),
    (["tables=[stages]", "train.snapshots=3"], ["tables", "stages", "data.sets.kind"]),
    *(([f"tables=[{name}]", "model.n_hidden=1"], ["tables", name, "n_hidden above 1"]) for name in ("packing", "dictionary")),
    (["tables=[packing]", "model.n_features=2000"], ["tables", "packing", "up to 1024"]),
    *((["data.values.law=signed", f"tables=[{name}]"], ["tables", name, "not negative"]) for name in DECODERS),
    (["tables=[recovery]", "model=linear"], ["tables", "recovery", "model.activation = relu"]),
    (["tables=[recovery]", "model=linear", "data.sets={kind: correlated, sizes: 2}"], ["relu and needs data.sets.kind = ind"]),
    (["tables=[recovery]", "figures=[recovery]"], ["figures", "recovery", "data.density"]),
    (["tables=[crossing]"], ["tables", "crossing", "n_features = 5"]),
    (["tables=[asymmetry]"], ["tables", "asymmetry", "untied"]),
    (["tables=[neurons]"], ["tables", "neurons", "hidden_activation = relu"]),
    (["tables=[partners]"], ["tables", "partners", "correlated"]),
    *(([f"tables=[{name}]", "model=untied"], ["tables", name, "model.kind = tied"]) for name in ("solids", "dictionary")),
    (["tables=[demonstration]", "target=square"], ["tables", "demonstration", "identity"]),
    (["tables=[dictionary]", "model.hidden_activation=gelu"], ["tables", "dictionary", "identity or relu"]),
    (["tables=[simulation]", "target=square"], ["tables", "simulation", "target.kind = identity"]),
    (["+sweep.axes.sae={path: seed, range: 2}"], ["sweep.axes", "sae"]),
    *(([f"figures=[{name}]"], ["figures", f"tables=[{name}]"]) for name in ("dictionary", "simulation", "neurons")),
    (["target=max", "model.n_features=1"], ["target.kind = 'max'", "≥ 2"]),
    (["train.penalty.weight=0.5"], ["train.penalty.weight = 0.5", "train.penalty.kind = None"]),
    (["+sweep.axes.a={path: attack.size, values: [0.1, 1]}"], ["attack.size", "changes nothing", "measures=[attacked_loss] or"]),
    (
        ["model.n_features=2", "data.importance.list=[1, 2]", axis("path: data.importance.decay, values: [0.5]")],
        ["data.importance.decay", "changes nothing with data.importance.list = [1, 2]", "null"],
    ),
    (["imports=mine"], ["imports", "a list of modules"]),
    (["measures=[attack]"], ["measures", "attacked_loss, attack_radius, hidden_l1"]),
    (["train.penalty.kind=l2"], ["train.penalty.kind = 'l2'", "l1, null"]),
    (["sweep.repair=true", "train.penalty.kind=l1"], ["sweep.repair", "train.penalty"]),
    (["train.penalty.kind=l1"], ["train.penalty.weight = 0.0", "above 0"]),
    *(
        (["sweep.repair=true", *seeds], ["sweep.repair = True", "without cells"])
        for seeds in ([], [axis("path: seed, range: 2")])
    ),
    (["+sweep.axes.l={path: train.penalty.weight, values: [0.1]}"], ["train.penalty.weight", "changes nothing", "l1"]),
    *(([f"{add}train.step=10"], ["train.step:", "did you mean train.steps?"]) for add in ("", "+")),
    (["trian.steps=10"], ["trian.steps:", "did you mean train.steps?"]),
    (["~train.stps"], ["train.stps:", "did you mean train.steps?"]),
    (["~train.eps"], ["train.eps", "missing"]),
    (["+runtime.chunks=1"], ["runtime.chunks:", "did you mean runtime.chunk?"]),
    (["sweep=sparsity", "sweep.axes.seed.rang=2"], ["sweep.axes.seed.rang:", "did you mean sweep.axes.seed.range?"]),
    (["+sweep.axis.x={path: seed, range: 2}"], ["sweep.axis", "axes"]),
    (["data=null"], ["data"]),
    (["sweep.axes=3"], ["sweep.axes = 3", "path"]),
    # what does not go together
    (["data.sparsity=0", "data.density=0.5"], ["data.density = 0.5", "data.sparsity = 0 "]),
    (["sweep=sparsity", "data.density=0.5"], ["data.density = 0.5", "data.sparsity", "axis"]),
    (["data.sparsity=[0.1, 0.2]"], ["data.sparsity = [0.1, 0.2]", "20 numbers", "not 2"]),
    (["model.init.scales=[1, 2]", "model.init.scale=2"], ["model.init.scales = [1, 2]", "model.init.scale = 2 is given as well"]),
    (["model.init.scales=[1, 2]", "train=paper"], ["model.init.scales = [1, 2]", "model.init.scale = 1.0", "null"]),
    (["model.init.scales=[1, 2]", axis("path: model.init.scale, values: [1, 2]")], ["model.init.scales", "scale = an axis"]),
    (["model.init.scales=[1, 2]", "+sweep.axes.init_scale={path: seed, range: 2}"], ["sweep.axes = 'init_scale'", "scales"]),
    *(([f"model.init.scales={given}"], ["model.init.scales = ", "list of finite numbers or null"]) for given in ("[]", "2", "a")),
    *(([f"model.init.scales={given}"], ["model.init.scales = ", "a finite number"]) for given in ("[1, inf]", "[1, true]")),
    ([axis("path: model.init.scales, values: [[1], [1, 2]]")], ["model.init.scales", "single value"]),
    (["starts=several"], ["starts=several", "no such option", "paper"]),
    ([axis("path: train.weight_decay, values: [0, 0.5]")], ["train.weight_decay", "train.optimizer = 'adam'", "adamw"]),
    (["~name"], ["name = None"]),
    (["~figures"], ["figures = None"]),
    (["data.importance.list=[1, 2]"], ["data.importance.list = [1, 2]", "20 numbers", "not 2"]),
    (["data.importance.list=1", "model.n_features=5"], ["data.importance.list = 1: must be a list of 5 numbers"]),
    ([axis("path: data.importance.list, values: [1, 2]")], ["data.importance.list", "must be a list of 20 numbers"]),
    (["data.importance.list=[]"], ["data.importance.list = []"]),
    (["data.importance.list=[1, nan]"], ["data.importance.list = nan", "finite"]),
    (["data.importance.kind=linear", "data.importance.decay=2"], ["data.importance.decay = 2.0", "linear"]),
    (["data.importance.decay=1e30"], ["data.importance.decay = 1e+30"]),  # decay^19 overflows
    (["train.estimator=quadrature", "model.n_features=6"], ["'quadrature'", "model.n_features", "≤ 5", "not 6"]),
    (["train.estimator=quadrature", "model.n_features=5", "train.order=9999"], ["train.order = 9999", "GiB"]),
    (["train.batch_size=2000000000", "model.n_features=1000"], ["train.batch_size = 2000000000", "GiB"]),
    (["model.n_hidden=2000000000", "model.n_features=1000"], ["model.n_hidden", "GiB"]),
    # what is set and changes nothing
    (["train.weight_decay=0.01"], ["train.weight_decay = 0.01: changes nothing with train.optimizer = 'adam'", "adamw or sgd"]),
    (["+train={momentum: 0}"], ["train.momentum = 0: changes nothing", "train.optimizer = sgd"]),
    (["sweep=sparsity", "seed=7"], ["seed = 7: sweep.axes.seed sets it in every model"]),
    (["name=a", "sweep.name=b"], ["sweep.name = 'b': name is given as well"]),
    (["sizes=foo"], ["sizes=foo: no such option; known are: energy_levels_full"]),
    (["experiment=intro", "preset=full"], ["preset=full: changes nothing with experiment=intro", "energy_levels"]),
    # sets of features
    (["data.sets.kind=correlated"], ["data.sets.sizes = None: must be one size"]),
    (["data.sets.kind=correlated", "data.sets.sizes=3"], ["data.sets.sizes = 3: must be one size that divides"]),
    (["data.sets.kind=correlated", "data.sets.sizes=[10, 9]"], ["data.sets.sizes", "sum to it"]),
    (["data.sets.kind=correlated", "data.sets.sizes=[10, 0, 10]"], ["data.sets.sizes = 0: must be a whole number"]),
    (["data.sets.kind=anticorrelated", "data.sets.sizes=10", "data.density=0.2"], ["anticorrelated set sum to 2"]),
    (["data.sets.kind=random"], ["data.sets.kind = 'random': must be one of independent"]),
    # axes: values
    ([axis("path: seed, values: []")], ["sweep.axes.x.values = []", "at least one"]),
    ([axis("path: seed, values: 3")], ["sweep.axes.x.values = 3", "list"]),
    ([axis("path: seed, values: [1, 2, 1]")], ["sweep.axes.x (seed) = 1", "twice"]),
    ([axis("path: train.eps, values: [0, 0.0]")], ["sweep.axes.x (train.eps) = 0", "twice"]),
    ([axis("path: seed, values: [0.5]")], ["sweep.axes.x (seed) = 0.5", "whole number"]),
    ([axis("path: seed, range: [-1, 3]")], ["sweep.axes.x (seed) = -1", "whole number"]),
    ([axis("path: seed, values: [true]")], ["sweep.axes.x (seed) = True", "whole number"]),
    ([axis("path: data.sparsity, values: [0.5, 1]")], ["sweep.axes.x (data.sparsity) = 1:", "[0, 1)"]),
    ([axis("path: data.sparsity, values: [[0.5]]")], ["sweep.axes.x (data.sparsity) = [0.5]", "single value"]),
    ([axis("path: data.sparsity, values: [null]")], ["sweep.axes.x (data.sparsity) = None", "single value"]),
    ([axis("path: data.sparsity, values: [0.5, nan]")], ["sweep.axes.x (data.sparsity) = nan", "finite"]),
    ([axis("path: model.activation, values: [relu, tanh]")], ["sweep.axes.x (model.activation) = 'tanh'", "relu"]),
    ([axis("path: model.bias, values: [true, 0]")], ["sweep.axes.x (model.bias) = 0", "true, false"]),
    ([axis("path: seed")], ["sweep.axes.x", "no values", "range"]),
    ([axis("path: seed, range: 2, values: [1]")], ["sweep.axes.x", "values and range", "exactly one"]),
    ([axis("path: seed, range: 2, number: 3")], ["sweep.axes.x.number", "num"]),
    ([axis("path: seed, range: 0")], ["sweep.axes.x.range = 0", "1 to 1000000 values"]),
    ([axis("path: seed, range: 2.5")], ["sweep.axes.x.range = 2.5", "whole numbers"]),
    ([axis("path: seed, range: [0, 5, 0]")], ["sweep.axes.x.range = [0, 5, 0]", "step"]),
    ([axis("path: train.eps, linspace: [0, 1]")], ["sweep.axes.x.num = None", "linspace"]),
    ([axis("path: train.eps, linspace: [0, 1], num: 0")], ["sweep.axes.x.num = 0", "in [1, 1000000]"]),
    ([axis("path: train.eps, linspace: 1, num: 2")], ["sweep.axes.x.linspace = 1", "[start, stop]"]),
    ([axis("path: train.eps, linspace: [0, inf], num: 2")], ["sweep.axes.x.linspace = [0, inf]", "finite"]),
    ([axis("path: train.eps, logspace: [0, 400], num: 2")], ["sweep.axes.x", "inf"]),
    ([axis("path: train.eps, geomspace: [0, 1], num: 2")], ["sweep.axes.x.geomspace = [0, 1]", "above 0"]),
    # axes: paths, names, zip groups
    ([axis("path: data.sparcity, values: [0.5]")], ["sweep.axes.x.path = 'data.sparcity'", "did you mean data.sparsity?"]),
    ([axis("path: data.sparsity.0, values: [0.5]")], ["sweep.axes.x.path = 'data.sparsity.0'", "did you mean data.sparsity?"]),
    ([axis("path: runtime.chunk, values: [1]")], ["sweep.axes.x.path = 'runtime.chunk'", "cannot be an axis"]),
    ([axis("range: 2")], ["sweep.axes.x.path = None", "no such key"]),
    ([axis("path: [seed], range: 2")], ["sweep.axes.x.path = ['seed']", "no such key"]),
    ([axis("path: seed, range: 2"), "+sweep.axes.y={path: seed, range: 2}"], ["sweep.axes.x.path = 'seed'", "axis y"]),
    (
        [
            *("model.n_features=2", "data.sparsity=[0, 0]", axis("path: data.sparsity, values: [0.1, 0.2]")),
            "+sweep.axes.y={path: data.sparsity.0, values: [0.3, 0.4]}",
        ],
        ["data.sparsity.0", "axis"],
    ),
    *(
        ([f"+sweep.axes.{name}={{path: seed, range: 2}}"], ["sweep.axes", f"'{name}'"])
        for name in ("feature", "hidden", "step", "snapshot", "model", "batch", "W", "loss", "status", "x-y", "_x")
    ),
    ([axis("path: seed, range: 2, zip: y"), "+sweep.axes.y={path: train.eps, values: [1], zip: y}"], ["zip = 'y'", "2", "1"]),
    ([axis("path: seed, range: 2, zip: y"), "+sweep.axes.y={path: train.eps, values: [1, 2], zip: z}"], ["zip = 'y'"]),
    *(([axis(f"path: seed, range: 2, zip: {name}")], ["sweep.axes.x.zip", name]) for name in ("feature", "a/b", "[1]")),
]


@pytest.mark.parametrize(("overrides", "words"), REFUSED, ids=[" ".join(overrides) for overrides, _ in REFUSED])
def test_refused_in_one_line_that_names_the_key(overrides, words):
    with pytest.raises(ConfigError) as refusal:
        load(overrides)
    message = str(refusal.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


BROKEN = {"exits": "raise SystemExit(0)", "lines": "raise ValueError('a\\nb')", "table": "from superposition_jax import extend\n"}
BROKEN["table"] += "def broken(dataset, trainer):\n    raise ValueError('a\\nb')\nextend.TABLES['broken'] = broken\n"
WORDS = {"exits": "SystemExit: 0", "lines": "ValueError: a b", "table": "broken fails: ValueError: a b"}


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_users_module_does_wrong_is_one_line(tmp_path, monkeypatch, name):
    (tmp_path / f"broken_{name}.py").write_text(BROKEN[name])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=WORDS[name]) as refused:
        superposition_jax.run([f"imports=[broken_{name}]", *(["tables=[broken]"] if name == "table" else [])])
    assert "\n" not in str(refused.value)
    extend.TABLES.pop("broken", None)


def test_overrides_are_any_iterable_of_strings():
    dataset = superposition_jax.run(override for override in [*TINY, "model.n_features=3"])
    assert dataset.sizes["feature"] == 3
    with pytest.raises(ConfigError, match="must be a list of strings"):
        superposition_jax.run("seed=1")


@pytest.mark.parametrize(
    ("given", "folder", "advice"),
    [
        (["hydra.run.dir=out"], "out", r"python -m superposition_jax\.run resume=\S*out"),
        (["-m", "seed=1,2", "hydra.sweep.dir=out"], "out/0", "the same command with hydra.sweep.dir=out"),
    ],
)
def test_a_users_table_that_fails_loses_no_training(tmp_path, monkeypatch, given, folder, advice):
    def broken(dataset, trainer):
        raise ValueError("a\nb")

    monkeypatch.setitem(extend.TABLES, "broken", broken)
    given = [*given, *TINY, "tables=[broken]"]
    done = run_here(*given, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(rf"broken fails: ValueError: a b; what is finished is kept, go on with: {advice}\n$", done.stderr)
    monkeypatch.setitem(extend.TABLES, "broken", lambda dataset, trainer: dataset[["loss"]])
    monkeypatch.setattr(segments, "_advance", lambda *_: 1 / 0)
    assert run_here(*given, cwd=tmp_path).returncode == 0
    assert (tmp_path / folder / "results.nc").exists()


def test_double_precision_and_platforms_that_are_not_there_are_refused(monkeypatch):
    with jax.enable_x64(True), pytest.raises(ConfigError, match=r"JAX_ENABLE_X64 = True: models train in single precision"):
        superposition_jax.run([])
    monkeypatch.setattr(jax, "local_devices", mock.Mock(side_effect=[AssertionError, jax.local_devices()]))
    with pytest.raises(ConfigError, match=r"JAX_PLATFORMS = .*: cannot be used; this machine has: cpu"):
        superposition_jax.run([])
