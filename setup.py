"""What pyproject.toml cannot say: the example scenes travel inside the package, so that an installed simview offers them."""

from pathlib import Path
from shutil import copyfile

from setuptools import setup
from setuptools.command.build_py import build_py

#: scenes refer to ../assets/..., so the two folders stay side by side
FOLDERS = ("scenes", "assets")
HERE = Path(__file__).parent


class BuildWithScenes(build_py):
    """Copies the example scenes to `app/examples`; an editable install finds them in the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source in example_files():
            target = Path(self.build_lib, "app", "examples", source.relative_to(HERE))
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copied = [str(Path(self.build_lib, "app", "examples", f.relative_to(HERE))) for f in example_files()]
        return super().get_outputs(include_bytecode) + ([] if self.editable_mode else copied)


def example_files() -> list[Path]:
    return sorted(file for folder in FOLDERS for file in (HERE / folder).glob("*.usd*"))


setup(cmdclass={"build_py": BuildWithScenes})
