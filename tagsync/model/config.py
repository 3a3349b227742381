"""Define the configuration: what `tagsync.yaml` sets for one of its environments."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tagsync.model.origins import Origin

KEY_VARIABLE = "IMAGEKIT_PRIVATE_KEY"
"""The environment variable with the private key, unless `tagsync.yaml` names another one."""

ENVIRONMENT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$(?!\n)"
"""What the name of an environment looks like: it is safe in file names, comments and command lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings of `tagsync.yaml` for one environment.

    Attributes:
        file: the file, as a resolved path.
        environment: the environment's name; None if the file has no environments.
        manifests: files and folders, relative to the current folder.
        policy: a file of policies to use instead of those among the manifests.
        account: the name of the account.
        key: the environment variable with the private key; KEY_FILE names a file with the key.
        origins: the places in the file that set each of these attributes; `manifests` may have two.
    """

    file: str
    environment: str | None = None
    manifests: tuple[str, ...] = ()
    policy: str | None = None
    account: str | None = None
    key: str = KEY_VARIABLE
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)
