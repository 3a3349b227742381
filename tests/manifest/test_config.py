"""Finding tagsync.yaml, reading it, and selecting an environment."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.errors import ManifestError, UsageError
from tagsync.manifest.config import find_config, read_config
from tagsync.model import Origin

HEAD = "apiVersion: tagsync/v1\nkind: Config\n"
WHOLE = f"""{HEAD}manifests: [manifests/]
policy: policy.yaml
defaultEnvironment: staging
environments:
  staging: {{account: shop-staging, key: IMAGEKIT_PRIVATE_KEY_STAGING}}
  production:
    account: shop-production
    policy: strict.yaml
    manifests: [manifests/, production/]
"""


@pytest.fixture(autouse=True)
def _in_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "repository"
    for name in ("manifests", "production", "deep/deeper"):
        (folder / name).mkdir(parents=True)
    for name in ("policy.yaml", "strict.yaml"):
        (folder / name).touch()
    monkeypatch.chdir(folder)
    subprocess.run(["git", "init", "--quiet"], check=True)  # noqa: S607 - our own


def write(text: str = WHOLE, name: str = "tagsync.yaml") -> None:
    Path(name).write_text(text, encoding="utf-8")


def errors(text: str) -> list[str]:
    write(text)
    with pytest.raises(ManifestError) as raised:
        read_config()
    return [f"{error.origin}: {error.message}" for error in raised.value.diagnostics]


# Reading


def test_config_of_default_environment_has_each_setting_with_its_place() -> None:
    write()
    config = read_config()
    assert (config.environment, config.manifests, config.policy) == ("staging", ("manifests",), "policy.yaml")
    assert (config.account, config.key) == ("shop-staging", "IMAGEKIT_PRIVATE_KEY_STAGING")
    places = {name: [origin[1:] for origin in origins] for name, origins in config.origins.items()}
    assert places == {
        "environment": [(5, 21)],
        "manifests": [(3, 12)],
        "policy": [(4, 9)],
        "account": [(7, 22)],
        "key": [(7, 41)],
    }
    assert {origin.file for origins in config.origins.values() for origin in origins} == {"tagsync.yaml"}


def test_config_of_environment_adds_manifests_and_replaces_the_policy() -> None:
    write()
    config = read_config("production")
    assert config.manifests == ("manifests", "production")
    assert (config.policy, config.key) == ("strict.yaml", "IMAGEKIT_PRIVATE_KEY")
    assert config.origins["manifests"] == (Origin("tagsync.yaml", 3, 12), Origin("tagsync.yaml", 11, 16))
    assert "environment" not in config.origins


def test_environment_variable_selects_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    monkeypatch.setenv("TAGSYNC_ENV", "production")
    assert read_config().environment == "production"
    assert read_config("staging").environment == "staging"


def test_config_may_do_without_environments() -> None:
    write(f"{HEAD}manifests: [manifests]\n")
    assert read_config().environment is None
    with pytest.raises(UsageError, match=r"has no environment 'staging' \(it has no environments\)"):
        read_config("staging")


def test_environment_must_be_selected_if_there_is_no_default() -> None:
    write(WHOLE.replace("defaultEnvironment: staging\n", ""))
    with pytest.raises(UsageError, match="with --env or TAGSYNC_ENV: staging, production; or set defaultEnvironment"):
        read_config()


def test_only_environment_needs_no_default() -> None:
    write(f"{HEAD}environments:\n  production: {{account: shop}}\n")
    config = read_config()
    assert (config.environment, config.account) == ("production", "shop")
    assert [str(origin) for origin in config.origins["environment"]] == ["tagsync.yaml:4:3"]


@pytest.mark.parametrize(("name", "hint"), [("prod", "did you mean 'production'"), ("x", "it has staging, production")])
def test_unknown_environment_gets_a_hint(name: str, hint: str) -> None:
    write()
    with pytest.raises(UsageError, match=f"has no environment '{name}' .{hint}"):
        read_config(name)


def test_config_of_another_environment_may_name_files_that_do_not_exist() -> None:
    write(f"{HEAD}environments:\n  a: {{account: a}}\n  b: {{manifests: [nowhere], policy: none.yaml}}\n")
    assert read_config("a").account == "a"
    with pytest.raises(ManifestError) as caught:
        read_config("b")
    assert [str(error.origin) for error in caught.value.diagnostics] == ["tagsync.yaml:5:19", "tagsync.yaml:5:37"]


def test_config_is_valid_by_its_schema() -> None:
    schema = schemas.load("config")
    Draft202012Validator.check_schema(schema)
    environments = {"staging": {"account": "a", "key": "IMAGEKIT_KEY", "manifests": ["x"], "policy": "p.yaml"}}
    document = {"apiVersion": "tagsync/v1", "kind": "Config", "manifests": ["."], "environments": environments}
    Draft202012Validator(schema).validate(document)
    wrong: dict[str, Any]
    for wrong in ({"endpoint": "https://a.example"}, {"environments": {"a b": {}}}, {"manifests": "x"}):
        assert not Draft202012Validator(schema).is_valid(document | wrong)


# Searching


def test_config_is_searched_up_to_the_top_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    monkeypatch.chdir("deep/deeper")
    config = read_config()
    assert config.manifests == ("../../manifests",)
    assert str(config.origins["account"][0]) == "../../tagsync.yaml:7:22"
    write(f"{HEAD}manifests: [../../manifests]\n", "tagsync.yaml")
    assert read_config().account is None


def test_config_above_the_repository_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    write(HEAD, "../tagsync.yaml")
    assert find_config() is None
    monkeypatch.chdir("deep")
    with pytest.raises(
        UsageError, match=r"environment 'a': there is no tagsync.yaml in this folder, or above it up to"
    ):
        read_config("a")
    with pytest.raises(UsageError, match=r"^there is no tagsync.yaml .* repository: create one$"):
        read_config()


@pytest.mark.parametrize("git", ["none", "not installed"])
def test_config_outside_a_repository_is_found_in_the_folder_alone(git: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    if git == "none":
        Path(".git").rename("no-git")
    else:
        monkeypatch.setenv("PATH", os.path.abspath("manifests"))  # noqa: PTH100 - an empty folder
    assert read_config().manifests == ("manifests",)
    monkeypatch.chdir("deep")
    assert find_config() is None


# Hostile files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"{HEAD}endpoint: https://a.example\n",
            "3:1: unknown key 'endpoint' (tagsync.yaml cannot set the endpoint, b",
        ),
        (
            f"{HEAD}environments:\n  a: {{endpoint: x}}\n",
            "4:7: unknown key 'endpoint' (tagsync.yaml cannot set the end",
        ),
        (f"{HEAD}manifest: [a]\n", "3:1: unknown key 'manifest' (did you mean 'manifests'?)"),
        (f"{HEAD}environments:\n  a: {{acount: x}}\n", "4:7: unknown key 'acount' (did you mean 'account'?)"),
        (
            f"{HEAD}environments:\n  a: {{key: PATH}}\n",
            "4:12: key must name an environment variable that begins with I",
        ),
        (f"{HEAD}environments:\n  a: {{key: IMAGEKIT_A_FILE}}\n", "4:12: key must name an environment variable that "),
        (f'{HEAD}environments:\n  a: {{key: "IMAGEKIT_A\\n"}}\n', "4:12: key must name an environment variable that "),
        (f"{HEAD}environments:\n  a b: {{}}\n", "4:3: 'a b' cannot name an environment: use letters, digits"),
        (f"{HEAD}environments:\n  on: {{}}\n", '4:3: YAML reads on as true, not as text: quote it, "on"'),
        (f"{HEAD}environments: {{}}\n", "3:15: environments is empty: add a value, or remove it"),
        (f"{HEAD}environments:\n  staging:\n", "4:11: staging is empty: it must be a mapping"),
        (f"{HEAD}manifests: manifests/\n", "3:12: manifests is 'manifests/': it must be a list"),
        (f"{HEAD}policy: [policy.yaml]\n", "3:9: policy is a list: it must be text, so write policy: policy.yaml"),
        (f"{HEAD}policy: [5]\n", "3:9: policy is a list: it must be text"),
        (
            f"{HEAD}environments: [production]\n",
            "3:15: environments is a list: it must be a mapping, as in environments: {production: {account: shop-",
        ),
        (
            f"{HEAD}account: shop\n",
            "3:1: the key 'account' is at the wrong level: it belongs in an environment, as in environments: {produc",
        ),
        (f"{HEAD}manifests: [/etc]\n", "3:13: '/etc' is not a relative path: write it relative to this file"),
        (f'{HEAD}manifests: ["a\\0b"]\n', "3:13: 'a\\x00b' is not a relative path: write it relative to this file"),
        (f"{HEAD}manifests: [../other]\n", "3:13: '../other' leads out of"),
        (f"{HEAD}policy: out/policy.yaml\n", "3:9: 'out/policy.yaml' leads out of"),
        (f"{HEAD}environments:\n  a: {{manifests: [out]}}\n", "4:19: 'out' leads out of"),
        (f"{HEAD}manifests: [nowhere]\n", "3:13: 'nowhere' does not exist: check the path, which is relative to this"),
        (f'{HEAD}manifests: ["-"]\n', "3:13: '-' does not exist: check the path, which is relative to this file"),
        (
            f"{HEAD}defaultEnvironment: stagin\nenvironments: {{staging: {{}}}}\n",
            "3:21: no environment 'stagin' (did you",
        ),
        (f"{HEAD}policy: &a p.yaml\n", "3:9: "),
        (f"{HEAD}policy: *a\n", "3:9: "),
        (
            f"{HEAD}--- {{}}\n",
            "3:5: this YAML document has no apiVersion: tagsync.yaml starts with apiVersion: tagsync/v1",
        ),
        (f"{HEAD}---\n{HEAD}", "4:1: settings start here for a second time: move them into"),
        (
            "apiVersion: tagsync/v1\nkind: TagSet\n",
            "1:1: this YAML document has kind 'TagSet': write kind: Config, and put",
        ),
        (
            "- a\n",
            "1:1: this is not a configuration: tagsync.yaml starts with apiVersion: tagsync/v1 and kind: Config",
        ),
        ("", "1:1: this file is empty: add settings, or delete the file"),
        (f"{HEAD}policy: [\n", "4:1: a value is missing here: "),
        (f"{HEAD}# {'x' * (1 << 20)}\n", "1:1: tagsync.yaml must be a regular file of at most 1 MiB"),
        (f"{HEAD}policy: {'[' * 10_000}\n", "3:"),
    ],
)
def test_hostile_config_is_an_error_with_its_place(text: str, said: str) -> None:
    Path("out").symlink_to("/etc")
    found = errors(text)
    assert any(line.startswith(f"tagsync.yaml:{said}") for line in found), found


KEYS = ("manifests", "policy", "defaultEnvironment", "environments", "account", "key", "endpoint", "staging", "on", "")
SCALARS = (None, 1, 1.5, True, "", "manifests", "../x", "-", "policy.yaml", "a\0b", "IMAGEKIT_A", "PATH", "staging")
VALUES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(KEYS), VALUES), st.sampled_from(["", "---\n", "&a ", "*a ", "\0", "]"]), st.data()
)
def test_any_config_is_read_or_refused_with_places(document: dict[str, Any], extra: str, data: st.DataObject) -> None:
    text = json.dumps({"apiVersion": "tagsync/v1", "kind": "Config", **document}, indent=1)
    at = data.draw(st.integers(0, len(text)))
    write(text[:at] + extra + text[at:])
    assert files_with_errors() <= {"tagsync.yaml"}


def files_with_errors() -> set[str | None]:
    try:
        read_config("staging")
    except ManifestError as error:
        return {found.origin and found.origin.file for found in error.diagnostics}
    except UsageError:
        pass  # there is no environment of this name
    return set()


def test_key_in_place_of_its_variable_is_not_shown() -> None:
    found = errors(f"{HEAD}environments:\n  a: {{key: private_secret}}\n")
    assert len(found) == 1
    assert "secret" not in found[0]


def test_paths_through_links_inside_the_repository_are_allowed() -> None:
    Path("same").symlink_to("manifests")
    write(f"{HEAD}manifests: [same]\n")
    assert read_config().manifests == ("same",)


def test_path_that_is_named_like_standard_input_stays_a_path() -> None:
    Path("-").mkdir()
    write(f'{HEAD}manifests: ["-"]\n')
    assert read_config().manifests == ("./-",)


def test_config_that_is_a_link_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    write(name=str(tmp_path / "elsewhere.yaml"))
    Path("tagsync.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(ManifestError, match="this link leads out of the repository"):
        read_config()


@pytest.mark.parametrize(
    ("make", "said"), [(os.mkdir, "Is a directory"), (os.mkfifo, "tagsync.yaml must be a regular file")]
)
def test_config_that_is_no_file_is_refused(make: Callable[[str], None], said: str) -> None:
    make("tagsync.yaml")
    with pytest.raises(ManifestError, match=f"the first is: tagsync.yaml: {said}"):
        read_config()
