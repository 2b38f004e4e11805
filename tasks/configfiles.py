"""A broken invoke.yaml is told with file and line before Invoke trips over it.

Only the user's own ``~/.invoke.yaml`` cannot be: Invoke reads it before it looks for tasks.
"""

from __future__ import annotations

from pathlib import Path

from tasks.checkout import CHECKOUT


def check(asked: str) -> None:
    """Raises InputError when the project's settings file, or the one *asked* for with ``-f``, is of no use.

    What is in a platform's section is for the tasks of that platform to judge.
    """
    project = CHECKOUT / "invoke.yaml"
    if asked or any(project.with_suffix(suffix).exists() for suffix in (".yaml", ".yml")):
        _check(project, asked)


def _check(project: Path, asked: str) -> None:
    from allup.errors import InputError

    other = project.with_suffix(".yml")
    if other.exists():
        raise InputError(other.name, f"is not read by allup; rename it to {project.name}")
    _usable(project, project.name)
    if asked:
        if not Path(asked).is_file():
            raise InputError(f"-f {asked}", "there is no such file")
        if Path(asked).suffix not in (".yaml", ".yml"):
            raise InputError(f"-f {asked}", "is not a YAML file", next_step="Name it .yaml")
        _usable(Path(asked), asked)


def _usable(path: Path, label: str) -> None:
    """By us, and by Invoke, whose own sections (run, tasks, …) have to merge with its defaults."""
    from invoke.config import AmbiguousMergeError, Config

    from allup.errors import InputError
    from allup.settings import read_settings_file

    file = read_settings_file(path, label)
    for name, default in Config.global_defaults().items():
        if name in file.top_level and isinstance(default, dict) != (name in file.platforms):
            takes = "a mapping" if isinstance(default, dict) else "a plain value"
            raise InputError(
                f"{label}:{file.top_level[name]}", f"{name} is Invoke's own section and takes {takes}"
            )
    try:
        Config(runtime_path=path, lazy=True).load_runtime()
    except AmbiguousMergeError:
        raise InputError(label, "Invoke cannot use what its own sections in it hold") from None
