"""Wheels with and without the compiled kernel, from a checkout and from the source distribution, and what runs then."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from environments import environment_of, succeed
from packaging.tags import sys_tags

ROOT = Path(__file__).parents[1]
SOURCES = ("hatch_build.py", "pyproject.toml", "LICENSE", "README.md", "src")
EXTENSION = f"qsession_sim/kernel/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
NO_COMPILER = "/bin/false"
QUICK_COMPILER = """
import hashlib, sys
flags = [one for one in sys.argv[1:] if one.startswith("-") and "/" not in one]
text, = (one for one in sys.argv[1:] if one.endswith((".c", ".o")) and sys.argv[sys.argv.index(one) - 1] != "-o")
read = open(text, "rb").read()
made = read.decode() if text.endswith(".o") else hashlib.sha256(read).hexdigest()
with open(sys.argv[sys.argv.index("-o") + 1], "w") as file:
    print(*flags, made, file=file)
"""

pytestmark = [
    pytest.mark.compiling,
    pytest.mark.skipif(
        shutil.which(os.environ.get("CC", "cc")) is None or os.name == "nt", reason="needs a C compiler"
    ),
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checked_out(tmp_path_factory.mktemp("checkout"))


def checked_out(copy: Path) -> Path:
    """A copy with an extension of an editable installation in it, which is older than the text."""
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(ROOT / name, copy)
    (copy / "src" / EXTENSION).write_bytes(b"stale")
    return copy


def build(
    source: Path, into: Path, kind: str = "wheel", **variables: str
) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", into)
    return tried(*command, cwd=source, **variables)


def tried(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in an environment of which nothing comes from this run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QSESSION"))}
    return subprocess.run(command, cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False)


def built(source: Path, into: Path, kind: str = "wheel", **variables: str) -> Path:
    return made_by(build(source, into, kind, **variables), into)


def made_by(done: subprocess.CompletedProcess[str], into: Path) -> Path:
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (*into.glob("*.whl"), *into.glob("*.tar.gz"))
    return file


def files_of(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def of_kernel(wheel: Path) -> set[str]:
    return {name for name in files_of(wheel) if name.startswith("qsession_sim/kernel/")}


def texts() -> set[str]:
    folder = ROOT / "src" / "qsession_sim" / "kernel"
    return {
        f"qsession_sim/kernel/{path.name}"
        for path in folder.glob("*")
        if path.suffix.startswith(".py") or path.suffix == ".pxd"
    }


@pytest.fixture(scope="module", autouse=True)
def being_compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[Path]]:
    """The compiler needs a minute, in which the tests run that do not need it."""
    source, into = (tmp_path_factory.mktemp(name) for name in ("compiling", "compiled"))
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(built, checked_out(source), into)


@pytest.fixture(scope="module")
def compiled(being_compiled: Future[Path]) -> Path:
    return being_compiled.result()


@pytest.fixture(scope="module")
def without_compiler(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """What a machine without a compiler builds, and what it says."""
    into = tmp_path_factory.mktemp("pure")
    done = build(checkout, into, CC=NO_COMPILER)
    return made_by(done, into), done


@pytest.fixture(scope="module")
def pure(without_compiler: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    return without_compiler[0]


@pytest.fixture(scope="module")
def quick_compiler(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What compiles to a line of its flags and of what it compiles, and links to these and its own."""
    compiler = tmp_path_factory.mktemp("bin") / "cc"
    compiler.write_text(f"#!{sys.executable}\n{QUICK_COMPILER}")
    compiler.chmod(0o755)
    return str(compiler)


def test_a_wheel_built_without_a_compiler_has_the_text_alone_and_is_one_for_all_platforms(pure):
    assert of_kernel(pure) == texts()
    assert pure.stem.endswith("-py3-none-any")
    names = {name for name in files_of(pure) if name.endswith((".c", ".so", ".pyd"))}
    assert names == set()


def test_without_a_compiler_the_build_says_so_and_goes_on_unless_it_must_compile(
    checkout, without_compiler, tmp_path
):
    _, done = without_compiler
    assert "The kernel is not compiled, so runs take longer: " in done.stdout + done.stderr
    must = build(checkout, tmp_path / "needed", CC=NO_COMPILER, QSESSION_SIM_COMPILE="1")
    assert must.returncode != 0
    assert NO_COMPILER in must.stderr
    assert not list((tmp_path / "needed").glob("*"))


def test_nothing_is_compiled_where_that_is_said(checkout, tmp_path):
    assert of_kernel(built(checkout, tmp_path, QSESSION_SIM_COMPILE="0")) == texts()


