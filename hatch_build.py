"""Compiles the kernel where there is a compiler; its text runs without one, slower.

`QSESSION_SIM_COMPILE=1` makes it an error when that fails, `0` leaves it out. An editable installation
compiles only when told to, since nobody would see that what was compiled is older than the text.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "QSESSION_SIM_COMPILE"
PACKAGE = "qsession_sim/kernel"
MODULE = "qsession_sim.kernel._core"

# CFLAGS of the environment take the place of Python's own flags; without -g0 it holds the names of folders;
# within GCC's own limits of inlining, runs take up to twice as long (Clang takes no notice of --param), and
# with higher ones or -O3 only compiling does
LIMITS = ("max-inline-insns-single=800", "large-function-growth=500", "inline-unit-growth=200")
FLAGS = [] if os.name == "nt" else ["-O2", "-fwrapv", "-g0", *(f"--param={limit}" for limit in LIMITS)]


class KernelBuildHook(BuildHookInterface[Any]):
    """Adds the compiled kernel to a wheel, which is then one for this platform."""

    _folder: TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; without success the wheel has the text alone, and is one for every platform."""
        wanted = os.environ.get(SWITCH, "")
        if wanted not in {"", "0", "1"}:
            raise ValueError(f"{SWITCH} is {wanted!r}; set it to 1 (compile) or 0 (do not), or leave it out")
        is_editable = version == "editable"
        if wanted == "0" or (is_editable and wanted != "1"):
            return
        try:
            built = self._compiled(in_place=is_editable)
        except (Exception, SystemExit) as problem:  # setuptools ends with SystemExit
            if wanted == "1":
                raise
            self.app.display_warning(f"The kernel is not compiled, so runs take longer: {problem}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if not is_editable:
            build_data["force_include"][str(built)] = f"{PACKAGE}/{built.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """The wheel has what was compiled."""
        if self._folder is not None:
            self._folder.cleanup()

    def _compiled(self, *, in_place: bool) -> Path:
        """The extension, beside the text or in a folder that is there until the wheel is."""
        from Cython.Build import cythonize
        from setuptools import Distribution, Extension

        self._folder = folder = TemporaryDirectory()
        text = Path("src", PACKAGE, "core.py")  # relative, as setuptools wants it
        extension = Extension(MODULE, [str(text)], extra_compile_args=FLAGS)
        modules = cythonize([extension], build_dir=folder.name, include_path=["src"], force=True)
        distribution = Distribution({"ext_modules": modules, "package_dir": {"": "src"}})
        command = distribution.get_command_obj("build_ext")
        command.inplace = in_place
        command.build_temp = folder.name
        command.build_lib = str(Path(folder.name, "lib"))
        command.ensure_finalized()
        command.run()
        return Path(command.get_ext_fullpath(MODULE)).absolute()
