from __future__ import annotations

import pytest

from spikeforge.errors import SpikeforgeError
from train.recipe import MAX_RECIPE_BYTES, load_recipe, recipe_names

GOOD = """
name = "mine"
[network]
hidden = [32]
[training]
epochs = 2
"""


@pytest.fixture
def write(tmp_path):
    def _write(text):
        path = tmp_path / "mine.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


@pytest.mark.parametrize(("name", "hidden"), [("mnist-mlp", (400,)), ("mnist-tiny", (128,))])
def test_the_packages_recipes_have_the_promised_shape(name, hidden):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.network.hidden == hidden
    assert recipe.network.weight_bits == 4
    assert recipe.network.steps == 15
    assert not recipe.network.threshold_per_neuron


def test_every_recipe_of_the_package_loads():
    assert {"mnist-cnn", "mnist-mlp", "mnist-mlp-sparse", "mnist-tiny"} <= set(recipe_names())
    for name in recipe_names():
        assert load_recipe(name).name == name


def test_convolutions_are_read_as_tables(write):
    conv = "conv = [{ channels = 8, kernel = 5, stride = 2 }, { channels = 9, kernel = 3 }]\n"
    recipe = load_recipe(write(GOOD.replace("[network]\n", "[network]\n" + conv)))
    first, second = recipe.network.conv
    assert (first.channels, first.kernel, first.stride, first.padding) == (8, 5, 2, 0)
    assert (second.channels, second.kernel, second.stride) == (9, 3, 1)


def test_a_file_is_read_by_its_path_and_defaults_fill_in(write):
    recipe = load_recipe(write(GOOD))
    assert (recipe.name, recipe.rule, recipe.network.steps) == ("mine", "windowed", 15)
    assert recipe.training.l1 == 0
    assert load_recipe(str(write(GOOD))) == recipe


def test_an_unknown_key_gets_a_suggestion(write):
    with pytest.raises(
        SpikeforgeError,
        match=r"mine\.toml: unknown key training\.epoch \(did you mean 'epochs'\?\)",
    ):
        load_recipe(write(GOOD + "epoch = 3"))
    with pytest.raises(SpikeforgeError, match=r"unknown key trainig \(did you mean 'training'\?\)"):
        load_recipe(write(GOOD + "[trainig]\nl1 = 0.1"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("batch_size = 0", r"training\.batch_size .*greater than or equal to 1, not 0"),
        ("learning_rate = -1.0", r"training\.learning_rate .*greater than 0, not -1\.0"),
        ("dropout = 1.0", r"training\.dropout .*less than 1, not 1\.0"),
        ("l1 = nan", r"training\.l1 .*finite number, not nan"),
        ("l1 = 'no'", r"training\.l1 .*valid number, not 'no'"),
    ],
)
def test_a_value_out_of_range_is_one_line_with_field_value_and_range(write, line, words):
    with pytest.raises(SpikeforgeError, match=words) as caught:
        load_recipe(write(GOOD + line))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[32]", "[]", r"network\.hidden .*at least 1 item"),
        ("[32]", "[0]", r"network\.hidden\.0 .*greater than or equal to 1, not 0"),
        ("[32]", "[32]\nweight_bits = 9", r"network\.weight_bits .*less than or equal to 8, not 9"),
        ("[32]", "[32]\nsteps = 0", r"network\.steps .*greater than or equal to 1, not 0"),
        ("epochs = 2", "", r"training\.epochs is missing"),
        ('"mine"', '"../x"', r"name .*not '\.\./x'"),
    ],
)
def test_a_wrong_network_is_refused(write, old, new, words):
    with pytest.raises(SpikeforgeError, match=words):
        load_recipe(write(GOOD.replace(old, new)))


def test_a_misspelt_name_gets_the_nearest_and_the_list():
    with pytest.raises(
        SpikeforgeError,
        match=r"no recipe 'mnist-mpl' \(did you mean 'mnist-mlp'\?\); there are fashion-",
    ):
        load_recipe("mnist-mpl")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SpikeforgeError, match=r"gone\.toml: no such recipe file; recipes with"):
        load_recipe(tmp_path / "gone.toml")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(SpikeforgeError, match=r"folder\.toml: cannot be read"):
        load_recipe(tmp_path / "folder.toml")


@pytest.mark.parametrize("text", ["name = ", b"\xff\xfe\x00", b"PK\x03\x04", "a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_refused_with_its_place(write, text):
    with pytest.raises(SpikeforgeError, match=r"mine\.toml: not a TOML file \("):
        load_recipe(write(text))


def test_a_huge_file_is_refused(write):
    with pytest.raises(SpikeforgeError, match=rf"at most {MAX_RECIPE_BYTES} bytes"):
        load_recipe(write("#" * (MAX_RECIPE_BYTES + 1)))