def test_another_word_than_0_and_1_is_an_error_that_says_what_to_set(checkout, tmp_path):
    done = build(checkout, tmp_path, QSESSION_SIM_COMPILE="yes")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == (
        "ValueError: QSESSION_SIM_COMPILE is 'yes'; set it to 1 (compile) or 0 (do not), or leave it out"
    )


def test_flags_of_the_environment_do_not_slow_the_kernel_down(checkout, quick_compiler, tmp_path):
    """The last of two flags counts, and ours come last."""
    wheel = built(checkout, tmp_path, CC=quick_compiler, CFLAGS="-O0 -g")
    text, _linked = files_of(wheel)[EXTENSION].decode().splitlines()
    given = text.split()
    assert [one for one in given if one.startswith("-O")][-1] == "-O2"
    assert [one for one in given if one.startswith("-g")][-1] == "-g0"
    assert given[::-1].index("-fwrapv") < given[::-1].index("-O0")


def test_the_source_distribution_has_no_generated_code_and_makes_the_same_wheels(
    checkout, quick_compiler, pure, tmp_path
):
    """The same text is compiled with the same flags, and so to the same kernel: it holds the name of no folder."""
    sdist = built(checkout, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path / "source", filter="data")
    assert [name for name in names if name.endswith((".c", ".so", ".pyd", ".html"))] == []
    (source,) = (tmp_path / "source").iterdir()
    wheels = [built(place, tmp_path / place.name, CC=quick_compiler) for place in (checkout, source)]
    assert files_of(wheels[0]) == files_of(wheels[1])
    assert files_of(built(source, tmp_path / "none", CC=NO_COMPILER)) == files_of(pure)


def test_an_editable_installation_compiles_only_when_told_to(checkout, quick_compiler, monkeypatch):
    extension = checkout / "src" / EXTENSION
    spec = importlib.util.spec_from_file_location("hatch_build", checkout / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    hook = module.KernelBuildHook(str(checkout), {}, None, None, "", "wheel")
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("CC", quick_compiler)
    for said, compiles in (("", False), ("0", False), ("1", True)):
        monkeypatch.setenv("QSESSION_SIM_COMPILE", said)
        data = {"pure_python": True, "force_include": {}}
        hook.initialize("editable", data)
        hook.finalize("editable", data, "")
        assert (data["pure_python"], data["force_include"]) == (not compiles, {})
        assert (extension.read_bytes() != b"stale") == compiles
    assert b"-DNDEBUG" in extension.read_bytes()
    assert [path.suffix for path in extension.parent.iterdir() if path.suffix in {".c", ".so"}] == [".so"]
    extension.write_bytes(b"stale")


def test_a_wheel_with_the_kernel_compiled_is_one_for_this_platform(compiled):
    assert of_kernel(compiled) == texts() | {EXTENSION}
    extension = files_of(compiled)[EXTENSION]
    assert extension[:4] == b"\x7fELF"
    assert tempfile.gettempdir().encode() not in extension
    tag = compiled.stem.split("-", 2)[2]
    assert tag in {str(one) for one in sys_tags()}
    assert not tag.endswith("-any")


def test_both_wheels_run_the_same_and_say_by_what(compiled, pure, tmp_path):
    printed = {}
    scenario = ROOT / "scenarios" / "quickstart.yaml"
    for name, wheel in (("compiled", compiled), ("pure", pure)):
        program = environment_of([wheel], tmp_path / name) / "qsession-sim"
        version = succeed(program, "--version", cwd=tmp_path).splitlines()[1]
        printed[name] = succeed(program, "run", scenario, "-o", f"out-{name}", cwd=tmp_path)
        asked = tried(program, "run", scenario, "--engine", "compiled", cwd=tmp_path)
        engine = (tmp_path / f"out-{name}" / "provenance.json").read_text().partition('"engine": ')[2][:11]
        if name == "compiled":
            assert (version, engine, asked.returncode) == ("with the compiled kernel", '"compiled",', 0)
        else:
            assert (version, engine[:8]) == ("without a compiled kernel: SimPy simulates", '"simpy",')
            assert (asked.returncode, asked.stdout) == (2, "")
            assert asked.stderr.startswith("qsession-sim: this installation has no compiled kernel; ")
    assert printed["compiled"] == printed["pure"].replace("out-pure", "out-compiled")
    digests = [(tmp_path / f"out-{name}" / "files.sha256").read_bytes() for name in printed]
    assert digests[0] == digests[1]
